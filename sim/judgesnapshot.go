package sim

import (
	"parley/raft"
)

// Snapshots. What one covers is committed, so that the agreed log tells what the entries were
// that no log holds any more: mirrors keep them as if nobody had compacted anything.

// judgeBase looks at a log that begins behind a snapshot from now on.
func (w *World) judgeBase(s *server, st *raft.Store) {
	m := &w.judges.logs.mirrors[s.id]
	w.judgeCovered(s, st.Base)
	if st.Reset {
		m.handed = w.agreed(st.Base.Index)
		w.cover.Resets++
		return
	}
	if have := termAt(m.handed, st.Base.Index); have != st.Base.Term {
		w.violate(LogMatching, "Node %d compacts its log up to %d of term %d and has %s there.", s.id, st.Base.Index, st.Base.Term, describeTerm(have))
	}
}

// judgeCovered checks that what a snapshot covers was committed.
func (w *World) judgeCovered(s *server, base raft.EntryID) {
	l := &w.judges.logs
	if uint64(base.Index) > uint64(len(l.committed)) {
		w.violate(StateMachineSafety, "Node %d has a snapshot up to %d and nobody has committed more than %d.", s.id, base.Index, len(l.committed))
		return
	}
	if base.Index > 0 && l.committed[base.Index-1].term != base.Term {
		w.violate(StateMachineSafety, "Node %d has a snapshot up to %d of term %d, where an entry of term %d was committed.",
			s.id, base.Index, base.Term, l.committed[base.Index-1].term)
	}
}

// agreed returns the terms of the committed log up to an index.
func (w *World) agreed(upTo raft.Index) []raft.Term {
	l := &w.judges.logs
	log := make([]raft.Term, 0, uint64(upTo)+64)
	for i := range min(uint64(upTo), uint64(len(l.committed))) {
		log = append(log, l.committed[i].term)
	}
	return log
}

// judgeInstall looks at a node whose state became that of a peer's snapshot.
func (w *World) judgeInstall(s *server, at raft.Index) {
	m := &w.judges.logs.mirrors[s.id]
	if at <= m.applied {
		w.violate(Monotonic, "Node %d goes back from %d to a snapshot up to %d.", s.id, m.applied, at)
	}
	m.commit, m.applied = max(m.commit, at), at
	w.cover.Installs++
}
