package peer

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
)

// Two releases meet at this frame before they know anything of each other.
func TestAHelloKeepsItsBytes(t *testing.T) {
	h := hello{
		version: 3,
		cluster: 0x0102030405060708,
		from:    raft.Ident{ID: 1, Inc: 0x1112131415161718},
		to:      raft.Ident{ID: 2, Inc: 0x2122232425262728},
	}
	const idents = "0100000000000000" + "1817161514131211" + "0200000000000000" + "2827262524232221"
	for _, c := range []struct {
		lane   host.Lane
		golden string
	}{
		{host.LaneProtocol, "50524c5903000100" + "0807060504030201" + idents + "296cd83b"},
		{host.LaneBulk, "50524c5903000200" + "0807060504030201" + idents + "68914c2a"},
		{0x7fee, "50524c590300ee7f" + "0807060504030201" + idents + "f2b25dc6"}, // read, then refused
	} {
		h.lane = c.lane
		require.Equal(t, c.golden, hex.EncodeToString(appendHello(nil, h)))
		back, err := decodeHello(appendHello(nil, h))
		require.NoError(t, err)
		require.Equal(t, h, back)
	}
}

// What is at stake: releases from before the lanes, or from before lengths had a checksum, are told what
// they are, not that they send garbage.
func TestHellosOfEarlierVersionsAreReadAndRefusedByName(t *testing.T) {
	const idents = "0100000000000000" + "1817161514131211" + "0200000000000000" + "2827262524232221"
	for i, bytes := range []string{
		"50524c5901000000" + "0807060504030201" + idents + "c7a2ad08",
		"50524c5902000100" + "0807060504030201" + idents + "1648895b",
	} {
		b, err := hex.DecodeString(bytes)
		require.NoError(t, err)
		h, err := decodeHello(b)
		require.NoError(t, err)
		local := host.Local{Self: h.to, Cluster: h.cluster}
		require.ErrorContains(t, h.judge(&local), fmt.Sprintf("node 1 speaks peer protocol %d, node 2 speaks 3: run releases that share one", i+1))
	}
}

func TestWhoIsRefusedAndWhy(t *testing.T) {
	self, other := raft.Ident{ID: 2, Inc: 22}, raft.Ident{ID: 1, Inc: 11}
	good := hello{version: 3, lane: host.LaneProtocol, cluster: 0xc1, from: other, to: self}
	for _, c := range []struct {
		name   string
		change func(*hello)
		unmade bool // this node is in no cluster yet
		reason string
	}{
		{name: "a peer of the same cluster is welcome", change: func(*hello) {}},
		{name: "another protocol", change: func(h *hello) { h.version = 4 }, reason: "run releases that share one"},
		{name: "a lane of a release to come", change: func(h *hello) { h.lane = 3 }, reason: "node 1 opens lane3, a lane that node 2 does not have"},
		{name: "no lane", change: func(h *hello) { h.lane = 0 }, reason: "opens lane0"},
		{name: "a lane that has a lane's low byte", change: func(h *hello) { h.lane = 0x0101 }, reason: "opens lane257"},
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
		for _, lane := range host.Lanes { // both are judged alike
			t.Run(c.name+", "+lane.String(), func(t *testing.T) {
				h, local := good, host.Local{Self: self, Cluster: 0xc1}
				if c.unmade {
					local.Cluster = 0
				}
				h.lane = lane
				c.change(&h)
				if err := h.judge(&local); c.reason == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.reason)
				}
			})
		}
	}
}

func TestWhichMessagesMayComeOnAStream(t *testing.T) {
	self, other := raft.Ident{ID: 2, Inc: 22}, raft.Ident{ID: 1, Inc: 11}
	protocol := hello{version: 3, lane: host.LaneProtocol, cluster: 0xc1, from: other, to: self}
	bulk := protocol
	bulk.lane = host.LaneBulk
	local := host.Local{Self: self, Cluster: 0xc1}
	good := raft.Message{Kind: raft.MsgAppend, Cluster: 0xc1, From: other, To: self}
	for _, c := range []struct {
		name   string
		change func(*raft.Message)
		on     []hello // where it may come
	}{
		{"from the peer, for this node, of the cluster", func(*raft.Message) {}, []hello{protocol}},
		{"for a lost directory of this node: the node judges it", func(m *raft.Message) { m.To.Inc = 1 }, []hello{protocol}},
		{"formation needs no cluster", func(m *raft.Message) { m.Kind, m.Cluster = raft.MsgFormAsk, 0 }, []hello{protocol}},
		{"joining needs none", func(m *raft.Message) { m.Kind, m.Cluster = raft.MsgJoinAccept, 0 }, []hello{protocol}},
		{"the protocol needs one", func(m *raft.Message) { m.Cluster = 0 }, nil},
		{"another cluster", func(m *raft.Message) { m.Cluster = 0xc2 }, nil},
		{"another sender", func(m *raft.Message) { m.From.ID = 3 }, nil},
		{"another incarnation of the sender", func(m *raft.Message) { m.From.Inc = 3 }, nil},
		{"another receiver", func(m *raft.Message) { m.To.ID = 3 }, nil},
		{"the offer of a snapshot", func(m *raft.Message) { m.Kind = raft.MsgSnapshotOffer }, []hello{protocol}},
		{"a piece of a snapshot", func(m *raft.Message) { m.Kind = raft.MsgSnapshotChunk }, []hello{bulk}},
		{"a blob", func(m *raft.Message) { m.Kind = raft.MsgBlob }, []hello{bulk}},
		{"a piece of another cluster's snapshot", func(m *raft.Message) { m.Kind, m.Cluster = raft.MsgSnapshotChunk, 0xc2 }, nil},
		{"a piece of a snapshot of no cluster", func(m *raft.Message) { m.Kind, m.Cluster = raft.MsgSnapshotChunk, 0 }, nil},
		{"another's piece of a snapshot", func(m *raft.Message) { m.Kind, m.From.Inc = raft.MsgSnapshotChunk, 3 }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good
			c.change(&m)
			var on []hello
			for _, h := range []hello{protocol, bulk} {
				if h.judgeMessage(&m, &local) == nil {
					on = append(on, h)
				}
			}
			require.Equal(t, c.on, on)
		})
	}
}
