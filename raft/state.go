package raft

// A node as a value: copied, and as canonical bytes. Searches and judges need both.

// Clone returns a node in the same state that shares nothing that changes, and has no Judge.
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
	e := stateEncoder{dst: dst, now: r.now}
	r.encodeTerm(&e)
	r.encodeRepair(&e)
	r.encodeLog(&e)
	e.time(max(r.boundTo, r.now))
	if r.role != Leader {
		r.encodeAsks(&e)
		return e.dst
	}
	r.encodeLeading(&e)
	r.encodeReads(&e)
	for i := range r.peers {
		r.peers[i].encode(&e)
	}
	return e.dst
}

// stateEncoder appends to dst. Numbers take 8 bytes; a time is what is left until it comes.
type stateEncoder struct {
	dst []byte
	now Mono
}

func (e *stateEncoder) numbers(all ...uint64) {
	for _, n := range all {
		e.dst = le.AppendUint64(e.dst, n)
	}
}

func (e *stateEncoder) time(m Mono) {
	if m != Never {
		m -= e.now
	}
	e.numbers(uint64(m))
}

func (e *stateEncoder) bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	e.dst = append(e.dst, b)
}

func (e *stateEncoder) ident(who Ident) { e.dst = appendIdent(e.dst, who) }

// idents appends a list with its length.
func (e *stateEncoder) idents(all []Ident) {
	e.numbers(uint64(len(all)))
	for _, who := range all {
		e.ident(who)
	}
}

// encodeTerm encodes the state of Figure 2 but for the log, and what elections, writes and transfers add to it.
func (r *Raft) encodeTerm(e *stateEncoder) {
	e.numbers(uint64(r.hard.Term), uint64(r.delivered))
	e.ident(r.hard.Vote)
	e.dst = append(e.dst, byte(r.role))
	e.ident(r.leader)
	e.numbers(uint64(r.removed), uint64(r.commit), uint64(r.accepted), r.draws, r.campaign, uint64(r.nextSeq), uint64(r.storedSeq), uint64(r.hardSeq), uint64(r.selfVote))
	e.bool(r.mayForm)
	e.time(r.electionAt)
	e.ident(r.transfer.to)
	e.numbers(r.transfer.ticket)
	e.time(r.transfer.deadline())
	e.bool(r.transfer.sent)
	e.time(max(r.handOverAt, r.now))
	e.ident(r.promised.to)
	e.numbers(uint64(r.promised.term), uint64(r.promised.matched), uint64(r.promised.write))
	e.time(max(r.leaderSeen, r.now-Mono(r.cfg.ElectionTimeout)))
	e.idents(r.granted)
	e.numbers(uint64(r.hard.Floor.Index), uint64(r.hard.Floor.Term))
}

// encodeRepair encodes the base, the holes, and how far the search for what is lost has come.
func (r *Raft) encodeRepair(e *stateEncoder) {
	e.numbers(uint64(r.log.base.Index), uint64(r.log.base.Term), uint64(r.baseAt), uint64(len(r.gone)))
	for _, g := range r.gone {
		e.ident(g.Member.Ident)
		e.numbers(uint64(g.At))
	}
	e.numbers(uint64(len(r.log.holes)))
	for _, h := range r.log.holes {
		e.numbers(uint64(h.first), uint64(h.last), uint64(r.startTerm))
	}
	q := &r.repair
	e.numbers(q.seq, uint64(q.asked.Index), uint64(q.asked.Term), uint64(q.rounds), uint64(q.lost))
	e.idents(q.none)
	e.idents(q.unsure)
}

// encodeLog encodes the entries, the writes under way and the configurations.
func (r *Raft) encodeLog(e *stateEncoder) {
	l := &r.log
	e.numbers(uint64(l.last), uint64(l.handed), uint64(l.stored), uint64(len(l.writes)))
	for _, w := range l.writes {
		e.numbers(uint64(w.seq), uint64(w.last), uint64(w.bytes))
		e.time(w.since)
	}
	for i := l.base.Index + 1; i <= l.last; i++ {
		e.dst = AppendEntry(e.dst, l.entry(i))
	}
	e.numbers(uint64(len(r.configs)))
	for i := range r.configs {
		e.numbers(uint64(r.configs[i].index))
		e.dst = AppendConfiguration(e.dst, &r.configs[i].config)
	}
}

// encodeAsks encodes the reads that wait for the leader.
func (r *Raft) encodeAsks(e *stateEncoder) {
	a := &r.asks
	e.ident(a.leader)
	e.numbers(uint64(a.term), a.number, uint64(len(a.waiting)))
	e.numbers(a.waiting...)
	for _, q := range a.open {
		e.numbers(q.number, uint64(q.index), uint64(len(q.tickets)))
		e.numbers(q.tickets...)
		e.bool(q.known)
		e.time(q.until)
	}
}

// encodeLeading encodes what only a leader has, but for reads and peers.
func (r *Raft) encodeLeading(e *stateEncoder) {
	p := &r.change
	e.numbers(p.ticket, uint64(p.change.Kind), uint64(p.change.ID), uint64(p.change.Member.ID), uint64(p.change.Member.Inc))
	e.time(r.beatAt)
	e.time(r.tellAt)
	e.numbers(uint64(r.termStart), uint64(r.LogTime(r.now)), uint64(r.uncommitted))
}

// encodeReads encodes a leader's rounds and the reads in them.
func (r *Raft) encodeReads(e *stateEncoder) {
	q := &r.reads
	questions := func(all []asked) {
		e.numbers(uint64(len(all)))
		for _, a := range all {
			e.ident(a.who)
			e.numbers(a.number)
		}
	}
	e.numbers(q.round, uint64(len(q.waiting)))
	e.numbers(q.waiting...)
	questions(q.asked)
	for _, sent := range q.rounds {
		e.numbers(sent.round, uint64(sent.index), uint64(len(sent.tickets)))
		e.numbers(sent.tickets...)
		questions(sent.asked)
	}
	e.bool(q.held)
	e.bool(q.lease.over)
	for _, at := range q.lease.sent {
		e.time(max(at, r.now-Mono(r.cfg.Lease)))
	}
}

// encode encodes what the leader knows of one peer.
func (p *progress) encode(e *stateEncoder) {
	e.ident(p.who)
	e.numbers(uint64(p.match), uint64(p.next), p.seq, p.resetSeq, uint64(p.commit), p.round, p.leased, p.probeRound, p.markRound, uint64(p.markSent), uint64(p.lastBeat))
	e.bool(p.probing)
	e.bool(p.probed)
	e.bool(p.offered)
	if p.offered {
		e.time(p.offeredAt)
	}
	e.time(p.probeAt)
	e.time(p.heard)
	e.numbers(uint64(len(p.inflight)))
	for _, f := range p.inflight {
		e.numbers(uint64(f.last), uint64(f.bytes))
	}
}
