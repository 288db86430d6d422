package sim

import (
	"parley/raft"
	"parley/raft/node"
)

// What the disk must hold. The mirror's durable half follows the syncs that
// succeeded; promises may leave only behind it, and a restart must find it.

// judgeSynced mirrors a completed sync.
func (w *World) judgeSynced(s *server, stores []raft.Store) {
	m := &w.judges.logs.mirrors[s.id]
	for i := range stores {
		m.durable, m.hard = w.storedBy(m.durable, m.hard, &stores[i])
		m.debt.synced(&stores[i], len(s.device.struck))
	}
}

// storedBy returns a log and hard state after one more write.
func (w *World) storedBy(log []raft.Term, hard raft.HardState, st *raft.Store) ([]raft.Term, raft.HardState) {
	if st.Reset {
		log = w.agreed(st.Base.Index)
	}
	if st.Truncate != 0 {
		log = truncated(log, st.Truncate)
	}
	for i := range st.Entries {
		log = append(log, st.Entries[i].Term)
	}
	return log, st.Hard
}

// judgePromise looks at a message as it leaves. Whatever the receiver will build
// on must be on the sender's disk by now. A sender that has stored a higher
// term meanwhile speaks of the past: its old promise binds nobody, because
// whoever could count it cannot be elected any more.
func (w *World) judgePromise(m *raft.Message) {
	mirror := &w.judges.logs.mirrors[m.From.ID]
	hard := mirror.hard
	if mirror.debt.any() {
		w.judgeDebt(m)
	}
	switch {
	case m.Kind == raft.MsgVoteReply && m.Granted:
		if hard.Term < m.Term || hard.Term == m.Term && hard.Vote != m.To {
			w.violate(Promises, "Node %d grants node %d its vote in term %d, and its disk holds term %d and a vote for %v.",
				m.From.ID, m.To.ID, m.Term, hard.Term, hard.Vote)
		}
	case m.Kind == raft.MsgVote:
		if hard.Term < m.Term || hard.Term == m.Term && hard.Vote != m.From {
			w.violate(Promises, "Node %d asks for votes in term %d, and its disk holds term %d and a vote for %v.",
				m.From.ID, m.Term, hard.Term, hard.Vote)
		}
	case m.Kind == raft.MsgAppendReply && m.Granted:
		if hard.Term < m.Term || hard.Term == m.Term && uint64(len(mirror.durable)) < uint64(m.Matched) {
			w.violate(Promises, "Node %d acknowledges entries up to %d in term %d, and its disk holds term %d and %d entries.",
				m.From.ID, m.Matched, m.Term, hard.Term, len(mirror.durable))
		}
	case showsTerm(m) && hard.Term < m.Term:
		w.violate(Promises, "Node %d answers node %d in term %d, and its disk holds term %d.", m.From.ID, m.To.ID, m.Term, hard.Term)
	}
}

// showsTerm reports whether a message is an answer that promises nothing but the term that it shows: its sender must not fall behind that,
// or who gives a lost entry up on its word is wrong [Figure 2: on stable storage before responding].
func showsTerm(m *raft.Message) bool {
	switch m.Kind {
	case raft.MsgAppendReply, raft.MsgHeartbeatReply, raft.MsgVoteReply, raft.MsgRepairReply, raft.MsgReadIndexReply:
		return true
	case raft.MsgPreVoteReply:
		return !m.Granted
	}
	return false
}

// judgeBoot looks at what a restarted node found: exactly what was synced, or that
// and the whole write that was under way, and nothing in between.
func (w *World) judgeBoot(s *server, boot *node.Boot, flight []raft.Store) {
	l := &w.judges.logs
	m := &l.mirrors[s.id]
	m.config = boot.Base.ConfigIndex
	w.judgeCovered(s, boot.Base.Entry)
	found := w.agreed(boot.Base.Entry.Index)
	for i := range boot.Entries {
		e := &boot.Entries[i]
		if uint64(e.Index) != uint64(len(found))+1 {
			w.violate(Recovery, "Node %d restarts with entry %d at place %d.", s.id, e.Index, len(found)+1)
			return
		}
		if e.Kind != 0 { // a damaged entry of which no more is known than what it was
			w.register(s, e, termAt(found, e.Index-1))
		}
		found = append(found, e.Term)
		if e.Kind == raft.EntryConfig {
			m.config = e.Index
		}
	}
	if boot.Hard != m.hard || !sameTerms(found, m.durable) {
		// What was under way is there or not. A write that moves the base begins a batch of its own (node.Disk.Write); the
		// one before it may be there alone.
		log, hard := append([]raft.Term(nil), m.durable...), m.hard
		met := false
		for i := range flight {
			log, hard = w.storedBy(log, hard, &flight[i])
			if i == len(flight)-1 || flight[i+1].Base.Index != 0 {
				met = met || boot.Hard == hard && sameTerms(found, log)
			}
		}
		if !met && !w.judgeDamaged(s, boot, found, log, hard) {
			w.violate(Recovery, "Node %d had synced term %d, a vote for %v and %d entries, and restarts with term %d, a vote for %v and %d entries.",
				s.id, m.hard.Term, m.hard.Vote, len(m.durable), boot.Hard.Term, boot.Hard.Vote, len(found))
			return
		}
		w.cover.Survived++
	}
	m.handed, m.durable = found, append([]raft.Term(nil), found...)
	m.hard, m.term = boot.Hard, boot.Hard.Term
	m.commit, m.applied = boot.Applied, boot.Applied
	w.judgeHoles(s, boot)
}

func sameTerms(a, b []raft.Term) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
