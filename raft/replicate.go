package raft

// Log replication [§5.3] and the commit rule [§5.4.2].

// LogTime returns the leader's log time: the stamp of its last entry when it was
// elected plus the Mono elapsed since. Only a leader has one.
func (r *Raft) LogTime(now Mono) LogTime {
	return r.clockBase + LogTime(now-r.clockMono)
}

// propose appends a caller's command to the leader's log, or refuses it.
func (r *Raft) propose(p *Proposal) {
	l := &r.cfg.Limits
	switch {
	case p.Kind == EntryConfig || p.Kind == 0: // as 0 it would come back from the disk as a hole
		r.refuse(p.Ticket, RefusedKind)
	case r.role != Leader:
		r.refuse(p.Ticket, RefusedNotLeader)
	case r.transfer.under():
		r.refuse(p.Ticket, RefusedTransfer)
	case len(p.Payload) > l.CommandBytesMax:
		r.refuse(p.Ticket, RefusedTooLarge)
	case r.uncommitted > 0 && r.uncommitted+len(p.Payload) > l.UncommittedBytesMax,
		r.log.unstored > l.UnstoredBytesMax:
		r.refuse(p.Ticket, RefusedBusy)
	default:
		r.append(p.Kind, p.Payload, p.Trace)
		r.out.Proposed = append(r.out.Proposed, Proposed{Ticket: p.Ticket, Index: r.log.last, Term: r.hard.Term})
	}
}

// refuse answers a request that was not taken. The hint is who leads, or who is about to.
func (r *Raft) refuse(ticket uint64, why Reason) {
	hint := r.leader.ID
	if why == RefusedTransfer {
		hint = r.transfer.to.ID
	}
	r.out.Refused = append(r.out.Refused, Refusal{Ticket: ticket, Reason: why, Hint: hint})
}

// append makes an entry of the own term. It leaves for peers and disk at the end
// of the Step.
func (r *Raft) append(kind EntryKind, payload []byte, trace uint64) {
	e := Entry{Index: r.log.last + 1, Term: r.hard.Term, Time: r.LogTime(r.now), Kind: kind, Payload: payload}
	e.Sum = EntrySum(r.cfg.Cluster, &e)
	r.log.append(e)
	r.uncommitted += len(payload)
	r.configAppended(&e)
	r.note(Note{Kind: NoteAppend, Index: e.Index, Trace: trace})
}

// resetPeers starts to track everybody else in the configuration.
func (r *Raft) resetPeers() {
	r.peers = r.peers[:0]
	r.trackPeers()
}

// trackPeers makes the tracked peers those of the configuration in force. What is known about
// those that stay, stays.
func (r *Raft) trackPeers() {
	was := r.peers
	c := r.config()
	r.peers = make([]progress, 0, len(c.Members))
	for i := range c.Members {
		m := &c.Members[i]
		if m.Ident == r.cfg.Self {
			continue
		}
		p := progress{who: m.Ident, heard: r.now, next: r.log.last + 1}
		p.probe(p.next)
		for j := range was {
			if was[j].who == m.Ident {
				p = was[j]
			}
		}
		r.peers = append(r.peers, p)
	}
}

// peer returns what the leader knows about exactly this incarnation, or nil if it
// is no member: what strangers say does not count.
func (r *Raft) peer(who Ident) *progress {
	for i := range r.peers {
		if r.peers[i].who == who {
			return &r.peers[i]
		}
	}
	return nil
}

// peerLost starts the peer's pipeline again: messages are known to be lost. The
// probe waits for the answer to a heartbeat, so that a peer that is down
// costs heartbeats and nothing else.
func (r *Raft) peerLost(id NodeID) {
	r.lostAsks(id)
	for i := range r.peers {
		if r.peers[i].who.ID == id {
			p := &r.peers[i]
			p.probe(p.match + 1)
			p.probed, p.probeAt, p.probeRound = true, r.now, r.reads.round
		}
	}
}

// replicateAll sends every peer what it may be sent, and tells it the commitIndex with that. Nobody hurries to hear of a
// commit alone: the caller has his answer, and a message of its own costs both ends as much as the entry did. So the leader
// waits a little whether the next entry takes it along, which where one write follows the other it does.
func (r *Raft) replicateAll() {
	alone, waits := r.now >= r.tellAt || r.cfg.CommitDelay == 0, false
	for i := range r.peers {
		p := &r.peers[i]
		r.replicate(p)
		switch {
		case !r.uninformed(p):
		case alone:
			r.sendAppend(p, p.next-1)
		default:
			waits = true
		}
	}
	switch {
	case !waits:
		r.tellAt = Never
	case r.tellAt == Never:
		r.tellAt = r.now.Add(r.cfg.CommitDelay)
	}
}

// uninformed reports whether the peer, which lacks no entry, was not told the commitIndex.
func (r *Raft) uninformed(p *progress) bool {
	return p.commit < r.commit && p.next > r.log.last && !p.probing && !p.full(&r.cfg.Limits)
}

// replicate fills the peer's pipeline: one Append while its log is being
// probed, otherwise as many as the bounds allow.
func (r *Raft) replicate(p *progress) {
	l := &r.cfg.Limits
	if p.next <= r.log.base.Index {
		r.offerSnapshot(p)
		return
	}
	p.offered = false
	if p.probing {
		if !p.probed {
			p.probed, p.probeAt, p.probeRound = true, r.now, r.reads.round
			r.sendAppend(p, r.appendEnd(p.next))
		}
		return
	}
	for p.next <= r.log.last && !p.full(l) {
		r.sendAppend(p, r.appendEnd(p.next))
	}
}

// appendEnd returns the last entry of an Append that starts at from: bounded by
// count and bytes, at least one entry if there is one.
func (r *Raft) appendEnd(from Index) Index {
	l := &r.cfg.Limits
	bytes, end := 0, from-1
	for end < r.log.last && int(end-from)+1 < l.AppendEntriesMax {
		bytes += len(r.log.entry(end + 1).Payload)
		if end >= from && bytes > l.AppendBytesMax {
			break
		}
		end++
	}
	return end
}

// sendAppend sends the entries from p.next to end, none if end is before it.
func (r *Raft) sendAppend(p *progress, end Index) {
	prev := p.next - 1
	term, ok := r.log.term(prev)
	if !ok {
		impossible("no entry %d before the next of %v", prev, p.who)
	}
	var entries []Entry
	switch {
	case end <= prev:
	case p.next == r.log.handed+1 && end == r.log.last:
		entries = r.unhanded()
	default:
		entries = r.log.slice(p.next, end)
	}
	p.seq++
	p.commit = r.commit
	r.send(Message{
		Kind: MsgAppend, To: p.who, Seq: p.seq,
		PrevIndex: prev, PrevTerm: term, Entries: entries, Commit: r.commit,
	})
	if len(entries) == 0 {
		return
	}
	bytes := 0
	for i := range entries {
		bytes += len(entries[i].Payload)
	}
	if p.probing {
		return // next moves when the place is known
	}
	p.sent(end, bytes)
}

// askAgain sends an Append without entries behind what the peer accepted. Its answer
// acknowledges all of that once more.
func (r *Raft) askAgain(p *progress, accepted Index) {
	term, ok := r.log.term(accepted)
	if !ok {
		return // compacted meanwhile
	}
	p.seq++
	r.send(Message{Kind: MsgAppend, To: p.who, Seq: p.seq, PrevIndex: accepted, PrevTerm: term, Commit: r.commit})
}

// handleAppend is AppendEntries, receiver [Figure 2], rules 1 to 5. The answer is a promise: it leaves when the disk has
// the entries.
func (r *Raft) handleAppend(m *Message) {
	if m.Term < r.hard.Term {
		r.rejectAppend(m) // rule 1; its term tells the sender to step down
		return
	}
	if !r.hearLeader(m) {
		return
	}
	// Rule 2. What the base covers is committed and matches. From a hole on nothing is compared but what fills it.
	if m.PrevIndex >= r.log.firstHole() || m.PrevIndex >= r.log.base.Index && !r.log.matches(m.PrevIndex, m.PrevTerm) {
		r.rejectAppend(m)
		return
	}
	for i := range m.Entries {
		if e := &m.Entries[i]; EntrySum(r.cfg.Cluster, e) != e.Sum {
			r.breach(m, BreachChecksum)
			return
		}
	}
	if !r.appendEntries(m) { // rules 3 and 4
		return
	}
	matched := max(m.PrevIndex+Index(len(m.Entries)), r.log.base.Index)
	r.accepted = max(r.accepted, matched)
	r.commitTo(min(m.Commit, matched)) // rule 5
	r.acknowledge(m, matched)
}

// promised is the last acknowledgement that was promised, and the write it waits for.
type promised struct {
	to      Ident
	term    Term
	matched Index
	write   WriteSeq
}

// acknowledge promises that the log is stored up to matched. If the same or more waits
// for the disk already, that promise will do: a leader that asks again and again
// while the disk stalls must not pile up answers.
func (r *Raft) acknowledge(m *Message, matched Index) {
	p := &r.promised
	if p.to == m.From && p.term == r.hard.Term && p.matched >= matched && p.write > r.storedSeq {
		return
	}
	*p = promised{to: m.From, term: r.hard.Term, matched: matched, write: r.nextSeq + 1}
	r.promise(Message{Kind: MsgAppendReply, To: m.From, Seq: m.Seq, Granted: true, Matched: matched})
}

// appendEntries takes the entries that are new [Figure 2, AppendEntries 3 and 4], and reports whether the message
// contradicted nothing that is proven. Those that are there already stay, those that
// were lost come back; the first that conflicts takes everything behind it along [§5.3]. An Append that
// arrives late and is a prefix of the log removes nothing.
func (r *Raft) appendEntries(m *Message) bool {
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index < r.log.base.Index {
			continue
		}
		if r.log.matches(e.Index, e.Term) {
			if len(r.log.holes) > 0 && r.log.isHole(e.Index) && !r.fill(e, m.From.ID) {
				r.breach(m, BreachChecksum)
				return false
			}
			continue
		}
		if e.Index <= r.commit {
			r.breach(m, BreachCommitted)
			return false
		}
		if e.Index <= r.log.last {
			hurt := r.damaged()
			if r.truncate(e.Index); hurt {
				r.wholeAgain()
			}
		}
		for _, e := range m.Entries[i:] {
			r.log.append(e)
			r.configAppended(&e)
			r.note(Note{Kind: NoteAppend, Index: e.Index})
		}
		r.batch = nil
		break
	}
	return true
}

// truncate removes the entries from i on.
func (r *Raft) truncate(i Index) {
	r.log.truncateFrom(i)
	r.configTruncated(i)
	r.accepted = min(r.accepted, i-1)
	r.note(Note{Kind: NoteTruncate, Index: i})
	r.batch = nil
}

// hearLeader takes a message of the current term for the word of its leader: the
// sender leads, and lives [§5.2].
func (r *Raft) hearLeader(m *Message) bool {
	if r.role == Leader || !r.leader.IsZero() && r.leader != m.From {
		r.breach(m, BreachTwoLeaders)
		return false
	}
	r.becomeFollower(m.Term, m.From)
	r.leaderSeen = r.now
	r.giveWord()
	r.resetElectionTimer()
	return true
}

// breach tells that a message contradicts what is proven. The caller drops it.
func (r *Raft) breach(m *Message, what Breach) {
	r.note(Note{Kind: NoteBreach, Peer: m.From.ID, Index: m.PrevIndex, A: uint64(what)})
}

// rejectAppend says no and where to look: the largest index up to PrevIndex
// whose term is not above PrevTerm [§5.3, end], and before any hole.
func (r *Raft) rejectAppend(m *Message) {
	hint, term := r.log.findByTerm(min(m.PrevIndex, r.log.firstHole()-1), m.PrevTerm)
	r.reply(Message{Kind: MsgAppendReply, To: m.From, Seq: m.Seq, HintIndex: hint, HintTerm: term, Lost: r.damaged()})
}

// handleAppendReply moves matchIndex and nextIndex.
func (r *Raft) handleAppendReply(m *Message) {
	p := r.answeredBy(m)
	if p == nil {
		return
	}
	if !m.Granted {
		r.handleReject(p, m)
		return
	}
	if m.Matched > r.log.last {
		r.breach(m, BreachMatched)
		return
	}
	news := m.Matched > p.match
	if news {
		r.note(Note{Kind: NoteMatch, Peer: p.who.ID, Index: m.Matched})
	}
	p.acknowledged(m.Matched)
	// A probe ends with its own answer, or with another that is news and reaches it. One that
	// only repeats what is known must not open the pipeline: in a network that reorders,
	// each would call for a pipeline of repetitions.
	if p.probing && (m.Seq > p.resetSeq || news && p.next == p.match+1) {
		p.probing, p.probed = false, false
	}
}

// handleReject goes back behind the conflict. A rejection from before the last
// reset speaks of a pipeline that is gone. A peer whose disk lost what it had acknowledged gets it
// once more: matchIndex falls, for this reason and no other. What was committed by its
// acknowledgement stays so, because it votes by what it lost.
func (r *Raft) handleReject(p *progress, m *Message) {
	if m.Seq <= p.resetSeq {
		return
	}
	r.note(Note{Kind: NoteReject, Peer: p.who.ID, Index: m.HintIndex})
	if m.Lost {
		p.match = min(p.match, m.HintIndex)
	}
	hint, _ := r.log.findByTerm(m.HintIndex, m.HintTerm)
	p.probe(hint + 1)
}

// answeredBy returns the peer if the message answers this term's leader.
func (r *Raft) answeredBy(m *Message) *progress {
	if r.role != Leader || m.Term != r.hard.Term {
		return nil
	}
	p := r.peer(m.From)
	if p != nil {
		p.heard = r.now
	}
	return p
}

// advanceCommit moves commitIndex to the highest index a quorum stores. Only
// entries of the own term are counted [§5.4.2]: an older entry on a majority may
// still be replaced (Figure 8). It commits with its heir. The leader counts
// itself with what its own disk has stored.
// Invariant: commitIndex never falls and never passes the last index.
func (r *Raft) advanceCommit() {
	if r.commit == r.log.last {
		return // there is nothing else to be stored
	}
	n := Index(r.reached(int64(r.log.stored), func(p *progress) int64 { return int64(p.match) }))
	if n > r.commit && n >= r.termStart {
		r.commitTo(n)
	}
}

// commitTo raises commitIndex; it never lowers it.
func (r *Raft) commitTo(n Index) {
	if n <= r.commit {
		return
	}
	if n > r.log.last {
		impossible("commit %d beyond last %d", n, r.log.last)
	}
	if r.role == Leader {
		for i := r.commit + 1; i <= n; i++ {
			r.uncommitted -= len(r.log.entry(i).Payload)
		}
	}
	r.commit = n
	r.note(Note{Kind: NoteCommit, Index: n})
	if at := r.removedAt(r.cfg.Self); at != 0 {
		r.wasRemoved(at)
	}
}
