package server

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"parley/raft/node"
	"parley/rpc/convert"
)

func TestAHandlerThatPanicsIsOneFailedCall(t *testing.T) {
	g := guard{log: slog.New(slog.DiscardHandler)}
	_, err := g.unary(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("x") })
	f := convert.ParseError(err)
	require.Equal(t, convert.ReasonPanic, f.Reason)
	require.Equal(t, node.Unknown, f.Outcome)
	err = g.stream(nil, nil, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { panic("x") })
	require.Equal(t, convert.ReasonPanic, convert.ParseError(err).Reason)
}
