package host

import (
	"sync"
	"sync/atomic"

	"parley/raft/node"
)

// calls is the table of callers that wait for an answer. A ticket is the number of
// a slot and how often the slot was used, so that the answer finds its caller
// without a map, a ticket is never used twice, and an answer to a caller that
// left finds nobody.
type calls struct {
	mu     sync.Mutex
	free   []uint32     // last used first: its memory is warm
	opened atomic.Int32 // slots from here on were never used
	// unwatched is whether a read that begins to wait has to wake the watch (patience.go).
	unwatched atomic.Bool
	coming    *atomic.Int32 // of the gather
	slots     [callsMax]call
}

// call is one slot. It fills a line of cache: its caller and the loop write to it, and neighbours' callers to theirs.
type call struct {
	// waiting is the ticket that an answer may take, or zero. Who swaps it to zero
	// (the loop with an answer, or the caller who gives up) decides how it ends.
	waiting atomic.Uint64
	patient atomic.Uint64    // the ticket of a read that waits for nothing but answer, or zero: see patience
	uses    uint64           // by its holder only
	seen    uint64           // by the watch only: what patient was when it looked last
	answer  chan node.Answer // of capacity 2, for an answer and a word of the watch: neither ever waits
	_       [24]byte
}

const (
	// streamBit marks the tickets of subscriptions.
	streamBit = 1 << 63
	// readBit marks those of reads whose callers count.
	readBit = 1 << 62
)

// newCalls makes an empty table. It adds to coming whose reads it answers.
func newCalls(coming *atomic.Int32) *calls {
	c := &calls{coming: coming, free: make([]uint32, callsMax)}
	for i := range c.free {
		c.free[i] = uint32(callsMax - 1 - i)
	}
	return c
}

// open takes a slot; false means that all are in use. counts is whether reads may wait for its caller once he is answered (gather.go).
func (c *calls) open(counts bool) (*call, node.Ticket, bool) {
	c.mu.Lock()
	if len(c.free) == 0 {
		c.mu.Unlock()
		return nil, 0, false
	}
	slot := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	if int32(slot) >= c.opened.Load() {
		c.opened.Store(int32(slot) + 1)
	}
	c.mu.Unlock()

	w := &c.slots[slot]
	if w.answer == nil {
		w.answer = make(chan node.Answer, 2)
	}
	w.uses++
	ticket := node.Ticket(w.uses<<callBits | uint64(slot))
	if counts {
		ticket |= readBit
	}
	w.waiting.Store(uint64(ticket))
	return w, ticket, true
}

// used returns how many slots are taken.
func (c *calls) used() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return callsMax - len(c.free)
}

// close gives the slot back. No answer may be in it or on its way.
func (c *calls) close(ticket node.Ticket) {
	c.mu.Lock()
	c.free = append(c.free, uint32(ticket%callsMax))
	c.mu.Unlock()
}

// leave gives up waiting. If an answer was faster, leave returns it.
func (w *call) leave(ticket node.Ticket) (node.Answer, bool) {
	if w.waiting.CompareAndSwap(uint64(ticket), 0) {
		return node.Answer{}, false
	}
	return <-w.answer, true
}

// complete hands an answer to its caller, if that still waits.
func (c *calls) complete(a *node.Answer) {
	w := &c.slots[a.Ticket%callsMax]
	if w.waiting.CompareAndSwap(uint64(a.Ticket), 0) {
		if a.Ticket&readBit != 0 {
			c.coming.Add(1) // before anybody can know
		}
		w.answer <- *a
	}
}

// completeAll gives everybody who still waits the same answer.
func (c *calls) completeAll(a node.Answer) {
	for i := range c.slots {
		if t := c.slots[i].waiting.Load(); t != 0 {
			a.Ticket = node.Ticket(t)
			c.complete(&a)
		}
	}
}
