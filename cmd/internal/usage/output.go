package usage

import (
	"io"
	"sync"
)

// Output is a program's stdout, which remembers that it could not be written. Much of what is printed for people does not look, help
// above all; who asked for a page and has half of it on a full disk is told by the exit code all the same. Nothing is written
// after the first error, so that nothing is missing in the middle.
type Output struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// NewOutput returns an Output to a writer; one that is an Output is it already.
func NewOutput(to io.Writer) *Output {
	if o, ok := to.(*Output); ok {
		return o
	}
	return &Output{to: to}
}

// Write writes, or returns the first error there was.
func (o *Output) Write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, o.err = o.to.Write(p)
	return n, o.err
}

// Err is the first error of a Write.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// To is where it goes: a file, for who asks whether it is a terminal and for other programs that write there.
func (o *Output) To() io.Writer { return o.to }
