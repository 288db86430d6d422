package etcdraft

import (
	"sync"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// inbox is what has come for the loop. Whoever puts something in wakes it; it takes all at once.
type inbox struct {
	wake chan struct{}
	mu   sync.Mutex
	has  batch
}

// batch is what one turn of the loop takes. It is bounded by what is under way: callers wait for their answers, and
// peers for acknowledgements.
type batch struct {
	messages []pb.Message
	writes   []*call
	reads    []*call
	reports  []func(*raft.RawNode)
}

func (in *inbox) init() { in.wake = make(chan struct{}, 1) }

// ask hands in a request.
func (in *inbox) ask(c *call) {
	in.mu.Lock()
	if c.command != nil {
		in.has.writes = append(in.has.writes, c)
	} else {
		in.has.reads = append(in.has.reads, c)
	}
	in.mu.Unlock()
	in.ring()
}

// deliver hands in messages of peers and of the disk.
func (in *inbox) deliver(messages ...pb.Message) {
	if len(messages) == 0 {
		return
	}
	in.mu.Lock()
	in.has.messages = append(in.has.messages, messages...)
	in.mu.Unlock()
	in.ring()
}

// report has the loop tell raft something.
func (in *inbox) report(f func(*raft.RawNode)) {
	in.mu.Lock()
	in.has.reports = append(in.has.reports, f)
	in.mu.Unlock()
	in.ring()
}

func (in *inbox) ring() {
	select {
	case in.wake <- struct{}{}:
	default: // it is awake
	}
}

// take swaps what has come for the batch that was taken before: two sets of slices serve for good. Reads move on to
// their round, so that theirs is new.
func (in *inbox) take(b *batch) {
	clear(b.messages)
	b.messages, b.writes, b.reads, b.reports = b.messages[:0], b.writes[:0], nil, b.reports[:0]
	in.mu.Lock()
	in.has, *b = *b, in.has
	in.mu.Unlock()
}
