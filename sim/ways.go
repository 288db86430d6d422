package sim

import (
	"fmt"
	"time"

	"parley/raft"
)

// way is what faults make of the link from one node to another. It is computed anew whenever a
// fault begins or ends, so that a message asks one place, and faults that overlap end in any order.
type way struct {
	clogged    bool
	loss       int64        // on top of the plan's, per 1,000
	slow       int64        // factor on delays
	room       [lanes]int64 // packets that a lane holds; zero: any number
	corrupt    int64        // rate of frames in which bits turn
	bits       int64        // how many; zero: a burst
	substitute int64        // rate of messages in whose place an earlier one arrives
}

// reset makes the way one without a fault.
func (y *way) reset(bulk *BulkPlan, calm bool) {
	*y = way{slow: 1}
	if !calm {
		y.room[laneBulk] = bulk.Capacity
	}
}

// suffers adds a fault.
func (y *way) suffers(f *Fault) {
	switch f.Kind {
	case Loss:
		y.loss += f.Rate
	case Slow:
		y.slow *= max(f.Factor, 1)
	case Clog:
		y.clogged = true
	case Capacity:
		for on := range y.room {
			if y.room[on] == 0 || f.Packets < y.room[on] {
				y.room[on] = f.Packets
			}
		}
	case Corrupt:
		y.corrupt += f.Rate
		y.bits = f.Bits
	case Substitute:
		y.substitute += f.Rate
	}
}

// bends reports whether the fault makes links worse without cutting them.
func (f *Fault) bends() bool {
	switch f.Kind {
	case Loss, Slow, Clog, Capacity, Corrupt, Substitute:
		return true
	}
	return false
}

// choosesLinks reports whether the fault says by its node, its side, or by from and to which links it is about.
func (f *Fault) choosesLinks() bool { return f.bends() || f.Kind == OneWay || f.Kind == Flap }

// covers reports whether such a fault is about this link: all links of the nodes hit, both ways; all that lead out of
// the side; those from one node, or to one, or the one from this to that. With nothing said it is the whole network.
func (f *Fault) covers(hit []raft.NodeID, from, to raft.NodeID) bool {
	switch {
	case f.Node != 0:
		return contains(hit, from) || contains(hit, to)
	case len(f.Side) > 0:
		return contains(f.Side, from) && !contains(f.Side, to)
	}
	return (f.From == 0 || f.From == from) && (f.To == 0 || f.To == to)
}

// coverLinks counts what a fault does to links as it begins.
func (w *World) coverLinks(f *Fault) {
	switch {
	case f.Kind == Ring:
		w.cover.Rings++
	case f.Kind == Bridge:
		w.cover.Bridges++
	case f.bends() && (f.Node != 0 || len(f.Side) > 0 || f.From != 0 || f.To != 0):
		w.cover.Narrow++
	}
}

// bendLinks computes all ways anew, and lets go what a clog held that is over.
func (w *World) bendLinks() {
	n := &w.net
	last := raft.NodeID(w.plan.servers())
	n.slow = 1
	for from := raft.NodeID(1); from <= last; from++ {
		for to := raft.NodeID(1); to <= last; to++ {
			n.ways[from][to].reset(n.bulk, n.calm)
		}
	}
	for i := range w.live {
		f, l := &w.plan.Faults[i], &w.live[i]
		if !l.on || !f.bends() {
			continue
		}
		if f.Kind == Slow && f.covers(l.nodes, 0, 0) {
			n.slow *= max(f.Factor, 1) // the whole network: clients feel it, too
		}
		for from := raft.NodeID(1); from <= last; from++ {
			for to := raft.NodeID(1); to <= last; to++ {
				if f.covers(l.nodes, from, to) {
					n.ways[from][to].suffers(f)
				}
			}
		}
	}
	w.release()
}

// checkLinks refuses a fault of links that would do nothing, or something else than it says.
func (f *Fault) checkLinks() error {
	if f.choosesLinks() {
		ways := 0
		for _, said := range []bool{f.Node != 0, len(f.Side) > 0, f.From != 0 || f.To != 0} {
			if said {
				ways++
			}
		}
		if ways > 1 {
			return fmt.Errorf("plan: %s: name links by node=, by side=, or by from= and to=", f)
		}
		if f.From != 0 && f.From == f.To {
			return fmt.Errorf("plan: %s: a node has no link to itself", f)
		}
	}
	switch f.Kind {
	case Corrupt, Substitute:
		if f.Rate < 1 || f.Rate > 1000 {
			return fmt.Errorf("plan: %s: want rate=1 to 1000", f)
		}
		if f.Kind == Corrupt && f.Bits > flipsMax {
			return fmt.Errorf("plan: %s: of more than %d bits no checksum promises to see all", f, flipsMax)
		}
	case Capacity:
		if f.Packets < 1 {
			return fmt.Errorf("plan: %s: want packets=1 or more", f)
		}
	case Flap:
		if f.Period < periodMin {
			return fmt.Errorf("plan: %s: want period=%s or more", f, formatDuration(periodMin))
		}
	case Ring:
		if len(f.Side) < ringMin {
			return fmt.Errorf("plan: %s: want side= with at least %d nodes, or all see all", f, ringMin)
		}
	case Bridge:
		if len(f.Side) == 0 {
			return fmt.Errorf("plan: %s: want side=, one of the halves", f)
		}
	}
	return nil
}

// periodMin keeps a flapping link from being all that happens.
const periodMin = time.Millisecond
