package raft

// progress is what a leader knows about one peer: nextIndex and matchIndex of
// Figure 2, and how fast it may send.
type progress struct {
	who   Ident
	match Index // everything up to here is stored there [matchIndex]
	next  Index // the next entry to send [nextIndex]

	// probing: the peer's log is not known to match at next-1, so one Append at
	// a time finds the place. Otherwise Appends are pipelined: next runs
	// ahead of what is acknowledged.
	probing bool
	probed  bool // the one Append is under way
	probeAt Mono // since when
	// probeRound is the last heartbeat round sent before the probe.
	probeRound uint64

	seq      uint64 // of the last request sent
	resetSeq uint64 // rejections of requests up to here speak of a pipeline that is gone
	inflight []flight
	bytes    int // payload bytes in inflight

	offered   bool // a snapshot, because the log no longer has what the peer lacks
	offeredAt Mono // and when

	commit Index // the largest commitIndex sent
	heard  Mono  // the last reply of this term
	round  uint64
	leased uint64 // the newest round whose answer gave a voter's word for a lease

	// Loss is noticed by heartbeats: when the heartbeat of markRound is answered,
	// the peer must have accepted everything up to markSent, which was sent at
	// least one heartbeat earlier.
	markRound uint64 // zero: no mark is out
	markSent  Index
	lastBeat  Index // sent when the last timed heartbeat left
}

// flight is an Append that is sent and not acknowledged.
type flight struct {
	last  Index
	bytes int
}

// probe forgets the pipeline and starts again behind what is known to match,
// or at next if that is less.
func (p *progress) probe(next Index) {
	p.probing, p.probed = true, false
	p.next = max(p.match+1, min(next, p.next))
	p.resetSeq = p.seq
	p.inflight = p.inflight[:0]
	p.bytes = 0
	p.markRound, p.lastBeat = 0, p.match
}

// beat marks what the answer to this timed heartbeat must show as accepted.
func (p *progress) beat(round uint64) {
	if p.markRound == 0 {
		p.markRound, p.markSent = round, p.lastBeat
	}
	p.lastBeat = p.next - 1
}

// overdue looks at the answer to a heartbeat. It reports whether Appends were lost, or
// else whether the acknowledgement of an accepted one is missing: it was lost
// itself, or the peer's disk is slow.
func (p *progress) overdue(round uint64, accepted Index) (lost, silent bool) {
	if p.markRound == 0 || round < p.markRound {
		return false, false
	}
	p.markRound = 0
	lost = accepted < p.markSent
	return lost, !lost && p.match < p.markSent
}

// acknowledged notes that the peer stores everything up to match.
func (p *progress) acknowledged(match Index) {
	p.match = max(p.match, match)
	p.next = max(p.next, p.match+1)
	n := 0
	for n < len(p.inflight) && p.inflight[n].last <= p.match {
		p.bytes -= p.inflight[n].bytes
		n++
	}
	p.inflight = append(p.inflight[:0], p.inflight[n:]...)
}

// sent notes that entries up to last are under way.
func (p *progress) sent(last Index, bytes int) {
	p.next = last + 1
	p.inflight = append(p.inflight, flight{last, bytes})
	p.bytes += bytes
}

// full reports whether no further Append may be sent for now.
func (p *progress) full(l *Limits) bool {
	return len(p.inflight) >= l.InflightMessagesMax || p.bytes >= l.InflightBytesMax
}
