package host

import (
	"sync/atomic"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// gather keeps linearizable reads back until one round of heartbeats can answer them all. A round costs as much as fifty reads, and
// who has just been answered mostly asks again at once. So a read waits while there are callers who were answered and
// have not been run since; the last of them wakes the loop.
//
//	answered ──▶ coming ──run again──▶ asks once more, or is gone
//
// It waits for callers who are about to run, and never for the network: a read that comes while a round is under way, and
// nobody has just been answered, leaves at once. On a machine whose processors have much else to do it waits for
// gatherMax at most.
//
// It is guarded by the inbox's lock, but for coming.
type gather struct {
	asked  []node.Asked
	spare  []node.Asked // an earlier batch's, to be used again
	load   load
	coming atomic.Int32 // callers of reads who were answered (calls.complete) and have not been run since
}

// gatherMax is for how long reads wait for those who were answered: several times what 256 of them need to ask again, and
// less than half of the round that whoever comes too late for this one has to wait for on a machine so busy.
const gatherMax = time.Millisecond

// gathers says whether an event is one that waits for others of its kind.
func gathers(e *node.Event) bool {
	return e.Kind == node.EventQuery && e.Query.Consistency == node.Linearizable
}

// add takes a read.
func (g *gather) add(e *node.Event, bytes int) {
	g.asked = append(g.asked, node.Asked{Ticket: e.Ticket, Query: e.Query})
	g.load.add(bytes)
}

// ripe reports whether there is something to take, and nobody else is about to come.
func (g *gather) ripe() bool { return len(g.asked) > 0 && g.coming.Load() <= 0 }

// batch makes one event of all that is here.
func (g *gather) batch() node.Event {
	e := node.Event{Kind: node.EventQueries, Asked: g.asked}
	g.asked, g.spare, g.load = g.spare[:0], nil, load{}
	return e
}

// gatherLimit is when the loop takes reads that still gather: gatherMax after it first rested while they did. Never is
// while nobody does.
type gatherLimit struct{ at raft.Mono }

func (l *gatherLimit) reached(now func() raft.Mono) bool { return l.at != raft.Never && now() >= l.at }

// took tells what the loop has taken: whoever gathers behind a batch of reads has only begun to.
func (l *gatherLimit) took(events []node.Event, late bool) {
	if n := len(events); late || n > 0 && events[n-1].Kind == node.EventQueries {
		l.at = raft.Never
	}
}

// rest tells that the loop is about to rest.
func (l *gatherLimit) rest(gathering bool, now raft.Mono) {
	switch {
	case !gathering:
		l.at = raft.Never
	case l.at == raft.Never:
		l.at = now.Add(gatherMax)
	}
}
