package node

import (
	"slices"

	"parley/raft"
)

// reads are the linearizable queries that wait for a heartbeat round of this node or of its
// leader [T§6.4], in the order they came. The protocol answers and fails them nearly in that
// order too, so that the one that is looked for nearly always stands at the head.
type reads struct {
	pending []pendingRead
	head    int // those before were answered in this Step
	fresh   int // those from here on came in this Step
}

type pendingRead struct {
	ticket Ticket
	query  []byte
	off    bool
	whole  bool
}

func (r *reads) len() int { return len(r.pending) - r.head }

func (r *reads) add(p pendingRead) { r.pending = append(r.pending, p) }

// take removes the read with this ticket.
func (r *reads) take(t Ticket) (pendingRead, bool) {
	return r.takeFrom(r.head, t)
}

// takeFresh removes the read with this ticket if it came in this Step.
func (r *reads) takeFresh(t Ticket) {
	r.takeFrom(max(r.head, r.fresh), t)
}

func (r *reads) takeFrom(from int, t Ticket) (pendingRead, bool) {
	for i := min(from, len(r.pending)); i < len(r.pending); i++ {
		if r.pending[i].ticket != t {
			continue
		}
		p := r.pending[i]
		if i == r.head {
			r.head++
		} else {
			r.pending = slices.Delete(r.pending, i, i+1)
			if i < r.fresh {
				r.fresh--
			}
		}
		return p, true
	}
	return pendingRead{}, false
}

// settle ends a Step.
func (r *reads) settle() {
	r.pending = slices.Delete(r.pending, 0, r.head)
	r.head, r.fresh = 0, len(r.pending)
}

func (r *reads) clone() reads {
	c := *r
	c.pending = slices.Clone(r.pending)
	return c
}

// query answers a stale query at once and asks the protocol about any other.
func (n *Node) query(t Ticket, q *Query) {
	switch {
	case n.raft == nil:
		n.refuse(t, CodeNotFormed)
	case len(q.Body) > n.settings.Limits.QueryBytesMax:
		n.refuse(t, CodeTooLarge)
	case q.Consistency == Stale:
		n.answerQuery(pendingRead{t, q.Body, q.Off, q.Whole})
	case n.reads.len() >= n.settings.Limits.ReadsMax:
		n.refuse(t, CodeBusy)
	default:
		n.reads.add(pendingRead{t, q.Body, q.Off, q.Whole})
		n.input(raft.InputRead).Ticket = uint64(t)
	}
}

// answerReads answers what the protocol says may be answered. All that
// a read must see was put out before it and is applied by now.
func (n *Node) answerReads(ready []raft.ReadReady) {
	for _, r := range ready {
		if Ticket(r.Ticket) == ownRead {
			n.caughtUpAt(r.Index)
			continue
		}
		if p, ok := n.reads.take(Ticket(r.Ticket)); ok { // else the caller went away
			n.answerRead(p, r.Index)
		}
	}
}

func (n *Node) answerRead(p pendingRead, at raft.Index) {
	if n.applied < at {
		broken("a read at %d is answered from %d", at, n.applied)
	}
	n.answerQuery(p)
}

func (n *Node) answerQuery(p pendingRead) {
	a := Answer{Ticket: p.ticket, Outcome: Done, Position: positionOf(n.applied), Hint: n.leader}
	switch {
	case p.whole:
		a.State, a.Term = n.Freeze(), n.raft.BaseAt(n.applied).Entry.Term
	case p.off:
		a.View = n.viewNow()
	default:
		a.Reply = n.sm.Query(p.query)
	}
	n.answer(a)
}

// view is the state machine as it was after an entry, for queries that are answered elsewhere. It costs a clone, and
// the next change of each part of the state a copy; so there is at most one for each entry, however many ask.
type view struct {
	state   StateMachine
	applied raft.Index
}

func (n *Node) viewNow() StateMachine {
	if n.view.state == nil || n.view.applied != n.applied {
		n.view = view{n.sm.Clone(), n.applied}
	}
	return n.view.state
}
