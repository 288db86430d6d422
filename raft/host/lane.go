package host

import (
	"fmt"

	"parley/raft"
)

// Lane is one of the two ways to a peer. Each has a queue, a goroutine and a connection
// of its own, so that a snapshot of gigabytes and a heartbeat never stand in one line:
// not in the sender's queue, not in the buffers of the kernel, not before the receiver.
type Lane uint16

// The lanes. The numbers are in the peers' hello; zero is no lane.
const (
	LaneProtocol Lane = 1 // what the cluster lives on: always open, every loss is told
	LaneBulk     Lane = 2 // pieces of snapshots and blobs (raft.MessageKind.Bulk)
)

// Lanes lists them.
var Lanes = [...]Lane{LaneProtocol, LaneBulk}

// LaneOf returns the lane that a kind of message takes.
func LaneOf(k raft.MessageKind) Lane {
	if k.Bulk() {
		return LaneBulk
	}
	return LaneProtocol
}

// Known reports whether this release has the lane.
func (l Lane) Known() bool { return l == LaneProtocol || l == LaneBulk }

// String names the lane as logs print it.
func (l Lane) String() string {
	switch l {
	case LaneProtocol:
		return "protocol"
	case LaneBulk:
		return "bulk"
	}
	return fmt.Sprintf("lane%d", uint16(l))
}

// Route is a lane to one peer.
type Route struct {
	Peer raft.NodeID
	Lane Lane
}

// RouteOf returns the way that a message takes.
func RouteOf(m *raft.Message) Route { return Route{m.To.ID, LaneOf(m.Kind)} }
