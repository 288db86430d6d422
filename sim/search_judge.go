package sim

import (
	"encoding/binary"
	"fmt"
	"slices"

	"parley/raft"
)

// searchPast is what the judges remember of the way to a state. It is part of the state: two ways
// that lead to the same cluster with different pasts are not the same.
type searchPast struct {
	leaders   []int          // the number of the node that was elected, by term
	committed []searchCommit // by index - 1

	key    key
	number uint32 // in searchParts.pasts
	images [searchRenamings]*searchPast
	lanes  firstLanes
}

// behind forgets who was elected in terms before this one. Once every disk has left a term behind, nobody
// is elected in it any more.
func (p *searchPast) behind(term raft.Term) *searchPast {
	for t, l := range p.leaders {
		if raft.Term(t) < term && l != 0 {
			leaders := slices.Clone(p.leaders)
			clear(leaders[:min(int(term), len(leaders))])
			return &searchPast{leaders: leaders, committed: p.committed}
		}
	}
	return p
}

// searchCommit is an entry that somebody committed, and the lowest term of whoever did.
type searchCommit struct {
	term, in raft.Term
	sum      uint32
}

func (p *searchPast) encode(b []byte) []byte {
	b = append(b, byte(len(p.leaders)))
	for _, l := range p.leaders {
		b = append(b, byte(l))
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

// judgePromise compares a message with the sender's disk, as it leaves.
func (n *searchNode) judgePromise(m *raft.Message) *Violation {
	i := n.at
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
	return nil
}

// judgeAlone judges a step by what the node shows: breaches, Leader Append-Only, and that nothing is applied
// before it is committed.
func (n *searchNode) judgeAlone(was *face, out *raft.Output) *Violation {
	for j := range out.Notes {
		if b := &out.Notes[j]; b.Kind == raft.NoteBreach {
			return violation(Breaches, "Node %d takes a message of node %d for a breach (%d), and nobody lies.", n.at+1, b.Peer, b.A)
		}
	}
	if n.leads && was.leads && was.term == n.term {
		for j := range was.log {
			if n.termAt(raft.Index(j+1)) != was.log[j].Term {
				return violation(LeaderAppendOnly, "Node %d, the leader of term %d, changed its entry %d.", n.at+1, was.term, j+1)
			}
		}
	}
	for j := range out.Committed {
		if out.Committed[j].Index > n.commit {
			return violation(StateMachineSafety, "Node %d applies %d and has committed up to %d.", n.at+1, out.Committed[j].Index, n.commit)
		}
	}
	return nil
}

// judge looks at the cluster behind a phase of a move of node i. Before the move judges remembered was, and found nothing wrong.
func (s *searchState) judge(i int, p *phase, was *searchPast) *Violation {
	var faces [searchNodes]*face
	for j, n := range s.nodes {
		faces[j] = &n.face
	}
	faces[i] = &p.face
	for _, m := range p.sent {
		if wrong := judgeMatched(i, m.m, &faces); wrong != nil {
			return wrong
		}
	}
	if p.wrong != nil {
		return p.wrong
	}
	if wrong := s.judgeElected(i, p); wrong != nil {
		return wrong
	}
	if wrong := s.judgeCommitted(i, &p.face); wrong != nil {
		return wrong
	}
	if !p.shows && s.past == was {
		return nil // what follows sees what it saw before the move
	}
	for j, o := range faces {
		if j != i {
			if wrong := matching(i, p.face.log, j, o.log); wrong != nil {
				return wrong
			}
			if wrong := matching(i, p.face.entries, j, o.entries); wrong != nil {
				return wrong
			}
		}
	}
	return s.judgeCompleteness(&faces)
}

// judgeMatched compares what a node acknowledges with what the leader has there.
func judgeMatched(i int, m *raft.Message, faces *[searchNodes]*face) *Violation {
	if m.Kind != raft.MsgAppendReply || !m.Granted || m.Matched == 0 {
		return nil
	}
	n, l := faces[i], faces[m.To.ID-1]
	if l.leads && l.term == m.Term && m.Term == n.hard.Term && !n.holds(m.Matched, l.termAt(m.Matched)) {
		return violation(Promises, "%s leaves, and the disk of node %d holds another entry there than the leader.", describeParcel(m), i+1)
	}
	return nil
}

// judgeElected judges Election Safety.
func (s *searchState) judgeElected(i int, p *phase) *Violation {
	if !p.elected {
		return nil
	}
	leaders := append([]int(nil), s.past.leaders...)
	for len(leaders) <= int(p.face.term) {
		leaders = append(leaders, 0)
	}
	if l := leaders[p.face.term]; l != 0 {
		return violation(ElectionSafety, "Nodes %d and %d were both elected in term %d.", l, i+1, p.face.term)
	}
	leaders[p.face.term] = i + 1
	s.past = &searchPast{leaders: leaders, committed: s.past.committed}
	return nil
}

// judgeCommitted judges State Machine Safety, of what is committed already and not only of what is applied.
func (s *searchState) judgeCommitted(i int, f *face) *Violation {
	p := s.past
	for at := raft.Index(1); at <= f.commit; at++ {
		e := &f.log[at-1]
		if int(at) <= len(p.committed) {
			c := p.committed[at-1]
			if c.term != e.Term || c.sum != e.Sum {
				return violation(StateMachineSafety, "Node %d commits an entry of term %d at %d, where one of term %d was committed.", i+1, e.Term, at, c.term)
			}
			if c.in <= f.term {
				continue
			}
		}
		c := append([]searchCommit(nil), p.committed...)
		if int(at) > len(c) {
			c = append(c, searchCommit{})
		}
		c[at-1] = searchCommit{term: e.Term, in: f.term, sum: e.Sum}
		p = &searchPast{leaders: p.leaders, committed: c}
	}
	s.past = p
	return nil
}

// judgeCompleteness judges Leader Completeness: of the leaders there are, and of those there could be.
// What is committed is on a majority of the disks, for ever; and whoever lacks it on its disk has a log that a
// majority outranks there [§5.4.1, §5.4.3]. That is what the proof in the paper rests on, and it fails
// an election before the property itself.
func (s *searchState) judgeCompleteness(faces *[searchNodes]*face) *Violation {
	for at := len(s.past.committed); at > 0; at-- {
		c, index := s.past.committed[at-1], raft.Index(at)
		held := 0
		for i, n := range faces {
			if n.leads && n.term > c.in && n.termAt(index) != c.term {
				return violation(LeaderCompleteness, "Entry %d of term %d was committed in term %d, and node %d leads term %d without it.", at, c.term, c.in, i+1, n.term)
			}
			if n.holds(index, c.term) {
				held++
				continue
			}
			voters := 0
			for _, o := range faces {
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
