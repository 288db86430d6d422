package server

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

func TestAHandlerThatPanicsIsOneFailedCall(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	rates, err := newRates(Rates{}, true, time.Now)
	require.NoError(t, err)
	g := &gate{&edge{rates: rates, calls: newCounts(1)}, guard{log}, requestLog{log}}
	method := pb.AccountService_LogIn_FullMethodName // without a token
	_, err = g.unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) { panic("x") })
	f := convert.ParseError(err)
	require.Equal(t, convert.ReasonPanic, f.Reason)
	require.Equal(t, node.Unknown, f.Outcome)
	err = g.stream(nil, &stream{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: method}, func(any, grpc.ServerStream) error { panic("x") })
	require.Equal(t, convert.ReasonPanic, convert.ParseError(err).Reason)
}

// A handler that lost the deadline of its call would work for nobody; one that lost the caller would serve anybody.
func TestAHandlerKnowsWhoCallsAndAllThatGRPCSaysOfTheCall(t *testing.T) {
	type key struct{}
	log := slog.New(slog.DiscardHandler)
	rates, err := newRates(Rates{}, true, time.Now)
	require.NoError(t, err)
	g := &gate{&edge{rates: rates, calls: newCounts(1)}, guard{log}, requestLog{log}}
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "of gRPC"), deadline)
	from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: from})
	_, err = g.unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: pb.AccountService_LogIn_FullMethodName}, func(got context.Context, _ any) (any, error) {
		require.Equal(t, "of gRPC", got.Value(key{}))
		require.Equal(t, from, actorOf(got).from)
		child, release := context.WithCancel(got)
		defer release()
		require.Same(t, actorOf(got), actorOf(child))
		at, ok := child.Deadline()
		require.True(t, ok)
		require.Equal(t, deadline, at)
		cancel()
		<-child.Done()
		return nil, child.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, &actor{}, actorOf(t.Context()), "of a context that is no call's nobody is known")
}
