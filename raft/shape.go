package raft

// AppendShape appends what AppendState appends of the node that this one behaves like, for a
// driver that leaves no room to chance: every election timeout is drawn alike, whatever the
// draw. Its nodes don't live through the time before they campaign: it moves their clocks to where they stop to be loyal to their leader,
// or to where they wake. What does not matter then is left out, so that a search sees one state where
// AppendState tells many apart:
//
//   - the number of draws;
//   - where the numbers of writes begin: they only ever meet one another, and in InputStored;
//   - the age of what is old enough;
//   - how long a node that is loyal to nobody will wait before it campaigns;
//   - what only another role reads;
//   - if the node is still, which heartbeats its peers answered.
//
// A still node sends no timed heartbeat but the one that every leader begins with, and is asked to read nothing. Then nobody
// waits for the answer to a round, and the answers to the first find no loss: nothing was sent before it (progress.overdue).
//
// Two nodes of one shape do the same from now on, write numbers apart.
func (r *Raft) AppendShape(dst []byte, still bool) []byte {
	c := *r
	c.draws = 0
	c.shapeTimes()
	if still {
		c.shapeRounds()
	}
	c.shapeWrites()
	return c.AppendState(dst)
}

// shapeTimes forgets how old things are beyond the age that is ever asked for.
func (r *Raft) shapeTimes() {
	old := r.now - Mono(r.cfg.ElectionTimeout)
	if r.role == Leader {
		r.electionAt, r.leaderSeen = r.now, r.now // drawn and set anew when it stops to lead
	}
	if !r.loyal() {
		r.electionAt = r.now
	}
	r.peers = append([]progress(nil), r.peers...)
	for i := range r.peers {
		p := &r.peers[i]
		p.heard = max(p.heard, old)
		if p.probeAt = max(p.probeAt, r.now-2*Mono(r.cfg.Heartbeat)); !p.probed {
			p.probeAt, p.probeRound = r.now, 0
		}
	}
}

// shapeRounds forgets which heartbeats were answered, and what an answer would have to show.
func (r *Raft) shapeRounds() {
	for i := range r.peers {
		p := &r.peers[i]
		p.round, p.markRound, p.markSent, p.lastBeat = 0, 0, 0, 0
	}
}

// shapeWrites numbers the writes from the last that is stored.
func (r *Raft) shapeWrites() {
	since := func(w *WriteSeq) { *w = max(*w, r.storedSeq) - r.storedSeq }
	if r.promised.write <= r.storedSeq {
		r.promised = promised{}
	}
	if r.role != Candidate {
		r.selfVote = 0
	}
	since(&r.promised.write)
	since(&r.selfVote)
	since(&r.hardSeq)
	since(&r.nextSeq)
	writes := append([]write(nil), r.log.writes...)
	for i := range writes {
		since(&writes[i].seq)
		writes[i].since = max(writes[i].since, r.now-diskStallTimeouts*Mono(r.cfg.ElectionTimeout))
	}
	r.log.writes = writes
	r.storedSeq = 0
}
