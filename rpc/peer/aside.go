package peer

import (
	"slices"

	"parley/raft"
)

// An aside is what one process tells another beside the protocol: which entries belong to which trace. It is a message like any other on
// the wire, on the bulk lane, so that nothing waits behind it; it never reaches the node, and nothing hangs on it: it is dropped when its
// lane is full or broken, and by a peer that does not listen. It happens only between nodes that trace (Options.Aside).

// asideBytesMax bounds what is said at once.
const asideBytesMax = 64 << 10

// Aside tells all peers something beside the protocol, sooner or later or not at all. It does not block; the text must
// not change afterwards.
func (t *Transport) Aside(text []byte) {
	if t.opts.Aside == nil || len(text) > asideBytesMax {
		return
	}
	local := t.localNow()
	if local.Cluster == 0 {
		return
	}
	msgs := make([]raft.Message, 0, len(local.Peers))
	for _, p := range local.Peers {
		msgs = append(msgs, raft.Message{Kind: raft.MsgAside, Cluster: local.Cluster, From: local.Self, To: p.Ident, Payload: text})
	}
	t.Send(msgs)
}

// deliver hands messages to the node, and what is beside the protocol to whoever listens.
func (t *Transport) deliver(msgs []raft.Message) {
	heard := false
	for i := range msgs {
		heard = heard || msgs[i].Kind == raft.MsgAside
	}
	if !heard {
		t.to.Deliver(msgs)
		return
	}
	for i := range msgs {
		if m := &msgs[i]; m.Kind == raft.MsgAside && t.opts.Aside != nil && len(m.Payload) <= asideBytesMax {
			t.opts.Aside(m.From.ID, m.Payload)
		}
	}
	if msgs = slices.DeleteFunc(msgs, func(m raft.Message) bool { return m.Kind == raft.MsgAside }); len(msgs) > 0 {
		t.to.Deliver(msgs)
	}
}
