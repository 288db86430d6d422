package server

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/rpc/convert"
)

// requestLog writes a line for each call: which method, whose, how it ended, and how long it took. What was
// asked and what was answered is in no line: texts, names, passwords and tokens are nobody's business but their owners'.
type requestLog struct {
	log *slog.Logger
}

// caller is where the interceptors behind the log leave who calls.
type caller struct{ principal string }

type callerKey struct{}

// noteActor leaves who calls.
func noteActor(ctx context.Context) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.principal = actorOf(ctx).principal
	}
}

func (l requestLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !l.log.Enabled(ctx, slog.LevelWarn) {
		return next(ctx, req)
	}
	who, began := &caller{}, time.Now()
	resp, err := next(context.WithValue(ctx, callerKey{}, who), req)
	l.line(ctx, info.FullMethod, who, began, err)
	return resp, err
}

func (l requestLog) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if !l.log.Enabled(ss.Context(), slog.LevelWarn) {
		return next(srv, ss)
	}
	who, began := &caller{}, time.Now()
	ctx := context.WithValue(ss.Context(), callerKey{}, who)
	err := next(srv, &stream{ss, ctx})
	l.line(ctx, info.FullMethod, who, began, err)
	return err
}

// line writes it: of what went wrong inside as a warning, of all else for whoever looks closely.
func (l requestLog) line(ctx context.Context, method string, who *caller, began time.Time, err error) {
	level, code := slog.LevelDebug, status.Code(err)
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		level = slog.LevelWarn
	}
	if !l.log.Enabled(ctx, level) {
		return
	}
	args := []any{"method", method, "user", who.principal, "code", code.String(), "took", time.Since(began)}
	if err != nil {
		args = append(args, "reason", convert.ParseError(err).Reason)
	}
	l.log.Log(ctx, level, "call", args...)
}
