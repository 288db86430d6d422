package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who plans a machine by these figures must not be told that something is free.
func TestEverythingThatIsSizedTakesSomething(t *testing.T) {
	if testing.Short() {
		t.Skip("builds cmd/node")
	}
	o := sizeOptions{checkOptions: checkOptions{nodes: 3, payload: 64, dir: t.TempDir()}, people: 10, messages: 10 * batchMax}
	var what []string
	require.NoError(t, size(context.Background(), o, func(r report) error {
		s := r.(sized)
		what = append(what, s.What)
		require.Positive(t, s.Count)
		if !strings.Contains(s.What, "stream") { // who is there is told in time, maybe after the last of so few
			require.Positive(t, s.Log, s.What)
		}
		require.Positive(t, s.PerS)
		require.Positive(t, s.RSS)
		require.NotEmpty(t, s.line())
		return nil
	}))
	require.Len(t, what, 8)
	o.messages = 1
	require.ErrorContains(t, size(context.Background(), o, nil), "--messages at least")
}
