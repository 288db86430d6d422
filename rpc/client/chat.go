package client

import (
	"context"
	"fmt"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/state"
)

// Send puts a message into a place. When it returns no error, the message is
// stored on a majority of the nodes.
func (c *Client) Send(ctx context.Context, place, text string, o ...Option) (*pb.SendResponse, error) {
	return c.Reply(ctx, place, "", text, o...)
}

// Reply is Send, as an answer to a message of the same place.
func (c *Client) Reply(ctx context.Context, place, to, text string, o ...Option) (*pb.SendResponse, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	r := &pb.SendRequest{Place: place, Text: text, ReplyTo: to}
	return command(ctx, c, pb.ChatService_Send_FullMethodName, r, &pb.SendResponse{}, o)
}

// checkText says of a text that can't be sent what the cluster would say.
func checkText(text string) error {
	e := &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Field: "text"}
	switch {
	case len(text) > TextBytesMax:
		e.Reason, e.Text = "TEXT_TOO_LONG", fmt.Sprintf("The text is longer than %d bytes; a message may have %d.", TextBytesMax, state.DefaultLimits().TextBytesMax)
	case !utf8.ValidString(text):
		e.Reason, e.Text = "TEXT_NOT_UTF8", "The text is not UTF-8."
	default:
		return nil
	}
	return e
}

// Edit gives a message of the caller's another text.
func (c *Client) Edit(ctx context.Context, message, text string, o ...Option) (*pb.EditResponse, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	r := &pb.EditRequest{MessageId: message, Text: text}
	return command(ctx, c, pb.ChatService_Edit_FullMethodName, r, &pb.EditResponse{}, o)
}

// Unsend deletes a message.
func (c *Client) Unsend(ctx context.Context, message string, o ...Option) (*pb.UnsendResponse, error) {
	r := &pb.UnsendRequest{MessageId: message}
	return command(ctx, c, pb.ChatService_Unsend_FullMethodName, r, &pb.UnsendResponse{}, o)
}

// EditsOf returns the texts that a message had and has, oldest first.
func (c *Client) EditsOf(ctx context.Context, message string, o ...Option) (*pb.EditsOfResponse, error) {
	r := &pb.EditsOfRequest{MessageId: message}
	return query(ctx, c, pb.ChatService_EditsOf_FullMethodName, r, &pb.EditsOfResponse{}, o)
}

// GetMessage returns one message.
func (c *Client) GetMessage(ctx context.Context, message string, o ...Option) (*pb.GetMessageResponse, error) {
	r := &pb.GetMessageRequest{MessageId: message}
	return query(ctx, c, pb.ChatService_GetMessage_FullMethodName, r, &pb.GetMessageResponse{}, o)
}

// History returns a page of a place's messages, oldest first.
func (c *Client) History(ctx context.Context, r *pb.HistoryRequest, o ...Option) (*pb.HistoryResponse, error) {
	return query(ctx, c, pb.ChatService_History_FullMethodName, r, &pb.HistoryResponse{}, o)
}

// Thread returns a message and a page of the replies to it, oldest first.
func (c *Client) Thread(ctx context.Context, r *pb.ThreadRequest, o ...Option) (*pb.ThreadResponse, error) {
	return query(ctx, c, pb.ChatService_Thread_FullMethodName, r, &pb.ThreadResponse{}, o)
}

// React adds an emoji to a message, or takes it back.
func (c *Client) React(ctx context.Context, message, emoji string, remove bool, o ...Option) (*pb.ReactResponse, error) {
	r := &pb.ReactRequest{MessageId: message, Emoji: emoji, Remove: remove}
	return command(ctx, c, pb.ChatService_React_FullMethodName, r, &pb.ReactResponse{}, o)
}

// Mentions returns a page of the messages that mention the caller, newest first.
func (c *Client) Mentions(ctx context.Context, r *pb.MentionsRequest, o ...Option) (*pb.MentionsResponse, error) {
	return query(ctx, c, pb.ChatService_Mentions_FullMethodName, r, &pb.MentionsResponse{}, o)
}

// MarkRead says that the caller has read a place up to a position; 0 is all that there is.
func (c *Client) MarkRead(ctx context.Context, place string, read uint64, o ...Option) (*pb.MarkReadResponse, error) {
	r := &pb.MarkReadRequest{Place: place, Read: read}
	return command(ctx, c, pb.ChatService_MarkRead_FullMethodName, r, &pb.MarkReadResponse{}, o)
}

// Search returns a page of the messages that have all the words of a query, newest first.
func (c *Client) Search(ctx context.Context, r *pb.SearchRequest, o ...Option) (*pb.SearchResponse, error) {
	return query(ctx, c, pb.ChatService_Search_FullMethodName, r, &pb.SearchResponse{}, o)
}

// Conversations returns a page of the caller's direct conversations; AllConversations returns all of them.
func (c *Client) Conversations(ctx context.Context, r *pb.ConversationsRequest, o ...Option) (*pb.ConversationsResponse, error) {
	return query(ctx, c, pb.ChatService_Conversations_FullMethodName, r, &pb.ConversationsResponse{}, o)
}
