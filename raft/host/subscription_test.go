package host

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// What is at stake: a reader that never comes back must not keep what it was to read.
func TestFramesThatWaitAreDroppedWhenTheSubscriptionEnds(t *testing.T) {
	s := newSubscription(&Host{inbox: newInbox(), turns: newTurnstile()}, 3)
	for i := range 4 {
		s.put(&node.Frame{Position: raft.Position(4 + i), Body: make([]byte, 40<<10)})
	}
	frames, err := s.Next(context.Background())
	require.NoError(t, err)
	require.Len(t, frames, 2, "64 KiB or a little more at a time")
	s.end(node.Answer{Code: node.CodeTooSlow, Position: 3})
	<-s.Done()
	require.Empty(t, s.frames)
	_, err = s.Next(context.Background())
	require.ErrorContains(t, err, "too slow; resume from position 3")
}
