package cli

import (
	"context"
	"io"
)

// input is what is read from until a context ends: a signal can't end a Read that waits for somebody to write something, and who
// presses Ctrl-C where a command waits for him is to be heard the first time. What that Read gets later is nobody's.
type input struct {
	ctx  context.Context
	from io.Reader
}

func (i input) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	into, done := make([]byte, len(p)), make(chan result, 1)
	go func() {
		n, err := i.from.Read(into)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, into[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, context.Cause(i.ctx)
	}
}
