package host

import "parley/raft"

// Transport carries messages between nodes. It may lose, repeat and reorder
// them, as networks do; it never alters one and never blocks a sender. The
// conformance test is raft/host/transporttest.
//
//   - Each peer has two lanes (Lane), so that nothing else waits behind snapshots and blobs.
//     They share nothing: a lane that is stuck or broken leaves the other as it is.
//   - Send puts each message into the queue of its lane to the peer in its To.ID. The
//     queue is bounded (QueueLimits); votes and heartbeats have a slot of
//     their own, so that they pass what is stuck. PeerQueue does both.
//   - Whatever the protocol's lane drops, or may have lost with a connection, is followed by
//     Receiver.PeerLost: at once, or once the peer can be reached again. What the
//     bulk lane loses is not told: whoever asked for it asks again, and the
//     protocol has nothing to send anew.
//   - Messages of one lane that arrive over one connection keep their order, save that
//     votes and heartbeats pass the others.
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
	// they were removed, and get to know it if they still run. No bulk goes there.
	Former []raft.Member
}

// Routes returns the ways out: both lanes to the peers, the protocol's to former ones.
func (l *Local) Routes() []Route {
	routes := make([]Route, 0, len(Lanes)*len(l.Peers)+len(l.Former))
	for _, p := range l.Peers {
		for _, lane := range Lanes {
			routes = append(routes, Route{p.ID, lane})
		}
	}
	for _, p := range l.Former {
		routes = append(routes, Route{p.ID, LaneProtocol})
	}
	return routes
}

// Receiver takes what arrives; the Host is one.
type Receiver interface {
	// Deliver hands over messages of one lane, which belong to the receiver from then
	// on, with all that they point to. It may block while the receiver is behind
	// with that lane. Peers and lanes call it at the same time.
	Deliver(msgs []raft.Message)
	// PeerLost tells that messages of the protocol to the peer were dropped or may be lost.
	PeerLost(peer raft.NodeID)
}
