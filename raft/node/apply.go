package node

import (
	"cmp"

	"parley/raft"
)

// apply executes one committed entry, here and now: the reply leaves in the
// same Step. Entries come in order, each once per process.
func (n *Node) apply(e *raft.Entry) {
	a, ok := n.advance(e)
	if !ok {
		return
	}
	n.appliedAt = n.now
	n.followTable()
	n.form.open = false // the log has an entry that stays: the cluster is formed
	a.Position = cmp.Or(a.Position, positionOf(e.Index))

	note := raft.Note{Kind: raft.NoteApply, Term: e.Term, Index: e.Index, A: uint64(e.Kind)}
	for n.waiters.len() > 0 && n.waiters.front().index <= e.Index {
		w := n.waiters.popFront()
		if w.index != e.Index || w.term != e.Term {
			n.unknown(w) // another leader's entry stands there
			continue
		}
		note.Trace = w.trace
		if w.ticket != 0 {
			a.Ticket, a.Hint = w.ticket, n.leader
			n.answer(a)
		}
	}
	n.note(note)
	if n.stopping != nil {
		return
	}
	n.markState()
	if n.snapshots.count(e, n.settings.Rules.SnapshotBytes) {
		n.snapshot()
	}
}

// advance takes the replicated state over one entry, unless this program does not know its level.
func (n *Node) advance(e *raft.Entry) (Answer, bool) {
	if e.Index != n.applied+1 || e.Time < n.logTime {
		broken("entry %d of log time %d is applied after entry %d of log time %d", e.Index, e.Time, n.applied, n.logTime)
	}
	if n.tooNew(e) {
		return Answer{}, false
	}
	n.applied, n.logTime, n.view = e.Index, e.Time, view{}
	n.sessions.expire(e.Time)
	n.requests.expire(e.Time)
	n.pins.expire(e.Time)
	n.tellTime(e)
	return n.execute(e), true
}

// execute changes the replicated state. It must do the same on every node and
// cope with any bytes; what it returns is the answer for whoever waits here.
func (n *Node) execute(e *raft.Entry) Answer {
	switch e.Kind {
	case raft.EntryCommand:
		c, err := decodeEnvelope(e.Payload)
		switch {
		case err != nil:
			return Answer{Outcome: Unknown} // nobody waits: this node did not encode it
		case c.kind == envelopeOpen:
			return n.executeOpen(e, &c)
		case c.kind == envelopeClose:
			return n.executeClose(&c)
		case c.kind == envelopeRequest:
			return n.executeRequest(e, &c)
		case c.kind == envelopePin:
			return n.executePin(e, &c)
		case c.kind == envelopeTell:
			return n.executeTell(e, &c)
		case c.kind == envelopeMark:
			n.reporting.asked = true
			return Answer{Outcome: Done}
		}
		return n.executeCommand(e, &c)
	case raft.EntryConfig:
		if _, err := raft.DecodeConfiguration(e.Payload); err == nil {
			n.inForce = e.Index
		}
	case raft.EntryLevel:
		n.executeLevel(e)
	case raft.EntryClock:
		n.clock.applied(e)
	}
	return Answer{Outcome: Done}
}

func (n *Node) executeOpen(e *raft.Entry, c *envelope) Answer {
	id, code := n.sessions.open(e.Index, e.Time, c.nonce, c.principal)
	if code != CodeNone {
		return Answer{Outcome: Refused, Code: code}
	}
	n.note(raft.Note{Kind: NoteSession, Term: e.Term, Index: e.Index, A: uint64(id)})
	return Answer{Outcome: Done, Session: id}
}

// executeClose closes a session. One that is gone is closed already, so that a
// repetition gets the same answer.
func (n *Node) executeClose(c *envelope) Answer {
	if code := n.sessions.close(c.session, c.nonce); code != CodeNone {
		return Answer{Outcome: Refused, Code: code}
	}
	return Answer{Outcome: Done}
}

// executeCommand executes a command unless it was executed before or its
// session does not let it through [§8, T§6.3].
func (n *Node) executeCommand(e *raft.Entry, c *envelope) Answer {
	slot, kept, code := n.sessions.begin(e.Time, c)
	if code != CodeNone {
		return Answer{Outcome: Refused, Code: code}
	}
	if kept != nil {
		return Answer{Outcome: Done, Position: kept.position, Reply: kept.reply}
	}
	at := n.whereIs(e)
	at.Session, at.Principal = c.session, n.sessions.slots.at(slot).principal
	reply := n.applyCommand(at, c.body)
	n.sessions.finish(slot, c.seq, at.Position, reply)
	return Answer{Outcome: Done, Position: at.Position, Reply: reply}
}

// executeRequest executes a one-shot command unless its id is remembered. Below its
// level it changes nothing: nodes of the release before do not know it.
func (n *Node) executeRequest(e *raft.Entry, c *envelope) Answer {
	if n.level < levelRequests {
		return Answer{Outcome: Refused, Code: CodeNotYet}
	}
	kept, retry, code := n.requests.begin(e.Time, c)
	switch {
	case code != CodeNone:
		return Answer{Outcome: Refused, Code: code, RetryAfter: retry}
	case kept != nil:
		return Answer{Outcome: Done, Position: kept.position, Reply: kept.reply}
	}
	at := n.whereIs(e)
	at.Principal = string(c.principal)
	reply := n.applyCommand(at, c.body)
	n.requests.finish(e.Time, c, at.Position, reply)
	return Answer{Outcome: Done, Position: at.Position, Reply: reply}
}

// clock is the leader's duty to let log time pass when nobody writes, so that
// what expires by log time does expire.
type clock struct {
	pending   bool // a clock entry was proposed in this term and not applied yet
	term      raft.Term
	notBefore raft.Mono
}

// tickClock appends a clock entry when a deadline of sessions, requests, blobs or the state machine has passed
// and no other entry is under way that would carry the time.
func (n *Node) tickClock() {
	if n.now < n.clockAt() || n.proposing() {
		return
	}
	n.clock.pending, n.clock.term = true, n.term
	n.clock.notBefore = n.now.Add(clockEvery)
	n.in = append(n.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Kind: raft.EntryClock}})
}

// clockAt is when the leader's log time will have passed the next deadline: it
// runs with Mono from the stamp of the last entry on.
func (n *Node) clockAt() raft.Mono {
	if n.role != raft.Leader || n.clock.pending || n.waiters.len() > 0 {
		return raft.Never // with waiters: their entries carry the time
	}
	deadline, ok := n.nextDeadline()
	if !ok {
		return raft.Never
	}
	wait := max(0, raft.Mono(deadline-n.logTime))
	if n.appliedAt+wait < n.appliedAt {
		return raft.Never
	}
	return max(n.clock.notBefore, n.appliedAt+wait)
}

// deadline is a log time at which something ends, if anything does.
type deadline struct {
	at    raft.LogTime
	there bool
}

// add takes in what may end earlier.
func (d *deadline) add(at raft.LogTime, ok bool) {
	if ok && (!d.there || at < d.at) {
		*d = deadline{at, true}
	}
}

// stateDeadline is the first deadline of the replicated state as of an entry.
type stateDeadline struct {
	deadline
	known   bool
	applied raft.Index
}

// nextDeadline is the log time at which the next thing ends in the replicated state, or the next blob can be collected.
func (n *Node) nextDeadline() (at raft.LogTime, found bool) {
	next := n.nextInState()
	next.add(n.blobs.nextCollection())
	return next.at, next.there
}

// nextInState is when the next session, request or pin expires, or something ends in the state machine. A leader asks
// twice a Step, and the next entry alone can change it.
func (n *Node) nextInState() deadline {
	d := &n.deadline
	if d.known && d.applied == n.applied {
		return d.deadline
	}
	*d = stateDeadline{known: true, applied: n.applied}
	d.add(n.sessions.nextDeadline())
	d.add(n.requests.nextDeadline())
	d.add(n.pins.nextDeadline())
	d.add(n.machineDeadline())
	return d.deadline
}

// ownProposal returns the kind of the entry that the node itself proposed in this Step, zero if
// it did not.
func (n *Node) ownProposal() raft.EntryKind {
	for i := range n.in {
		if in := &n.in[i]; in.Kind == raft.InputPropose && in.Proposal.Ticket == 0 {
			return in.Proposal.Kind
		}
	}
	return 0
}

func (n *Node) proposing() bool {
	for i := range n.in {
		if n.in[i].Kind == raft.InputPropose {
			return true
		}
	}
	return false
}

func (c *clock) appended(p raft.Proposed) { c.term = p.Term }

func (c *clock) refused(now raft.Mono) {
	c.pending = false
	c.notBefore = now.Add(clockEvery)
}

func (c *clock) applied(e *raft.Entry) {
	if e.Term == c.term {
		c.pending = false
	}
}

func (c *clock) deposed(leads bool, term raft.Term) {
	if !leads || c.term != term {
		c.pending = false
	}
}

// StateHash is the canonical hash of all replicated state at a position: the state machine's,
// the sessions', the requests', the blobs', the level's and the clock's. Nodes that applied the
// same position have the same hash.
func (n *Node) StateHash() (raft.Position, Hash) {
	h := n.sm.StateHash()
	h.add(n.sessions.hash)
	h.add(n.requests.hash)
	h.add(n.pins.rows.hash)
	h.add(newHasher(tableClock).u64(uint64(n.applied)).u64(uint64(n.logTime)).u64(uint64(n.level)).sum())
	return positionOf(n.applied), h
}
