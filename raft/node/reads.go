package node

import (
	"slices"

	"parley/raft"
)

// reads are the linearizable queries that wait for a heartbeat round [T§6.4], in
// the order they came. The protocol answers them in nearly that order.
type reads struct {
	pending []pendingRead
}

type pendingRead struct {
	ticket Ticket
	query  []byte
}

// take removes the read with this ticket.
func (r *reads) take(t Ticket) (pendingRead, bool) {
	for i := range r.pending {
		if r.pending[i].ticket == t {
			p := r.pending[i]
			r.pending = slices.Delete(r.pending, i, i+1)
			return p, true
		}
	}
	return pendingRead{}, false
}

// query answers a stale query at once and asks the protocol about any other.
func (n *Node) query(ev *Event) {
	switch {
	case n.raft == nil:
		n.refuse(ev.Ticket, CodeNotFormed)
	case len(ev.Query.Body) > n.settings.Limits.QueryBytesMax:
		n.refuse(ev.Ticket, CodeTooLarge)
	case ev.Query.Consistency == Stale:
		n.answerQuery(ev.Ticket, ev.Query.Body)
	case len(n.reads.pending) >= n.settings.Limits.ReadsMax:
		n.refuse(ev.Ticket, CodeBusy)
	default:
		n.reads.pending = append(n.reads.pending, pendingRead{ev.Ticket, ev.Query.Body})
		n.in = append(n.in, raft.Input{Kind: raft.InputRead, Ticket: uint64(ev.Ticket)})
	}
}

// answerReads answers what the protocol says may be answered. All that
// was committed is applied by now, so the state is never older than asked.
func (n *Node) answerReads(ready []raft.ReadReady) {
	head := 0 // one round answers many, nearly always in order
	for _, r := range ready {
		pending := n.reads.pending
		if head < len(pending) && pending[head].ticket == Ticket(r.Ticket) {
			n.answerRead(pending[head], r.Index)
			head++
			continue
		}
		if p, ok := n.reads.take(Ticket(r.Ticket)); ok { // else the caller went away
			n.answerRead(p, r.Index)
		}
	}
	n.reads.pending = slices.Delete(n.reads.pending, 0, head)
}

func (n *Node) answerRead(p pendingRead, at raft.Index) {
	if n.applied < at {
		broken("a read at %d is answered from %d", at, n.applied)
	}
	n.answerQuery(p.ticket, p.query)
}

func (n *Node) answerQuery(t Ticket, query []byte) {
	n.answer(Answer{Ticket: t, Outcome: Done, Position: positionOf(n.applied), Reply: n.sm.Query(query), Hint: n.leader})
}
