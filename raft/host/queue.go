package host

import (
	"sync"

	"parley/raft"
)

// PeerQueue is what a Transport keeps for each lane to a peer: a bounded queue whose Put
// never blocks, a slot for votes and heartbeats that passes it, and the account of
// what was dropped.
//
// Every drop is followed by a call of lost, but a storm of drops by few: once
// reported, further drops are owed and reported when the sender next
// makes progress or the connection is back. So a dead peer costs one event,
// and the protocol learns in any case that it has to send again.
type PeerQueue struct {
	limits QueueLimits
	lost   func()
	wake   chan struct{}

	mu       sync.Mutex
	up       bool
	plain    []raft.Message
	bytes    int // payloads in plain
	urgent   []raft.Message
	reported bool // lost was called since the sender last made progress
	owed     bool // and something was dropped after that
}

// NewPeerQueue makes the queue of a lane without a connection: all is dropped until
// SetUp. lost is called without a lock held and must not block.
func NewPeerQueue(lane Lane, limits QueueLimits, lost func()) *PeerQueue {
	return &PeerQueue{limits: limits.of(lane), lost: lost, wake: make(chan struct{}, 1)}
}

// Put queues a message or drops it, and rings.
func (q *PeerQueue) Put(m *raft.Message) {
	q.Add(m)
	q.Ring()
}

// Add is Put for who rings itself, or takes what is queued instead.
func (q *PeerQueue) Add(m *raft.Message) {
	if q.add(m) {
		q.lost()
	}
}

// add reports whether lost is to be called.
func (q *PeerQueue) add(m *raft.Message) (tell bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch size := payloadBytes(m); {
	case !q.up:
		return q.drop()
	case urgent(m.Kind):
		if len(q.urgent) >= q.limits.Urgent {
			q.urgent = append(q.urgent[:0], q.urgent[1:]...) // the oldest says least
			tell = q.drop()
		}
		q.urgent = append(q.urgent, *m)
	case len(q.plain) >= q.limits.Messages || q.bytes+size > q.limits.Bytes && len(q.plain) > 0:
		return q.drop()
	default:
		q.plain = append(q.plain, *m)
		q.bytes += size
	}
	return tell
}

// drop accounts for one dropped message.
func (q *PeerQueue) drop() (tell bool) {
	if q.reported {
		q.owed = true
		return false
	}
	q.reported = true
	return true
}

// Take empties the queue into dst, urgent messages first, and may return none.
// Wait on Wake before.
func (q *PeerQueue) Take(dst []raft.Message) []raft.Message {
	q.mu.Lock()
	dst = append(append(dst, q.urgent...), q.plain...)
	q.empty()
	tell := q.owed
	q.reported, q.owed = tell, false
	q.mu.Unlock()
	if tell {
		q.lost()
	}
	return dst
}

// Wake receives when there may be something to take.
func (q *PeerQueue) Wake() <-chan struct{} { return q.wake }

// Bytes returns how many bytes of payloads are queued.
func (q *PeerQueue) Bytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Empty reports whether there is nothing to take.
func (q *PeerQueue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.urgent)+len(q.plain) == 0
}

// SetUp tells that the connection is there, or broke. When it breaks, what is
// queued is dropped with it, and what was sent may be lost.
func (q *PeerQueue) SetUp(up bool) {
	q.mu.Lock()
	if q.up == up {
		q.mu.Unlock()
		return
	}
	q.up = up
	q.empty()
	tell := !up || q.owed
	if tell {
		q.reported, q.owed = true, false
	}
	q.mu.Unlock()
	if tell {
		q.lost()
	}
}

func (q *PeerQueue) empty() {
	clear(q.urgent)
	clear(q.plain)
	q.urgent, q.plain, q.bytes = q.urgent[:0], q.plain[:0], 0
}

// Ring has Wake receive.
func (q *PeerQueue) Ring() {
	select {
	case q.wake <- struct{}{}:
	default: // rung already
	}
}

// urgent messages keep a cluster alive: elections, signs of life, and the read rounds
// that ride on them.
func urgent(k raft.MessageKind) bool {
	switch k {
	case raft.MsgPreVote, raft.MsgPreVoteReply, raft.MsgVote, raft.MsgVoteReply,
		raft.MsgHeartbeat, raft.MsgHeartbeatReply, raft.MsgReadIndex, raft.MsgReadIndexReply:
		return true
	}
	return false
}

func payloadBytes(m *raft.Message) int {
	n := len(m.Payload)
	for i := range m.Entries {
		n += len(m.Entries[i].Payload)
	}
	return n
}
