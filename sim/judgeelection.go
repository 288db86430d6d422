package sim

import "parley/raft"

// election judges Election Safety and keeps who takes itself to be what.
type election struct {
	leaders []leadership // by term
	roles   [nodesMax + 1]role
	given   [nodesMax + 1]word
	rounds  [nodesMax + 1]round
}

// leadership is who was elected in a term.
type leadership struct {
	who   raft.NodeID
	epoch uint32
}

// role is a node's own opinion of itself, as its notes told it.
type role struct {
	is   raft.Role
	term raft.Term
}

// judgeRole looks at a change of role.
func (w *World) judgeRole(s *server, n *raft.Note) {
	e := &w.judges.election
	is := raft.Role(n.A)
	e.roles[s.id] = role{is: is, term: n.Term}
	if is == raft.PreCandidate || is == raft.Candidate {
		w.judgeCampaign(s)
	}
	if is != raft.Leader {
		return
	}
	w.cover.Elections++
	w.coverElected(s, n.Term)
	for uint64(len(e.leaders)) <= uint64(n.Term) {
		e.leaders = append(e.leaders, leadership{})
	}
	// A node that crashed and is elected again in a term counts as another: it
	// must have forgotten a vote.
	if l := &e.leaders[n.Term]; l.who != 0 && *l != (leadership{s.id, s.epoch}) {
		w.violate(ElectionSafety, "Nodes %d and %d were both elected in term %d.", l.who, s.id, n.Term)
	}
	e.leaders[n.Term] = leadership{s.id, s.epoch}
	w.judgeElected(s, n.Term)
	w.judgeLeases(s, n.Term)
	w.judgeCompleteness(s, n.Term)
	w.reaches(s, StageElected)
}

// judgeElected counts who voted for a new leader, by what disks hold. A voter that has entered a higher term since, or
// whose directory is gone, may have voted.
func (w *World) judgeElected(s *server, term raft.Term) {
	l := &w.judges.logs
	at := l.mirrors[s.id].config
	c := w.configOf(at, termAt(l.mirrors[s.id].handed, at))
	for _, old := range []bool{false, true} {
		voters, voted := 0, 0
		for i := range c.Members {
			m := &c.Members[i]
			if !old && !m.Voter || old && !m.VoterOld {
				continue
			}
			voters++
			hard := &l.mirrors[m.ID].hard
			gone := w.node(m.ID).device.wiped || m.Inc != 0 && m.Inc != w.node(m.ID).inc
			if hard.Term > term || hard.Term == term && hard.Vote.ID == s.id || gone {
				voted++
			}
		}
		if voters > 0 && voted <= voters/2 {
			w.violate(ElectionRule, "Node %d leads term %d with the votes of %d of %d voters of the configuration of entry %d.", s.id, term, voted, voters, at)
		}
	}
}

// judgeChange looks at a configuration that a leader appends [§6, and Ongaro's correction of 2015].
func (w *World) judgeChange(s *server, at raft.Index) {
	m := &w.judges.logs.mirrors[s.id]
	term, leads := w.leads(s.id)
	if !leads || at == 1 || termAt(m.handed, at) != term {
		return
	}
	switch {
	case termAt(m.handed, m.commit) != term:
		w.violate(Membership, "Node %d, the leader of term %d, changes the membership with entry %d, and entry %d of term %d is the last that is committed.",
			s.id, term, at, m.commit, termAt(m.handed, m.commit))
	case m.config > m.commit:
		w.violate(Membership, "Node %d changes the membership with entry %d, and the change of entry %d is not committed.", s.id, at, m.config)
	}
}

// judgeCampaign looks at a node that campaigns: it is a voter of the configuration that is committed in its log, as far as it knows,
// or of one behind that [§6]. A learner waits to be asked.
func (w *World) judgeCampaign(s *server) {
	m := &w.judges.logs.mirrors[s.id]
	for i := raft.Index(len(m.handed)); ; i-- {
		c := w.configOf(i, termAt(m.handed, i))
		if i > 0 && len(c.Members) == 0 {
			continue
		}
		if who, ok := c.Find(s.id); ok && (who.Inc == 0 || who.Inc == s.inc) && (who.Voter || who.VoterOld) {
			return
		}
		if i <= m.commit {
			w.violate(ElectionRule, "Node %d campaigns, and is no voter of the configuration of entry %d nor of any behind it.", s.id, i)
			return
		}
	}
}

// leads reports whether the node takes itself to be a leader, and of which term.
func (w *World) leads(id raft.NodeID) (raft.Term, bool) {
	r := &w.judges.election.roles[id]
	return r.term, r.is == raft.Leader && w.node(id).up
}

// leader returns the leader of the highest term, or zero.
func (w *World) leader() raft.NodeID {
	var who raft.NodeID
	var highest raft.Term
	for id := raft.NodeID(1); int(id) <= w.plan.servers(); id++ {
		if term, ok := w.leads(id); ok && term >= highest {
			who, highest = id, term
		}
	}
	return who
}
