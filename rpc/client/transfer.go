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

// askLeader finds the leader from any address and has it do what may be repeated, until it is done
// or refused for good.
func (c *Client) askLeader(ctx context.Context, patience time.Duration, do func(context.Context, pb.ClusterServiceClient) error) error {
	hint, last := "", convert.Failure{}
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil {
			attempt, cancel := context.WithTimeout(ctx, patience)
			err := do(attempt, pb.NewClusterServiceClient(conn))
			cancel()
			if err == nil {
				return nil
			}
			f := convert.ParseError(err)
			if final(f) {
				return failed(f)
			}
			hint = f.LeaderAddr
			if f.Code == node.CodeChangePending || f.Code == node.CodePlaces {
				last, hint = f, addr
			}
		}
		if err := pause(ctx, readyEvery); err != nil {
			if last.Code != node.CodeNone {
				return failed(last)
			}
			return unavailable("no leader of %v could be asked: %v", c.addrs, err)
		}
	}
}

// final reports whether a repetition would be refused again.
func final(f convert.Failure) bool {
	switch f.Code {
	case node.CodeNone:
		return f.Outcome == node.Refused
	case node.CodeNoTakeover, node.CodeNoMember, node.CodeIsMember, node.CodeWasRemoved, node.CodeLastVoter,
		node.CodeFull, node.CodeNoAnswer, node.CodeOtherCluster:
		return true
	}
	return false
}
