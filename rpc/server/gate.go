package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// gate is what every call passes before a handler sees it, and again behind it. It is one interceptor, as each has its
// price in every call:
//
//	who calls? ─▶ how often? ─▶ can it be read? ─▶ how many at a time? ─▶ handler ─▶ a panic is one failed call ─▶ a line in the log
type gate struct {
	*edge
	guard
	requestLog
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	c, began := &call{Context: ctx}, time.Now()
	resp, err := g.passUnary(c, &c.actor, req, info.FullMethod, next)
	g.line(c, info.FullMethod, &c.actor, began, err)
	return resp, err
}

func (g *gate) passUnary(ctx context.Context, a *actor, req any, method string, next grpc.UnaryHandler) (resp any, err error) {
	defer g.recover(method, &err)
	if err := g.admit(ctx, a, method); err != nil {
		return nil, err
	}
	if err := readable(req); err != nil {
		return nil, err
	}
	who := a.caller()
	if !g.calls.begin(who) {
		return nil, errCrowd()
	}
	defer g.calls.end(who)
	resp, err = next(ctx, req)
	g.denials.seen(ctx, method, err)
	return resp, err
}

func (g *gate) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	c, began := &call{Context: ss.Context()}, time.Now()
	err := g.passStream(c, &c.actor, srv, ss, info.FullMethod, next)
	g.line(c, info.FullMethod, &c.actor, began, err)
	return err
}

func (g *gate) passStream(ctx context.Context, a *actor, srv any, ss grpc.ServerStream, method string, next grpc.StreamHandler) (err error) {
	defer g.recover(method, &err)
	if err := g.admit(ctx, a, method); err != nil {
		return err
	}
	err = next(srv, readingStream{&stream{ss, ctx}})
	g.denials.seen(ctx, method, err)
	return err
}

// admit finds out who calls, and whether he may call again.
func (g *gate) admit(ctx context.Context, a *actor, method string) error {
	if err := g.authenticate(ctx, a, method); err != nil {
		return err
	}
	if err := g.rates.allow(a, method); err != nil {
		return refuse(err)
	}
	return nil
}

// stream is a call's stream whose context knows who calls.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *stream) Context() context.Context { return s.ctx }
