package transporttest

import (
	"sync"
	"testing"
	"time"

	"parley/raft"
)

// recorder is a host.Receiver that keeps what it gets and can be held.
type recorder struct {
	mu      sync.Mutex
	free    sync.Cond
	held    bool
	got     []raft.Message
	lost    int
	changed chan struct{}
}

func newRecorder() *recorder {
	r := &recorder{changed: make(chan struct{}, 1)}
	r.free.L = &r.mu
	return r
}

// Deliver keeps the messages; while the recorder is held it blocks.
func (r *recorder) Deliver(msgs []raft.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held {
		r.free.Wait()
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

// hold makes Deliver block until release.
func (r *recorder) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = true
}

func (r *recorder) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	r.free.Broadcast()
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

// await waits until done, looking whenever one of the recorders changed. The time
// limit only keeps a broken transport from hanging the test.
func await(t *testing.T, done func() bool, watched ...*recorder) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	second := watched[len(watched)-1]
	for !done() {
		select {
		case <-watched[0].changed:
		case <-second.changed:
		case <-limit.C:
			t.Fatal("what was awaited did not come in 30 s")
		}
	}
}
