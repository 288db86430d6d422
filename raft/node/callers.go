package node

import (
	"slices"

	"parley/raft"
)

// What callers ask that goes through the log: sessions, commands, leadership. What they ask of the state is in reads.go,
// changes of the membership in join.go, files in uploads.go.

// open proposes to open a session.
func (n *Node) open(ev *Event) {
	if len(ev.Command.Principal) > n.settings.Rules.PrincipalBytesMax {
		n.refuse(ev.Ticket, CodeTooLarge)
		return
	}
	if n.admit(ev.Ticket) {
		n.propose(ev, encodeOpen(ev.Command.Nonce, ev.Command.Principal))
	}
}

// closeSession proposes to close a session. A command of it that comes later in the
// log is refused as of a session unknown: it is never executed.
func (n *Node) closeSession(ev *Event) {
	if n.admit(ev.Ticket) {
		n.propose(ev, encodeClose(ev.Command.Session, ev.Command.Nonce))
	}
}

// command proposes a command, unless its answer is known already: what was
// executed once is answered the same by everybody who executed it.
func (n *Node) command(ev *Event) {
	c := &ev.Command
	switch {
	case c.Plain:
		n.plain(ev)
		return
	case c.RequestID != "":
		n.request(ev)
		return
	}
	if code := n.foreign(c); code != CodeNone {
		n.refuse(ev.Ticket, code)
		return
	}
	if k, ok := n.sessions.kept(c.Session, c.Seq); ok {
		n.answer(Answer{Ticket: ev.Ticket, Outcome: Done, Position: k.position, Reply: k.reply, Hint: n.leader})
		return
	}
	if len(c.Body) > n.settings.Limits.CommandBytesMax {
		n.refuse(ev.Ticket, CodeTooLarge)
		return
	}
	if n.admit(ev.Ticket) {
		n.propose(ev, encodeCommand(c))
	}
}

// foreign refuses an Owned command in somebody else's session. Ids of sessions can be guessed, and what is kept for one
// is its owner's. A leader that has not come as far as where the session was opened can't say yet.
func (n *Node) foreign(c *Command) Code {
	if !c.Owned {
		return CodeNone
	}
	slot, known := n.sessions.byID[c.Session]
	switch {
	case known && n.sessions.slots.at(slot).principal != c.Principal:
		return CodeSessionForeign
	case known || n.role != raft.Leader:
	case raft.Index(c.Session) > n.raft.LastIndex():
		return CodeSessionUnknown // a leader has all that was ever committed
	case raft.Index(c.Session) > n.applied:
		return CodeBusy
	}
	return CodeNone
}

// admit says whether a proposal can be taken now, before anything is encoded.
func (n *Node) admit(t Ticket) bool {
	switch {
	case n.raft == nil:
		n.refuse(t, CodeNotFormed)
	case n.role != raft.Leader:
		n.refuse(t, CodeNotLeader)
	case n.waiters.len()+len(n.in) >= n.settings.Limits.WaitersMax:
		n.refuse(t, CodeBusy)
	default:
		return true
	}
	return false
}

func (n *Node) propose(ev *Event, payload []byte) {
	n.in = append(n.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
		Ticket: uint64(ev.Ticket), Kind: raft.EntryCommand, Payload: payload, Trace: ev.Trace}})
}

// transfer asks the protocol to hand leadership on. One that does not lead
// refuses at once.
func (n *Node) transfer(ev *Event) {
	if n.raft == nil {
		n.refuse(ev.Ticket, CodeNotFormed)
		return
	}
	n.handing = append(n.handing, ev.Ticket)
	n.in = append(n.in, raft.Input{Kind: raft.InputTransfer, Ticket: uint64(ev.Ticket), Peer: ev.Peer})
}

// handed answers transfers: another node leads.
func (n *Node) handed(tickets []uint64) {
	for _, t := range tickets {
		n.stopHanding(Ticket(t))
		n.answer(Answer{Ticket: Ticket(t), Outcome: Done, Position: positionOf(n.applied), Hint: n.leader})
	}
}

func (n *Node) stopHanding(t Ticket) {
	n.handing = slices.DeleteFunc(n.handing, func(h Ticket) bool { return h == t })
}

// cancel forgets a caller. What it asked for may happen all the same, and an
// answer that was on its way in this Step may still come.
func (n *Node) cancel(t Ticket) {
	if n.hub.remove(t) || n.waiters.cancel(t) || n.joining.cancel(n, t) || n.uploads.cancel(t) {
		return
	}
	n.reads.take(t)
}
