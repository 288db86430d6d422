package peer

import "time"

// The bounds of a link.
const (
	// frameBytes is when a frame is full: what 1 Gbit/s carries in 2 ms, so that a
	// heartbeat never waits longer behind one.
	frameBytes = 256 << 10
	// frameBytesMax bounds what is read: a full frame and one message of the largest
	// kind (raft.Limits.AppendBytesMax and the overhead of its entries), twice.
	frameBytesMax = 4 << 20
	// windowBytes is how much may be on the way unread on a lane: 10 ms of 1 Gbit/s and a large
	// Append on top. A fixed window spares gRPC its measuring pings. Both lanes of a
	// peer that does not read hold it twice in this node's memory.
	windowBytes = 4 << 20
	// streamsMax bounds the streams served at a time: twice the members
	// a configuration can have, which dial once for each lane.
	streamsMax = 256
	// lobbyMax bounds the connections on which nobody has said hello yet: all peers that a node can have
	// may come at once when it starts, and a few more are let in to find out that they are none.
	lobbyMax = 256

	helloTimeout = 5 * time.Second // a hello is two packets
	backoffMin   = 20 * time.Millisecond
	// dialBackoffMax is how long a peer that came back may go unnoticed. A dial that is refused
	// costs two packets, so ten a second are nothing, and an election that needs
	// that peer's vote can't wait.
	dialBackoffMax = 100 * time.Millisecond
	backoffMax     = 500 * time.Millisecond // between streams that fail, until the peer says hello
	// unreachableAfter is when a peer that can't be dialled is worth a line in the log.
	unreachableAfter = 2 * time.Second
	dialTimeout      = 2 * time.Second
	// A connection that carries nothing for probeAfter is probed, and given up
	// probeTimeout later. Raft's own heartbeats notice a dead peer much earlier;
	// this is for the sockets.
	probeAfter   = 10 * time.Second
	probeTimeout = 5 * time.Second
	// bulkIdleAfter is when a bulk lane without work hangs up. The pieces of one snapshot follow
	// each other in milliseconds and blobs come in bursts; a connection that is kept costs
	// buffers and probes, one that is missed costs three round trips.
	bulkIdleAfter = 30 * time.Second
	// logEvery spaces the lines about one kind of trouble.
	logEvery = 5 * time.Second
)
