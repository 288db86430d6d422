package host

import (
	"sync"

	"parley/raft/blob"
	"parley/raft/node"
)

// storer is the goroutine that has the store of blobs. It does operations one after the other, in
// the order in which the node asked, and each is told before the next begins. A write
// of 64 KiB or the hash of a whole file is nothing that the log's disk or a snapshot should wait for, nor
// the loop.
type storer struct {
	store  func() *blob.Store // once a cluster is known
	report func(node.Event)

	mu      sync.Mutex
	queue   []blob.Op // bounded by the node: see blob.Options and node.Limits
	closing bool
	wake    chan struct{}
	done    chan struct{}
}

func newStorer(store func() *blob.Store, report func(node.Event)) *storer {
	return &storer{store: store, report: report, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// submit queues operations.
func (s *storer) submit(ops []blob.Op) {
	s.mu.Lock()
	s.queue = append(s.queue, ops...)
	s.mu.Unlock()
	s.ring()
}

// close waits for the operation under way and drops the others. Nothing was said of them.
func (s *storer) close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.ring()
	<-s.done
}

func (s *storer) ring() {
	select {
	case s.wake <- struct{}{}:
	default: // rung already
	}
}

// run works until it is closed.
func (s *storer) run() {
	defer close(s.done)
	var ops []blob.Op
	for {
		var closing bool
		ops, closing = s.take(ops[:0])
		if !closing && len(ops) == 0 {
			<-s.wake
			continue
		}
		for i := range ops {
			if closing = closing || s.stopped(); closing {
				return
			}
			d := s.store().Do(ops[i])
			ops[i] = blob.Op{}
			s.report(node.Event{Kind: node.EventBlob, BlobDone: &d})
		}
		if closing {
			return
		}
	}
}

// take returns all that waits and leaves an empty queue in its place.
func (s *storer) take(empty []blob.Op) ([]blob.Op, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := s.queue
	s.queue = empty
	return ops, s.closing
}

func (s *storer) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}
