package client

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	pb "parley/rpc/proto/parley/v1"
)

// ClusterStatus is the cluster as its nodes see it.
type ClusterStatus struct {
	Cluster uint64 // 0: not formed yet
	Leader  uint64 // 0: none is known
	Term    uint64
	Nodes   []NodeStatus // ordered by id
}

// NodeStatus is one member.
type NodeStatus struct {
	ID      uint64
	Address string         // where it listens for clients; "" if nobody who answered knows it
	Voter   bool           // a member that is none is a learner
	Removed bool           // it is no member any more, and knows it
	Alive   bool           // it answered
	Self    *pb.NodeStatus // what it said of itself; nil if it did not answer
	member  bool           // of the membership in force
	Lag     uint64         // entries between the newest commit that anybody knows and its applied
}

// Role names the node's part in the protocol.
func (n *NodeStatus) Role() string {
	if !n.Voter && n.Self.GetRole() == pb.Role_ROLE_FOLLOWER && n.member && !n.Removed {
		return "learner"
	}
	switch n.Self.GetRole() {
	case pb.Role_ROLE_LEADER:
		return "leader"
	case pb.Role_ROLE_FOLLOWER:
		return "follower"
	case pb.Role_ROLE_PRE_CANDIDATE, pb.Role_ROLE_CANDIDATE:
		return "candidate"
	}
	return "unknown"
}

// Status asks every node that the client knows, and every member that those
// name, and puts the answers together. It needs no quorum: one node that answers is
// enough, with the others shown as not alive.
func (c *Client) Status(ctx context.Context) (ClusterStatus, error) {
	asked := make(map[string]bool)
	var views []*pb.StatusResponse
	var refused error
	next := c.addrs
	for len(next) > 0 {
		for _, addr := range next {
			asked[addr] = true
		}
		said, no := c.askAll(c.current().as(ctx), next)
		if len(said) == 0 && no != nil {
			said, _ = c.askAll(ctx, next) // on loopback whoever asks is told, and a login that has ended is no reason not to be
		}
		views = append(views, said...)
		refused = cmp.Or(refused, no)
		next = nil
		for _, v := range views {
			for _, m := range v.GetMembers() {
				if addr := m.GetClientAddress(); addr != "" && !asked[addr] && !slices.Contains(next, addr) {
					next = append(next, addr)
				}
			}
		}
	}
	if len(views) == 0 && refused != nil {
		return ClusterStatus{}, failed(refused)
	}
	if len(views) == 0 {
		return ClusterStatus{}, unavailable("none of the nodes at %v answers%v", c.addrs, &c.conns.reached)
	}
	return merge(views), nil
}

// Reach connects to one node after another and returns the address of the first that takes the connection. It asks
// nothing, and needs no login: it says that a node is there, not that there is a cluster behind it.
func (c *Client) Reach(ctx context.Context) (addr string, err error) {
	for _, addr := range c.addrs {
		conn, err := c.conns.get(addr)
		if err != nil {
			return "", err
		}
		if connected(ctx, conn) {
			return addr, nil
		}
		c.conns.reached.silent(addr)
	}
	return "", unavailable("none of the nodes at %v takes a connection%v", c.addrs, &c.conns.reached)
}

// askAll returns the answers of those that answered, and the refusal of one that wants to know who asks.
func (c *Client) askAll(ctx context.Context, addrs []string) (said []*pb.StatusResponse, refused error) {
	ctx, cancel := context.WithTimeout(ctx, statusMax)
	defer cancel()
	all, errs := make([]*pb.StatusResponse, len(addrs)), make([]error, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			conn, err := c.conns.get(addr)
			if err != nil {
				return
			}
			// Wait for ready: a node that just started should not look dead
			// because its connection is in its back-off.
			r, err := pb.NewClusterServiceClient(conn).Status(ctx, &pb.StatusRequest{}, grpc.WaitForReady(true))
			if err == nil {
				all[i] = r
			} else if status.Code(err) == codeUnauthenticated {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(all, func(r *pb.StatusResponse) bool { return r == nil }), cmp.Or(errs...)
}

// merge makes one picture of several views: the membership of the view that knows the
// newest commit, the leader of the newest term.
func merge(views []*pb.StatusResponse) ClusterStatus {
	newest := slices.MaxFunc(views, func(a, b *pb.StatusResponse) int {
		return cmp.Compare(a.GetSelf().GetCommit(), b.GetSelf().GetCommit())
	})
	s := ClusterStatus{Cluster: newest.GetCluster()}
	views = slices.DeleteFunc(slices.Clone(views), func(v *pb.StatusResponse) bool {
		return v.GetCluster() != s.Cluster // somebody else's node at one of our addresses
	})
	for _, v := range views {
		switch term := v.GetSelf().GetTerm(); {
		case term > s.Term:
			s.Term, s.Leader = term, v.GetLeader()
		case term == s.Term && s.Leader == 0:
			s.Leader = v.GetLeader()
		}
	}
	for _, m := range newest.GetMembers() {
		s.Nodes = append(s.Nodes, NodeStatus{ID: m.GetId(), Address: m.GetClientAddress(), Voter: m.GetVoter(), member: true})
	}
	for _, v := range views {
		i := slices.IndexFunc(s.Nodes, func(n NodeStatus) bool { return n.ID == v.GetSelf().GetId() })
		removed := v.GetSelf().GetRemoved() != 0
		if i < 0 && len(newest.GetMembers()) > 0 && !removed {
			continue // this membership is older than the node, or the node does not know yet that it was removed
		}
		if i >= 0 && removed {
			continue // another directory has its id now
		}
		if i < 0 { // not formed, or removed: whoever answers is there
			i = len(s.Nodes)
			s.Nodes = append(s.Nodes, NodeStatus{ID: v.GetSelf().GetId(), Removed: removed})
		}
		s.Nodes[i].Alive, s.Nodes[i].Self = true, v.GetSelf()
		if commit, applied := newest.GetSelf().GetCommit(), v.GetSelf().GetApplied(); commit > applied {
			s.Nodes[i].Lag = commit - applied
		}
	}
	slices.SortFunc(s.Nodes, func(a, b NodeStatus) int { return cmp.Compare(a.ID, b.ID) })
	return s
}
