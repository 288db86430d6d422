package oracle

import (
	"slices"

	"parley/raft"
	"parley/sim/linear"
)

// bruteMax is how many operations brute force takes: their orders are counted by factorials.
const bruteMax = 12

// Brute tries every order that respects real time, and reports whether one explains all answers. It
// takes tiny histories only.
//
// With claims the positions in the answers count as well: each operation must stand behind all that
// stands before it, where it says. That is the question that linear.Check answers, and they must
// agree on every history. Without, any order will do: Porcupine's question.
func Brute(h *linear.History, claims bool) bool {
	if len(h.Operations) > bruteMax {
		panic("oracle: too many operations for brute force")
	}
	if !sane(h) || claims && !timeRises(h.Operations) {
		return false
	}
	if claims {
		return bruteForce(h.Operations, true)
	}
	for _, object := range objects(h) {
		if !bruteForce(of(h, object), false) {
			return false
		}
	}
	return true
}

func bruteForce(ops []linear.Operation, claims bool) bool {
	last := int32(0)
	for i := range ops {
		last = max(last, ops[i].Object)
	}
	b := &brute{ops: ops, claims: claims, states: make([]state, last+1)}
	return b.any()
}

// objects returns the objects of a history. Linearizability is a matter of each by itself, as long as
// nobody goes by positions.
func objects(h *linear.History) []int32 {
	var list []int32
	for i := range h.Operations {
		if o := &h.Operations[i]; o.Kind != linear.TermStart && !slices.Contains(list, o.Object) {
			list = append(list, o.Object)
		}
	}
	slices.Sort(list)
	return list
}

// of returns the operations of one object, with the beginnings of terms as its own.
func of(h *linear.History, object int32) []linear.Operation {
	var list []linear.Operation
	for _, o := range h.Operations {
		if o.Kind == linear.TermStart {
			o.Object = object
		}
		if o.Object == object {
			list = append(list, o)
		}
	}
	return list
}

// sane refuses what no order can help: an answer before its call or without a position, and what was refused
// and took effect all the same.
func sane(h *linear.History) bool {
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.Outcome == linear.Done && (o.Return < o.Call || writes(o) && o.Position == 0) || o.Outcome == linear.Refused && writes(o) && o.Position != 0 {
			return false
		}
	}
	return true
}

// timeRises reports whether each position has one log time, from zero on, and higher ones none that is lower.
func timeRises(ops []linear.Operation) bool {
	for i := range ops {
		for j := range ops {
			a, b := &ops[i], &ops[j]
			if placed(a) && timed(a) && a.Time < 0 {
				return false
			}
			if i == j || !placed(a) || !placed(b) || !timed(a) || !timed(b) || a.Position > b.Position {
				continue
			}
			before := b.Time
			if b.Kind == linear.TermStart && a.Position < b.Position {
				before = b.Before
			}
			if a.Time > before || a.Position == b.Position && a.Time != b.Time {
				return false
			}
		}
	}
	return true
}

func placed(o *linear.Operation) bool {
	return o.Outcome == linear.Done || o.Outcome == linear.Unknown && writes(o) && o.Position != 0
}

type brute struct {
	ops    []linear.Operation
	claims bool

	taken  uint // by operation, a bit each
	states []state
	place  linear.Place // of the last operation
	turn   int8
}

// any tries whatever may come next.
func (b *brute) any() bool {
	if b.taken == 1<<len(b.ops)-1 {
		return true
	}
	for i := range b.ops {
		if b.taken&(1<<i) == 0 && b.mayBeNext(i) && b.try(i) {
			return true
		}
	}
	return false
}

// mayBeNext: whoever was answered before i was called stands before i.
func (b *brute) mayBeNext(i int) bool {
	for j := range b.ops {
		first := &b.ops[j]
		if b.taken&(1<<j) == 0 && first.Outcome == linear.Done && !first.Stale && !b.ops[i].Stale && first.Return < b.ops[i].Call {
			return false
		}
	}
	return true
}

// try lets an operation be next, in every way in which it can be, and goes on from there. Of what has no
// answer the log knows with claims whether it took effect, and without nobody does.
func (b *brute) try(i int) bool {
	o := b.ops[i]
	if (!placed(&o) || o.Outcome == linear.Unknown && !b.claims) && b.with(i, nil) {
		return true
	}
	if placed(&o) {
		return b.with(i, &o)
	}
	if o.Kind != linear.Append || o.Outcome == linear.Refused {
		return false
	}
	for _, at := range named(b.ops, &o) {
		o.Position = at
		if b.with(i, &o) {
			return true
		}
	}
	return false
}

// with has operation i happen as o, or not at all, and tries the rest.
func (b *brute) with(i int, o *linear.Operation) bool {
	was := *b
	b.taken |= 1 << i
	if o == nil {
		found := b.any()
		*b = was
		return found
	}
	states := slices.Clone(b.states)
	ok, changed := true, false
	for object := range states {
		if o.Kind != linear.TermStart && object != int(o.Object) {
			continue
		}
		after, possible := states[object].step(o)
		changed = changed || !after.equal(states[object])
		ok = ok && possible
		states[object] = after
	}
	if ok && b.claims && (o.Kind != linear.Append || changed) {
		ok = b.stands(o)
	}
	if ok {
		b.states = states
		ok = b.any()
	}
	*b = was
	return ok
}

// stands moves on to where the operation claims to stand, if that is not behind. It is not asked about
// what was sent again and changes nothing, which stands anywhere.
func (b *brute) stands(o *linear.Operation) bool {
	last, turn := b.place, b.turn
	b.turn = o.Turn
	if !writes(o) {
		b.place = linear.PlaceOfRead(o.Position)
		return b.place >= last
	}
	b.place = linear.PlaceOfWrite(o.Position)
	return b.place > last || b.place == last && o.Turn > turn
}

// named returns the positions at which somebody saw this message.
func named(ops []linear.Operation, o *linear.Operation) []raft.Position {
	var list []raft.Position
	for i := range ops {
		p := &ops[i]
		if p.Object != o.Object || p.Outcome != linear.Done {
			continue
		}
		if p.Kind == linear.Append && p.ID == o.ID {
			list = append(list, p.Position)
		}
		for _, e := range p.Entries {
			if e.ID == o.ID {
				list = append(list, e.Position)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
