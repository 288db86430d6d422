package sim

import (
	"encoding/binary"
	"fmt"

	"parley/raft"
)

// searchPast is what the judges remember of the way to a state. It is part of the state: two ways
// that lead to the same cluster with different pasts are not the same.
type searchPast struct {
	leaders   []searchLeader // by term
	committed []searchCommit // by index - 1
}

// searchLeader is who was elected in a term, in which of its processes.
type searchLeader struct{ node, starts int }

// searchCommit is an entry that somebody committed, and the lowest term of whoever did.
type searchCommit struct {
	term, in raft.Term
	sum      uint32
}

func (p *searchPast) encode(b []byte) []byte {
	b = append(b, byte(len(p.leaders)))
	for _, l := range p.leaders {
		b = append(b, byte(l.node), byte(l.starts))
	}
	for _, c := range p.committed {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.term))
		b = binary.LittleEndian.AppendUint64(b, uint64(c.in))
		b = binary.LittleEndian.AppendUint32(b, c.sum)
	}
	return b
}

func violation(invariant, format string, args ...any) *Violation {
	return &Violation{Invariant: invariant, Reason: fmt.Sprintf(format, args...)}
}

// mind is what a node was before a step, as far as judges compare.
type mind struct {
	leads bool
	term  raft.Term
	terms []raft.Term
}

func mindOf(r *raft.Raft) mind {
	m := mind{leads: r.Role() == raft.Leader, term: r.Term()}
	for i := raft.Index(1); m.leads && i <= r.LastIndex(); i++ {
		t, _ := r.TermAt(i)
		m.terms = append(m.terms, t)
	}
	return m
}

// judgePromise compares a message with the sender's disk, as it leaves.
func (s *searchState) judgePromise(i int, m *raft.Message) *Violation {
	n := s.nodes[i]
	hypothetical := m.Kind == raft.MsgPreVote || m.Kind == raft.MsgPreVoteReply && m.Granted
	if !hypothetical && m.Term > n.hard.Term {
		return violation(Promises, "%s leaves, and the disk of node %d is in term %d.", describeParcel(m), i+1, n.hard.Term)
	}
	voted := raft.Ident{}
	switch {
	case m.Kind == raft.MsgVote:
		voted = m.From
	case m.Kind == raft.MsgVoteReply && m.Granted:
		voted = m.To
	case m.Kind == raft.MsgAppendReply && m.Granted && m.Term == n.hard.Term && int(m.Matched) > len(n.entries):
		return violation(Promises, "%s leaves, and the disk of node %d ends at %d.", describeParcel(m), i+1, len(n.entries))
	}
	if voted != (raft.Ident{}) && m.Term == n.hard.Term && n.hard.Vote != voted {
		return violation(Promises, "%s leaves, and on the disk of node %d its vote of term %d is %v.", describeParcel(m), i+1, m.Term, n.hard.Vote)
	}
	if m.Kind != raft.MsgAppendReply || !m.Granted {
		return nil
	}
	if l := s.nodes[m.To.ID-1]; l.r.Role() == raft.Leader && l.r.Term() == m.Term && m.Term == n.hard.Term {
		if t, _ := l.r.TermAt(m.Matched); m.Matched > 0 && !n.holds(m.Matched, t) {
			return violation(Promises, "%s leaves, and the disk of node %d holds another entry there than the leader.", describeParcel(m), i+1)
		}
	}
	return nil
}

// judgeStep looks at what a step of node i changed, and at the state that it left.
func (s *searchState) judgeStep(i int, was mind, out *raft.Output) *Violation {
	n := s.nodes[i]
	for j := range out.Notes {
		if b := &out.Notes[j]; b.Kind == raft.NoteBreach {
			return violation(Breaches, "Node %d takes a message of node %d for a breach (%d), and nobody lies.", i+1, b.Peer, b.A)
		}
	}
	if wrong := s.judgeLeading(i, was); wrong != nil {
		return wrong
	}
	if wrong := s.judgeCommitted(i, out); wrong != nil {
		return wrong
	}
	for j, o := range s.nodes {
		if j != i {
			if wrong := matching(i, logOf(n), j, logOf(o)); wrong != nil {
				return wrong
			}
			if wrong := matching(i, n.entries, j, o.entries); wrong != nil {
				return wrong
			}
		}
	}
	return s.judgeCompleteness()
}

// judgeLeading judges Election Safety and Leader Append-Only.
func (s *searchState) judgeLeading(i int, was mind) *Violation {
	r := s.nodes[i].r
	if r.Role() != raft.Leader {
		return nil
	}
	if was.leads && was.term == r.Term() {
		for j, t := range was.terms {
			if now, _ := r.TermAt(raft.Index(j + 1)); now != t {
				return violation(LeaderAppendOnly, "Node %d, the leader of term %d, changed its entry %d.", i+1, was.term, j+1)
			}
		}
		return nil
	}
	p := &searchPast{leaders: append([]searchLeader(nil), s.past.leaders...), committed: s.past.committed}
	for len(p.leaders) <= int(r.Term()) {
		p.leaders = append(p.leaders, searchLeader{})
	}
	if l := &p.leaders[r.Term()]; l.node != 0 {
		return violation(ElectionSafety, "Nodes %d and %d were both elected in term %d.", l.node, i+1, r.Term())
	}
	p.leaders[r.Term()] = searchLeader{i + 1, s.nodes[i].starts}
	s.past = p
	return nil
}

// judgeCommitted judges State Machine Safety, of what is committed already and not only of what is applied.
func (s *searchState) judgeCommitted(i int, out *raft.Output) *Violation {
	r := s.nodes[i].r
	for j := range out.Committed {
		if out.Committed[j].Index > r.Commit() {
			return violation(StateMachineSafety, "Node %d applies %d and has committed up to %d.", i+1, out.Committed[j].Index, r.Commit())
		}
	}
	p := s.past
	for at := raft.Index(1); at <= r.Commit(); at++ {
		e, _ := r.EntryAt(at)
		if int(at) <= len(p.committed) {
			c := p.committed[at-1]
			if c.term != e.Term || c.sum != e.Sum {
				return violation(StateMachineSafety, "Node %d commits an entry of term %d at %d, where one of term %d was committed.", i+1, e.Term, at, c.term)
			}
			if c.in <= r.Term() {
				continue
			}
		}
		c := append([]searchCommit(nil), p.committed...)
		if int(at) > len(c) {
			c = append(c, searchCommit{})
		}
		c[at-1] = searchCommit{term: e.Term, in: r.Term(), sum: e.Sum}
		p = &searchPast{leaders: p.leaders, committed: c}
	}
	s.past = p
	return nil
}

// judgeCompleteness judges Leader Completeness: of the leaders there are, and of those there could be.
// What is committed is on a majority of the disks, for ever; and whoever lacks it on its disk has a log that a
// majority outranks there [§5.4.1, §5.4.3]. That is what the proof in the paper rests on, and it fails
// an election before the property itself.
func (s *searchState) judgeCompleteness() *Violation {
	for at := len(s.past.committed); at > 0; at-- {
		c, index := s.past.committed[at-1], raft.Index(at)
		held := 0
		for i, n := range s.nodes {
			if t, _ := n.r.TermAt(index); n.r.Role() == raft.Leader && n.r.Term() > c.in && t != c.term {
				return violation(LeaderCompleteness, "Entry %d of term %d was committed in term %d, and node %d leads term %d without it.", at, c.term, c.in, i+1, n.r.Term())
			}
			if n.holds(index, c.term) {
				held++
				continue
			}
			voters := 0
			for _, o := range s.nodes {
				if !n.end().Before(o.end()) {
					voters++
				}
			}
			if voters > searchNodes/2 {
				return violation(LeaderCompleteness, "Entry %d of term %d was committed in term %d, and node %d could be elected without it.", at, c.term, c.in, i+1)
			}
		}
		if held <= searchNodes/2 {
			return violation(CommitRule, "Entry %d of term %d was committed in term %d, and is on %d of %d disks.", at, c.term, c.in, held, searchNodes)
		}
	}
	return nil
}

// logOf returns the log in a node's memory.
func logOf(n *searchNode) []raft.Entry {
	log := make([]raft.Entry, 0, n.r.LastIndex())
	for i := raft.Index(1); i <= n.r.LastIndex(); i++ {
		e, _ := n.r.EntryAt(i)
		log = append(log, e)
	}
	return log
}

// matching judges Log Matching of two logs: from the last place where their terms agree, everything
// before must be the same.
func matching(i int, a []raft.Entry, j int, b []raft.Entry) *Violation {
	same := false
	for at := min(len(a), len(b)) - 1; at >= 0; at-- {
		same = same || a[at].Term == b[at].Term
		if same && !sameEntry(&a[at], &b[at]) {
			return violation(LogMatching, "Nodes %d and %d hold different entries at %d, and the same further on.", i+1, j+1, at+1)
		}
	}
	return nil
}
