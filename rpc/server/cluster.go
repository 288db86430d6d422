package server

import (
	"context"

	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

type cluster struct {
	pb.UnimplementedClusterServiceServer
	host    *host.Host
	version string
}

func (c *cluster) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	s := c.host.Status()
	r := &pb.StatusResponse{
		Cluster: uint64(s.Cluster),
		Leader:  uint64(s.Leader),
		Self: &pb.NodeStatus{
			Id:      uint64(s.Self.ID),
			Role:    role(s.Role),
			Term:    uint64(s.Term),
			Commit:  uint64(s.Commit),
			Applied: uint64(s.Applied),
			Last:    uint64(s.Last),
			Version: c.version,
		},
	}
	for _, m := range s.Members {
		r.Members = append(r.Members, &pb.Member{
			Id:            uint64(m.ID),
			PeerAddress:   m.PeerAddr,
			ClientAddress: m.ClientAddr,
			Voter:         m.Voter || m.VoterOld,
		})
	}
	for _, id := range s.Waiting {
		r.Waiting = append(r.Waiting, uint64(id))
	}
	return r, nil
}

func (c *cluster) Transfer(ctx context.Context, r *pb.TransferRequest) (*pb.TransferResponse, error) {
	a, err := c.host.HandOver(ctx, raft.NodeID(r.GetTo()))
	switch {
	case err != nil:
		return nil, status.FromContextError(err).Err()
	case a.Outcome != node.Done:
		return nil, convert.AnswerError(a, clientAddr(c.host, a.Hint))
	}
	return &pb.TransferResponse{Leader: uint64(a.Hint)}, nil
}

func role(r raft.Role) pb.Role {
	switch r {
	case raft.Follower:
		return pb.Role_ROLE_FOLLOWER
	case raft.PreCandidate:
		return pb.Role_ROLE_PRE_CANDIDATE
	case raft.Candidate:
		return pb.Role_ROLE_CANDIDATE
	case raft.Leader:
		return pb.Role_ROLE_LEADER
	}
	return pb.Role_ROLE_UNSPECIFIED
}

// clientAddr returns where a member listens for clients, or "".
func clientAddr(h *host.Host, id raft.NodeID) string {
	if id == 0 {
		return ""
	}
	for _, m := range h.Status().Members {
		if m.ID == id {
			return m.ClientAddr
		}
	}
	return ""
}
