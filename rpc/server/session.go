package server

import (
	"context"

	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

type sessions struct {
	pb.UnimplementedSessionServiceServer
	host *host.Host
}

func (s *sessions) Open(ctx context.Context, r *pb.OpenRequest) (*pb.OpenResponse, error) {
	if r.GetNonce() == 0 {
		return nil, convert.RequestError("nonce must not be zero: draw one at random")
	}
	a, err := do(ctx, s.host, node.Event{
		Kind:    node.EventOpenSession,
		Command: node.Command{Principal: Principal, Nonce: r.GetNonce()},
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

// do has the host carry out an event. An answer other than Done comes back as
// the error that the wire has for it.
func do(ctx context.Context, h *host.Host, e node.Event) (node.Answer, error) {
	a, err := h.Do(ctx, e)
	switch {
	case err != nil:
		return a, convert.ContextError(err)
	case a.Outcome != node.Done:
		return a, convert.AnswerError(a, clientAddr(h, a.Hint))
	}
	return a, nil
}
