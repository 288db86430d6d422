package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A state is searched again only with something left that it was not searched with before. Were a place taken to be above
// another that it is not above, what only the other leads to would be missed.
func TestWithNoMoreLeftAStateIsNotSearchedAgain(t *testing.T) {
	start := allowed{allowElection: 2, allowCrash: 1, allowCommand: 3, allowLoss: 1}
	s := newSeen(newLattice(start, false))
	at := func(elections, crashes, losses uint8) int {
		place, rest := s.lattice.place(allowed{allowElection: elections, allowCrash: crashes, allowCommand: 2, allowLoss: losses})
		_, other := s.lattice.place(allowed{allowCommand: 1})
		require.NotEqual(t, other, rest, "what is left of commands is no question of more or less")
		return place
	}
	f := fingerprint{high: 7, low: 1}
	for _, c := range []struct {
		place int
		fresh bool
	}{
		{at(1, 0, 1), true}, {at(1, 0, 1), false}, {at(0, 0, 1), false}, {at(0, 0, 0), false},
		{at(0, 1, 0), true}, {at(0, 1, 0), false}, {at(1, 1, 0), true}, {at(2, 1, 1), true}, {at(2, 0, 1), false},
	} {
		require.Equal(t, c.fresh, s.meet(f, c.place), "%+v", c)
	}
	require.True(t, s.meet(fingerprint{high: 7, low: 2}, at(0, 0, 0)), "another state that shares half of the fingerprint")
}

// The table grows many times while a search goes on, and must lose nothing.
func TestATableOfStatesKeepsThemAsItGrows(t *testing.T) {
	const states = 50_000
	s := newSeen(newLattice(allowed{}, false))
	of := func(i uint64) fingerprint {
		return fingerprint{high: mix2(0, i/2), low: uint32(i)} // each high half twice
	}
	for i := range uint64(states) {
		require.True(t, s.meet(of(i), 0))
	}
	for i := range uint64(states) {
		require.False(t, s.meet(of(i), 0))
	}
}

// States come out of the front as they went in, in their order, over the ends of its blocks.
func TestTheFrontGivesBackWhatItGot(t *testing.T) {
	const states = 3 * frontBlock / 10
	p := newSearchParts(searchSettings{})
	for i := range uint32(4) {
		p.nodes = append(p.nodes, &searchNode{number: i})
		p.parcels = append(p.parcels, &parcel{number: i})
		p.pasts = append(p.pasts, &searchPast{number: i})
	}
	made := func(i int) *searchState {
		s := &searchState{past: p.pasts[i%4], left: allowed{uint8(i), 1, 2, 3, 4, 5, 6, uint8(i >> 8)}, flight: []*parcel{}}
		for j := range s.nodes {
			s.nodes[j] = p.nodes[(i+j)%4]
		}
		for j := range i % 5 {
			s.flight = append(s.flight, p.parcels[(i+j)%4])
		}
		return s
	}
	var f front
	taken := 0
	take := func() {
		s, number := f.take(p)
		require.Equal(t, uint32(taken), number)
		require.Equal(t, made(taken), s)
		taken++
	}
	for i := range states {
		f.put(made(i), uint32(i))
		if i%3 == 0 {
			take()
		}
	}
	for taken < states {
		take()
	}
	s, _ := f.take(p)
	require.Nil(t, s)
}
