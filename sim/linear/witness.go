package linear

import "parley/raft"

// Place is where an operation stands in the claimed order. A write at position p stands at 2p, a
// read of the state at p at 2p+1, behind it and before the next write; reads of one position
// change nothing and may stand in any order.
type Place uint64

// PlaceOfWrite and PlaceOfRead give an operation its place.
func PlaceOfWrite(p raft.Position) Place { return Place(2 * p) }
func PlaceOfRead(p raft.Position) Place  { return Place(2*p + 1) }

// Position returns the last position that is seen from a place.
func (p Place) Position() raft.Position { return raft.Position(p / 2) }

// Witness checks that the claimed order respects real time: no operation may stand before another
// that had its answer when the first was called. It is told of calls and answers in the order in
// which they happen, and remembers one number.
//
//	called:   floor = highest place of anything answered so far
//	answered: its own place must not be below that floor
//
// An operation without an answer that took effect all the same is judged by the place where it
// did; one that never did has no place and no constraint.
type Witness struct {
	highest Place
}

// Called returns the floor of an operation that is called now.
func (w *Witness) Called() Place { return w.highest }

// Fits reports whether an operation with this floor may stand at this place. Floors come from
// operations answered before the call, so a write can never be at its own floor.
func (w *Witness) Fits(place, floor Place) bool { return place >= floor }

// Answered takes down that the operation at this place has its answer.
func (w *Witness) Answered(place Place) { w.highest = max(w.highest, place) }
