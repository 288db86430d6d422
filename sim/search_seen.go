package sim

import "slices"

// seen is what a search remembers of the states that it met, some thirty bytes of each: a table of fingerprints with open
// addresses, and the way there.
//
// Who may do more can do all that who may do less can. So a state is not searched again with less left of the same: beside its
// fingerprint stands with how much left it was.
type seen struct {
	lattice lattice
	prints  []uint64 // zero: free
	rest    []seenRest
	used    int
	trail   []trailMark // of the states that were met, by the order in which they were
}

type seenRest struct {
	low  uint32
	with uint32 // the places in the lattice that it was met at
}

// trailMark tells where a state was met from. The mark tells its fingerprint from those of others behind the same state.
type trailMark struct{ from, mark uint32 }

func newSeen(l lattice) *seen {
	const slots = 1 << 10
	return &seen{lattice: l, prints: make([]uint64, slots), rest: make([]seenRest, slots)}
}

// meet reports whether a state with this fingerprint is new with so much left.
func (s *seen) meet(f fingerprint, place int) bool {
	if s.used*4 > len(s.prints)*3 {
		s.grow()
	}
	f.high = max(f.high, 1)
	i := s.slot(s.prints, s.rest, f)
	if s.prints[i] == 0 {
		s.prints[i], s.rest[i] = f.high, seenRest{low: f.low}
		s.used++
	}
	if s.rest[i].with&s.lattice.above[place] != 0 {
		return false
	}
	s.rest[i].with |= 1 << place
	return true
}

// slot returns where a fingerprint is, or where it belongs.
func (s *seen) slot(prints []uint64, rest []seenRest, f fingerprint) uint64 {
	last := uint64(len(prints) - 1)
	i := f.high & last
	for prints[i] != 0 && (prints[i] != f.high || rest[i].low != f.low) {
		i = (i + 1) & last
	}
	return i
}

func (s *seen) grow() {
	prints, rest := make([]uint64, 2*len(s.prints)), make([]seenRest, 2*len(s.rest))
	for i, high := range s.prints {
		if high != 0 {
			at := s.slot(prints, rest, fingerprint{high, s.rest[i].low})
			prints[at], rest[at] = high, s.rest[i]
		}
	}
	s.prints, s.rest = prints, rest
}

// mark is the fingerprint for the trail, of a state with so much left.
func (f fingerprint) mark(place int) fingerprint {
	f.low = f.low*31 + uint32(place)
	return f
}

// note notes where a state was met from, and returns its number.
func (s *seen) note(from uint32, f fingerprint) uint32 {
	s.trail = append(s.trail, trailMark{from, f.low})
	return uint32(len(s.trail) - 1)
}

// way returns the marks on the way to a state, without that of the beginning.
func (s *seen) way(number uint32) []uint32 {
	var marks []uint32
	for ; number != 0; number = s.trail[number].from {
		marks = append(marks, s.trail[number].mark)
	}
	slices.Reverse(marks)
	return marks
}

// lattice orders how much may be left: a place for every combination of some allowances, those that fit into the bits of
// seenRest.with.
type lattice struct {
	of    []allowance
	size  [allowances]int
	above []uint32 // by place: the places with as much or more of everything
}

// newLattice is that of a search that begins with so much. Commands are not in it: what is left of them tells what the next one says.
func newLattice(left allowed, exact bool) lattice {
	l, places := lattice{}, 1
	for a := range allowances {
		size := int(left[a]) + 1
		if exact || a == allowCommand || size == 1 || places*size > 32 {
			continue
		}
		l.of, l.size[a] = append(l.of, a), size
		places *= size
	}
	for i := range places {
		var above uint32
		for j := range places {
			if l.covers(j, i) {
				above |= 1 << j
			}
		}
		l.above = append(l.above, above)
	}
	return l
}

// covers reports whether nothing is less at place i than at place j.
func (l *lattice) covers(i, j int) bool {
	for _, a := range l.of {
		if i%l.size[a] < j%l.size[a] {
			return false
		}
		i, j = i/l.size[a], j/l.size[a]
	}
	return true
}

// place is that of what is left, and the rest is what the lattice does not order.
func (l *lattice) place(left allowed) (place int, rest uint64) {
	for i := len(l.of) - 1; i >= 0; i-- {
		a := l.of[i]
		place, left[a] = place*l.size[a]+int(left[a]), 0
	}
	for _, n := range left {
		rest = rest<<8 | uint64(n)
	}
	return place, rest
}
