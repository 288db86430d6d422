package node

import "parley/raft"

// waiters are the callers whose command is in the log and not applied yet, in
// the order of the log. Each waits for one (index, term): when another term's
// entry is applied there, its own never will be.
//
// It is a ring: a busy leader pushes and pops hundreds per Step and allocates
// nothing.
type waiters struct {
	ring []waiter // its length is a power of two
	head int
	n    int
}

type waiter struct {
	index  raft.Index
	term   raft.Term
	ticket Ticket // zero: the caller went away
	trace  uint64
}

func (w *waiters) len() int { return w.n }

func (w *waiters) at(i int) *waiter { return &w.ring[(w.head+i)&(len(w.ring)-1)] }

func (w *waiters) front() *waiter { return w.at(0) }

func (w *waiters) back() *waiter { return w.at(w.n - 1) }

func (w *waiters) push(x waiter) {
	if w.n == len(w.ring) {
		w.grow()
	}
	w.n++
	*w.back() = x
}

func (w *waiters) popFront() waiter {
	x := *w.front()
	w.head = (w.head + 1) & (len(w.ring) - 1)
	w.n--
	return x
}

func (w *waiters) popBack() waiter {
	x := *w.back()
	w.n--
	return x
}

// cancel forgets the caller; its place in the ring stays.
func (w *waiters) cancel(t Ticket) bool {
	for i := range w.n {
		if x := w.at(i); x.ticket == t {
			x.ticket = 0
			return true
		}
	}
	return false
}

func (w *waiters) grow() {
	ring := make([]waiter, max(64, 2*len(w.ring)))
	for i := range w.n {
		ring[i] = *w.at(i)
	}
	w.ring, w.head = ring, 0
}

func (w *waiters) clone() waiters {
	c := *w
	c.ring = append([]waiter(nil), w.ring...)
	return c
}
