package cli

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever watches a stream while the cluster is down is told so, and not three times a second.
func TestAnInterruptionIsToldOnceAndThenNowAndThen(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var said []string
	tr := trouble{now: func() time.Time { return now }, note: func(format string, args ...any) {
		said = append(said, fmt.Sprintf(format, args...))
	}}
	for range 100 {
		tr.interrupted(errors.New("connection refused"))
		now = now.Add(400 * time.Millisecond)
	}
	require.Equal(t, []string{
		"connection refused; trying the other nodes",
		"no node streams since 15s; still trying (connection refused)",
		"no node streams since 30s; still trying (connection refused)",
	}, said)
	tr.goesOn()
	require.Equal(t, "it goes on", said[3])
	tr.goesOn()
	tr.interrupted(errors.New("EOF."))
	tr.goesOn()
	require.Equal(t, []string{"EOF; trying the other nodes"}, said[4:], "a short one is told by itself")
}
