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
		if n := len(m.handed); uint64(n) > uint64(st.Base.Index) && termAt(m.handed, st.Base.Index) == st.Base.Term {
			w.violate(Absence, "Node %d gives up its log up to entry %d for a snapshot up to %d, which is in that log.", s.id, n, st.Base.Index)
		}
		have := termAt(m.handed, st.Base.Index)
		w.reachIf(snapshotOverUncommitted, have != 0 && have != st.Base.Term)
		m.handed = w.agreed(st.Base.Index)
		w.cover.Resets++
		return
	}
	if have := termAt(m.handed, st.Base.Index); have != st.Base.Term {
		w.violate(LogMatching, "Node %d compacts its log up to %d of term %d and has %s there.", s.id, st.Base.Index, st.Base.Term, describeTerm(have))
	}
}

// judgeTerms compares what a node remembers of its log with its mirror when the log begins elsewhere: what stands behind the
// base is what stood there before.
func (w *World) judgeTerms(s *server) {
	m := &w.judges.logs.mirrors[s.id]
	r := s.node.Raft()
	for i := r.BaseEntry().Index + 1; i <= r.LastIndex() && uint64(i) <= uint64(len(m.handed)); i++ {
		if term, _ := r.TermAt(i); term != termAt(m.handed, i) {
			w.violate(LogMatching, "Node %d, whose log begins behind %d now, takes entry %d for one of term %d, and it is of term %d.",
				s.id, r.BaseEntry().Index, i, term, termAt(m.handed, i))
			return
		}
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

// judgeSnapshot looks at a snapshot that a node made of its own state: the configuration in it is the one in force at its
// last entry, and not one that came later and may yet be cut [§7].
func (w *World) judgeSnapshot(s *server, base *raft.Base) {
	w.judgeCovered(s, base.Entry)
	w.reachIf(snapshotJoint, base.Config.Joint())
	at := min(base.Entry.Index, raft.Index(len(w.judges.logs.committed)))
	for at > 0 && len(w.configOf(at, w.judges.logs.committed[at-1].term).Members) == 0 {
		at--
	}
	if base.ConfigIndex != at {
		w.violate(StateHash, "Node %d makes a snapshot up to %d with the configuration of entry %d, and that of entry %d was in force there.",
			s.id, base.Entry.Index, base.ConfigIndex, at)
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
	w.coverInstall(s, at)
	m.commit, m.applied = max(m.commit, at), at
	w.cover.Installs++
}
