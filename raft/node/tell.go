package node

import (
	"parley/raft"
)

// A node's server sees things that all are to know: who has a stream with it, say. It tells the state machine, by way
// of whoever leads:
//
//	server ── EventTell ──> node ── Pin ──> leader ── entry ──> Apply, on every node
//
// Nobody waits for what comes of it, and nothing is remembered: what is told must bear to be lost, doubled and
// overtaken. Its server looks at the state, and says it again until it shows.

// tell proposes what the state machine is to be told, or has the leader do so.
func (n *Node) tell(body []byte) {
	if n.raft == nil || len(body) > n.settings.Limits.CommandBytesMax {
		return
	}
	payload := encodeTell(body)
	leader := n.raft.Leader()
	switch {
	case n.role == raft.Leader:
		n.proposeTell(payload)
	case !leader.IsZero():
		n.sendTo(leader, raft.MsgPin, payload)
	}
}

// proposeTell appends what the state machine is to be told, unless too much waits: it is said again.
func (n *Node) proposeTell(payload []byte) {
	if n.role != raft.Leader || n.level < LevelTeam || n.waiters.len()+len(n.in) >= n.settings.Limits.WaitersMax {
		return
	}
	n.in = append(n.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
		Ticket: uint64(ownTell), Kind: raft.EntryCommand, Payload: payload}})
}

// plain proposes a command that nobody remembers. Once it is in the log it differs from what is told in one thing: whoever
// sent it waits for the answer.
func (n *Node) plain(ev *Event) {
	switch body := ev.Command.Body; {
	case len(body) > n.settings.Limits.CommandBytesMax:
		n.refuse(ev.Ticket, CodeTooLarge)
	case n.admit(ev.Ticket):
		n.propose(ev, encodeTell(body))
	}
}

// executeTell tells the state machine. Below its level it changes nothing: nodes of the release before do not know it.
func (n *Node) executeTell(e *raft.Entry, c *envelope) Answer {
	if n.level < LevelTeam {
		return Answer{Outcome: Refused, Code: CodeNotYet}
	}
	return Answer{Outcome: Done, Reply: n.applyCommand(n.whereIs(e), c.body)}
}
