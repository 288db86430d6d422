package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbe(t *testing.T) {
	for _, b := range []SearchBounds{
		{Commands: 1}, {Commands: 1, Crashes: 1}, {Elections: 1}, {Elections: 1, Commands: 1}, {Elections: 2},
	} {
		b.StatesMax = 200000
		for _, o := range []SearchOptions{{}, {EveryOrder: true}, {Exact: true}} {
			r := Search(b, o)
			t.Log(b, o.EveryOrder, o.Exact, r)
			if r.Violation != nil {
				t.Log(r.Violation.Reason)
				for _, w := range r.Way {
					t.Log("  ", w)
				}
			}
		}
	}
	require.True(t, true)
}
