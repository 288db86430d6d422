package presence

import (
	"slices"

	"parley/raft"
	"parley/statemachine/state"
)

// Reconcile returns what is to be announced for a node so that the state says what is: that the wanted users, in any
// order, have a stream there and nobody else has. When all of it was applied there is nothing more to announce.
func Reconcile(v *state.View, node raft.NodeID, wanted []state.UserID) []Announce {
	wanted = slices.Clone(wanted)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	var all []Change
	for _, id := range v.ConnectedAt(node, 0, v.Len(state.TableEdges)) {
		if _, stays := slices.BinarySearch(wanted, id); !stays {
			all = append(all, Change{User: id})
		}
	}
	for _, id := range wanted {
		if c := (Change{User: id, Online: true}); due(v, node, c) {
			all = append(all, c)
		}
	}
	var announces []Announce
	for changes := range slices.Chunk(all, max(v.Limits.PresenceChangesMax, 1)) {
		announces = append(announces, Announce{node, changes})
	}
	return announces
}

// Difference asks a node's own state what its server has to announce. It is for servers.
type Difference struct {
	Node   raft.NodeID
	Wanted []state.UserID // who has a stream there
}

// Kind is the query's number.
func (*Difference) Kind() uint8 { return kindDifference }

// Code passes the fields.
func (d *Difference) Code(c *state.Coder) {
	state.Number(c, &d.Node)
	state.List(c, &d.Wanted, func(c *state.Coder, id *state.UserID) { state.Number(c, id) })
}

// ToAnnounce answers Difference.
type ToAnnounce struct{ Announces []Announce }

// Code passes the fields.
func (a *ToAnnounce) Code(c *state.Coder) {
	state.List(c, &a.Announces, func(c *state.Coder, one *Announce) { one.Code(c) })
}

// Answer reads.
func (d *Difference) Answer(v *state.View) (state.Coded, *state.Refusal) {
	return &ToAnnounce{Reconcile(v, d.Node, d.Wanted)}, nil
}
