package node

import "parley/raft"

// The protocol within a Step: what this node hands to it, and what becomes of what it says. A caller whose proposal was
// appended waits (waiters.go) until it is applied (apply.go), refused, or its leader is deposed.

// protocol hands this Step's inputs to raft and acts on what it says, in the
// order in which it became true: what was appended, what was committed, what was
// refused, and what may be read.
func (n *Node) protocol() {
	if n.raft == nil {
		return
	}
	ro := &n.ro
	ro.Reset()
	ro.Store, ro.Send, ro.Notes = n.out.Store, n.out.Send, n.out.Notes
	n.raft.Step(n.now, n.in, ro)
	n.role, n.term, n.leader = n.raft.Role(), n.raft.Term(), n.raft.Leader().ID
	n.out.Store, n.out.Send, n.out.Notes = ro.Store, ro.Send, ro.Notes
	ro.Store, ro.Send, ro.Notes = nil, nil, nil
	n.out.WakeAt = min(n.out.WakeAt, ro.WakeAt)

	n.appended(ro.Proposed)
	n.offerSnapshots(ro.Lagging)
	n.installed(ro.Installed)
	if len(ro.Committed) > 0 {
		n.out.goAhead()
	}
	for i := range ro.Committed {
		if n.apply(&ro.Committed[i]); n.stopping != nil {
			break
		}
	}
	n.deposed()
	n.refused(ro.Refused)
	n.handed(ro.Handed)
	n.changed(ro.Changed)
	if n.stopping == nil { // else what they must see may not be applied, and nothing is read from this state any more
		n.answerReads(ro.Reads)
	}
	n.reads.settle()
	clear(n.in)
	n.in = n.in[:0]
}

// appended notes where the proposals of this Step stand. They come in the order
// of the inputs, so that one pass finds their traces.
func (n *Node) appended(proposed []raft.Proposed) {
	i := 0
	for _, p := range proposed {
		for n.in[i].Kind != raft.InputPropose || n.in[i].Proposal.Ticket != p.Ticket {
			i++
		}
		kind, trace := n.in[i].Proposal.Kind, n.in[i].Proposal.Trace
		i++
		if p.Ticket == uint64(ownPin) || p.Ticket == uint64(ownTell) {
			continue // whoever wants it knows it when it is applied
		}
		if p.Ticket == 0 {
			if kind == raft.EntryLevel {
				n.leveling.appended(p)
			} else {
				n.clock.appended(p)
			}
			continue
		}
		// A new entry at an index shows that what stood there was cut.
		for n.waiters.len() > 0 && n.waiters.back().index >= p.Index {
			n.unknown(n.waiters.popBack())
		}
		n.waiters.push(waiter{p.Index, p.Term, Ticket(p.Ticket), trace})
	}
}

// deposed tells the callers of a lost leadership that their entries may still
// be committed by another leader, or be cut.
func (n *Node) deposed() {
	for n.waiters.len() > 0 && (n.role != raft.Leader || n.waiters.front().term != n.term) {
		n.unknown(n.waiters.popFront())
	}
	n.clock.deposed(n.role == raft.Leader, n.term)
	n.leveling.deposed(n.role == raft.Leader, n.term)
}

func (n *Node) unknown(w waiter) {
	if w.ticket != 0 {
		n.answer(Answer{Ticket: w.ticket, Outcome: Unknown, Code: CodeLeaderLost, Hint: n.leader})
	}
}

// refused passes on what the protocol did not take.
func (n *Node) refused(refusals []raft.Refusal) {
	for _, r := range refusals {
		switch Ticket(r.Ticket) {
		case ownRead:
			n.blobs.reading = false
			continue
		case ownPin:
			n.uploads.refusedPin()
			continue
		case ownTell:
			continue // it is told again
		}
		if r.Ticket == 0 {
			if n.ownProposal() == raft.EntryLevel {
				n.leveling.refused(n.now)
			} else {
				n.clock.refused(n.now)
			}
			continue
		}
		n.stopHanding(Ticket(r.Ticket))
		if n.stopChanging(Ticket(r.Ticket)) && r.Reason == raft.RefusedLostTerm {
			n.answer(Answer{Ticket: Ticket(r.Ticket), Outcome: Unknown, Code: CodeLeaderLost, Hint: r.Hint})
			continue
		}
		if r.Reason == raft.RefusedLostTerm {
			n.reads.take(Ticket(r.Ticket)) // whichever read waited for that term
		} else {
			n.reads.takeFresh(Ticket(r.Ticket)) // a command, or a read of this Step
		}
		n.answer(Answer{Ticket: Ticket(r.Ticket), Outcome: Refused, Code: codeOf(r.Reason), Hint: r.Hint})
	}
}

func codeOf(r raft.Reason) Code {
	switch r {
	case raft.RefusedNotLeader, raft.RefusedTransfer:
		return CodeNotLeader
	case raft.RefusedNoTakeover:
		return CodeNoTakeover
	case raft.RefusedBusy:
		return CodeBusy
	case raft.RefusedTooLarge:
		return CodeTooLarge
	case raft.RefusedLostTerm:
		return CodeLeaderLost
	case raft.RefusedEarly, raft.RefusedPending:
		return CodeChangePending
	case raft.RefusedNoMember:
		return CodeNoMember
	case raft.RefusedIsMember:
		return CodeIsMember
	case raft.RefusedWasRemoved:
		return CodeWasRemoved
	case raft.RefusedLastVoter:
		return CodeLastVoter
	case raft.RefusedFull:
		return CodeFull
	case raft.RefusedPlaces:
		return CodePlaces
	}
	return CodeBusy
}
