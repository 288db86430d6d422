package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// Who returns a page of the users who are online; Everybody returns all of them.
func (c *Client) Who(ctx context.Context, r *pb.WhoRequest, o ...Option) (*pb.WhoResponse, error) {
	return query(ctx, c, pb.PresenceService_Who_FullMethodName, r, &pb.WhoResponse{}, o)
}

// Typing tells those who are in a place, and there just now, that the user is writing. It is good for a few seconds, and
// may get lost.
func (c *Client) Typing(ctx context.Context, place string) error {
	return c.notice(ctx, &pb.NoticeRequest{What: &pb.NoticeRequest_Place{Place: place}})
}

// Editing is Typing for a document, and those who may read it.
func (c *Client) Editing(ctx context.Context, document string) error {
	return c.notice(ctx, &pb.NoticeRequest{What: &pb.NoticeRequest_DocumentId{DocumentId: document}})
}

func (c *Client) notice(ctx context.Context, r *pb.NoticeRequest) error {
	_, err := query(ctx, c, pb.PresenceService_Notice_FullMethodName, r, &pb.NoticeResponse{}, nil)
	return err
}
