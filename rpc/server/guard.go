package server

import (
	"context"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"

	"parley/rpc/convert"
)

// guard turns a panic in a handler into one failed call: a handler holds no
// state, so that nothing is left half done.
type guard struct {
	log *slog.Logger
}

func (g guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer g.recover(info.FullMethod, &err)
	return next(ctx, req)
}

func (g guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer g.recover(info.FullMethod, &err)
	return next(srv, ss)
}

func (g guard) recover(method string, err *error) {
	if p := recover(); p != nil {
		g.log.Error("handler panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = convert.PanicError()
	}
}
