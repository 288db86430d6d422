package client

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/grpc"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// Transfer has the leader hand leadership to the voter with this id and returns who
// leads now. It finds the leader from any address. If the target does not take over in
// time the leader leads on and the reason is NO_TAKEOVER. To repeat it is
// safe: a node that leads already is no error.
func (c *Client) Transfer(ctx context.Context, to uint64) (leader uint64, err error) {
	err = c.askLeader(ctx, attemptMax, func(ctx context.Context, s pb.ClusterServiceClient) error {
		r, err := s.Transfer(ctx, &pb.TransferRequest{To: to}, grpc.WaitForReady(false))
		leader = r.GetLeader()
		return err
	})
	return leader, err
}

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

// askLeader is ask for ClusterService.
func (c *Client) askLeader(ctx context.Context, patience time.Duration, do func(context.Context, pb.ClusterServiceClient) error) error {
	return c.ask(ctx, patience, func(ctx context.Context, conn *grpc.ClientConn) error {
		return do(ctx, pb.NewClusterServiceClient(conn))
	})
}

// ask finds the leader from any address and has it do what may be repeated, until it is done
// or refused for good.
func (c *Client) ask(ctx context.Context, patience time.Duration, do func(context.Context, *grpc.ClientConn) error) error {
	calls, hint := c.current(), ""
	var last error
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil {
			attempt, cancel := context.WithTimeout(calls.as(ctx), patience)
			err := do(attempt, conn)
			cancel()
			if err == nil {
				return nil
			}
			f := convert.ParseError(err)
			if final(f) {
				return failed(err)
			}
			hint = f.LeaderAddr
			if f.Code == node.CodeChangePending || f.Code == node.CodePlaces {
				last, hint = err, addr
			}
		}
		if err := pause(ctx, readyEvery); err != nil {
			if last != nil {
				return failed(last)
			}
			return unavailable("no leader of %v could be asked%v", c.addrs, &c.conns.reached)
		}
	}
}

// final reports whether a repetition would be refused again.
func final(f convert.Failure) bool {
	switch f.Code {
	case node.CodeNone:
		return f.Outcome != node.Unknown && f.Reason != reasonRateLimited
	case node.CodeNoTakeover, node.CodeNoMember, node.CodeIsMember, node.CodeWasRemoved, node.CodeLastVoter,
		node.CodeFull, node.CodeNoAnswer, node.CodeOtherCluster, node.CodeReaderGone:
		return true
	}
	return false
}
