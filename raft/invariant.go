package raft

import "fmt"

// invariant panics if something impossible is so. It is for bugs, never for
// anything that a peer, a disk or a caller can bring about.
func invariant(ok bool, format string, args ...any) {
	if !ok {
		panic("raft: " + fmt.Sprintf(format, args...))
	}
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
	l := &r.log
	invariant(l.stored <= l.handed && l.handed <= l.last, "stored %d, handed %d, last %d", l.stored, l.handed, l.last)
	invariant(r.delivered <= r.commit && r.commit <= l.last, "delivered %d, commit %d, last %d", r.delivered, r.commit, l.last)
	invariant(r.accepted <= l.last, "accepted %d, last %d", r.accepted, l.last)
	invariant(l.lastTerm() <= r.hard.Term, "last term %d beyond current term %d", l.lastTerm(), r.hard.Term)
	invariant(len(r.promises) == 0, "%d promises left over", len(r.promises))
	invariant(r.hard == r.handedHard, "hard state %v was not handed to the disk", r.hard)
	invariant(r.uncommitted >= 0, "%d uncommitted bytes", r.uncommitted)
	if r.role == Leader {
		invariant(r.hard.Vote == r.cfg.Self, "leader voted for %v", r.hard.Vote)
		invariant(r.leader == r.cfg.Self, "leader follows %v", r.leader)
		for i := range r.peers {
			p := &r.peers[i]
			invariant(p.match < p.next && p.next <= l.last+1, "peer %v: match %d, next %d, last %d", p.who, p.match, p.next, l.last)
			invariant(p.bytes >= 0 && (len(p.inflight) > 0 || p.bytes == 0), "peer %v: %d bytes in %d flights", p.who, p.bytes, len(p.inflight))
		}
	}

	was, is := r.was, r.delta()
	invariant(is.hard.Term >= was.hard.Term, "term fell from %d to %d", was.hard.Term, is.hard.Term)
	if is.hard.Term == was.hard.Term {
		invariant(was.hard.Vote.IsZero() || is.hard.Vote == was.hard.Vote, "vote of term %d moved from %v to %v", is.hard.Term, was.hard.Vote, is.hard.Vote)
		invariant(was.role != Leader || is.role != Leader || is.last >= was.last, "leader's log fell from %d to %d", was.last, is.last)
	}
	invariant(is.commit >= was.commit, "commit fell from %d to %d", was.commit, is.commit)
	invariant(is.delivered == is.commit, "commit %d, delivered %d", is.commit, is.delivered)
	invariant(is.storedSeq >= was.storedSeq, "stored write fell from %d to %d", was.storedSeq, is.storedSeq)
	r.was = is
}
