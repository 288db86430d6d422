package process

import (
	"context"
	"errors"
	"os"
)

// parentPipe is the file descriptor on which a node that was started by `node dev`
// reads: nothing ever comes, and its end is the end of the parent.
const parentPipe = 3

// parentEnv tells a process that it has a parent pipe.
const parentEnv = "PARLEY_PARENT_PIPE"

// ParentEnv is the environment entry for a child that gets the reading end of a pipe as
// its first extra file.
const ParentEnv = parentEnv + "=1"

// errOrphaned is why an orphan stops.
var errOrphaned = errors.New("the process that started this node is gone")

// WithParent returns a context that ends with the parent process, if there is
// one that this process is tied to.
func WithParent(ctx context.Context) context.Context {
	if os.Getenv(parentEnv) == "" {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	pipe := os.NewFile(parentPipe, "parent")
	go func() {
		_, _ = pipe.Read(make([]byte, 1)) // ends when the last writer does
		cancel(errOrphaned)
	}()
	return ctx
}
