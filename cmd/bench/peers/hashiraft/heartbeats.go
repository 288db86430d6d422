package hashiraft

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// heartbeats is the library's transport, which also remembers what heartbeats were answered. A read needs a majority that
// took this node for the leader after the read began. VerifyLeader says less than that: it takes the next
// answer of every follower for one to it, and that may be to a heartbeat that left before VerifyLeader was called (notifyAll in
// the library's replication.go). While one follower after the other is answered, that is the rule.
type heartbeats struct {
	*raft.NetworkTransport
	asked    atomic.Uint64 // how often ask was called
	mu       sync.Mutex
	answered map[raft.ServerID]answered
	moved    chan struct{} // receives when there may be more in answered
}

// answered is the newest heartbeat that a follower has answered.
type answered struct {
	term  uint64
	asked uint64 // when it left, ask had been called so often
}

func newHeartbeats(t *raft.NetworkTransport) *heartbeats {
	return &heartbeats{NetworkTransport: t, answered: map[raft.ServerID]answered{}, moved: make(chan struct{}, 1)}
}

// ask begins a question: heartbeats that leave from now on are answers to it.
func (h *heartbeats) ask() (question uint64) { return h.asked.Add(1) }

// heard says how many followers have answered a question in a term.
func (h *heartbeats) heard(term, question uint64) (followers int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.answered {
		if a.term == term && a.asked >= question {
			followers++
		}
	}
	return followers
}

// AppendEntries sends a heartbeat, or entries, and waits for the answer.
func (h *heartbeats) AppendEntries(
	id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse,
) error {
	asked := h.asked.Load()
	err := h.NetworkTransport.AppendEntries(id, target, args, resp)
	if err == nil && resp.Success {
		h.took(id, answered{args.Term, asked})
	}
	return err
}

func (h *heartbeats) took(id raft.ServerID, a answered) {
	h.mu.Lock()
	if have := h.answered[id]; a.term > have.term || a.term == have.term && a.asked > have.asked {
		h.answered[id] = a
	}
	h.mu.Unlock()
	select {
	case h.moved <- struct{}{}:
	default: // told already
	}
}
