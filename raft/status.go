package raft

// Status is what an operator or a judge may know about a node.
type Status struct {
	Self      Ident
	Hard      HardState
	Role      Role
	Leader    Ident // zero if unknown
	Commit    Index
	Delivered Index   // committed entries up to here were put out to be applied
	Base      EntryID // a snapshot covers everything up to here
	Hole      Index   // the first entry that the disk lost, zero if none
	Lost      Index   // the entry that every member has lost or never had, as far as it is known
	Last      Index
	LastTerm  Term
	Stored    Index
	TermStart Index // leader: the first entry of its term
	Config    Index // the entry with the configuration in force
	Removed   Index // the committed entry that removed this node, as far as it knows
	Peers     []PeerStatus
}

// PeerStatus is what a leader knows about a peer.
type PeerStatus struct {
	Ident   Ident
	Match   Index
	Next    Index
	Probing bool
	Heard   Mono // of the last answer in this term, or of the election
}

// Status returns a copy of the node's state.
func (r *Raft) Status() Status {
	s := Status{
		Self: r.cfg.Self, Hard: r.hard, Role: r.role, Leader: r.leader,
		Commit: r.commit, Delivered: r.delivered, Base: r.log.base, Last: r.log.last, LastTerm: r.log.lastTerm(), Stored: r.log.stored,
		Config: r.configs[len(r.configs)-1].index, Removed: r.removed,
	}
	if len(r.log.holes) > 0 {
		s.Hole, s.Lost = r.log.firstHole(), r.repair.lost
	}
	if r.role != Leader {
		return s
	}
	s.TermStart = r.termStart
	for i := range r.peers {
		p := &r.peers[i]
		s.Peers = append(s.Peers, PeerStatus{p.who, p.match, p.next, p.probing, p.heard})
	}
	return s
}

// Role returns what the node takes itself to be.
func (r *Raft) Role() Role { return r.role }

// Term returns currentTerm.
func (r *Raft) Term() Term { return r.hard.Term }

// HardState returns currentTerm and votedFor.
func (r *Raft) HardState() HardState { return r.hard }

// Leader returns the leader of the current term, as far as known.
func (r *Raft) Leader() Ident { return r.leader }

// Commit returns commitIndex.
func (r *Raft) Commit() Index { return r.commit }

// LastIndex returns the index of the last entry in memory.
func (r *Raft) LastIndex() Index { return r.log.last }

// StoredIndex returns the last index that the own disk has.
func (r *Raft) StoredIndex() Index { return r.log.stored }

// TermAt returns the term of the entry at i, and whether there is one.
func (r *Raft) TermAt(i Index) (Term, bool) { return r.log.term(i) }

// ReadsPending returns how many reads have neither an answer nor a refusal: those that wait for a round, or for the leader.
func (r *Raft) ReadsPending() int { return r.reads.pending() + r.asks.pending() }

// BaseEntry returns the last entry that is no longer in the log because a snapshot covers it.
func (r *Raft) BaseEntry() EntryID { return r.log.base }

// Position returns where the log ends as far as votes are concerned: what the disk lost counts.
func (r *Raft) Position() EntryID { return r.position() }

// EntryAt returns the entry at i, and whether it is there: neither compacted nor lost.
func (r *Raft) EntryAt(i Index) (Entry, bool) {
	if i <= r.log.base.Index || i > r.log.last || r.log.isHole(i) {
		return Entry{}, false
	}
	return *r.log.entry(i), true
}

// Config returns a copy of the configuration in force.
func (r *Raft) Config() Configuration { return r.config().Clone() }

// InForce returns the configuration in force itself: to read, and not beyond the next Step.
func (r *Raft) InForce() *Configuration { return r.config() }

// ConfigIndex returns the entry that holds the configuration in force; zero: the formation record.
func (r *Raft) ConfigIndex() Index { return r.configs[len(r.configs)-1].index }

// CommittedConfig returns the newest configuration that is known to be committed, and the
// index of its entry.
func (r *Raft) CommittedConfig() (Configuration, Index) {
	at := r.committedConfig()
	return at.config.Clone(), at.index
}

// Former returns everybody who was a member and is none in the configuration in force,
// those who left last first; of several directories of one id, the last.
func (r *Raft) Former() []Member {
	var out []Member
	for i := len(r.configs) - 2; i >= 0; i-- {
		for _, m := range r.configs[i].config.Members {
			_, known := (&Configuration{Members: out}).Find(m.ID)
			if _, still := r.config().Find(m.ID); !still && !known {
				out = append(out, m)
			}
		}
	}
	for i := len(r.gone) - 1; i >= 0; i-- {
		m := r.gone[i].Member
		_, known := (&Configuration{Members: out}).Find(m.ID)
		if _, still := r.config().Find(m.ID); !still && !known {
			out = append(out, m)
		}
	}
	return out
}

// Clone returns a node in the same state that shares nothing that changes.
func (r *Raft) Clone() *Raft {
	c := *r
	c.log = r.log.clone()
	c.configs = make([]configAt, len(r.configs))
	for i := range r.configs {
		c.configs[i] = configAt{r.configs[i].index, r.configs[i].config.Clone()}
	}
	c.gone = append([]Removal(nil), r.gone...)
	c.repair.none = append([]Ident(nil), r.repair.none...)
	c.repair.unsure = append([]Ident(nil), r.repair.unsure...)
	c.granted = append([]Ident(nil), r.granted...)
	c.peers = make([]progress, len(r.peers))
	for i := range r.peers {
		c.peers[i] = r.peers[i]
		c.peers[i].inflight = append([]flight(nil), r.peers[i].inflight...)
	}
	c.asks.waiting = append([]uint64(nil), r.asks.waiting...)
	c.asks.open = append([]question(nil), r.asks.open...)
	for i := range c.asks.open {
		c.asks.open[i].tickets = append([]uint64(nil), r.asks.open[i].tickets...)
	}
	c.reads.waiting = append([]uint64(nil), r.reads.waiting...)
	c.reads.asked = append([]asked(nil), r.reads.asked...)
	c.reads.rounds = make([]roundOfRead, len(r.reads.rounds))
	for i, q := range r.reads.rounds {
		c.reads.rounds[i] = roundOfRead{q.round, q.index, append([]uint64(nil), q.tickets...), append([]asked(nil), q.asked...)}
	}
	c.promises = nil
	c.batch = nil
	c.judge = nil
	c.out = nil
	return &c
}

// AppendState appends a canonical encoding of everything that can influence
// what the node does next: equal bytes mean equal behaviour. Times are given relative to
// now, so that states reached at different times compare.
func (r *Raft) AppendState(dst []byte) []byte {
	u := func(vs ...uint64) {
		for _, v := range vs {
			dst = le.AppendUint64(dst, v)
		}
	}
	t := func(m Mono) {
		if m != Never {
			m -= r.now
		}
		u(uint64(m))
	}
	b := func(v bool) {
		if v {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	}
	u(uint64(r.hard.Term), uint64(r.delivered))
	dst = appendIdent(dst, r.hard.Vote)
	dst = append(dst, byte(r.role))
	dst = appendIdent(dst, r.leader)
	u(uint64(r.removed), uint64(r.commit), uint64(r.accepted), r.draws, r.campaign, uint64(r.nextSeq), uint64(r.storedSeq), uint64(r.hardSeq), uint64(r.selfVote))
	b(r.mayForm)
	t(r.electionAt)
	dst = appendIdent(dst, r.transfer.to)
	u(r.transfer.ticket)
	t(r.transfer.deadline())
	b(r.transfer.sent)
	t(max(r.handOverAt, r.now))
	dst = appendIdent(dst, r.promised.to)
	u(uint64(r.promised.term), uint64(r.promised.matched), uint64(r.promised.write))
	t(max(r.leaderSeen, r.now-Mono(r.cfg.ElectionTimeout)))
	u(uint64(len(r.granted)))
	for _, g := range r.granted {
		dst = appendIdent(dst, g)
	}
	u(uint64(r.hard.Floor.Index), uint64(r.hard.Floor.Term))
	u(uint64(r.log.base.Index), uint64(r.log.base.Term), uint64(r.baseAt), uint64(len(r.gone)))
	for _, g := range r.gone {
		dst = appendIdent(dst, g.Member.Ident)
		u(uint64(g.At))
	}
	u(uint64(len(r.log.holes)))
	for _, h := range r.log.holes {
		u(uint64(h.first), uint64(h.last), uint64(r.startTerm))
	}
	u(r.repair.seq, uint64(r.repair.asked.Index), uint64(r.repair.asked.Term), uint64(r.repair.rounds), uint64(r.repair.lost), uint64(len(r.repair.none)))
	for _, who := range r.repair.none {
		dst = appendIdent(dst, who)
	}
	u(uint64(len(r.repair.unsure)))
	for _, who := range r.repair.unsure {
		dst = appendIdent(dst, who)
	}
	u(uint64(r.log.last), uint64(r.log.handed), uint64(r.log.stored), uint64(len(r.log.writes)))
	for _, w := range r.log.writes {
		u(uint64(w.seq), uint64(w.last), uint64(w.bytes))
		t(w.since)
	}
	for i := r.log.base.Index + 1; i <= r.log.last; i++ {
		dst = AppendEntry(dst, r.log.entry(i))
	}
	u(uint64(len(r.configs)))
	for i := range r.configs {
		u(uint64(r.configs[i].index))
		dst = AppendConfiguration(dst, &r.configs[i].config)
	}
	t(max(r.boundTo, r.now))
	if r.role != Leader {
		a := &r.asks
		dst = appendIdent(dst, a.leader)
		u(uint64(a.term), a.number, uint64(len(a.waiting)))
		u(a.waiting...)
		for _, q := range a.open {
			u(q.number, uint64(q.index), uint64(len(q.tickets)))
			u(q.tickets...)
			b(q.known)
			t(q.until)
		}
		return dst
	}
	u(r.change.ticket, uint64(r.change.change.Kind), uint64(r.change.change.ID), uint64(r.change.change.Member.ID), uint64(r.change.change.Member.Inc))
	t(r.beatAt)
	t(r.tellAt)
	u(uint64(r.termStart), uint64(r.LogTime(r.now)), uint64(r.uncommitted), r.reads.round, uint64(len(r.reads.waiting)))
	u(r.reads.waiting...)
	ask := func(all []asked) {
		u(uint64(len(all)))
		for _, a := range all {
			dst = appendIdent(dst, a.who)
			u(a.number)
		}
	}
	ask(r.reads.asked)
	for _, q := range r.reads.rounds {
		u(q.round, uint64(q.index), uint64(len(q.tickets)))
		u(q.tickets...)
		ask(q.asked)
	}
	b(r.reads.held)
	b(r.reads.lease.over)
	for _, sent := range r.reads.lease.sent {
		t(max(sent, r.now-Mono(r.cfg.Lease)))
	}
	for i := range r.peers {
		p := &r.peers[i]
		dst = appendIdent(dst, p.who)
		u(uint64(p.match), uint64(p.next), p.seq, p.resetSeq, uint64(p.commit), p.round, p.leased, p.probeRound, p.markRound, uint64(p.markSent), uint64(p.lastBeat))
		b(p.probing)
		b(p.probed)
		b(p.offered)
		if p.offered {
			t(p.offeredAt)
		}
		t(p.probeAt)
		t(p.heard)
		u(uint64(len(p.inflight)))
		for _, f := range p.inflight {
			u(uint64(f.last), uint64(f.bytes))
		}
	}
	return dst
}
