package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"parley/raft"
	"parley/raft/host"
)

// hello is the first frame in each direction:
//
//	 0  "PRLY"              4 bytes
//	 4  protocol version    2    all numbers little-endian
//	 6  lane                2    1 the protocol's, 2 bulk (host.Lane)
//	 8  cluster             8    zero: not formed yet
//	16  sender id, inc     16
//	32  receiver id, inc   16    inc zero: not known yet
//	48  CRC-32C of all before, 4
//
// The first six bytes and the checksum keep their place in every version. In version 1
// there was one lane and zero in its place; until version 2 the lengths in frames had no checksum.
//
// Both ends name the lane: it belongs to the connection, and all that comes on it is of
// that lane. Which kinds of messages a lane carries belongs to the version too, so
// that two releases never differ on it.
type hello struct {
	version uint16
	lane    host.Lane
	cluster raft.ClusterID
	from    raft.Ident
	to      raft.Ident
}

const (
	helloMagic      = "PRLY"
	helloLen        = 52
	protocolVersion = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHello(dst []byte, h hello) []byte {
	at := len(dst)
	dst = append(dst, helloMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, h.version)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.lane))
	for _, n := range []uint64{
		uint64(h.cluster),
		uint64(h.from.ID), uint64(h.from.Inc),
		uint64(h.to.ID), uint64(h.to.Inc),
	} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

var errHello = errors.New("this is no hello of a Parley peer")

func decodeHello(b []byte) (hello, error) {
	if len(b) != helloLen || string(b[:4]) != helloMagic ||
		binary.LittleEndian.Uint32(b[helloLen-4:]) != crc32.Checksum(b[:helloLen-4], castagnoli) {
		return hello{}, errHello
	}
	u := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	return hello{
		version: binary.LittleEndian.Uint16(b[4:]),
		lane:    host.Lane(binary.LittleEndian.Uint16(b[6:])),
		cluster: raft.ClusterID(u(8)),
		from:    raft.Ident{ID: raft.NodeID(u(16)), Inc: raft.Incarnation(u(24))},
		to:      raft.Ident{ID: raft.NodeID(u(32)), Inc: raft.Incarnation(u(40))},
	}, nil
}

// greet says hello on a lane to a peer of which at least the id is known.
func greet(local *host.Local, to raft.Ident, lane host.Lane) hello {
	return hello{version: protocolVersion, lane: lane, cluster: local.Cluster, from: local.Self, to: to}
}

// judge says why a hello is refused, or nil. That the sender is in no
// configuration that this node knows is no reason: this node may lag behind.
func (h *hello) judge(local *host.Local) error {
	switch {
	case h.version != protocolVersion:
		return fmt.Errorf("node %d speaks peer protocol %d, node %d speaks %d: run releases that share one",
			h.from.ID, h.version, local.Self.ID, protocolVersion)
	case !h.lane.Known():
		return fmt.Errorf("node %d opens %v, a lane that node %d does not have", h.from.ID, h.lane, local.Self.ID)
	case h.cluster != 0 && local.Cluster != 0 && h.cluster != local.Cluster:
		return fmt.Errorf("node %d is of cluster %v, node %d of cluster %v: check the peer addresses of both",
			h.from.ID, h.cluster, local.Self.ID, local.Cluster)
	case h.to.ID != local.Self.ID:
		return fmt.Errorf("node %d looks for node %d here, but this is node %d: check the peer addresses",
			h.from.ID, h.to.ID, local.Self.ID)
	case h.from.ID == local.Self.ID:
		return fmt.Errorf("another node calls itself node %d too: give each node an id of its own", h.from.ID)
	case h.from.ID == 0 || h.from.Inc == 0:
		return errors.New("a hello without a sender")
	case local.Cluster != 0 && h.to.Inc != 0 && h.to.Inc != local.Self.Inc:
		return fmt.Errorf("node %d looks for node %v, but this directory is %v: it was replaced",
			h.from.ID, h.to, local.Self)
	}
	return nil
}

// judgeMessage says why a message may not come on a stream that was opened with
// this hello, or nil. Only formation and joining may do without a cluster; a node that is
// not formed yet leaves the judgement of clusters to raft/node. A message on the
// other lane than its own is refused like any other lie: bulk among the protocol's
// would make heartbeats wait, and a lane that carries everything is no lane.
func (h *hello) judgeMessage(m *raft.Message, local *host.Local) error {
	switch {
	case m.From != h.from:
		return fmt.Errorf("a message of node %v on the stream of node %v", m.From, h.from)
	case m.To.ID != local.Self.ID:
		return fmt.Errorf("a message for node %v", m.To)
	case host.LaneOf(m.Kind) != h.lane:
		return fmt.Errorf("a %v on the %v lane", m.Kind, h.lane)
	case m.Cluster == 0 && (m.Kind < raft.MsgFormAsk || m.Kind >= raft.MsgSnapshotOffer):
		return fmt.Errorf("a %v without a cluster", m.Kind)
	case m.Cluster != 0 && local.Cluster != 0 && m.Cluster != local.Cluster:
		return fmt.Errorf("a message of cluster %v", m.Cluster)
	}
	return nil
}
