package sim

import (
	"slices"

	"parley/raft"
)

// settle forgets what can make no difference any more: messages that will never again do anything to the node that they
// are for, and who was elected in terms that nobody can be elected in.
func (s *searchState) settle(parts *searchParts) {
	dead := func(p *parcel) bool { return s.dead(p, parts) }
	if slices.ContainsFunc(s.flight, dead) {
		s.flight = slices.DeleteFunc(slices.Clone(s.flight), dead)
	}
	s.past = s.past.behind(s.oldestTerm())
}

// oldestTerm is the lowest term that a disk is in.
func (s *searchState) oldestTerm() raft.Term {
	oldest := s.nodes[0].hard.Term
	for _, n := range s.nodes[1:] {
		oldest = min(oldest, n.hard.Term)
	}
	return oldest
}

// dead reports whether a message will never do anything.
//
// Forgotten, it can't be lost. Nobody misses that, but a leader that was told would have begun its pipeline anew. So leaders may
// be told of losses that were none (moveTold). They need not where one Append at a time is under way to a peer, which takes the commitIndex along,
// and no heartbeat: such a leader then ignores a rejection of what was under way, or sends the peer nothing more. Judges see the same if
// that rejection is lost without a word, or the next Append.
//
// Requests are answered, and the answer tells at least a term. It is news as long as anybody may ever be in a later term than who
// asked (last). Where nobody may, a PreVote does nothing to whom it asks, and what it asks about is over: a grant
// is dead by its term. A Vote does nothing where it is refused for good.
//
// Replies: of terms that the node's disk has left behind nothing is read but the term itself, and the node's term never falls below
// its disk's. In the term itself replies are of use to a node that leads or campaigns, and it does so in a term once.
func (s *searchState) dead(p *parcel, parts *searchParts) bool {
	n := s.nodes[p.to]
	if p.m.Kind == raft.MsgPreVoteReply && p.m.Granted {
		// Its term is the one that it was asked about, and no disk needs to have it.
		return p.m.Term <= n.hard.Term || s.idles(p, parts)
	}
	if p.m.Kind == raft.MsgPreVote {
		return p.m.Term <= s.nodes[p.from].hard.Term && s.last(p.from)
	}
	if p.m.Term > n.hard.Term {
		return false
	}
	past := p.m.Term < n.hard.Term
	switch p.m.Kind {
	case raft.MsgVote:
		voted := !n.hard.Vote.IsZero() && n.hard.Vote != p.m.From
		return (past || voted) && s.last(p.from)
	case raft.MsgPreVoteReply:
		return true
	case raft.MsgVoteReply:
		return past || n.r.Role() != raft.Candidate || s.idles(p, parts)
	case raft.MsgAppendReply:
		return past || !n.leads && n.r.Role() != raft.Candidate || n.leads && s.idles(p, parts)
	case raft.MsgHeartbeatReply:
		return past || !n.leads && n.r.Role() != raft.Candidate || n.leads && s.idles(p, parts)
	}
	return false
}

// last reports whether the disk of a node is in a term that nobody will ever leave behind: nobody is in a later one or asks for
// votes in it, and no timer will fire.
func (s *searchState) last(node int8) bool {
	if s.left[allowElection] > 0 || s.left[allowBeat] > 0 {
		return false
	}
	term := s.nodes[node].hard.Term
	for _, n := range s.nodes {
		if n.term > term || n.term == term && n.r.Role() == raft.PreCandidate {
			return false
		}
	}
	return !slices.ContainsFunc(s.flight, func(p *parcel) bool { return p.m.Kind == raft.MsgTimeoutNow })
}

// idles reports whether a reply does nothing to its node now, and so never will:
//
//   - PreVoteReply, granted: it is of another campaign, or counted already. Campaigns are numbered, from the beginning only behind a
//     crash; so there must be none left.
//   - VoteReply in the node's term: a refusal, or counted already.
//   - AppendReply: matchIndex is there already, and if it is granted, no probe waits for it. Should one begin later, then behind the
//     last request there was (resetSeq), which this is no answer to. That the peer is heard at a later time is more than
//     nothing; so the leader's clock must stand.
//   - HeartbeatReply: it is of a round that nobody waits for (raft.AppendShape). Again the leader's clock must stand.
func (s *searchState) idles(p *parcel, parts *searchParts) bool {
	switch p.m.Kind {
	case raft.MsgPreVoteReply:
		if s.left[allowCrash] > 0 {
			return false
		}
	case raft.MsgAppendReply, raft.MsgHeartbeatReply:
		if s.left[allowBeat] > 0 {
			return false
		}
	}
	n := s.nodes[p.to]
	for _, e := range s.steps(move{kind: moveDeliver, node: p.to, message: p}, parts) {
		if e.node != n || e.sends {
			return false
		}
	}
	return true
}
