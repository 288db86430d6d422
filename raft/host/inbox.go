package host

import (
	"sync"
	"sync/atomic"

	"parley/raft"
	"parley/raft/node"
)

// inbox collects events until the loop takes them all at once. Putting an event
// costs a lock and, for the first of a batch, one wake-up; there is no
// channel operation per event.
type inbox struct {
	mu       sync.Mutex
	room     sync.Cond // for waiting transports: there is some, or closed
	wake     chan struct{}
	events   []node.Event
	count    atomic.Int32 // of events and of reads that gather no more, for who must not wait for the lock
	asks     []chan<- node.Status
	gather   gather
	calls    load // of requests in events, but for reads that gather
	messages load // of the peers' messages in events that are not bulk
	bulk     load // of those that are
	lost     []raft.NodeID
	waiting  bool // for room
	closed   bool
}

// load is how much of a budget is in use.
type load struct{ events, bytes int }

// takes reports whether n bytes more fit. One event always does.
func (l *load) takes(n, eventsMax, bytesMax int) bool {
	return l.events == 0 || l.events < eventsMax && l.bytes+n <= bytesMax
}

func (l *load) add(n int) {
	l.events++
	l.bytes += n
}

// placed says what became of a request.
type placed uint8

const (
	placedIn placed = iota
	placedFull
	placedClosed
)

func newInbox() *inbox {
	b := &inbox{wake: make(chan struct{}, 1)}
	b.room.L = &b.mu
	return b
}

// waits returns how many events wait.
func (b *inbox) waits() int { return int(b.count.Load()) }

// call puts a caller's request, unless as many wait as may.
func (b *inbox) call(e *node.Event) placed {
	size := len(e.Command.Body) + len(e.Query.Body)
	if e.Blob != nil {
		size += len(e.Blob.Data)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return placedClosed
	case !b.callsNow().takes(size, inboxCallsMax, inboxBytesMax):
		return placedFull
	case gathers(e):
		b.gather.add(e, size)
		if b.gather.ripe() {
			b.recount()
			b.ring()
		}
		return placedIn
	}
	b.takeGathered() // who asks for several things gets them in their order
	b.calls.add(size)
	b.put(e)
	return placedIn
}

// callsNow is what all requests that wait take up.
func (b *inbox) callsNow() *load {
	return &load{b.calls.events + b.gather.load.events, b.calls.bytes + b.gather.load.bytes}
}

// takeGathered has the loop take the reads that gather, whoever else is about to come.
func (b *inbox) takeGathered() {
	if len(b.gather.asked) == 0 {
		return
	}
	b.calls = *b.callsNow()
	e := b.gather.batch()
	b.place(&e)
}

// came tells that the caller of a read that was answered has been run. The last one wakes the loop for those who wait for him.
func (b *inbox) came() {
	if b.gather.coming.Add(-1) > 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gather.ripe() {
		b.ring()
	}
}

// gathering says whether reads may be waiting for somebody who is about to come.
func (b *inbox) gathering() bool { return b.gather.coming.Load() > 0 }

// deliver puts peers' messages. It waits while as many of their lane are there as may be.
func (b *inbox) deliver(msgs []raft.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range msgs {
		size := payloadBytes(&msgs[i])
		l, eventsMax, bytesMax := b.budget(msgs[i].Kind)
		for !l.takes(size, eventsMax, bytesMax) && !b.closed {
			b.waiting = true
			b.room.Wait()
		}
		if b.closed {
			return
		}
		l.add(size)
		b.put(&node.Event{Kind: node.EventMessage, Message: &msgs[i]})
	}
}

// budget returns what messages of a kind use up, and how much of it there is.
func (b *inbox) budget(k raft.MessageKind) (l *load, eventsMax, bytesMax int) {
	if LaneOf(k) == LaneBulk {
		return &b.bulk, inboxBulkMessagesMax, inboxBulkBytesMax
	}
	return &b.messages, inboxMessagesMax, inboxBytesMax
}

// peerLost puts the loss of a peer, unless the same waits already.
func (b *inbox) peerLost(peer raft.NodeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.lost {
		if p == peer {
			return
		}
	}
	b.lost = append(b.lost, peer)
	b.put(&node.Event{Kind: node.EventPeerLost, Peer: peer})
}

// note puts an event that must not be refused and whose number something else
// bounds: completions of the disk (one under way) and cancellations (one per call).
func (b *inbox) note(e node.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(&e)
}

// ask has the loop send the node's status; false means that it is closed.
func (b *inbox) ask(to chan<- node.Status) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.asks = append(b.asks, to)
	b.ring()
	return true
}

func (b *inbox) put(e *node.Event) {
	if !b.closed {
		b.place(e)
	}
}

func (b *inbox) place(e *node.Event) {
	b.events = append(b.events, *e)
	b.recount()
	if len(b.events) == 1 {
		b.ring()
	}
}

// recount tells who gives way how much there is to take. Reads that still gather are not: who gave way for them, too, again and
// again, would keep a processor from those they wait for.
func (b *inbox) recount() {
	n := len(b.events)
	if b.gather.ripe() {
		n += len(b.gather.asked)
	}
	b.count.Store(int32(n))
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default: // rung already
	}
}

// take returns all that waits and leaves the given empty slices in its place. Reads that still gather stay, unless it is late.
func (b *inbox) take(events []node.Event, asks []chan<- node.Status, late bool) ([]node.Event, []chan<- node.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if late || b.gather.ripe() {
		b.takeGathered()
	}
	select {
	case <-b.wake: // it was for what is taken here
	default:
	}
	events, b.events = b.events, events
	b.recount()
	asks, b.asks = b.asks, asks
	if b.waiting {
		b.waiting = false
		b.room.Broadcast()
	}
	b.calls, b.messages, b.bulk, b.lost = load{}, load{}, load{}, b.lost[:0]
	return events, asks
}

// done lets go of what a take returned: the payloads live on in the log, not here.
func (b *inbox) done(events []node.Event) {
	var spare []node.Asked
	for i := range events {
		if events[i].Kind == node.EventQueries {
			spare = events[i].Asked
		}
	}
	clear(events)
	if spare == nil {
		return
	}
	clear(spare)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gather.spare = spare
}

// close refuses everything from now on and frees who waits for room. What is
// still inside can be taken.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.room.Broadcast()
}
