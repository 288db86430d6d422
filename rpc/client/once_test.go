package client

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// A script dies with its request on the way and is started again. At stake is a message that
// appears twice, or one that takes another's place.
func TestTheSameRequestIDOfAnotherClientGetsTheFirstAnswer(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	first, err := c.client(Config{}).Send(t.Context(), "general", "one", Once("nightly-7"))
	require.NoError(t, err)
	for _, addr := range c.addrs {
		again, err := c.client(Config{Addrs: []string{addr}}).Send(t.Context(), "general", "one", Once("nightly-7"))
		require.NoError(t, err)
		require.Equal(t, first.GetPosition(), again.GetPosition())
		require.Equal(t, first.GetId(), again.GetId())
	}
	_, err = c.client(Config{}).Send(t.Context(), "general", "two", Once("nightly-7"))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "REQUEST_CONFLICT", e.Reason)
	require.Equal(t, node.Refused, e.Outcome)
	require.Equal(t, []string{"one"}, texts(t, c.client(Config{})))
}

func TestALostReplyToAOneShotCommandDoesNotDoubleTheMessage(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	var lost, opened atomic.Int64
	lose := func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, conn, opts...)
		if method == pb.SessionService_Open_FullMethodName {
			opened.Add(1)
		}
		if err == nil && method == pb.ChatService_Send_FullMethodName && lost.Add(1) < 4 {
			return status.Error(codes.Unavailable, "lost on the way back")
		}
		return err
	}
	cl := c.client(Config{Dial: []grpc.DialOption{grpc.WithUnaryInterceptor(lose)}})
	_, err := cl.Send(t.Context(), "general", "once", Once("job"))
	require.NoError(t, err)
	require.Equal(t, int64(4), lost.Load())
	require.Zero(t, opened.Load(), "it needs no session")
	require.Equal(t, []string{"once"}, texts(t, cl))
}

func TestWhatIsNoRequestIDIsRefused(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	for _, id := range []string{strings.Repeat("x", RequestIDBytesMax+1), "\xff"} {
		_, err := cl.Send(t.Context(), "general", "x", Once(id))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "FIELD_INVALID", e.Reason)
		require.Equal(t, "command.request_id", e.Field)
	}
	conn, err := cl.conns.get(c.addrs[0])
	require.NoError(t, err)
	for _, command := range []*pb.CommandContext{
		nil, {}, {Session: 1}, {RequestId: "x", Session: 1}, {RequestId: "x", Seq: 1}, {RequestId: strings.Repeat("x", 129)},
	} {
		_, err := pb.NewChatServiceClient(conn).Send(withToken(t.Context(), cl.Credentials().Token), &pb.SendRequest{Command: command, Place: "#general", Text: "x"})
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%v", command)
	}
	require.Empty(t, texts(t, cl))
}
