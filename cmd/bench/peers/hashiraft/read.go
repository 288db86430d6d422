package hashiraft

import (
	"context"
	"errors"
	"sync/atomic"
)

// reader makes reads linearizable: the commit index is taken, then a majority says that this node still leads, and the
// map is read when it is applied that far. All reads that wait share one question to the majority.
type reader struct {
	node  *Node
	wait  chan *read
	stop  chan struct{}
	done  chan struct{}
	floor atomic.Uint64 // up to here entries may be none of the map's, and all are applied
}

type read struct {
	index  uint64
	answer chan error
}

// readsMax is how many reads share a question at most; more callers wait for the next.
const readsMax = 4096

var errStopped = errors.New("hashiraft: the node has stopped")

func (r *reader) init(n *Node) {
	r.node, r.wait = n, make(chan *read, readsMax)
	r.stop, r.done = make(chan struct{}), make(chan struct{})
	go r.run()
}

func (r *reader) close() {
	close(r.stop)
	<-r.done
}

func (r *reader) run() {
	defer close(r.done)
	for {
		var batch []*read
		select {
		case first := <-r.wait:
			batch = append(batch, first)
		case <-r.stop:
			return
		}
		for more := true; more && len(batch) < readsMax; {
			select {
			case next := <-r.wait:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		index := r.node.raft.CommitIndex()
		if index <= r.floor.Load() {
			index = 0
		}
		err := r.node.raft.VerifyLeader().Error()
		for _, q := range batch {
			q.index = index
			q.answer <- err
		}
	}
}

// Session is one caller's.
type Session struct {
	*Node
	read read
}

// Session makes one.
func (n *Node) Session() *Session {
	return &Session{Node: n, read: read{answer: make(chan error, 1)}}
}

// Get reads a key.
func (s *Session) Get(ctx context.Context, key uint64) ([]byte, error) {
	select {
	case s.reads.wait <- &s.read:
	case <-s.reads.done:
		return nil, errStopped
	}
	select {
	case err := <-s.read.answer:
		if err != nil {
			return nil, err
		}
		return s.fsm.get(key, s.read.index), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.reads.done:
		return nil, errStopped
	}
}
