package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// small are bounds that take a fraction of a second each. The default bounds of sim explore are out of reach of a test.
var small = []SearchBounds{
	{Commands: 1, Crashes: 1, Overtakes: -1},
	{Commands: 1, Losses: 1, Overtakes: -1},
	{Commands: 1, SlowWrites: 1, Overtakes: -1},
	{Beats: 2, Overtakes: -1},
	{Commands: 1, Crashes: 1},
	{Commands: 2, Losses: 1},
	{Commands: 1, Losses: 1, Duplicates: 1, Overtakes: 1},
	{Elections: 1, SlowWrites: 1},
}

// Within small bounds everything that can happen is looked at, and nothing is wrong.
func TestASmallSearchFinishesAndFindsNothing(t *testing.T) {
	for _, b := range append(small, SearchBounds{Beats: 1, Duplicates: 1, Overtakes: -1}) {
		r := Search(b, SearchOptions{})
		require.Nil(t, r.Violation, "%+v: %v", b, r.Way)
		require.True(t, r.Finished, "%+v", b)
		require.Greater(t, r.States, 100, "%+v", b)
	}
}

// The reduction must not cost a state: whatever an order that is left out would have shown,
// another shows.
func TestSleepSetsLeaveOutTransitionsAndNoState(t *testing.T) {
	for _, b := range small {
		few, all := Search(b, SearchOptions{}), Search(b, SearchOptions{EveryOrder: true})
		require.Equal(t, all.Set, few.Set, "%+v", b)
		require.Equal(t, all.States, few.States, "%+v", b)
		require.Equal(t, all.Violation, few.Violation, "%+v", b)
		require.Less(t, few.Transitions, all.Transitions, "%+v", b)
		require.Zero(t, all.Pruned)
	}
}

// States of one shape are searched as one. If two of them could do different things, the search
// that tells them apart would come to shapes that the other never sees.
func TestASearchOfShapesSeesWhatASearchOfFullStatesSees(t *testing.T) {
	fewer := false
	for _, b := range small {
		shapes, full := Search(b, SearchOptions{}), Search(b, SearchOptions{Exact: true})
		require.True(t, shapes.Finished && full.Finished)
		require.Equal(t, full.Set, shapes.Set, "%+v", b)
		require.LessOrEqual(t, shapes.States, full.States, "%+v", b)
		fewer = fewer || shapes.States < full.States
	}
	require.True(t, fewer)
}

// A search that a bound ends must not claim that it saw everything.
func TestASearchThatIsCutShortSaysSo(t *testing.T) {
	b := SearchBounds{Elections: 1, Commands: 1, StatesMax: 300}
	r := Search(b, SearchOptions{})
	require.False(t, r.Finished)
	require.Equal(t, 300, r.States)
	r = Search(SearchBounds{Commands: 1}, SearchOptions{From: []string{"node 2: a command is proposed"}})
	require.False(t, r.Finished)
	require.NotNil(t, r.Violation, "only a leader is asked: this is no way")
}
