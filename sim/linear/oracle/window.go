package oracle

import (
	"cmp"
	"math"
	"slices"
	"time"

	"parley/raft"
	"parley/sim/linear"
)

// Window is a stretch of the claimed order that a search can afford, with the state in which each object was
// before it. If the whole history is linearizable in the claimed order, so is every window of it.
type Window struct {
	History *linear.History // the operations of the stretch
	From    int             // the place of its first operation in the claimed order, from 0
	LeftOut int             // reads that were left out: they change nothing, and there may be many
	before  []state         // by object
}

// Whole is a history as one window.
func Whole(h *linear.History) *Window {
	w := &Window{History: h}
	for i := range h.Operations {
		w.grow(h.Operations[i].Object)
	}
	return w
}

func (w *Window) grow(object int32) {
	for int(object) >= len(w.before) {
		w.before = append(w.before, state{})
	}
}

// Windows cuts a history into stretches of so many operations in the claimed order. Stale reads are
// in none: they may be of any age. Nor is what never took effect, as far as the log knows.
func Windows(h *linear.History, size int) []*Window {
	order := claimed(h)
	var list []*Window
	for from := 0; from < len(order); from += size {
		list = append(list, window(h, order, from, min(from+size, len(order))))
	}
	return list
}

// claimed returns the operations that have a place, in the claimed order.
func claimed(h *linear.History) []linear.Operation {
	var list []linear.Operation
	for _, o := range h.Operations {
		if placed(&o) && !o.Stale {
			list = append(list, o)
		}
	}
	place := func(o *linear.Operation) linear.Place {
		if writes(o) {
			return linear.PlaceOfWrite(o.Position)
		}
		return linear.PlaceOfRead(o.Position)
	}
	slices.SortStableFunc(list, func(a, b linear.Operation) int {
		return cmp.Or(cmp.Compare(place(&a), place(&b)), cmp.Compare(a.Turn, b.Turn))
	})
	return list
}

// window cuts out the operations from one place of the order to before another, and lets those before them
// happen. What can't have happened changes nothing.
func window(h *linear.History, order []linear.Operation, from, to int) *Window {
	w := &Window{History: &linear.History{Operations: order[from:to], Objects: h.Objects}, From: from}
	for i := range order[:to] {
		w.grow(order[i].Object)
	}
	for i := range order[:from] {
		o := order[i]
		for object := range w.before {
			if o.Kind != linear.TermStart && int(o.Object) != object {
				continue
			}
			if after, ok := w.before[object].step(&o); ok {
				w.before[object] = after
			}
		}
	}
	return w
}

// During returns the window of what was under way between two instants, at most so many operations: of more the
// first ones, or the last; and of many reads of one position some.
func During(h *linear.History, from, to int64, most int, last bool) *Window {
	order, skipped := thinned(claimed(h))
	first, behind, left := len(order), 0, 0
	for i := range order {
		o := &order[i]
		if !o.Kind.Nobodys() && o.Call <= to && (o.Outcome != linear.Done || o.Return >= from) {
			first, behind = min(first, i), i+1
		}
	}
	first = min(first, behind)
	switch {
	case behind-first <= most:
	case last:
		first = behind - most
	default:
		behind = first + most
	}
	for _, n := range skipped[first:behind] {
		left += n
	}
	w := window(h, order, first, behind)
	w.LeftOut = left
	return w
}

// alikeMax is how many reads of one position a picture shows.
const alikeMax = 3

// thinned leaves out reads of a position that was read before; skipped says how many behind each of the others.
func thinned(order []linear.Operation) (list []linear.Operation, skipped []int) {
	alike := 0
	for i := range order {
		if o := &order[i]; !writes(o) && i > 0 && !writes(&order[i-1]) && order[i-1].Position == o.Position {
			alike++
		} else {
			alike = 1
		}
		if alike > alikeMax {
			skipped[len(skipped)-1]++
			continue
		}
		list, skipped = append(list, order[i]), append(skipped, 0)
	}
	return list, skipped
}

// Positions returns the first and the last position of the window.
func (w *Window) Positions() (first, last raft.Position) {
	ops := w.History.Operations
	if len(ops) == 0 {
		return 0, 0
	}
	return ops[0].Position, ops[len(ops)-1].Position
}

const (
	// margin is how many neighbours of a violation are shown on each side, so that one sees where it is.
	margin = 3
	// reachMax is how far from a violation who might stand elsewhere is looked for, in places of the order. What
	// has no answer might stand anywhere.
	reachMax = 60
)

// Around returns the window around a violation, and what a search finds there. It holds the operations that contradict each other,
// all that stand between them, and whoever stands on one side of them and, by real time, might stand on the other. If an
// order explains all of their answers, it is the claimed one that is wrong.
func Around(h *linear.History, v *linear.Violation, limit time.Duration) (*Window, Verdict) {
	order := claimed(h)
	first, last := len(order), -1
	called, answered := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range order {
		for _, at := range []int{v.Operation, v.Other} {
			if o := &order[i]; at >= 0 && same(o, &h.Operations[at]) {
				first, last = min(first, i), max(last, i)
				called, answered = min(called, o.Call), max(answered, o.Call, o.Return)
			}
		}
	}
	if last < 0 { // it has no place: a read of any age, or what was refused
		first, last = 0, len(order)-1
	}
	from, to := max(0, first-margin), min(len(order), last+1+margin)
	for i := max(0, first-reachMax); i < from; i++ {
		if order[i].Outcome == linear.Done && order[i].Return >= called {
			from = i
		}
	}
	for i := min(len(order), last+1+reachMax) - 1; i >= to; i-- {
		if order[i].Call <= answered {
			to = i + 1
		}
	}
	w := window(h, order, from, to)
	verdict := w.Search(limit)
	if thin := w.withoutReads(h, v); verdict == Unlinearizable && thin.Search(limit) == Unlinearizable {
		return thin, verdict
	}
	return w, verdict
}

// withoutReads leaves out all reads but those of the violation. They change nothing, so what no order explains
// without them none explains with them; and there may be many.
func (w *Window) withoutReads(h *linear.History, v *linear.Violation) *Window {
	thin := &Window{History: &linear.History{Objects: w.History.Objects}, From: w.From, before: w.before}
	for i := range w.History.Operations {
		o := &w.History.Operations[i]
		if writes(o) || same(o, &h.Operations[v.Operation]) || v.Other >= 0 && same(o, &h.Operations[v.Other]) {
			thin.History.Operations = append(thin.History.Operations, *o)
		} else {
			thin.LeftOut++
		}
	}
	return thin
}

func same(a, b *linear.Operation) bool {
	return a.Kind == b.Kind && a.Client == b.Client && a.Call == b.Call && a.Position == b.Position
}
