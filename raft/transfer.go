package raft

// Leadership transfer [T§3.10], for a graceful stop and for operators:
//
//  1. the leader takes no more proposals and brings the target up to date
//  2. when the target stores the whole log, the leader sends TimeoutNow
//  3. the target campaigns at once, without a pre-vote, and says that it was asked
//     to, so that voters who are loyal to the leader judge its request all the same
//  4. the leader hears of the new leader and steps down like any other
//
// If that has not happened within an election timeout, the leader goes on as before. It
// never stops to lead by itself, so that at no time there is nobody by design; but
// one that was removed from the membership hands over of its own accord (ticket 0) and stops.
// Whether TimeoutNow is lost, late or doubled is the same to safety: the
// target's campaign is an ordinary election.
type transfer struct {
	to     Ident  // zero: none under way
	ticket uint64 // zero: the node's own doing, nobody waits
	until  Mono
	sent   bool
}

// under reports whether a transfer is under way.
func (t *transfer) under() bool { return !t.to.IsZero() }

func (t *transfer) deadline() Mono {
	if !t.under() {
		return Never
	}
	return t.until
}

// startTransfer begins to hand leadership to a voter: the one that is named, or the
// one that stores most.
func (r *Raft) startTransfer(to NodeID, ticket uint64) {
	target := r.transferTarget(to, 0)
	switch {
	case r.role != Leader:
		r.refuse(ticket, RefusedNotLeader)
	case r.transfer.under():
		r.refuse(ticket, RefusedTransfer)
	case to == r.cfg.Self.ID:
		r.out.Handed = append(r.out.Handed, ticket) // it leads already
	case target == nil:
		r.refuse(ticket, RefusedNoTakeover) // no such voter, or nobody who could lead instead
	default:
		r.beginTransfer(target, ticket)
	}
}

// beginTransfer chooses who is to lead. From here on no proposal is taken, until it leads or an election timeout has passed.
// The ticket is zero if nobody waits.
func (r *Raft) beginTransfer(target *progress, ticket uint64) {
	r.transfer = transfer{to: target.who, ticket: ticket, until: r.now.Add(r.cfg.ElectionTimeout)}
	r.note(Note{Kind: NoteTransfer, Peer: target.who.ID})
}

// watchDisk hands over when the own disk completes nothing: heartbeats need no disk, so
// that the followers would stay loyal to a leader that can't take another
// write. It goes to a voter that stored what this node could not, at most once in a while.
func (r *Raft) watchDisk() {
	w := r.log.writes
	if r.role != Leader || len(w) == 0 || r.now.Sub(w[0].since) < diskStallTimeouts*r.cfg.ElectionTimeout {
		return
	}
	target := r.transferTarget(0, r.log.stored+1)
	if target == nil || r.transfer.under() || r.now < r.handOverAt {
		return
	}
	r.handOverAt = r.now.Add(handOverEvery)
	r.beginTransfer(target, 0)
}

// transferTarget returns the voter with this id, or with zero the voter that stores most
// of those that were heard from lately and store at least least.
func (r *Raft) transferTarget(id NodeID, least Index) *progress {
	var best *progress
	for i := range r.peers {
		p := &r.peers[i]
		m, ok := r.config().Find(p.who.ID)
		switch {
		case !ok || !m.Voter || id != 0 && p.who.ID != id:
		case id == 0 && (r.now.Sub(p.heard) >= r.cfg.ElectionTimeout || p.match < least):
		case best == nil || p.match > best.match:
			best = p
		}
	}
	return best
}

// offerLeadership tells the target to campaign once it stores the whole log.
func (r *Raft) offerLeadership() {
	t := &r.transfer
	if !t.under() || t.sent {
		return
	}
	if p := r.peer(t.to); p != nil && p.match == r.log.last {
		t.sent = true
		r.reads.lease.over = true // before it can have any effect; see lease.go
		r.send(Message{Kind: MsgTimeoutNow, To: t.to})
	}
}

// handleTimeoutNow campaigns at once if the leader of this very term says so.
func (r *Raft) handleTimeoutNow(m *Message) {
	if m.Term == r.hard.Term && r.role == Follower && r.leader == m.From && r.promotable() {
		r.startElection(true)
	}
}

// endTransfer answers the caller when another node is known to lead.
func (r *Raft) endTransfer() {
	t := &r.transfer
	if !t.under() {
		return
	}
	switch {
	case t.ticket == 0: // nobody asked: the disk did, or the node was removed
	case r.leader == t.to:
		r.out.Handed = append(r.out.Handed, t.ticket)
	default:
		r.refuse(t.ticket, RefusedNoTakeover)
	}
	*t = transfer{}
}

// expireTransfer gives up: the node leads on, or says that it does not know who does.
func (r *Raft) expireTransfer() {
	t := &r.transfer
	if !t.under() || r.now < t.until {
		return
	}
	if t.ticket != 0 {
		r.refuse(t.ticket, RefusedNoTakeover)
	}
	*t = transfer{}
	if r.role == Leader && r.removed != 0 {
		r.becomeFollower(r.hard.Term, Ident{})
	}
}
