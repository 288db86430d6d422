package sim

import "parley/raft"

// witness judges linearizability while the run goes on. Every answer carries its
// position, so the order in which operations claim to have taken effect is known,
// and only two things are left to check:
//
//   - the claimed order explains every answer (client.go compares each with the
//     agreed log), and
//   - it respects real time: no operation may stand before another that had its
//     answer when the first was called.
//
// Both together are linearizability; no search is needed. A write at position p
// stands at 2p, a read of the state at p at 2p+1, behind it and before the next
// write; reads of one position change nothing and may stand in any order.
//
//	called:   floor = highest place of anything answered so far
//	answered: its own place must not be below that floor
//
// An operation without an answer that took effect all the same is checked at the
// position where it did; one that never did has no place and no constraint.
type witness struct {
	highest uint64
}

// placeOfWrite and placeOfRead give an operation its place in the claimed order.
func placeOfWrite(p raft.Position) uint64 { return 2 * uint64(p) }
func placeOfRead(p raft.Position) uint64  { return 2*uint64(p) + 1 }

// called returns the floor for an operation that is called now.
func (h *witness) called() uint64 { return h.highest }

// fits reports whether an operation with this floor may stand at this place.
// Floors come from operations answered before the call, so a write can never be at
// its own floor.
func (h *witness) fits(place, floor uint64) bool { return place >= floor }

// answered takes down that the operation at this place has its answer.
func (h *witness) answered(place uint64) { h.highest = max(h.highest, place) }
