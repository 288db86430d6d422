package server

import (
	"context"

	"parley/raft"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// messages serves ChatService. Batches are in batch.go, the stream in tail.go.
type messages struct {
	pb.UnimplementedChatServiceServer
	*edge
}

func (s *messages) Send(ctx context.Context, r *pb.SendRequest) (*pb.SendResponse, error) {
	var sent chat.Sent
	if _, err := s.propose(ctx, r.GetCommand(), &chat.Send{Place: r.GetPlace(), Text: r.GetText(), ReplyTo: r.GetReplyTo()}, &sent); err != nil {
		return nil, err
	}
	return convert.Sent(&sent), nil
}

func (s *messages) Edit(ctx context.Context, r *pb.EditRequest) (*pb.EditResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &chat.Edit{ID: r.GetMessageId(), Text: r.GetText()}, &chat.Done{})
	if err != nil {
		return nil, err
	}
	response := &pb.EditResponse{Position: uint64(at)}
	var m chat.Message // the command's own answer has no text, since it is kept
	if _, err := s.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &chat.GetMessage{ID: r.GetMessageId()}, &m); err == nil {
		response.Message = convert.Message(&m)
	}
	return response, nil
}

func (s *messages) Unsend(ctx context.Context, r *pb.UnsendRequest) (*pb.UnsendResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &chat.Unsend{ID: r.GetMessageId()}, &chat.Done{})
	return &pb.UnsendResponse{Position: uint64(at)}, err
}

func (s *messages) EditsOf(ctx context.Context, r *pb.EditsOfRequest) (*pb.EditsOfResponse, error) {
	var all chat.Revisions
	at, err := s.askLong(ctx, r.GetConsistency(), &chat.EditsOf{ID: r.GetMessageId()}, &all)
	if err != nil {
		return nil, err
	}
	return &pb.EditsOfResponse{Revisions: convert.Revisions(&all), Position: uint64(at)}, nil
}

func (s *messages) GetMessage(ctx context.Context, r *pb.GetMessageRequest) (*pb.GetMessageResponse, error) {
	var m chat.Message
	at, err := s.ask(ctx, r.GetConsistency(), &chat.GetMessage{ID: r.GetMessageId()}, &m)
	if err != nil {
		return nil, err
	}
	return &pb.GetMessageResponse{Message: convert.Message(&m), Position: uint64(at)}, nil
}

func (s *messages) History(ctx context.Context, r *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	var page chat.Page
	at, err := s.query(ctx, r.GetConsistency(), &chat.History{Place: r.GetPlace(), Before: raft.Position(r.GetBefore()), After: raft.Position(r.GetAfter()),
		Forward: r.After != nil, Limit: uint64(r.GetLimit())}, &page, r.GetLimit() > shortPage)
	if err != nil {
		return nil, err
	}
	return &pb.HistoryResponse{Messages: convert.Messages(page.Messages), More: page.More, Position: uint64(at)}, nil
}

func (s *messages) Thread(ctx context.Context, r *pb.ThreadRequest) (*pb.ThreadResponse, error) {
	var page chat.ThreadPage
	at, err := s.query(ctx, r.GetConsistency(), &chat.Thread{ID: r.GetMessageId(), After: raft.Position(r.GetAfter()), Limit: uint64(r.GetLimit())}, &page,
		r.GetLimit() > shortPage)
	if err != nil {
		return nil, err
	}
	return &pb.ThreadResponse{Root: convert.Message(&page.Root), Replies: convert.Messages(page.Replies), More: page.More, Position: uint64(at)}, nil
}

func (s *messages) React(ctx context.Context, r *pb.ReactRequest) (*pb.ReactResponse, error) {
	var c state.Command = &chat.React{ID: r.GetMessageId(), Emoji: r.GetEmoji()}
	if r.GetRemove() {
		c = &chat.Unreact{ID: r.GetMessageId(), Emoji: r.GetEmoji()}
	}
	var all chat.Reactions
	at, err := s.propose(ctx, r.GetCommand(), c, &all)
	if err != nil {
		return nil, err
	}
	return &pb.ReactResponse{Reactions: convert.Reactions(all.All), Position: uint64(at)}, nil
}

func (s *messages) Mentions(ctx context.Context, r *pb.MentionsRequest) (*pb.MentionsResponse, error) {
	cursor, err := numberFrom[raft.Position](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page chat.MentionsPage
	at, err := s.askLong(ctx, r.GetConsistency(), &chat.Mentions{Before: cursor, Unread: r.GetUnread(), Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.MentionsResponse{Messages: convert.Messages(page.Messages), NextCursor: numberCursor(page.Next), Unread: uint32(page.Unread), Position: uint64(at)}, nil
}

func (s *messages) MarkRead(ctx context.Context, r *pb.MarkReadRequest) (*pb.MarkReadResponse, error) {
	var m chat.Marked
	at, err := s.propose(ctx, r.GetCommand(), &chat.MarkRead{Place: r.GetPlace(), Read: raft.Position(r.GetRead())}, &m)
	if err != nil {
		return nil, err
	}
	return &pb.MarkReadResponse{Read: uint64(m.Read), Unread: uint32(m.Unread), Mentions: uint32(m.Mentions), Position: uint64(at)}, nil
}

func (s *messages) Search(ctx context.Context, r *pb.SearchRequest) (*pb.SearchResponse, error) {
	cursor, err := numberFrom[raft.Position](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var found chat.Found
	at, err := s.askLong(ctx, r.GetConsistency(), &chat.Search{Text: r.GetQuery(), Place: r.GetPlace(), Before: cursor, Limit: uint64(r.GetLimit())}, &found)
	if err != nil {
		return nil, err
	}
	return &pb.SearchResponse{Messages: convert.Messages(found.Messages), NextCursor: numberCursor(found.Next), Position: uint64(at)}, nil
}

func (s *messages) Conversations(ctx context.Context, r *pb.ConversationsRequest) (*pb.ConversationsResponse, error) {
	cursor, err := numberFrom[raft.Position](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page chat.ConversationsPage
	at, err := s.askLong(ctx, r.GetConsistency(), &chat.Conversations{Before: cursor, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.ConversationsResponse{Conversations: convert.Conversations(&page), NextCursor: numberCursor(page.Next), Position: uint64(at)}, nil
}
