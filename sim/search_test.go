package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// small are bounds that take a fraction of a second each. The default bounds of sim explore are out of reach of a test.
var small = []SearchBounds{
	{Commands: 1, Crashes: 1, Overtakes: -1, CommitAlone: true},
	{Commands: 1, Losses: 1, Overtakes: -1, CommitAlone: true},
	{Commands: 1, SlowWrites: 1, Overtakes: -1, CommitAlone: true},
	{Beats: 2, Overtakes: -1, CommitAlone: true},
	{Commands: 1, Crashes: 1, CommitAlone: true},
	{Commands: 2, Losses: 1, CommitAlone: true},
	{Commands: 1, Losses: 1, Duplicates: 1, Overtakes: 1, CommitAlone: true},
	{Commands: 2, Crashes: 1, Losses: 1, Inflight: 1},
	{Commands: 2, Losses: 1, Duplicates: 1, Inflight: 1},
	{Elections: 1, SlowWrites: 1, CommitAlone: true},
	{Elections: 1, Crashes: 1, Inflight: 1},
	{Elections: 1, Commands: 1, Inflight: 1},
	{Elections: 1, Losses: 2, Inflight: 1},
	{Elections: 1, Losses: 1, Overtakes: 1, Inflight: 1},
	{Elections: 1, Duplicates: 1, Inflight: 1},
	{Elections: 1, Beats: 1, Losses: 1, Inflight: 1},
	{Elections: 1, Crashes: 1, Duplicates: 1, Inflight: 1},
	{Elections: 1, Commands: 1, Losses: 1, Inflight: 1},
	{Elections: 2, Inflight: 1},
}

// Within small bounds everything that can happen is looked at, and nothing is wrong.
func TestASmallSearchFinishesAndFindsNothing(t *testing.T) {
	for _, b := range append(small, SearchBounds{Beats: 1, Duplicates: 1, Overtakes: -1}) {
		r := Search(b, SearchOptions{})
		require.Nil(t, r.Violation, "%+v: %v", b, r.Way)
		require.True(t, r.Finished, "%+v", b)
		require.Greater(t, r.States, 10, "%+v", b)
	}
}

// Whatever a search leaves out, its judges must see all that there is to see: no more, and nothing less.
func TestWhatASearchLeavesOutIsNothingThatJudgesSee(t *testing.T) {
	t.Parallel() // one thread does it
	for _, b := range small {
		all := Search(b, SearchOptions{EveryOrder: true, Exact: true, Views: true})
		require.True(t, all.Finished)
		for _, o := range []SearchOptions{{EveryOrder: true}, {Exact: true}, {}} {
			o.Views = true
			few := Search(b, o)
			t.Logf("%+v: %d states instead of %d, %d views", b, few.States, all.States, few.Views)
			require.Equal(t, all.Violation, few.Violation, "%+v %+v", b, o)
			require.Equal(t, all.Views, few.Views, "%+v %+v", b, o)
			require.Equal(t, all.ViewSet, few.ViewSet, "%+v %+v", b, o)
			require.LessOrEqual(t, few.States, all.States, "%+v %+v", b, o)
		}
	}
}

// A search that a bound ends must not claim that it saw everything.
func TestASearchThatIsCutShortSaysSo(t *testing.T) {
	b := SearchBounds{Elections: 1, Commands: 1, StatesMax: 300}
	r := Search(b, SearchOptions{})
	require.False(t, r.Finished)
	require.Equal(t, 300, r.States)
	r = Search(SearchBounds{Commands: 1}, SearchOptions{From: []string{"node 2: a command is proposed"}})
	require.False(t, r.Finished)
	require.Equal(t, 1, r.Astray, "only a leader is asked: this is no way")
	require.Nil(t, r.Violation, "and nothing that a node did")
}
