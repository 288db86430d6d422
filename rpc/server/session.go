package server

import (
	"context"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// sessions serves SessionService. A session is whose token opened it, or nobody's.
type sessions struct {
	pb.UnimplementedSessionServiceServer
	*edge
}

func (s *sessions) Open(ctx context.Context, r *pb.OpenRequest) (*pb.OpenResponse, error) {
	if r.GetNonce() == 0 {
		return nil, fieldError("nonce", "A nonce is not zero: draw one at random.")
	}
	a, err := do(ctx, s.host, node.Event{
		Kind:    node.EventOpenSession,
		Command: node.Command{Principal: actorOf(ctx).principal, Nonce: r.GetNonce()},
	})
	if err != nil {
		return nil, err
	}
	return &pb.OpenResponse{Session: uint64(a.Session), Position: uint64(a.Position)}, nil
}

func (s *sessions) Close(ctx context.Context, r *pb.CloseRequest) (*pb.CloseResponse, error) {
	a, err := do(ctx, s.host, node.Event{
		Kind:    node.EventCloseSession,
		Command: node.Command{Session: node.SessionID(r.GetSession()), Nonce: r.GetNonce()},
	})
	if err != nil {
		return nil, err
	}
	return &pb.CloseResponse{Position: uint64(a.Position)}, nil
}
