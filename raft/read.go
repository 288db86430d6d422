package raft

import "time"

// Linearizable reads without a log entry: ReadIndex [T§6.4]. A read notes the
// commitIndex and joins the next heartbeat round that is not yet sent; when
// a quorum has answered that round, no later leader can have committed
// anything before the read began, and any state that has applied the noted index
// may answer. A leader must first have committed an entry of its own term, or
// its commitIndex may lag behind its predecessor's. Others ask their leader (ask.go): a
// question joins a round like a read. While a lease holds (lease.go), no round is needed.

// reads are the reads that wait, in the order they came.
type reads struct {
	round   uint64        // of the last round sent in this term
	waiting []uint64      // tickets for the next round
	asked   []asked       // others' questions for the next round
	rounds  []roundOfRead // rounds sent and not confirmed that carry reads
	held    bool          // the next round waits for the next Step, which comes at once
	lease   lease
}

// asked is a question of another member (MsgReadIndex).
type asked struct {
	who    Ident
	number uint64
}

// roundOfRead is a round with the reads that joined it.
type roundOfRead struct {
	round   uint64
	index   Index
	tickets []uint64
	asked   []asked
}

// pending counts the reads that wait.
func (q *reads) pending() int {
	n := len(q.waiting) + len(q.asked)
	for i := range q.rounds {
		n += len(q.rounds[i].tickets) + len(q.rounds[i].asked)
	}
	return n
}

// read takes a read that is to be linearizable: into the next round if this node leads, else into a question to its leader.
func (r *Raft) read(ticket uint64, own bool) {
	switch {
	case r.role != Leader:
		r.readElsewhere(ticket, own)
	case r.reads.pending() >= r.cfg.Limits.ReadsPendingMax:
		r.refuse(ticket, RefusedBusy)
	default:
		r.reads.waiting = append(r.reads.waiting, ticket)
	}
}

// startRound sends a round for the reads that wait, unless enough are under
// way: then they join the next. While a lease holds, none is sent.
//
// Whoever was answered in this Step asks again, likely. So while another round is under way, the next one waits for
// the next Step, which is asked for at once: else it would leave with the few that came meanwhile, and those
// who were answered would stand in line behind it.
func (r *Raft) startRound() {
	q := &r.reads
	held, answered := q.held, r.confirmRounds()
	q.held = false
	switch {
	case len(q.waiting)+len(q.asked) == 0 || r.commit < r.termStart:
		return
	case r.leaseHolds():
		r.joinRound()
	case answered && !held && len(q.rounds) > 0:
		q.held = true
	case len(q.rounds) < r.cfg.Limits.RoundsInflightMax:
		r.sendRound()
	}
	r.confirmRounds() // a lone voter needs nobody's answer
}

// joinRound has the reads that wait share the fate of the last round.
func (r *Raft) joinRound() {
	q := &r.reads
	if len(q.waiting)+len(q.asked) > 0 && r.commit >= r.termStart {
		q.rounds = append(q.rounds, roundOfRead{q.round, r.commit, q.waiting, q.asked})
		q.waiting, q.asked = nil, nil
	}
}

// beat sends the timed heartbeat: a round like any other, which also shows
// losses and wakes stalled probes.
func (r *Raft) beat() {
	r.beatAt = r.now.Add(r.cfg.Heartbeat)
	r.sendRound()
	for i := range r.peers {
		r.peers[i].beat(r.reads.round)
	}
}

// sendRound numbers a round, lets the waiting reads join it, and asks all. The
// commitIndex in a heartbeat is cut to what the receiver is known to store.
func (r *Raft) sendRound() {
	q := &r.reads
	q.round++
	q.lease.left(q.round, r.now)
	r.joinRound()
	for i := range r.peers {
		p := &r.peers[i]
		r.send(Message{Kind: MsgHeartbeat, To: p.who, Round: q.round, Commit: min(r.commit, p.match)})
	}
}

// handleHeartbeat takes the leader's word: it lives, and has committed so much. The answer tells what this node accepted
// of the leader's log, and counts for the round.
func (r *Raft) handleHeartbeat(m *Message) {
	reply := Message{Kind: MsgHeartbeatReply, To: m.From, Seq: m.Seq}
	if m.Term == r.hard.Term {
		if !r.hearLeader(m) {
			return
		}
		r.commitTo(min(m.Commit, r.accepted))
		reply.Round, reply.Accepted = m.Round, r.accepted
		reply.Granted = r.cfg.Lease > 0
	}
	// To an older leader it only shows the term. It answers no round: the same node may lead again by now,
	// and have numbered its rounds anew.
	r.reply(reply)
}

// handleHeartbeatReply counts the answer and looks for losses. The follower must
// by now have accepted what was sent well before the heartbeat that it answers; if not,
// the pipeline starts again. If it has, but never acknowledged it, it is asked again:
// nothing else would, once the pipeline is full or nobody proposes. A probe that a later
// heartbeat overtook is sent again.
func (r *Raft) handleHeartbeatReply(m *Message) {
	p := r.answeredBy(m)
	if p == nil {
		return
	}
	p.round = max(p.round, m.Round)
	if m.Granted {
		p.leased = max(p.leased, m.Round)
	}
	lost, silent := false, false
	if !p.probing {
		lost, silent = p.overdue(m.Round, m.Accepted)
	}
	switch {
	case p.next <= r.log.base.Index && m.Accepted >= r.log.base.Index && m.Accepted <= r.log.last:
		p.next = m.Accepted + 1 // it has a snapshot now, and the log goes on from there
		p.probe(p.next)
	case lost:
		p.probe(m.Accepted + 1)
	case silent && m.Accepted <= r.log.last:
		r.askAgain(p, m.Accepted)
	case p.probed && m.Round > p.probeRound && r.now.Sub(p.probeAt) >= 2*r.cfg.Heartbeat:
		p.probed = false
	}
}

// confirmRounds answers the reads of every round that a quorum has answered, or of all while
// a lease holds, once everything they must see has been put out to be applied.
// Who asked from elsewhere waits for that there. It reports whether any were answered.
func (r *Raft) confirmRounds() bool {
	q := &r.reads
	if len(q.rounds) == 0 {
		return false
	}
	by, confirmed := NoteLease, q.round
	if !r.leaseHolds() {
		by, confirmed = NoteRound, r.roundConfirmed()
	}
	n := 0
	for i := range q.rounds {
		if q.rounds[i].round <= confirmed {
			r.answerAsked(&q.rounds[i])
		}
	}
	for n < len(q.rounds) && q.rounds[n].round <= confirmed && q.rounds[n].index <= r.delivered {
		for _, t := range q.rounds[n].tickets {
			r.out.Reads = append(r.out.Reads, ReadReady{Ticket: t, Index: q.rounds[n].index})
		}
		n++
	}
	if n > 0 {
		r.note(Note{Kind: by, A: confirmed})
		rest := copy(q.rounds, q.rounds[n:])
		clear(q.rounds[rest:])
		q.rounds = q.rounds[:rest]
	}
	return n > 0
}

// roundConfirmed returns the newest round that a quorum has answered.
func (r *Raft) roundConfirmed() uint64 {
	return uint64(r.reached(int64(r.reads.round), func(p *progress) int64 { return int64(p.round) }))
}

// answerAsked tells those who asked how far their states must come.
func (r *Raft) answerAsked(round *roundOfRead) {
	for _, a := range round.asked {
		r.reply(Message{Kind: MsgReadIndexReply, To: a.who, Seq: a.number, Granted: true, Commit: round.index})
	}
	round.asked = nil
}

// failReads refuses every read that waits: the term in which it could have been
// answered is over.
func (r *Raft) failReads() {
	q := &r.reads
	for i := range q.rounds {
		r.refuseReads(q.rounds[i].tickets)
		r.refuseAsked(q.rounds[i].asked)
	}
	r.refuseReads(q.waiting)
	r.refuseAsked(q.asked)
	r.reads = reads{}
}

// refuseReads tells this node's own readers that the term is over.
func (r *Raft) refuseReads(tickets []uint64) {
	for _, t := range tickets {
		r.refuse(t, RefusedLostTerm)
	}
}

// refuseAsked tells the members that asked.
func (r *Raft) refuseAsked(all []asked) {
	for _, a := range all {
		r.reply(Message{Kind: MsgReadIndexReply, To: a.who, Seq: a.number})
	}
}

// LeaderQuiet returns how long ago this node last heard from a leader; a leader
// hears itself.
func (r *Raft) LeaderQuiet(now Mono) time.Duration {
	if r.role == Leader {
		return 0
	}
	return now.Sub(r.leaderSeen)
}
