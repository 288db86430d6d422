package raft

// What a Step puts out: to peers, to the disk, to be applied.
//
// A message that promises nothing leaves at once (send). A vote, a vote request and an acknowledgement are promises: they
// ride in the Store that holds what they promise, or behind the last Store under way, and the driver lets them go when
// the disk has it [Figure 2, State: "updated on stable storage before responding to RPCs"]. An answer that promises
// nothing still shows the current term; reply sees to it that the disk has at least that.

// send queues a message that may leave at once: a request, a heartbeat, entries. Answers go through reply or promise.
func (r *Raft) send(m Message) {
	r.address(&m)
	r.out.Send = append(r.out.Send, m)
}

// promise queues a message that must not leave before the disk has everything
// decided so far: term, vote and entries.
func (r *Raft) promise(m Message) {
	r.address(&m)
	r.promises = append(r.promises, m)
}

// reply sends an answer that promises nothing but shows the current term, which
// must therefore be on disk first.
func (r *Raft) reply(m Message) {
	if r.hard == r.handedHard && r.hardSeq <= r.storedSeq {
		r.send(m)
		return
	}
	r.promise(m)
}

// address fills in what every message says: cluster, sender, and the current term unless it speaks of another.
func (r *Raft) address(m *Message) {
	m.Cluster = r.cfg.Cluster
	m.From = r.cfg.Self
	if m.Term == 0 {
		m.Term = r.hard.Term
	}
}

// store puts what is new in this Step into one write. Promises without anything
// to write wait as a barrier behind the writes under way, or leave at once if
// there are none.
func (r *Raft) store() {
	r.liftFloor()
	l := &r.log
	fresh := l.last > l.handed || l.truncate != 0 || l.rebased || len(l.fills) > 0 || r.hard != r.handedHard
	if !fresh && (len(r.promises) == 0 || r.storedSeq == r.nextSeq) {
		if len(r.promises) > 0 {
			r.promised = promised{} // it leaves now
			r.out.Send = append(r.out.Send, r.promises...)
			clear(r.promises)
			r.promises = r.promises[:0]
		}
		r.batch = nil
		return
	}
	r.nextSeq++
	s := Store{Seq: r.nextSeq, Hard: r.hard, Config: r.configs[len(r.configs)-1].index, Truncate: l.truncate, Entries: r.unhanded(), Fill: l.fills}
	if l.rebased {
		s.Base, s.Reset = l.base, l.reset
	}
	bytes := 0
	for i := range s.Entries {
		bytes += len(s.Entries[i].Payload)
	}
	if len(r.promises) > 0 {
		s.Then, r.promises = r.promises, nil
	}
	if r.hard != r.handedHard {
		r.handedHard, r.hardSeq = r.hard, s.Seq
	}
	l.handed, l.truncate, l.rebased, l.reset, l.fills = l.last, 0, false, false, nil
	l.unstored += bytes
	l.writes = append(l.writes, write{seq: s.Seq, last: l.last, bytes: bytes, since: r.now})
	r.batch = nil
	r.out.Store = append(r.out.Store, s)
}

// unhanded returns the entries that no Store holds yet. The slice is made once a
// Step and shared by the Store and the Appends to all peers.
func (r *Raft) unhanded() []Entry {
	if r.batch == nil {
		r.batch = r.log.slice(r.log.handed+1, r.log.last)
	}
	return r.batch
}

// storedUpTo notes what the disk has. What waits for it is the leader's count
// of itself and a candidate's vote for itself.
func (r *Raft) storedUpTo(seq WriteSeq) {
	if seq > r.nextSeq {
		impossible("write %d is stored, %d was the last", seq, r.nextSeq)
	}
	if seq <= r.storedSeq {
		return
	}
	r.storedSeq = seq
	before := r.log.stored
	r.log.completed(seq)
	if r.log.stored > before {
		r.note(Note{Kind: NoteStored, Index: r.log.stored})
	}
	r.countSelfVote()
}

// deliver puts out what is committed and was not put out before, as much as one Step
// may apply. With more to come the node asks to be called again at once:
// a whole log to be applied after a restart must not hold up the heartbeats.
func (r *Raft) deliver() {
	l := &r.cfg.Limits
	for n, bytes := 0, 0; r.delivered < r.deliverable() && n < l.DeliverEntriesMax && bytes < l.DeliverBytesMax; n++ {
		r.delivered++
		e := r.log.entry(r.delivered)
		bytes += len(e.Payload)
		r.out.Committed = append(r.out.Committed, *e)
	}
}

// deliverable is how far entries may be put out: what is committed, up to the first that
// the disk lost.
func (r *Raft) deliverable() Index { return min(r.commit, r.log.firstHole()-1) }
