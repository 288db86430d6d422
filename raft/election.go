package raft

import (
	"slices"
	"time"
)

// Elections [§5.2], with pre-vote [T§9.6], loyalty to a living leader and
// check-quorum [T§6.2, §6]. A campaign goes
//
//	election timeout -> pre-campaign: "would you vote for me in term+1?"
//	quorum would     -> campaign: term+1, vote for self on disk, RequestVote
//	quorum did       -> leader: one entry of the own term, at once [§8]

// drawElection is the purpose of the draws of election timeouts; see Mix.
const drawElection = 0x656c6563 // "elec"

// resetElectionTimer draws the next wait from [1, 2) election timeouts, scaled
// by the priority. Every draw has a counter of its own, so that two nodes that
// collided once don't keep step [§5.2].
func (r *Raft) resetElectionTimer() {
	r.draws++
	base := uint64(r.cfg.ElectionTimeout)
	wait := base + Mix(r.cfg.Seed, drawElection, uint64(r.cfg.Self.ID), uint64(r.cfg.Self.Inc), r.draws)%base
	wait = wait / PriorityMax * uint64(2*PriorityMax-r.cfg.Priority)
	r.electionAt = r.now.Add(time.Duration(wait))
}

// promotable reports whether the node may campaign at all: a voter whose log has
// begun. An empty log has seen no configuration entry; it waits to be filled,
// unless every member has accepted the formation record.
//
// A node that is no voter of its own latest configuration campaigns all the same
// while that is not committed: it may be the only one that holds the entry, so that
// nobody else can win [T§4.2.2]. It counts the others' votes, and not its own.
func (r *Raft) promotable() bool {
	if r.removed != 0 || r.log.last == 0 && !r.mayForm || r.damaged() {
		return false
	}
	for n := len(r.configs) - 1; n >= 0; n-- {
		if r.configs[n].config.IsVoter(r.cfg.Self) {
			return true
		}
		if r.configs[n].index <= r.commit {
			return false
		}
	}
	return false
}

// loyal reports whether a leader is known to live: votes are not granted, and
// not even their term is taken, within the shortest election timeout of its last word
// [§6, T§4.2.3]. A leader is loyal to itself; check-quorum ends that. With leases on, loyalty
// outlasts the term and the process.
func (r *Raft) loyal() bool {
	return r.role == Leader || r.now.Sub(r.leaderSeen) < r.cfg.ElectionTimeout || r.bound()
}

// upToDate is the election restriction [§5.4.1]: the last terms decide, and only
// if they are equal the last indexes. What the disk lost counts as if it were there.
func (r *Raft) upToDate(m *Message) bool {
	return !(EntryID{m.LastIndex, m.LastTerm}).Before(r.position())
}

// preCampaign asks every voter whether it would grant a vote. Nobody's term,
// vote or timer changes by it.
func (r *Raft) preCampaign() {
	r.campaign++
	r.granted = r.granted[:0]
	r.leader = Ident{}
	r.setRole(PreCandidate)
	r.resetElectionTimer()
	if r.grantedBy(r.cfg.Self) {
		r.startElection(false)
		return
	}
	r.askVoters(Message{Kind: MsgPreVote, Term: r.hard.Term + 1})
}

// startElection enters a new term and votes for itself, in a transfer without asking
// first. The requests are promises: they
// leave when the vote is on disk, and only then the own vote counts.
func (r *Raft) startElection(transfer bool) {
	r.hard.Term, r.hard.Vote = r.hard.Term+1, r.cfg.Self
	r.campaign++
	r.granted = r.granted[:0]
	r.leader = Ident{}
	r.accepted = r.deliverable()
	r.leaderSeen = r.now - Mono(r.cfg.ElectionTimeout)
	r.note(Note{Kind: NoteTerm})
	r.note(Note{Kind: NoteVote, Peer: r.cfg.Self.ID})
	r.setRole(Candidate)
	r.resetElectionTimer()
	r.selfVote = r.nextSeq + 1 // the write of this Step
	r.askVoters(Message{Kind: MsgVote, Term: r.hard.Term, Transfer: transfer})
}

// askVoters sends a (pre-)vote request to every other voter, of both halves.
func (r *Raft) askVoters(ask Message) {
	ask.Seq = r.campaign
	ask.LastIndex, ask.LastTerm = r.log.last, r.log.lastTerm()
	c := r.config()
	for i := range c.Members {
		m := &c.Members[i]
		if m.Ident == r.cfg.Self || !m.Voter && !m.VoterOld {
			continue
		}
		ask.To = m.Ident
		if ask.Kind == MsgVote {
			r.promise(ask)
		} else {
			r.send(ask)
		}
	}
}

// handlePreVote answers whether a vote would be granted. It changes nothing. A
// refusal carries the own term, so that a candidate that is behind
// catches up.
func (r *Raft) handlePreVote(m *Message) {
	reply := Message{Kind: MsgPreVoteReply, To: m.From, Seq: m.Seq, Term: r.hard.Term}
	if m.Term > r.hard.Term && !r.loyal() && r.upToDate(m) {
		reply.Granted, reply.Term = true, m.Term
	}
	if reply.Term == 0 {
		return // an unborn node that would not grant has nothing to say
	}
	r.reply(reply)
}

// handlePreVoteReply counts who would vote for this node. When they are a quorum, it enters the term it asked about.
func (r *Raft) handlePreVoteReply(m *Message) {
	if r.role != PreCandidate || m.Seq != r.campaign || !m.Granted || m.Term != r.hard.Term+1 {
		return // of an earlier campaign, or a refusal whose term was taken already
	}
	if r.grantedBy(m.From) {
		r.startElection(false)
	}
}

// handleVote is RequestVote, receiver [Figure 2]: at most one vote a term, first
// come first served, and only for a log that is up to date. The reply is a promise.
func (r *Raft) handleVote(m *Message) {
	reply := Message{Kind: MsgVoteReply, To: m.From, Seq: m.Seq}
	free := (r.hard.Vote.IsZero() || r.hard.Vote == m.From) && (m.Transfer || !r.bound())
	if m.Term == r.hard.Term && r.role != Leader && free && r.upToDate(m) {
		if r.hard.Vote.IsZero() {
			r.hard.Vote = m.From
			r.note(Note{Kind: NoteVote, Peer: m.From.ID})
		}
		r.becomeFollower(r.hard.Term, Ident{}) // a pre-candidate gives way
		r.resetElectionTimer()
		reply.Granted = true
	}
	r.promise(reply)
}

// handleVoteReply counts a vote. A quorum of votes in one term makes a leader [§5.2].
func (r *Raft) handleVoteReply(m *Message) {
	if r.role != Candidate || m.Seq != r.campaign || !m.Granted || m.Term != r.hard.Term {
		return // of an earlier term or campaign, or a refusal
	}
	if r.grantedBy(m.From) {
		r.becomeLeader()
	}
}

// countSelfVote counts the own vote once the disk has it.
func (r *Raft) countSelfVote() {
	if r.role == Candidate && r.storedSeq >= r.selfVote && r.grantedBy(r.cfg.Self) {
		r.becomeLeader()
	}
}

// grantedBy counts a grant, each voter once, and reports whether they are a
// quorum of the configuration in force.
func (r *Raft) grantedBy(who Ident) bool {
	if !slices.Contains(r.granted, who) && r.config().IsVoter(who) {
		r.granted = append(r.granted, who)
	}
	return quorumHas(r.config(), func(m *Member) bool { return slices.Contains(r.granted, m.Ident) })
}

// becomeLeader starts to lead: nothing is known about the others' logs, and an
// entry of the own term is appended at once, because only such an entry
// can be committed by counting [§5.4.2, §8]. The first entry of all holds the configuration.
func (r *Raft) becomeLeader() {
	if !(r.role == Candidate && r.hard.Vote == r.cfg.Self) {
		impossible("%s of term %d with vote %v becomes leader", r.role, r.hard.Term, r.hard.Vote)
	}
	r.setRole(Leader)
	r.leader = r.cfg.Self
	r.granted = r.granted[:0]
	r.note(Note{Kind: NoteLeader, Peer: r.cfg.Self.ID})
	r.beatAt, r.tellAt = r.now, Never
	r.clockBase, r.clockMono = r.baseAt, r.now
	if r.log.last > r.log.base.Index {
		r.clockBase = r.log.entry(r.log.last).Time
	}
	r.termStart = r.log.last + 1
	r.uncommitted = 0
	for i := r.commit + 1; i <= r.log.last; i++ {
		r.uncommitted += len(r.log.entry(i).Payload)
	}
	r.resetPeers()
	if r.log.last == 0 {
		r.append(EntryConfig, AppendConfiguration(nil, r.config()), 0)
	} else {
		r.append(EntryNoop, nil, 0)
	}
}

// stopLeading answers what can no longer be answered.
func (r *Raft) stopLeading() {
	r.peers = r.peers[:0]
	r.failReads()
	r.failChange()
}

// checkQuorum steps down when no quorum has answered for an election timeout:
// such a leader can commit nothing, and others may have elected another [T§6.2].
// A leader that may go on sends the next timed heartbeat.
func (r *Raft) checkQuorum() {
	heard := Mono(r.reached(int64(r.now), func(p *progress) int64 { return int64(p.heard) }))
	if r.now.Sub(heard) >= r.cfg.ElectionTimeout {
		r.note(Note{Kind: NoteQuorumLost})
		r.becomeFollower(r.hard.Term, Ident{})
		return
	}
	r.beat()
}
