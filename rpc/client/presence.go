package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// Who returns a page of the users who are online; Everybody returns all of them.
func (c *Client) Who(ctx context.Context, r *pb.WhoRequest, o ...Option) (*pb.WhoResponse, error) {
	return query(ctx, c, pb.PresenceService_Who_FullMethodName, r, &pb.WhoResponse{}, o)
}
