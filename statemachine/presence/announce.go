package presence

import (
	"parley/raft"
	"parley/statemachine/state"
)

// The kinds of the commands of this package. They are in logs; they never change.
const (
	kindAnnounce = 30
	kindNodeGone = 31
)

// Announce says who has a stream with a node now and who has none any more. It is for servers, and may be repeated.
type Announce struct {
	Node    raft.NodeID
	Changes []Change // at most Limits.PresenceChangesMax
}

// Change says that a user is connected at a node, or no longer.
type Change struct {
	User   state.UserID
	Online bool
}

// Kind is the command's number.
func (*Announce) Kind() uint8 { return kindAnnounce }

// Code passes the fields.
func (a *Announce) Code(c *state.Coder) {
	state.Number(c, &a.Node)
	codeChanges(c, &a.Changes)
}

func codeChanges(c *state.Coder, changes *[]Change) {
	state.List(c, changes, func(c *state.Coder, one *Change) {
		state.Number(c, &one.User)
		c.Bool(&one.Online)
	})
}

// Check refuses what is no node, and too much at once.
func (a *Announce) Check(l *state.Limits) *state.Refusal {
	switch {
	case a.Node == 0:
		return refuseNode
	case len(a.Changes) > l.PresenceChangesMax:
		return state.Invalidf("changes", "TOO_LONG", "An announcement has at most %d changes.", l.PresenceChangesMax)
	}
	return nil
}

var refuseNode = state.Invalidf("node", "FIELD_INVALID", "Nodes are numbered from 1.")

// Announced answers Announce and NodeGone.
type Announced struct {
	Position raft.Position
	Changed  uint64 // how many rows; what was so already is none
	More     bool   // NodeGone: not all at once; repeat it
}

// Code passes the fields.
func (a *Announced) Code(c *state.Coder) {
	state.Number(c, &a.Position)
	state.Number(c, &a.Changed)
	c.Bool(&a.More)
}

// Apply writes the changes down that are any. One that can't be done does not keep the others from it: the next
// comparison does not ask for it again.
func (a *Announce) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	reply := &Announced{Position: t.At.Position}
	for _, c := range a.Changes {
		if set(t, a.Node, c) {
			reply.Changed++
		}
	}
	return reply, nil
}

// NodeGone says that a node is gone, and everybody's streams with it. It is for servers.
type NodeGone struct{ Node raft.NodeID }

// Kind is the command's number.
func (*NodeGone) Kind() uint8 { return kindNodeGone }

// Code passes the fields.
func (n *NodeGone) Code(c *state.Coder) { state.Number(c, &n.Node) }

// Check refuses what is no node.
func (n *NodeGone) Check(*state.Limits) *state.Refusal {
	if n.Node == 0 {
		return refuseNode
	}
	return nil
}

// Apply takes everybody off the node, as many as one entry may.
func (n *NodeGone) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	users := t.ConnectedAt(n.Node, 0, t.Limits.PresenceChangesMax+1)
	reply := &Announced{Position: t.At.Position, More: len(users) > t.Limits.PresenceChangesMax}
	for _, id := range users[:min(len(users), t.Limits.PresenceChangesMax)] {
		if set(t, n.Node, Change{User: id}) {
			reply.Changed++
		}
	}
	return reply, nil
}

// set makes one change, and says whether it was any. An event tells when a user's first stream begins and his last
// ends.
func set(t *state.Txn, node raft.NodeID, c Change) bool {
	if !due(&t.View, node, c) {
		return false
	}
	if t.SetConnected(c.User, node, c.Online, t.Wall) {
		kind := state.EventOffline
		if c.Online {
			kind = state.EventOnline
		}
		t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForAll(), User: c.User})
	}
	return true
}

// due says whether a change would change anything. Who has no account that is in force can only go.
func due(v *state.View, node raft.NodeID, c Change) bool {
	connected := v.Connected(c.User, node)
	if !c.Online {
		return connected
	}
	u, ok := v.State.User(c.User)
	return !connected && ok && !u.Disabled && v.Presence(c.User).Nodes < v.Limits.EdgesPerUserMax
}
