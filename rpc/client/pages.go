package client

import (
	"context"
	"iter"

	pb "parley/rpc/proto/parley/v1"
)

// page is a response that comes in parts.
type page interface{ GetNextCursor() string }

// walk yields what is on all the pages of a list. It ends with an error, if there is one. Each page is of its own
// moment: who comes and goes between two of them may be missing.
func walk[P page, T any](next func(cursor string) (P, error), items func(P) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			p, err := next(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items(p) {
				if !yield(item, nil) {
					return
				}
			}
			if cursor = p.GetNextCursor(); cursor == "" {
				return
			}
		}
	}
}

// AllUsers returns all accounts in the order of their names.
func (c *Client) AllUsers(ctx context.Context, o ...Option) iter.Seq2[*pb.User, error] {
	return walk(func(cursor string) (*pb.ListUsersResponse, error) {
		return c.ListUsers(ctx, &pb.ListUsersRequest{Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ListUsersResponse).GetUsers)
}

// AllChannels returns all channels that the caller may see in the order of their names; joined: those of his own.
func (c *Client) AllChannels(ctx context.Context, joined bool, o ...Option) iter.Seq2[*pb.Channel, error] {
	return walk(func(cursor string) (*pb.ListChannelsResponse, error) {
		return c.ListChannels(ctx, &pb.ListChannelsRequest{Limit: pageMax, Cursor: cursor, Joined: joined}, o...)
	}, (*pb.ListChannelsResponse).GetChannels)
}

// EveryChannel returns the channels of the cluster, the private ones, too, that the caller is no member of: names, descriptions
// and counts. It is for cluster admins, and is audited.
func (c *Client) EveryChannel(ctx context.Context, o ...Option) iter.Seq2[*pb.Channel, error] {
	return walk(func(cursor string) (*pb.ListChannelsResponse, error) {
		return c.ListChannels(ctx, &pb.ListChannelsRequest{Limit: pageMax, Cursor: cursor, Hidden: true}, o...)
	}, (*pb.ListChannelsResponse).GetChannels)
}

// AllMembers returns all members of a channel in the order of their names.
func (c *Client) AllMembers(ctx context.Context, channel string, o ...Option) iter.Seq2[*pb.ChannelMember, error] {
	return walk(func(cursor string) (*pb.ListMembersResponse, error) {
		return c.ListMembers(ctx, &pb.ListMembersRequest{Channel: channel, Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ListMembersResponse).GetMembers)
}

// AllConversations returns all direct conversations of the caller, those with the newest messages first.
func (c *Client) AllConversations(ctx context.Context, o ...Option) iter.Seq2[*pb.Conversation, error] {
	return walk(func(cursor string) (*pb.ConversationsResponse, error) {
		return c.Conversations(ctx, &pb.ConversationsRequest{Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ConversationsResponse).GetConversations)
}

// AllFiles returns all files of a place, newest first.
func (c *Client) AllFiles(ctx context.Context, place string, o ...Option) iter.Seq2[*pb.File, error] {
	return walk(func(cursor string) (*pb.ListFilesResponse, error) {
		return c.ListFiles(ctx, &pb.ListFilesRequest{Place: place, Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ListFilesResponse).GetFiles)
}

// AllDocuments returns all documents that the caller may read, newest first.
func (c *Client) AllDocuments(ctx context.Context, r *pb.ListDocumentsRequest, o ...Option) iter.Seq2[*pb.Document, error] {
	return walk(func(cursor string) (*pb.ListDocumentsResponse, error) {
		return c.ListDocuments(ctx, &pb.ListDocumentsRequest{Limit: pageMax, Cursor: cursor, Deleted: r.GetDeleted(), All: r.GetAll()}, o...)
	}, (*pb.ListDocumentsResponse).GetDocuments)
}

// AllRevisions returns the whole history of a document, newest first.
func (c *Client) AllRevisions(ctx context.Context, document string, o ...Option) iter.Seq2[*pb.DocumentRevision, error] {
	return walk(func(cursor string) (*pb.ListRevisionsResponse, error) {
		return c.ListRevisions(ctx, &pb.ListRevisionsRequest{DocumentId: document, Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ListRevisionsResponse).GetRevisions)
}

// AllLocks returns all locks that are held, in the order of their names.
func (c *Client) AllLocks(ctx context.Context, o ...Option) iter.Seq2[*pb.Lock, error] {
	return walk(func(cursor string) (*pb.ListLocksResponse, error) {
		return c.ListLocks(ctx, &pb.ListLocksRequest{Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.ListLocksResponse).GetLocks)
}

// Everybody returns who is online, in the order of their names; all: also who is not.
func (c *Client) Everybody(ctx context.Context, all bool, o ...Option) iter.Seq2[*pb.Presence, error] {
	return walk(func(cursor string) (*pb.WhoResponse, error) {
		return c.Who(ctx, &pb.WhoRequest{All: all, Limit: pageMax, Cursor: cursor}, o...)
	}, (*pb.WhoResponse).GetUsers)
}
