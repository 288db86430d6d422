package client

import (
	"context"

	"google.golang.org/grpc"

	pb "parley/rpc/proto/parley/v1"
)

// Add has the leader add a node that was started to join, in the place of replaces if that is
// not zero. It returns when the node is a learner by a committed entry; the leader makes it a
// voter by itself. To repeat it is safe.
func (c *Client) Add(ctx context.Context, id uint64, peerAddr, clientAddr string, replaces uint64) error {
	return c.askLeader(ctx, changeMax, func(ctx context.Context, s pb.ClusterServiceClient) error {
		_, err := s.Add(ctx, &pb.AddRequest{Id: id, PeerAddress: peerAddr, ClientAddress: clientAddr, Replaces: replaces}, grpc.WaitForReady(false))
		return err
	})
}

// Remove has the leader remove a node, be it itself, be it dead. It returns when a committed
// entry has removed it. To repeat it is safe.
func (c *Client) Remove(ctx context.Context, id uint64) error {
	return c.askLeader(ctx, changeMax, func(ctx context.Context, s pb.ClusterServiceClient) error {
		_, err := s.Remove(ctx, &pb.RemoveRequest{Id: id}, grpc.WaitForReady(false))
		return err
	})
}
