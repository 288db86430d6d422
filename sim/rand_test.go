package sim

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// Exponential delays are made of integers, because one seed must mean the same on
// every processor. They still must have the right mean and shape.
func TestExponentialDrawsHaveTheirMean(t *testing.T) {
	s := chance{7}.stream(purposePlan, 1)
	const n, mean = 200_000, 1_000_000
	sum, above := int64(0), 0
	for range n {
		x := s.exponential(mean)
		require.GreaterOrEqual(t, x, int64(0))
		sum += x
		if x > mean {
			above++
		}
	}
	require.InEpsilon(t, mean, float64(sum)/n, 0.01)
	require.InEpsilon(t, 0.3679, float64(above)/n, 0.02, "one in e is above the mean")
}

// What is drawn for one purpose must not depend on how often another is drawn.
func TestDrawsOfOneKeyAreTheSameInAnyOrder(t *testing.T) {
	c := chance{42}
	a, b := c.stream(purposeLink, 1), c.stream(purposeLink, 2)
	one, two := a.next(), b.next()
	d, e := c.stream(purposeLink, 2), c.stream(purposeLink, 1)
	require.Equal(t, two, d.next())
	require.Equal(t, one, e.next())
	require.NotEqual(t, one, two)
}

// The agenda's order is the world's only order: time, priority, then the order of
// pushing. What is pushed after others were popped takes their slots.
func TestAgendaPopsByTimePriorityAndSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h agenda
		var want []event
		pop := func() {
			require.Equal(t, want[0].at, h.next())
			require.Equal(t, want[0], *h.pop())
			want = want[1:]
		}
		for i := range rapid.IntRange(0, 200).Draw(t, "n") {
			e := event{at: int64(rapid.IntRange(0, 5).Draw(t, "at")), priority: uint8(rapid.IntRange(0, 1).Draw(t, "priority")), arg: uint64(i)}
			h.push(e)
			e.sequence = h.last
			want = append(want, e)
			slices.SortStableFunc(want, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.priority, b.priority)) })
			if rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				pop()
			}
		}
		for len(want) > 0 {
			pop()
		}
		require.True(t, h.empty())
	})
}

// A deadline on a drifting clock must come neither early nor never.
func TestAClockReadsItsDeadlineWhenItSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := clock{since: 1000, mono: 77, ppm: rapid.Int64Range(-ppmMax, ppmMax).Draw(t, "ppm")}
		now := 1000 + rapid.Int64Range(0, 1e12).Draw(t, "now")
		m := c.read(now) + 1 + raft.Mono(rapid.Int64Range(0, 1e12).Draw(t, "wait"))
		at := c.when(m, now)
		require.GreaterOrEqual(t, c.read(at), m)
		require.Less(t, c.read(at-1), m)
	})
}
