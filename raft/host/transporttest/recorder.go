package transporttest

import (
	"sync"
	"testing"
	"time"

	"parley/raft"
	"parley/raft/host"
)

// recorder is a host.Receiver that keeps what it gets and can be held, as a whole or in
// one lane.
type recorder struct {
	mu      sync.Mutex
	free    sync.Cond
	held    map[host.Lane]bool
	blocked map[host.Lane]int // calls of Deliver that wait now
	mixed   bool              // a call held messages of two lanes
	got     []raft.Message
	lost    int
	changed chan struct{}
}

func newRecorder() *recorder {
	r := &recorder{held: make(map[host.Lane]bool), blocked: make(map[host.Lane]int), changed: make(chan struct{}, 1)}
	r.free.L = &r.mu
	return r
}

// Deliver keeps the messages; while their lane is held it blocks.
func (r *recorder) Deliver(msgs []raft.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range msgs {
		r.mixed = r.mixed || host.LaneOf(msgs[i].Kind) != host.LaneOf(msgs[0].Kind)
	}
	if len(msgs) > 0 {
		lane := host.LaneOf(msgs[0].Kind)
		r.blocked[lane]++
		r.signal()
		for r.held[lane] {
			r.free.Wait()
		}
		r.blocked[lane]--
	}
	r.got = append(r.got, msgs...)
	r.signal()
}

// PeerLost counts.
func (r *recorder) PeerLost(raft.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
	r.signal()
}

func (r *recorder) signal() {
	select {
	case r.changed <- struct{}{}:
	default: // signalled already
	}
}

// hold makes Deliver block for messages of the lanes until release.
func (r *recorder) hold(lanes ...host.Lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, lane := range lanes {
		r.held[lane] = true
	}
}

func (r *recorder) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.held)
	r.free.Broadcast()
}

// stuck reports whether a delivery on the lane waits to be released.
func (r *recorder) stuck(lane host.Lane) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[lane] && r.blocked[lane] > 0
}

func (r *recorder) sawMixed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mixed
}

func (r *recorder) lostCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

func (r *recorder) messages() []raft.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]raft.Message(nil), r.got...)
}

// of returns the messages of one kind, in the order in which they came.
func (r *recorder) of(kind raft.MessageKind) (msgs []raft.Message) {
	for _, m := range r.messages() {
		if m.Kind == kind {
			msgs = append(msgs, m)
		}
	}
	return msgs
}

func (r *recorder) find(want func(*raft.Message) bool) *raft.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.got {
		if want(&r.got[i]) {
			return &r.got[i]
		}
	}
	return nil
}

func (r *recorder) has(want func(*raft.Message) bool) bool { return r.find(want) != nil }

// awaitLimit keeps a broken transport from hanging the test, and nothing else.
const awaitLimit = 30 * time.Second

// await waits until done, looking whenever one of the recorders changed.
func await(t *testing.T, done func() bool, watched ...*recorder) {
	t.Helper()
	limit := time.NewTimer(awaitLimit)
	defer limit.Stop()
	second := watched[len(watched)-1]
	for !done() {
		select {
		case <-watched[0].changed:
		case <-second.changed:
		case <-limit.C:
			t.Fatal("what was awaited did not come")
		}
	}
}
