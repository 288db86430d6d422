package client

import (
	"cmp"
	"context"

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
	hint := ""
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil {
			attempt, cancel := context.WithTimeout(ctx, attemptMax)
			r, err := pb.NewClusterServiceClient(conn).Transfer(attempt, &pb.TransferRequest{To: to}, grpc.WaitForReady(false))
			cancel()
			if err == nil {
				return r.GetLeader(), nil
			}
			f := convert.ParseError(err)
			if f.Code == node.CodeNoTakeover {
				return 0, failed(f)
			}
			hint = f.LeaderAddr
		}
		if err := pause(ctx, readyEvery); err != nil {
			return 0, unavailable("no leader of %v could be asked: %v", c.addrs, err)
		}
	}
}
