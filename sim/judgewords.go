package sim

import (
	"slices"

	"parley/raft"
	"parley/raft/node"
)

// What nodes say of their logs. Each of these words is believed by somebody who can't look for himself: a follower takes
// prevLogTerm for what the leader's log has, a node that is told that it was removed never campaigns again, and of a
// lost entry that enough voters deny another node takes its leave. So each is compared with the speaker's own mirror, in
// the Step that makes it: by the time it leaves the log may have grown.

// said is which kinds of messages a Step says, a bit each; those that raft/node reads have none, nobody judges them here.
type said uint64

// Kinds that are judged alike. Most Steps say none of them.
const (
	saysVotes said = 1<<raft.MsgPreVote | 1<<raft.MsgPreVoteReply | 1<<raft.MsgVote | 1<<raft.MsgVoteReply
	saysHolds said = 1 << raft.MsgRepairReply
	saysLease said = 1<<raft.MsgVote | 1<<raft.MsgVoteReply | 1<<raft.MsgHeartbeatReply
)

func saidIn(out *node.Output) (what said) {
	for i := range out.Send {
		what |= 1 << out.Send[i].Kind
	}
	for i := range out.Store {
		for j := range out.Store[i].Then {
			what |= 1 << out.Store[i].Then[j].Kind
		}
	}
	return what
}

// stood is a node at the beginning of a Step, as far as its messages are judged by that.
type stood struct {
	claimed raft.EntryID // the last position that it stood for
	log     []raft.Term  // nil where no message needs it
}

// stoodBefore is asked before the writes of the Step are judged.
func (w *World) stoodBefore(s *server, out *node.Output) stood {
	return stood{w.claimed(s.id), w.logBefore(s, out)}
}

// judgeSaid looks at what a Step says, behind its writes.
func (w *World) judgeSaid(s *server, out *node.Output, what said, before *stood) {
	if what&saysVotes != 0 {
		w.judgeVotes(s, out, before.claimed)
	}
	if what&saysLease != 0 {
		w.judgeLeaseWords(s, out)
	}
	w.judgeWords(s, out, before.log)
}

// judgeWords looks at the messages of a Step. Before is the log at the beginning of the Step; nil where none of them
// needs it.
func (w *World) judgeWords(s *server, out *node.Output, before []raft.Term) {
	for i := range out.Send {
		w.judgeWord(s, &out.Send[i], before)
	}
	for i := range out.Store {
		for j := range out.Store[i].Then {
			w.judgeWord(s, &out.Store[i].Then[j], before)
		}
	}
}

// logBefore keeps the log as it is for judgeWords, if a message of the Step will have to be compared with it.
func (w *World) logBefore(s *server, out *node.Output) []raft.Term {
	needed := denies(out.Send)
	for i := range out.Store {
		needed = needed || denies(out.Store[i].Then)
	}
	if !needed {
		return nil
	}
	return slices.Clone(w.judges.logs.mirrors[s.id].handed)
}

// denies reports whether one of these messages says that its sender does not hold an entry.
func denies(messages []raft.Message) bool {
	for i := range messages {
		if m := &messages[i]; m.Kind == raft.MsgRepairReply && m.Holding == raft.HoldingNone {
			return true
		}
	}
	return false
}

func (w *World) judgeWord(s *server, m *raft.Message, before []raft.Term) {
	mirror := &w.judges.logs.mirrors[s.id]
	switch m.Kind {
	case raft.MsgHeartbeat:
		w.judges.election.rounds[s.id] = round{m.Term, m.Round}
	case raft.MsgHeartbeatReply:
		w.judgeRound(s, m)
	case raft.MsgAppend:
		w.judgeEntries(m)
		if term, leads := w.leads(s.id); leads && term == m.Term && m.PrevTerm != termAt(mirror.handed, m.PrevIndex) {
			w.violate(LogMatching, "Node %d says that entry %d, behind which it appends, is of term %d, and its log has %s there.",
				s.id, m.PrevIndex, m.PrevTerm, describeTerm(termAt(mirror.handed, m.PrevIndex)))
		}
	case raft.MsgRemoved:
		if m.Commit > mirror.commit {
			w.violate(Membership, "Node %d tells node %d that entry %d removed it, and knows of no commitment behind entry %d.", s.id, m.To.ID, m.Commit, mirror.commit)
		}
	case raft.MsgRepairReply:
		k := m.PrevIndex + 1
		if m.Holding == raft.HoldingNone && termAt(before, k) == m.LastTerm && termAt(mirror.handed, k) == m.LastTerm {
			w.violate(Absence, "Node %d says that it does not hold entry %d of term %d, and has acknowledged it.", s.id, k, m.LastTerm)
		}
	}
}

// judgeFarewell looks at an entry that is given up because nobody can have committed it: enough voters of the
// configuration in force before it must by then be beyond the term in which this node lost it, or what it had acknowledged may
// count for a leader yet.
func (w *World) judgeFarewell(s *server, lost raft.Index) {
	m := &w.judges.logs.mirrors[s.id]
	at := lost - 1
	for at > 0 && len(w.configOf(at, termAt(m.handed, at)).Members) == 0 {
		at--
	}
	c := w.configOf(at, termAt(m.handed, at))
	voters, beyond := 0, 0
	for i := range c.Members {
		v := &c.Members[i]
		if !v.Voter {
			continue
		}
		voters++
		if v.ID != s.id && (w.judges.logs.mirrors[v.ID].hard.Term > m.debt.since || v.Inc != 0 && v.Inc != w.node(v.ID).inc) {
			beyond++
		}
	}
	if quorum := voters/2 + 1; beyond < voters-quorum+1 {
		w.violate(Absence, "Node %d gives up entry %d, which it lost in term %d, and %d of %d voters are beyond that term.", s.id, lost, m.debt.since, beyond, voters)
	}
}

// round is the last one that a leader sent.
type round struct {
	term   raft.Term
	number uint64
}

// judgeRound looks whether a round that is answered can have been heard. Rounds are numbered anew in each term, so that the number of an
// earlier term's, told to the same leader in a later one, would stand for a round that nobody has heard of yet [T§6.4].
func (w *World) judgeRound(s *server, m *raft.Message) {
	sent := w.judges.election.rounds[m.To.ID]
	if m.Round == 0 || m.Term < sent.term || m.Term == sent.term && m.Round <= sent.number {
		return
	}
	w.violate(Rounds, "Node %d answers round %d of node %d in term %d, whose last round was %d in term %d.", s.id, m.Round, m.To.ID, m.Term, sent.number, sent.term)
}
