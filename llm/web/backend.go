package web

import (
	"context"
	"net/http"

	"parley/llm"
)

// A Backend is what every provider behind HTTP has from its making to its end: a client, and texts under way.
type Backend struct {
	Client *http.Client

	name   string
	closed context.Context
	close  context.CancelFunc
}

// NewBackend returns a backend that is asked for nothing yet. Its name goes into errors.
func NewBackend(name string) *Backend {
	b := &Backend{Client: NewClient(), name: name}
	b.closed, b.close = context.WithCancel(context.Background())
	return b
}

// Close ends the texts that are generated. There are no others behind it; a second time does nothing.
func (b *Backend) Close() error {
	b.close()
	b.Client.CloseIdleConnections()
	return nil
}

// A Text is one that a backend is asked for.
type Text struct {
	Context context.Context // for the library that asks: it ends with the caller's, and with the backend
	Answer  *Answer         // what the server answered to requests under that context

	backend *Backend
	asked   context.Context // the caller's
	cancel  context.CancelFunc
	detach  func() bool // from the backend's end
}

// Begin begins a text. Its caller ends it. A context that is over is an error, and so is a backend that was closed.
func (b *Backend) Begin(ctx context.Context) (*Text, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b.closed.Err() != nil {
		return nil, b.closedError()
	}
	asked, cancel := context.WithCancel(ctx)
	t := &Text{backend: b, asked: ctx, cancel: cancel, detach: context.AfterFunc(b.closed, cancel)}
	t.Context, t.Answer = Watch(asked)
	return t, nil
}

// End lets go of what the text held. Its answer is not read any more.
func (t *Text) End() {
	t.detach()
	t.cancel()
}

// Failed returns the error of a text that did not come to its end: that the backend was closed meanwhile, or else err.
func (t *Text) Failed(err error) error {
	if t.asked.Err() == nil && t.backend.closed.Err() != nil {
		return t.backend.closedError()
	}
	return err
}

func (b *Backend) closedError() error {
	return llm.Errorf(llm.Unavailable, "the %s backend is closed", b.name)
}
