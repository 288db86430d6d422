package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

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
