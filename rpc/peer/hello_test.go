package peer

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
)

// Two releases meet at this frame before they know anything of each other.
func TestAHelloKeepsItsBytes(t *testing.T) {
	h := hello{
		version: 1,
		cluster: 0x0102030405060708,
		from:    raft.Ident{ID: 1, Inc: 0x1112131415161718},
		to:      raft.Ident{ID: 2, Inc: 0x2122232425262728},
	}
	const golden = "50524c5901000000" + "0807060504030201" +
		"0100000000000000" + "1817161514131211" +
		"0200000000000000" + "2827262524232221" + "c7a2ad08"
	require.Equal(t, golden, hex.EncodeToString(appendHello(nil, h)))
	back, err := decodeHello(appendHello(nil, h))
	require.NoError(t, err)
	require.Equal(t, h, back)
}

func TestWhoIsRefusedAndWhy(t *testing.T) {
	self, other := raft.Ident{ID: 2, Inc: 22}, raft.Ident{ID: 1, Inc: 11}
	good := hello{version: 1, cluster: 0xc1, from: other, to: self}
	for _, c := range []struct {
		name   string
		change func(*hello)
		unmade bool // this node is in no cluster yet
		reason string
	}{
		{name: "a peer of the same cluster is welcome", change: func(*hello) {}},
		{name: "another protocol", change: func(h *hello) { h.version = 2 }, reason: "run releases that share one"},
		{name: "another cluster", change: func(h *hello) { h.cluster = 0xc2 }, reason: "check the peer addresses"},
		{name: "a peer in no cluster asks to form one", change: func(h *hello) { h.cluster = 0 }},
		{name: "a peer in a cluster finds one that is not formed", change: func(*hello) {}, unmade: true},
		{name: "who looks for another node", change: func(h *hello) { h.to.ID = 3 }, reason: "this is node 2"},
		{name: "who has this node's id", change: func(h *hello) { h.from.ID = 2 }, reason: "an id of its own"},
		{name: "who has no incarnation", change: func(h *hello) { h.from.Inc = 0 }, reason: "without a sender"},
		{name: "who knows the id alone", change: func(h *hello) { h.to.Inc = 0 }},
		{name: "who looks for a directory that is gone", change: func(h *hello) { h.to.Inc = 5 }, reason: "it was replaced"},
		{name: "the same before there is a cluster: formation judges it", change: func(h *hello) { h.to.Inc = 5 }, unmade: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, local := good, host.Local{Self: self, Cluster: 0xc1}
			if c.unmade {
				local.Cluster = 0
			}
			c.change(&h)
			if err := h.judge(&local); c.reason == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.reason)
			}
		})
	}
}

func TestWhichMessagesMayComeOnAStream(t *testing.T) {
	self, other := raft.Ident{ID: 2, Inc: 22}, raft.Ident{ID: 1, Inc: 11}
	h := hello{version: 1, cluster: 0xc1, from: other, to: self}
	local := host.Local{Self: self, Cluster: 0xc1}
	good := raft.Message{Kind: raft.MsgAppend, Cluster: 0xc1, From: other, To: self}
	for _, c := range []struct {
		name   string
		change func(*raft.Message)
		ok     bool
	}{
		{"from the peer, for this node, of the cluster", func(*raft.Message) {}, true},
		{"for a lost directory of this node: the node judges it", func(m *raft.Message) { m.To.Inc = 1 }, true},
		{"formation needs no cluster", func(m *raft.Message) { m.Kind, m.Cluster = raft.MsgFormAsk, 0 }, true},
		{"the protocol needs one", func(m *raft.Message) { m.Cluster = 0 }, false},
		{"another cluster", func(m *raft.Message) { m.Cluster = 0xc2 }, false},
		{"another sender", func(m *raft.Message) { m.From.ID = 3 }, false},
		{"another incarnation of the sender", func(m *raft.Message) { m.From.Inc = 3 }, false},
		{"another receiver", func(m *raft.Message) { m.To.ID = 3 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good
			c.change(&m)
			require.Equal(t, c.ok, h.judgeMessage(&m, &local) == nil)
		})
	}
}
