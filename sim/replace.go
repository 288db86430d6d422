package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// A node that lost its identity does not come back as itself: to answer as the lost directory
// would break what that one promised. Its operator removes it, gives it an empty
// directory, and adds it anew. He goes by what is committed, not by what he is told: an
// answer may be lost with the leader that owed it.
type replacement struct {
	stage replaceStage
	asked bool // somebody was asked to remove it
}

// replaceStage is how far an operator is with a lost node.
type replaceStage uint8

const (
	replaceNone replaceStage = iota
	replaceRemoves
	replaceAdds
)

// replaceBit marks the tickets of these operators.
const replaceBit node.Ticket = 1 << 32

// lose notes that a node does not start as itself any more, and calls the operator. Nobody looks
// after a node that stays broken in the liveness phase.
func (w *World) lose(s *server, why error) {
	v := &s.device
	v.lost = why
	w.cover.Lost++
	if w.trace.on() {
		w.trace.add("node %d is lost", s.id)
	}
	if w.staysWell(s.id) {
		v.stage, v.asked = replaceRemoves, false
		w.lookAfter(s, between(w.chance.draw(purposeReplace, uint64(s.id), uint64(s.epoch)), int64(50*time.Millisecond), int64(800*time.Millisecond)))
	}
}

func (w *World) lookAfter(s *server, delay int64) {
	w.agenda.push(event{at: w.now + delay, priority: priorityNormal, kind: eventReplace, who: int32(s.id)})
}

// replace is an operator's look at a node that is being replaced.
func (w *World) replace(e *event) {
	s := w.node(raft.NodeID(e.who))
	v := &s.device
	if v.stage == replaceNone {
		return
	}
	w.trace.begin(e)
	members := w.membership()
	member, in := members.Find(s.id)
	switch {
	case v.stage == replaceRemoves && !in && !v.asked:
		v.stage = replaceNone // somebody else removed it, and wants it gone
		return
	case v.stage == replaceRemoves && !in:
		w.renew(s)
	case v.stage == replaceAdds && in && member.Inc == s.inc:
		v.stage = replaceNone
		w.cover.Replaced++
		return
	}
	w.lookAfter(s, int64(operatorEvery))
	leader := w.leader()
	if leader == 0 || leader == s.id || w.node(leader).pausedUntil > w.now {
		return
	}
	ev := node.Event{Kind: node.EventChange, Ticket: replaceBit | node.Ticket(s.id), Change: raft.Change{Kind: raft.ChangeRemove, ID: s.id}}
	if v.stage == replaceAdds {
		ev.Change = raft.Change{Kind: raft.ChangeAdd,
			Member: raft.Member{Ident: raft.Ident{ID: s.id}, PeerAddr: peerAddr(s.id), ClientAddr: clientAddr(s.id)}}
	}
	v.asked = true
	if w.trace.on() {
		w.trace.say("an operator asks node %d to replace node %d", leader, s.id)
	}
	w.node(leader).tell(&ev)
}

// renew gives a node that was removed an empty directory, to be added with.
func (w *World) renew(s *server) {
	if s.up {
		s.crash(CrashProcess, forGood)
	}
	s.epoch++
	w.forget(s, w.chance.draw(purposeReplace, uint64(s.id), uint64(s.epoch)))
	s.device.joins, s.device.stage = true, replaceAdds
	if w.trace.on() {
		w.trace.add("node %d gets a new directory", s.id)
	}
	w.agenda.push(event{at: w.now + 1, priority: priorityNormal, kind: eventStart, who: int32(s.id), epoch: s.epoch})
}

// starts looks at a directory that was emptied and would wait to be added, where a founding
// member is told to go: here it is the operator who sees that it is a new one.
func (w *World) starts(s *server, seeds []node.Seed) {
	if s.device.wiped && len(seeds) == 0 {
		w.lose(s, node.ErrFormedWithout)
	}
}
