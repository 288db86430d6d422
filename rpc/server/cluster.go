package server

import (
	"context"
	"fmt"
	"net"
	"slices"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// cluster serves ClusterService: how the cluster is, who leads it, and who belongs to it.
type cluster struct {
	pb.UnimplementedClusterServiceServer
	*edge
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
			Base:    uint64(s.Base),
			Hole:    uint64(s.Hole),
			Lost:    uint64(s.Lost),
			Floor:   uint64(s.Floor),
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
	r.Self.Removed = uint64(s.Removed)
	for _, id := range s.Waiting {
		r.Waiting = append(r.Waiting, uint64(id))
	}
	return r, nil
}

func (c *cluster) Transfer(ctx context.Context, r *pb.TransferRequest) (*pb.TransferResponse, error) {
	// Of whom nobody has heard there is nothing to wait for. Only the leader knows.
	if s := c.host.Status(); s.Role == raft.Leader && r.GetTo() != 0 &&
		!slices.ContainsFunc(s.Members, func(m node.MemberStatus) bool { return uint64(m.ID) == r.GetTo() }) {
		if err := c.needAdmin(ctx); err != nil {
			return nil, err
		}
		return nil, convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeNoMember, Hint: s.Self.ID}, clientAddr(c.host, s.Self.ID))
	}
	if err := c.operate(ctx, account.DeedTransfer, nodeWord(r.GetTo()), ""); err != nil {
		return nil, err
	}
	a, err := c.host.HandOver(ctx, raft.NodeID(r.GetTo()))
	switch {
	case err != nil:
		return nil, convert.ContextError(err)
	case a.Outcome != node.Done:
		return nil, convert.AnswerError(a, clientAddr(c.host, a.Hint))
	}
	return &pb.TransferResponse{Leader: uint64(a.Hint)}, nil
}

func (c *cluster) Add(ctx context.Context, r *pb.AddRequest) (*pb.AddResponse, error) {
	if err := c.needAdmin(ctx); err != nil {
		return nil, err
	}
	ch := raft.Change{Kind: raft.ChangeAdd, ID: raft.NodeID(r.GetReplaces()), Member: raft.Member{
		Ident: raft.Ident{ID: raft.NodeID(r.GetId())}, PeerAddr: r.GetPeerAddress(), ClientAddr: r.GetClientAddress()}}
	if ch.ID != 0 {
		ch.Kind = raft.ChangeReplace
	}
	switch {
	case r.GetId() == 0:
		return nil, fieldError("id", "A node's id starts at 1.")
	case ch.ID == ch.Member.ID:
		return nil, fieldError("replaces", "A node can't replace itself: give the new one an id of its own.")
	}
	for _, a := range []struct{ field, addr string }{{"peer_address", ch.Member.PeerAddr}, {"client_address", ch.Member.ClientAddr}} {
		if _, port, err := net.SplitHostPort(a.addr); err != nil || port == "" || len(a.addr) > addressBytesMax {
			return nil, fieldError(a.field, fmt.Sprintf("%.60q is not HOST:PORT.", a.addr))
		}
	}
	deed, object := account.DeedAdd, nodeWord(r.GetId())
	if ch.Kind == raft.ChangeReplace {
		deed, object = account.DeedReplace, nodeWord(r.GetReplaces())+" by "+object
	}
	if err := c.operate(ctx, deed, object, "peers "+ch.Member.PeerAddr+", clients "+ch.Member.ClientAddr); err != nil {
		return nil, err
	}
	at, err := c.change(ctx, ch)
	return &pb.AddResponse{Position: at}, err
}

func (c *cluster) Remove(ctx context.Context, r *pb.RemoveRequest) (*pb.RemoveResponse, error) {
	if err := c.operate(ctx, account.DeedRemove, nodeWord(r.GetId()), ""); err != nil {
		return nil, err
	}
	at, err := c.change(ctx, raft.Change{Kind: raft.ChangeRemove, ID: raft.NodeID(r.GetId())})
	return &pb.RemoveResponse{Position: at}, err
}

// needAdmin refuses who is no admin of the cluster, as far as this node knows.
func (c *cluster) needAdmin(ctx context.Context) error {
	var me account.Me
	if _, err := c.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &account.WhoAmI{}, &me); err != nil {
		return err
	}
	if !me.Person.Admin {
		return convert.RejectionError(state.Refusef(state.NotPermitted, "NOT_CLUSTER_ADMIN", "Only an admin of the cluster may do that."))
	}
	return nil
}

// nodeWord is a node as the audit log has it.
func nodeWord(id uint64) string {
	if id == 0 {
		return "the fittest node"
	}
	return fmt.Sprintf("node %d", id)
}

// change waits until a change of the membership is committed, and returns where.
func (c *cluster) change(ctx context.Context, ch raft.Change) (uint64, error) {
	a, err := c.host.Change(ctx, ch)
	switch {
	case err != nil:
		return 0, convert.ContextError(err)
	case a.Outcome != node.Done:
		return 0, convert.AnswerError(a, clientAddr(c.host, a.Hint))
	}
	return uint64(a.Position), nil
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
