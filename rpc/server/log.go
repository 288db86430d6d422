package server

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/rpc/convert"
)

// requestLog writes a line for each call: which method, whose and from where, how it ended, and how long it took. What was
// asked and what was answered is in no line: texts, names, passwords and tokens are nobody's business but their owners'.
type requestLog struct {
	log *slog.Logger
}

// line writes it: of what went wrong inside as a warning, of all else for whoever looks closely.
func (l requestLog) line(ctx context.Context, method string, who *actor, began time.Time, err error) {
	level, code := slog.LevelDebug, status.Code(err)
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		level = slog.LevelWarn
	}
	if !l.log.Enabled(ctx, level) {
		return
	}
	args := []any{"method", method, "user", who.principal, "from", who.address(), "code", code.String(), "took", time.Since(began)}
	if err != nil {
		args = append(args, "reason", convert.ParseError(err).Reason)
	}
	l.log.Log(ctx, level, "call", args...)
}
