package raft

import "fmt"

// impossible panics because something impossible is so. It is for bugs, never for
// anything that a peer, a disk or a caller can bring about. Callers test
// first: arguments of a call would be boxed, and Step runs a hundred thousand times a second.
func impossible(format string, args ...any) {
	panic("raft: " + fmt.Sprintf(format, args...))
}

// delta is what must only grow, or must not change within a term: the state at
// the end of the Step before.
type delta struct {
	hard      HardState
	role      Role
	commit    Index
	delivered Index
	last      Index
	storedSeq WriteSeq
}

func (r *Raft) delta() delta {
	return delta{r.hard, r.role, r.commit, r.delivered, r.log.last, r.storedSeq}
}

// check states what holds after every Step: first of the state alone, then of
// the way it changed.
func (r *Raft) check() {
	r.checkMarks()
	if r.damaged() && r.role != Follower {
		impossible("%s with a damaged log", r.role)
	}
	if len(r.promises) != 0 {
		impossible("%d promises left over", len(r.promises))
	}
	if r.hard != r.handedHard {
		impossible("hard state %v was not handed to the disk", r.hard)
	}
	if r.uncommitted < 0 {
		impossible("%d uncommitted bytes", r.uncommitted)
	}
	if r.role == Leader {
		r.checkLeader()
	}
	r.checkSince(&r.was)
	r.was = r.delta()
}

// checkMarks: the marks of the log stand in their order, and no entry is of a later term than the current one.
func (r *Raft) checkMarks() {
	l := &r.log
	if !(l.stored <= l.handed && l.handed <= l.last) {
		impossible("stored %d, handed %d, last %d", l.stored, l.handed, l.last)
	}
	if !(r.delivered <= r.commit && r.commit <= l.last) {
		impossible("delivered %d, commit %d, last %d", r.delivered, r.commit, l.last)
	}
	if !(l.base.Index <= r.delivered && r.delivered < l.firstHole()) {
		impossible("delivered %d, base %d, first hole %d", r.delivered, l.base.Index, l.firstHole())
	}
	if l.last < l.base.Index || l.rebased || len(l.fills) > 0 {
		impossible("last %d, base %d, handed to the disk: %t", l.last, l.base.Index, !l.rebased)
	}
	if r.accepted > l.last {
		impossible("accepted %d, last %d", r.accepted, l.last)
	}
	if l.lastTerm() > r.hard.Term {
		impossible("last term %d beyond current term %d", l.lastTerm(), r.hard.Term)
	}
}

// checkLeader: a leader has its own vote and asks nobody, and sends a peer what it lacks and has.
func (r *Raft) checkLeader() {
	if r.hard.Vote != r.cfg.Self {
		impossible("leader voted for %v", r.hard.Vote)
	}
	if r.leader != r.cfg.Self {
		impossible("leader follows %v", r.leader)
	}
	if !r.asks.idle() {
		impossible("leader asks %v for %d reads", r.asks.leader, r.asks.pending())
	}
	for i := range r.peers {
		p := &r.peers[i]
		if !(p.match < p.next && p.next <= r.log.last+1) {
			impossible("peer %v: match %d, next %d, last %d", p.who, p.match, p.next, r.log.last)
		}
		if !(p.bytes >= 0 && (len(p.inflight) > 0 || p.bytes == 0)) {
			impossible("peer %v: %d bytes in %d flights", p.who, p.bytes, len(p.inflight))
		}
	}
}

// checkSince: what must only grow grew, and what a term fixes stayed.
func (r *Raft) checkSince(was *delta) {
	if r.hard.Term < was.hard.Term {
		impossible("term fell from %d to %d", was.hard.Term, r.hard.Term)
	}
	if r.hard.Term == was.hard.Term {
		if !(was.hard.Vote.IsZero() || r.hard.Vote == was.hard.Vote) {
			impossible("vote of term %d moved from %v to %v", r.hard.Term, was.hard.Vote, r.hard.Vote)
		}
		if !(was.role != Leader || r.role != Leader || r.log.last >= was.last) {
			impossible("leader's log fell from %d to %d", was.last, r.log.last)
		}
	}
	if r.commit < was.commit {
		impossible("commit fell from %d to %d", was.commit, r.commit)
	}
	if r.delivered < was.delivered {
		impossible("delivered fell from %d to %d", was.delivered, r.delivered)
	}
	if r.storedSeq < was.storedSeq {
		impossible("stored write fell from %d to %d", was.storedSeq, r.storedSeq)
	}
}
