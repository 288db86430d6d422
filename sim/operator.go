package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Operators change the membership and move leadership while everything else goes wrong. Each
// line of the plan is one who asks the leader of the moment, and asks again until he is told that
// it is done, that it can't be, or the liveness phase begins. What became of it the judges see
// in the log: a change counts when its entry does.

// operatorEvery is how often an operator looks whether he has to ask again.
const operatorEvery = 400 * time.Millisecond

// operator asks, unless he has his answer.
func (w *World) operator(e *event) {
	f, l := &w.plan.Faults[e.arg], &w.live[e.arg]
	if !l.on {
		return // answered, or the trouble is over
	}
	w.trace.begin(e)
	w.agenda.push(event{at: w.now + int64(operatorEvery), priority: priorityNormal, kind: eventOperator, arg: e.arg})
	if f.Kind == BackUp {
		w.backsUp(l, e.arg)
		return
	}
	leader := w.leader()
	if w.trace.on() {
		w.trace.say("an operator asks node %d: %s", leader, f)
	}
	if leader == 0 || w.node(leader).pausedUntil > w.now || f.Kind == RemoveNode && !w.canSpare(l.nodes[0]) {
		return
	}
	in := l.asks(f, node.Ticket(e.arg)+1)
	w.node(leader).tell(&in)
}

// asks makes the request of an operator's line.
func (l *live) asks(f *Fault, t node.Ticket) node.Event {
	who := l.nodes[0]
	ev := node.Event{Kind: node.EventChange, Ticket: t, Change: raft.Change{ID: who}}
	switch f.Kind {
	case AddNode:
		ev.Change = raft.Change{Kind: raft.ChangeAdd, ID: f.From,
			Member: raft.Member{Ident: raft.Ident{ID: who}, PeerAddr: peerAddr(who), ClientAddr: clientAddr(who)}}
		if f.From != 0 {
			ev.Change.Kind = raft.ChangeReplace
		}
	case RemoveNode:
		ev.Change.Kind = raft.ChangeRemove
	case PromoteNode:
		ev.Change.Kind = raft.ChangePromote
	case Transfer:
		ev.Kind, ev.Peer = node.EventTransfer, who
	}
	return ev
}

// answerOperator ends a line, if the answer is final.
func (w *World) answerOperator(a *node.Answer) {
	if a.Ticket&replaceBit != 0 {
		return // what became of it stands in the log
	}
	i := int(a.Ticket) - 1
	if w.trace.on() {
		w.trace.add("answers the operator of line %d: %s", i+1, describeAnswer(a))
	}
	l := &w.live[i]
	if w.plan.Faults[i].Kind == BackUp {
		if l.on {
			w.backedUp(a, l)
		}
		return
	}
	switch a.Code {
	case node.CodeNoMember, node.CodeIsMember, node.CodeWasRemoved, node.CodeLastVoter, node.CodeNoTakeover:
		l.on = false
		return
	}
	if a.Outcome != node.Done || !l.on {
		return
	}
	l.on = false
	switch w.plan.Faults[i].Kind {
	case AddNode:
		w.cover.Added++
	case RemoveNode:
		w.cover.Left++
	case Transfer:
		w.cover.Handed++
	}
}
