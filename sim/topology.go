package sim

import "parley/raft"

// Partitions that are no two sides. In a ring every node sees a majority and no two see the same one, so that two
// nodes that hear different parts of the cluster may both have enough votes; over a bridge one node sees both
// halves, and neither half sees the other: who leads in one is overruled by the bridge's term from the other.

// cutRing blocks (+1) or frees (-1) the links between nodes of a ring that are no neighbours: each sees itself and
// so many on either hand that it is a majority of them, or one more.
func (w *World) cutRing(ring []raft.NodeID, by int8) {
	reach := (len(ring)/2 + 1) / 2
	for i, a := range ring {
		for j, b := range ring {
			apart := max(i-j, j-i)
			if min(apart, len(ring)-apart) > reach {
				w.net.block(a, b, by)
			}
		}
	}
}

// ringMin is the smallest ring in which somebody does not see everybody.
const ringMin = 4

// cutBridge blocks (+1) or frees (-1) the links between one half and the rest, but for those of the bridge.
func (w *World) cutBridge(bridge, half []raft.NodeID, by int8) {
	last := raft.NodeID(w.plan.servers())
	for a := raft.NodeID(1); a <= last; a++ {
		for b := raft.NodeID(1); b <= last; b++ {
			if !contains(bridge, a) && !contains(bridge, b) && contains(half, a) != contains(half, b) {
				w.net.block(a, b, by)
			}
		}
	}
}

// cutCovered blocks (+1) or frees (-1) all links that a fault covers.
func (w *World) cutCovered(f *Fault, hit []raft.NodeID, by int8) {
	last := raft.NodeID(w.plan.servers())
	for from := raft.NodeID(1); from <= last; from++ {
		for to := raft.NodeID(1); to <= last; to++ {
			if f.covers(hit, from, to) {
				w.net.block(from, to, by)
			}
		}
	}
}

// flap cuts what a flapping fault covers, or lets it through again: off for the first half of every period, on for
// the second.
func (w *World) flap(e *event) {
	f, l := &w.plan.Faults[e.arg], &w.live[e.arg]
	if !l.on {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("flaps: %s", f)
	}
	w.cover.Flaps++
	w.toggle(f, l)
	w.flapLater(e.arg, f)
}

// toggle cuts or frees the links of a flapping fault.
func (w *World) toggle(f *Fault, l *live) {
	l.off = !l.off
	by := int8(-1)
	if l.off {
		by = 1
	}
	w.cutCovered(f, l.nodes, by)
}

func (w *World) flapLater(i uint64, f *Fault) {
	w.agenda.push(event{at: w.now + max(int64(f.Period)/2, 1), priority: priorityFault, kind: eventFlap, arg: i})
}
