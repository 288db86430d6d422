package raft

// Linearizable reads at a follower or a learner [T§6.4]: it asks its leader how far its state
// must have come, and answers from its own.
//
//  1. reads that wait become one question with a number of its own; while as many
//     questions are under way as there may be, reads wait for the next
//  2. the leader lets the question join a round like a read of its own, and answers with
//     the round's index when a quorum has confirmed it; what it can't answer it refuses
//  3. the follower answers its reads when it has put out that index
//
// An answer counts only for a question that is open, from the leader that was asked and in the
// term in which it was asked. The first number is drawn at every start of the process: what a
// former process of this directory asked can't be taken for a question of this one. An
// answer that comes twice finds the question closed.
//
// Every read ends: with the term or the word of its leader, with a loss that the transport
// reports, with a refusal, or when the question is an election timeout old, whichever is
// first. A refused read was not answered and changed nothing, so that it may be repeated.

// asks are the reads that wait for this node's leader.
type asks struct {
	leader  Ident // who is asked, in this term; of no meaning while nothing waits
	term    Term
	number  uint64   // of the last question
	waiting []uint64 // tickets for the next question
	open    []question
}

// question is a MsgReadIndex that left and whose reads are not answered.
type question struct {
	number  uint64
	until   Mono // its reads are refused from then on
	known   bool // the leader answered: the index is known, and not put out yet
	index   Index
	tickets []uint64
}

// drawAsk is the purpose of the first number of a process.
const drawAsk = 0x61736b // "ask"

// newAsks draws the first number. The seed differs from process to process, says Config;
// the time is a second reason why no two begin alike.
func newAsks(cfg *Config, now Mono) asks {
	return asks{number: Mix(cfg.Seed, drawAsk, uint64(cfg.Self.ID), uint64(cfg.Self.Inc), uint64(now))}
}

// idle reports whether no read waits.
func (a *asks) idle() bool { return len(a.waiting) == 0 && len(a.open) == 0 }

// pending counts the reads that wait.
func (a *asks) pending() int {
	n := len(a.waiting)
	for i := range a.open {
		n += len(a.open[i].tickets)
	}
	return n
}

// unanswered counts the questions that the leader has not answered.
func (a *asks) unanswered() int {
	n := 0
	for i := range a.open {
		if !a.open[i].known {
			n++
		}
	}
	return n
}

// deadline is when the oldest question ends.
func (a *asks) deadline() Mono {
	if len(a.open) == 0 {
		return Never
	}
	return a.open[0].until
}

// askable reports whether this node may ask a leader for its readers, or for itself.
func (r *Raft) askable(own bool) bool {
	return r.role == Follower && !r.leader.IsZero() && (own || !r.cfg.LeaderReadsOnly)
}

// readElsewhere takes a read at a node that does not lead.
func (r *Raft) readElsewhere(ticket uint64, own bool) {
	r.keepAsks()
	switch {
	case !r.askable(own):
		r.refuse(ticket, RefusedNotLeader)
	case r.asks.pending() >= r.cfg.Limits.ReadsPendingMax:
		r.refuse(ticket, RefusedBusy)
	default:
		r.asks.leader, r.asks.term = r.leader, r.hard.Term
		r.asks.waiting = append(r.asks.waiting, ticket)
	}
}

// keepAsks ends all questions if they were for another leader or term: nobody who could
// still answer them would be believed.
func (r *Raft) keepAsks() {
	a := &r.asks
	if a.idle() || r.role == Follower && a.leader == r.leader && a.term == r.hard.Term {
		return
	}
	for i := range a.open {
		r.refuseReads(a.open[i].tickets)
	}
	r.refuseReads(a.waiting)
	r.asks = asks{number: a.number}
}

// lostAsks ends the questions that the leader has not answered: messages on the way to it
// are known to be lost.
func (r *Raft) lostAsks(to NodeID) {
	if r.asks.leader.ID == to {
		r.endAsks(func(q *question) bool { return !q.known })
	}
}

// endAsks refuses the reads of the questions that match.
func (r *Raft) endAsks(match func(q *question) bool) {
	a := &r.asks
	kept := a.open[:0]
	for i := range a.open {
		if q := &a.open[i]; match(q) {
			r.refuseReads(q.tickets)
		} else {
			kept = append(kept, *q)
		}
	}
	clear(a.open[len(kept):])
	a.open = kept
}

// askLeader answers what has become answerable, ends what waited too long, and asks
// for the reads that came: one message a Step, whatever their number.
func (r *Raft) askLeader() {
	r.keepAsks()
	a := &r.asks
	if a.idle() {
		return
	}
	kept := a.open[:0]
	for i := range a.open {
		switch q := &a.open[i]; {
		case q.known && q.index <= r.delivered:
			for _, t := range q.tickets {
				r.out.Reads = append(r.out.Reads, ReadReady{Ticket: t, Index: q.index})
			}
		case r.now >= q.until:
			r.refuseReads(q.tickets)
		default:
			kept = append(kept, *q)
		}
	}
	clear(a.open[len(kept):])
	a.open = kept
	if len(a.waiting) == 0 || a.unanswered() >= r.cfg.Limits.RoundsInflightMax {
		return
	}
	a.number++
	a.open = append(a.open, question{number: a.number, until: r.now.Add(r.cfg.ElectionTimeout), tickets: a.waiting})
	a.waiting = nil
	r.reply(Message{Kind: MsgReadIndex, To: a.leader, Seq: a.number})
}

// handleReadIndex lets a member's question join the next round, or refuses it.
func (r *Raft) handleReadIndex(m *Message) {
	if r.role != Leader || m.Term != r.hard.Term || r.peer(m.From) == nil || r.reads.pending() >= r.cfg.Limits.ReadsPendingMax {
		r.reply(Message{Kind: MsgReadIndexReply, To: m.From, Seq: m.Seq})
		return
	}
	r.reads.asked = append(r.reads.asked, asked{m.From, m.Seq})
}

// handleReadIndexReply notes the index that a question waited for. It is committed: as far as the log here is the
// leader's, this node need not wait to be told.
func (r *Raft) handleReadIndexReply(m *Message) {
	r.keepAsks()
	a := &r.asks
	if a.idle() || m.From != a.leader || m.Term != a.term {
		return // of another leader or term
	}
	if !m.Granted {
		r.endAsks(func(q *question) bool { return q.number == m.Seq && !q.known })
		return
	}
	for i := range a.open {
		if q := &a.open[i]; q.number == m.Seq && !q.known {
			q.known, q.index = true, m.Commit
			r.commitTo(min(m.Commit, r.accepted))
		}
	}
}
