package server

import "time"

// The bounds of one server. With them a node's memory for clients is at most about
//
//	connectionsMax x (streamsMax x 16 KiB of stream state + 64 KiB of window)
//	+ streams that are not read x (64 KiB that gRPC queues + one message)
//
// beside the requests and subscriptions that the host admits, which has bounds of its own.
const (
	// connectionsMax bounds the connections of clients. A client needs one; the
	// next one waits in the kernel's backlog until another closes.
	connectionsMax = 4096
	// streamsMax bounds the calls under way on one connection. A client's session
	// allows 256 commands in flight, and a few streams run beside them.
	streamsMax = 512
	// messageBytesMax bounds a request. A message's text is 16 KiB; the rest is room for
	// requests to come. Replies are bounded by the state machine.
	messageBytesMax = 256 << 10
	// headerBytesMax bounds a request's headers.
	headerBytesMax = 16 << 10

	// A connection must finish its handshake within handshakeMax.
	handshakeMax = 5 * time.Second
	// Of a client that says nothing for pingAfter the server asks for a sign of
	// life; without one within pingMax the connection is closed.
	pingAfter = 20 * time.Second
	pingMax   = 5 * time.Second
	// A client may ask for a sign of life itself, but not more often than this.
	clientPingMin = 2 * time.Second

	// A stream on which only other channels' events pass says so this often.
	progressEvery = time.Second

	// addressBytesMax bounds the addresses of a new node: a host name has at most 253 bytes.
	addressBytesMax = 300

	// streamsPerLoginMax bounds the streams of one login at one node: a window for each channel, and some more.
	streamsPerLoginMax = 128

	// anonymousIDBytesMin is the least length of a request id of nobody's, which all share who have not logged in:
	// 16 random letters and digits are 82 bits.
	anonymousIDBytesMin = 16

	// requestIDBytesMax bounds a request id, as the nodes' rules do (node.Rules).
	requestIDBytesMax = 128

	// stopMax is how long a stop waits for calls under way. Their waiting callers
	// are answered by the host as it stops, so that it is hardly ever reached.
	stopMax = 2 * time.Second
	// healthEvery is how often the health service looks whether there is a leader.
	healthEvery = 500 * time.Millisecond
)
