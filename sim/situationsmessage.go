package sim

import "parley/raft"

// coverMessage looks at a message that is about to reach a node that runs.
func (w *World) coverMessage(s *server, m *raft.Message) {
	if m.To.ID != s.id {
		return
	}
	l := &w.judges.logs.mirrors[s.id]
	role := w.judges.election.roles[s.id].is
	if m.To.Inc != 0 && m.To.Inc != s.inc {
		w.reach(arriveForGone)
		return
	}
	if m.From.Inc != 0 && m.From.Inc != w.node(m.From.ID).inc {
		w.reach(arriveFromGone)
	}
	r := s.node.Raft()
	if r == nil {
		w.reachIf(arriveUnformed, m.Kind < raft.MsgFormAsk)
		return
	}
	switch m.Kind {
	case raft.MsgAppend:
		w.coverAppend(s, m, r)
	case raft.MsgAppendReply:
		w.reachIf(arriveOldAppendReply, role == raft.Leader && m.Term < l.term)
	case raft.MsgHeartbeat:
		w.reachIf(arriveOldHeartbeat, m.Term < l.term)
	case raft.MsgVote, raft.MsgPreVote:
		w.coverAsked(s, m)
	case raft.MsgVoteReply:
		w.reachIf(arriveLateVote, m.Granted && role == raft.Leader && m.Term == l.term)
	case raft.MsgTimeoutNow:
		w.reachIf(arriveTakeoverLate, m.Term < l.term)
	case raft.MsgSnapshotOffer:
		w.reachIf(arriveOfferJoint, w.joint(s.id) || w.joint(m.From.ID))
		w.reachIf(arriveOfferCandidate, role == raft.Candidate || role == raft.PreCandidate)
		st := s.node.Status()
		w.reachIf(arriveOfferOther, fetching(&st) && st.FetchFrom != m.From.ID)
		if from := w.node(m.From.ID); from.up {
			kept := from.node.Status().Snapshots
			w.reachIf(arriveOfferKnown, len(kept) > 0 && kept[len(kept)-1] <= l.applied)
		}
	case raft.MsgSnapshotChunk:
		w.reachIf(arriveLateChunk, s.node.Status().FetchFrom == 0)
	case raft.MsgReadIndex:
		w.reachIf(arriveQuestionFollower, role != raft.Leader)
		w.reachIf(arriveQuestionFresh, role == raft.Leader && w.fresh(s.id))
	case raft.MsgReadIndexReply:
		w.reachIf(arriveLateIndex, m.Term < l.term)
	case raft.MsgRepairAsk:
		_, there := r.EntryAt(m.PrevIndex + 1)
		w.reachIf(arriveRepairAskLost, !there && r.BaseEntry().Index <= m.PrevIndex && m.PrevIndex < raft.Index(len(l.handed)))
	}
}

// coverAppend looks at an AppendEntries [§5.3].
func (w *World) coverAppend(s *server, m *raft.Message, r *raft.Raft) {
	l := &w.judges.logs.mirrors[s.id]
	role := w.judges.election.roles[s.id].is
	last := raft.Index(len(l.handed))
	w.reachIf(arriveOldAppend, m.Term < l.term)
	w.reachIf(arriveAtCandidate, role == raft.Candidate && m.Term == l.term)
	w.reachIf(arriveCompacted, m.PrevIndex < r.BaseEntry().Index)
	w.reachIf(arriveGap, m.PrevIndex > last)
	if n := len(m.Entries); n > 0 && m.PrevIndex <= last {
		end := m.Entries[n-1]
		w.reachIf(arriveContained, end.Index < last && termAt(l.handed, end.Index) == end.Term)
		first := m.Entries[0]
		w.reachIf(arriveConflict, first.Index <= last && first.Index > l.commit && termAt(l.handed, first.Index) != first.Term)
	}
}

// coverAsked looks at a RequestVote, or the question before it [§5.4.1, T§9.6].
func (w *World) coverAsked(s *server, m *raft.Message) {
	l := &w.judges.logs.mirrors[s.id]
	_, leads := w.leads(s.id)
	c := w.membership()
	_, member := c.Find(m.From.ID)
	w.reachIf(arriveFromRemoved, !member)
	if m.Kind == raft.MsgPreVote {
		w.reachIf(arrivePreVoteLoyal, !leads && !s.node.Raft().Leader().IsZero())
		return
	}
	last := raft.Index(len(l.handed))
	w.reachIf(arriveVoteAtLeader, leads)
	w.reachIf(arriveVoteTransfer, m.Transfer)
	w.reachIf(arriveVoteLonger, m.LastIndex > last && m.LastTerm < lastTerm(l.handed))
	w.reachIf(arriveVoteShorter, m.LastIndex < last && m.LastTerm > lastTerm(l.handed))
	w.reachIf(arriveVoteTwice, m.Term == l.term && !l.hard.Vote.IsZero() && l.hard.Term == m.Term && l.hard.Vote.ID != m.From.ID)
}
