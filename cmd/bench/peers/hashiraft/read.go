package hashiraft

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Reads is what a read believes.
type Reads uint8

const (
	// Linearizable reads believe a majority that has answered heartbeats which left after the read began.
	Linearizable Reads = iota
	// AsVerified reads believe VerifyLeader, which may have been answered by heartbeats that left before: see heartbeats.
	AsVerified
)

// reader makes reads linearizable: the commit index is taken, then a majority says that this node still leads, and the
// map is read when it is applied that far. All reads that wait share one question to the majority.
type reader struct {
	asVerified bool

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
	again := time.NewTicker(verifyAgain)
	defer again.Stop()
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
		err := r.verify(again.C)
		for _, q := range batch {
			q.index = index
			q.answer <- err
		}
	}
}

// verifyAgain is how often VerifyLeader is asked again while no follower answers: it is what has heartbeats sent at once.
const verifyAgain = 50 * time.Millisecond

// verify returns nil if this node still leads. VerifyLeader has a heartbeat sent to every follower that waits for no answer, and to the others
// as soon as they have answered the last one; so who is not satisfied with what it says need only wait for these.
func (r *reader) verify(again <-chan time.Time) error {
	if r.asVerified {
		return r.node.raft.VerifyLeader().Error()
	}
	term, question := r.node.raft.CurrentTerm(), r.node.net.ask()
	for {
		if err := r.node.raft.VerifyLeader().Error(); err != nil {
			return err
		}
		for wait := true; wait; {
			if r.node.net.heard(term, question) >= size/2 { // and this node is one more
				return nil
			}
			select {
			case <-r.node.net.moved:
			case <-again:
				wait = false
			case <-r.stop:
				return errStopped
			}
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
