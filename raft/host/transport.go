package host

import "parley/raft"

// Transport carries messages between nodes. It may lose, repeat and reorder
// them, as networks do; it never alters one and never blocks a sender. The
// conformance test is raft/host/transporttest.
//
//   - Send puts each message into the queue of the peer in its To.ID. The
//     queue is bounded (QueueLimits); votes and heartbeats have a slot of
//     their own, so that they pass what is stuck. PeerQueue does both.
//   - Whatever is dropped, or may have been lost with a connection, is followed by
//     Receiver.PeerLost: at once, or once the peer can be reached again.
//   - Only messages whose sender is the peer that the connection was opened with,
//     and which are for this node, reach the receiver.
//   - After Close has returned, nothing reaches the receiver and no
//     goroutine is left.
type Transport interface {
	// Start opens the transport. It is called once, before all else.
	Start(local Local, r Receiver) error
	// SetLocal replaces what Start was told: a cluster was formed, or its
	// configuration changed. Connections to peers that stay as they were go on.
	SetLocal(local Local)
	// Send queues messages. It keeps the messages' entries and payloads, which
	// never change, not the slice.
	Send(msgs []raft.Message)
	// Close closes every connection and waits until nothing runs any more.
	Close() error
}

// Local is what a transport knows about the node that it serves.
type Local struct {
	Self    raft.Ident
	Cluster raft.ClusterID // zero: not formed yet
	// Peers are the other nodes and where they listen (PeerAddr). The incarnation
	// is zero as long as nobody knows it.
	Peers []raft.Member
	// Former are nodes that are to be reached only when they call by themselves:
	// they were removed, and get to know it if they still run.
	Former []raft.Member
}

// Receiver takes what arrives; the Host is one.
type Receiver interface {
	// Deliver hands over messages, which belong to the receiver from then on,
	// with all that they point to. It may block while the receiver is behind.
	Deliver(msgs []raft.Message)
	// PeerLost tells that messages to the peer were dropped or may be lost.
	PeerLost(peer raft.NodeID)
}
