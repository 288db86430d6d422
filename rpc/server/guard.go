package server

import (
	"log/slog"
	"runtime/debug"

	"parley/rpc/convert"
)

// guard turns a panic in a handler into one failed call: a handler holds no
// state, so that nothing is left half done.
type guard struct {
	log *slog.Logger
}

// recover is deferred around a handler.
func (g guard) recover(method string, err *error) {
	if p := recover(); p != nil {
		g.log.Error("handler panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = convert.PanicError()
	}
}
