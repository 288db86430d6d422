package sim

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// call is one operation of a small history over a list: a write appends its own number,
// a read sees how long the list is.
type call struct {
	write           bool
	called, ended   int           // instants, all different; ended of an unanswered one is far away
	position        raft.Position // writes: their place in the list, from 1; reads: the length seen
	answered, never bool          // never: a write that took no effect
}

// judgeHistory runs the witness over a history in the order of its instants.
func judgeHistory(history []call) bool {
	var h witness
	floors := make([]uint64, len(history))
	for instant := range 3 * len(history) {
		for i, c := range history {
			switch instant {
			case c.called:
				floors[i] = h.called()
			case c.ended:
				place := placeOfRead(c.position)
				if c.write {
					place = placeOfWrite(c.position)
				}
				if !h.fits(place, floors[i]) {
					return false
				}
				h.answered(place)
			}
		}
	}
	// Writes without an answer that took effect are judged by where they stand.
	for i, c := range history {
		if c.write && !c.answered && !c.never && !h.fits(placeOfWrite(c.position), floors[i]) {
			return false
		}
	}
	return true
}

// bruteForce looks for an order of all operations that respects real time and explains
// every answer by trying every order.
func bruteForce(history []call) bool {
	var order []int
	var try func(length raft.Position) bool
	try = func(length raft.Position) bool {
		if len(order) == len(history) {
			return true
		}
		for i, c := range history {
			if slices.Contains(order, i) {
				continue
			}
			// Whoever ended before i was called must stand before i.
			early := false
			for j, d := range history {
				early = early || !slices.Contains(order, j) && d.ended < c.called
			}
			next := length
			switch {
			case early:
				continue
			case c.never:
			case c.write && c.position == length+1:
				next++
			case !c.write && (!c.answered || c.position == length):
			default:
				continue
			}
			order = append(order, i)
			if try(next) {
				return true
			}
			order = order[:len(order)-1]
		}
		return false
	}
	return try(0)
}

// drawHistory makes a history that claims a random order, right or wrong.
func drawHistory(t *rapid.T) []call {
	n := rapid.IntRange(1, 6).Draw(t, "n")
	instants := rapid.Permutation(seq(2*n)).Draw(t, "instants")
	history := make([]call, n)
	writes := raft.Position(0)
	for i := range history {
		c := &history[i]
		c.called, c.ended = min(instants[2*i], instants[2*i+1]), max(instants[2*i], instants[2*i+1])
		c.write, c.answered = rapid.Bool().Draw(t, "write"), rapid.IntRange(0, 4).Draw(t, "answered") > 0
		if !c.answered {
			c.ended = 1 << 30
			c.never = c.write && rapid.Bool().Draw(t, "never")
		}
		if c.write && !c.never {
			writes++
		}
	}
	// Positions in order of the calls, mostly; sometimes any.
	places := make([]raft.Position, 0, n)
	for p := raft.Position(1); p <= writes; p++ {
		places = append(places, p)
	}
	if rapid.Bool().Draw(t, "shuffle") {
		places = rapid.Permutation(places).Draw(t, "places")
	}
	byCall := seq(n)
	slices.SortFunc(byCall, func(a, b int) int { return history[a].called - history[b].called })
	for _, i := range byCall {
		switch c := &history[i]; {
		case c.write && !c.never:
			c.position, places = places[0], places[1:]
		case !c.write:
			c.position = raft.Position(rapid.IntRange(0, int(writes)).Draw(t, "read"))
		}
	}
	return history
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// The witness looks at each answer once; brute force tries every order. They must
// agree on every history, good or broken.
func TestTheWitnessAgreesWithBruteForce(t *testing.T) {
	good, broken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			history := drawHistory(t)
			want := bruteForce(history)
			if want {
				good++
			} else {
				broken++
			}
			if judgeHistory(history) != want {
				t.Fatalf("witness says %v, brute force %v: %+v", !want, want, history)
			}
		}
	})
	enough := 100
	if testing.Short() {
		enough = 20 // rapid makes a fifth of the checks
	}
	require.Greater(t, good, enough)
	require.Greater(t, broken, enough)
}

// What a stale read, a lost write and a write out of turn look like must be
// refused by name, not only by chance.
func TestTheWitnessRefusesKnownAnomalies(t *testing.T) {
	for _, c := range []struct {
		name    string
		history []call
	}{
		{"a read that misses an acknowledged write", []call{
			{write: true, called: 0, ended: 1, position: 1, answered: true},
			{called: 2, ended: 3, position: 0, answered: true}}},
		{"two reads that see time run backwards", []call{
			{write: true, called: 0, ended: 5, position: 1, answered: true},
			{called: 1, ended: 2, position: 1, answered: true},
			{called: 3, ended: 4, position: 0, answered: true}}},
		{"a later write that stands before an earlier one", []call{
			{write: true, called: 0, ended: 1, position: 2, answered: true},
			{write: true, called: 2, ended: 3, position: 1, answered: true}}},
		{"an unanswered write that stands before what was known when it was called", []call{
			{write: true, called: 0, ended: 1, position: 2, answered: true},
			{write: true, called: 2, ended: 1 << 30, position: 1}}},
	} {
		require.False(t, bruteForce(c.history), c.name)
		require.False(t, judgeHistory(c.history), c.name)
	}
}
