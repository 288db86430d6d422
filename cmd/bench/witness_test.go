package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

func listed(pairs ...time.Duration) (s stretches) {
	for i := 0; i < len(pairs); i += 2 {
		s.list = append(s.list, stretch{pairs[i] * ms, pairs[i+1] * ms})
	}
	return s
}

// A write needs a majority of the disks: a stretch in which one of them is slow holds nothing up.
func TestTogetherAreThoseMomentsInWhichEnoughAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]stretches, rapid.IntRange(1, 4).Draw(t, "disks"))
		for i := range all {
			at := time.Duration(0)
			for range rapid.IntRange(0, 6).Draw(t, "stretches") {
				from := at + time.Duration(rapid.IntRange(0, 5).Draw(t, "gap"))
				at = from + time.Duration(rapid.IntRange(1, 5).Draw(t, "long"))
				all[i].list = append(all[i].list, stretch{from, at})
			}
		}
		least := rapid.IntRange(1, len(all)).Draw(t, "least")
		got := together(all, least)
		for at := range time.Duration(70) {
			n := 0
			for _, s := range all {
				if s.within(stretch{at, at + 1}) > 0 {
					n++
				}
			}
			require.Equal(t, n >= least, got.within(stretch{at, at + 1}) > 0, "at %d", at)
		}
	})
}

func TestWhatCoversHalfOfASlowWriteIsWhatItWaitedFor(t *testing.T) {
	w := &witness{
		disks: []stretches{listed(0, 10, 100, 120), listed(5, 15), listed(200, 210)},
		beats: listed(300, 310, 500, 510),
		stops: listed(500, 506),
	}
	count := func(due, took time.Duration) string {
		for _, c := range w.explain([]burstWrite{{due * ms, took * ms}}) {
			if c.Slow == 1 {
				require.Equal(t, 1.0, c.Part)
				return c.What
			}
		}
		return ""
	}
	require.Equal(t, "a majority of disks was slow", count(4, 10))
	require.Equal(t, "one disk was slow", count(0, 11), "two of them for five milliseconds of eleven")
	require.Equal(t, "one disk was slow", count(100, 20))
	require.Equal(t, "nobody was scheduled", count(295, 20))
	require.Equal(t, "the collector stopped all", count(500, 10), "who was due did not run because of it")
	require.Equal(t, "none of these", count(400, 10))
	require.Equal(t, "none of these", count(290, 100))
}

func TestSlowWritesOfOneStallAreOneWait(t *testing.T) {
	require.Len(t, waits([]burstWrite{{0, 10}, {2, 8}, {9, 5}, {20, 1}}), 2)
}

// A goroutine that is told several beats at once was late once.
func TestBeatsThatAreToldTogetherAreOneStretch(t *testing.T) {
	w := &witness{}
	w.beat(1*ms, 1*ms+1)
	w.beat(2*ms, 4*ms)
	w.beat(3*ms, 4*ms)
	w.beat(7*ms, 8*ms)
	require.Equal(t, listed(2, 4, 7, 8), w.beats)
}

// Other people's scripts read these fields.
func TestBenchTailDrivesAnOpenLoopAndExplainsAllThatIsSlow(t *testing.T) {
	o := tailOptions{count: 4, rate: 4_000, raftOptions: raftOptions{
		clusterOptions: clusterOptions{nodes: 3, dir: t.TempDir(), transport: "tcp", sync: "none"},
		callers:        []int{4}, payload: 64, measure: 100 * ms, warm: 20 * ms, op: "put",
	}}
	require.NoError(t, o.check())
	got, err := measureTail(context.Background(), o)
	require.NoError(t, err)
	require.InDelta(t, 400, got.OpsPerS*got.Seconds, 2, "one every quarter of a millisecond, whatever they took")
	require.Positive(t, got.Slow)
	sum := 0
	for _, c := range got.Causes {
		sum += c.Slow
	}
	require.Equal(t, got.Slow, sum)
	require.Contains(t, got.line(), "none of these")
}
