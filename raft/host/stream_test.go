package host_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
)

// takeFrames reads n frames with bodies and checks that positions rise.
func takeFrames(t *testing.T, s *host.Subscription, n int) (bodies []string, last raft.Position) {
	t.Helper()
	for len(bodies) < n {
		frames, err := s.Next(context.Background())
		require.NoError(t, err)
		for _, f := range frames {
			if f.Body == nil {
				continue // progress
			}
			require.Greater(t, f.Position, last)
			bodies, last = append(bodies, string(f.Body)), f.Position
		}
	}
	require.Len(t, bodies, n)
	return bodies, last
}

// endOf reads to the end and returns it.
func endOf(t *testing.T, s *host.Subscription) node.Answer {
	t.Helper()
	for {
		if _, err := s.Next(context.Background()); err != nil {
			var ended *host.EndedError
			require.ErrorAs(t, err, &ended)
			return ended.Answer
		}
	}
}
