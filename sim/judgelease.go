package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Leases are judged where they are made and where they can be wrong [T§6.4.1], whether or not a read comes just then
// that would show it: a history tells a stale read only if somebody reads at the leader that is gone, between the first
// commit of the next one and the end of the lease.

// word is what a voter said when it answered a leader's round: that it votes for nobody before a time.
type word struct {
	inc   raft.Incarnation
	until int64 // simulated time; of a clock that runs fast by all that the plan's bound allows
}

// judgeLeaseWords looks whether a voter votes, or campaigns, before its word is over, whatever process it is by now. A leader may
// ask for votes all the same: it has given up its lease. What a Step grants it grants by the words of the Steps before.
func (w *World) judgeLeaseWords(s *server, out *node.Output) {
	if w.plan.Node.Lease == 0 {
		return
	}
	for i := range out.Store {
		for j := range out.Store[i].Then {
			w.judgeVoteByWord(s, &out.Store[i].Then[j])
		}
	}
	for i := range out.Send {
		w.judgeVoteByWord(s, &out.Send[i])
	}
	for i := range out.Send {
		if m := &out.Send[i]; m.Kind == raft.MsgHeartbeatReply && m.Granted {
			w.judges.election.given[s.id] = word{m.From.Inc, w.now + int64(raft.LeaseMax(w.plan.Node.Election, w.plan.Node.LeasePPM))}
		}
	}
}

func (w *World) judgeVoteByWord(s *server, m *raft.Message) {
	of := m.From
	switch {
	case m.Kind == raft.MsgVote && !m.Transfer:
	case m.Kind == raft.MsgVoteReply && m.Granted && w.judges.logs.asks[m.To.ID].unasked(m.Seq, m.To.Inc):
		of = m.To
	default:
		return
	}
	if given := &w.judges.election.given[s.id]; given.inc == m.From.Inc && w.now < given.until {
		w.violate(Leases, "Node %d votes for node %d in term %d, and its word to a leader lasts for another %v.", s.id, of.ID, m.Term, time.Duration(given.until-w.now))
	}
}

// judgeLeases looks at all leaders of earlier terms when one is elected: none may hold a lease, by what its own clock
// says now. Of a process that stands still that counts, too: it reads its clock before it answers.
func (w *World) judgeLeases(elected *server, term raft.Term) {
	if w.plan.Node.Lease == 0 {
		return
	}
	for _, s := range w.servers {
		if is := w.judges.election.roles[s.id]; !s.up || is.is != raft.Leader || is.term >= term {
			continue
		}
		if r := s.node.Raft(); r != nil && r.Leased(s.clock.read(w.now)) {
			w.violate(Leases, "Node %d was elected in term %d while node %d, the leader of term %d, held a lease.", elected.id, term, s.id, r.Term())
		}
	}
}

// judgeLeased looks whether reads are answered under a lease when a leader of a later term has been elected.
func (w *World) judgeLeased(s *server, n *raft.Note) {
	leaders := w.judges.election.leaders
	for term := n.Term + 1; term < raft.Term(len(leaders)); term++ {
		if l := leaders[term]; l.who != 0 {
			w.violate(Leases, "Node %d, the leader of term %d, answered reads under a lease after node %d had been elected in term %d.", s.id, n.Term, l.who, term)
			return
		}
	}
}
