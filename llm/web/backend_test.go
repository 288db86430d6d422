package web

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/llm"
)

// Who closes a backend does not wait for a model, and whoever waits for the model is told why nothing came.
func TestAClosedBackendEndsItsTextsAndBeginsNoOther(t *testing.T) {
	b := NewBackend("test")
	text, err := b.Begin(t.Context())
	require.NoError(t, err)
	defer text.End()
	require.NoError(t, text.Context.Err())
	broken := errors.New("the connection broke")
	require.Equal(t, broken, text.Failed(broken), "as long as nobody closed it")

	require.NoError(t, b.Close())
	<-text.Context.Done()
	var e *llm.Error
	require.ErrorAs(t, text.Failed(broken), &e)
	require.Equal(t, llm.Unavailable, e.Failure)
	require.Contains(t, e.Error(), "the test backend is closed")
	_, err = b.Begin(t.Context())
	require.ErrorAs(t, err, &e)
	require.Equal(t, llm.Unavailable, e.Failure)
	require.NoError(t, b.Close(), "a second time does nothing")
}

// A caller that went away is the reason before any other, and begins nothing.
func TestATextEndsWithItsCaller(t *testing.T) {
	b := NewBackend("test")
	ctx, cancel := context.WithCancel(t.Context())
	text, err := b.Begin(ctx)
	require.NoError(t, err)
	defer text.End()
	cancel()
	<-text.Context.Done()
	require.NoError(t, b.Close())
	require.Equal(t, context.Canceled, text.Failed(ctx.Err()))
	_, err = b.Begin(ctx)
	require.Equal(t, context.Canceled, err)
}
