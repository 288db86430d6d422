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
	count    atomic.Int32 // of events, for who must not wait for the lock
	asks     []chan<- node.Status
	calls    load // of requests in events
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
	case !b.calls.takes(size, inboxCallsMax, inboxBytesMax):
		return placedFull
	}
	b.calls.add(size)
	b.put(e)
	return placedIn
}

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
	if b.closed {
		return
	}
	b.events = append(b.events, *e)
	b.count.Store(int32(len(b.events)))
	if len(b.events) == 1 {
		b.ring()
	}
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default: // rung already
	}
}

// take returns all that waits and leaves the given empty slices in its place.
func (b *inbox) take(events []node.Event, asks []chan<- node.Status) ([]node.Event, []chan<- node.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.wake: // it was for what is taken here
	default:
	}
	events, b.events = b.events, events
	b.count.Store(0)
	asks, b.asks = b.asks, asks
	if b.waiting {
		b.waiting = false
		b.room.Broadcast()
	}
	b.calls, b.messages, b.bulk, b.lost = load{}, load{}, load{}, b.lost[:0]
	return events, asks
}

// close refuses everything from now on and frees who waits for room. What is
// still inside can be taken.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.room.Broadcast()
}
