package peer

import (
	"fmt"
	"net"
)

// Wire is how the bytes of a lane travel between two nodes. Both wires carry the same hellos and the same
// messages under the same checksums, and pass the same tests; they differ in what stands between.
type Wire uint8

// The wires.
const (
	// WireTCP is a TCP connection, or a TLS one, with nothing in between: tcp.go.
	WireTCP Wire = iota + 1
	// WireGRPC is a gRPC stream: grpc.go. It is for networks that let nothing else through.
	WireGRPC
)

// DefaultWire is the wire of who does not say: docs/decisions/0009-peers-over-framed-tcp.md.
const DefaultWire = WireTCP

// String names the wire as flags do.
func (w Wire) String() string {
	switch w {
	case WireTCP:
		return "tcp"
	case WireGRPC:
		return "grpc"
	}
	return fmt.Sprintf("wire%d", uint8(w))
}

// ParseWire is its inverse.
func ParseWire(name string) (Wire, error) {
	for _, w := range []Wire{WireTCP, WireGRPC} {
		if w.String() == name {
			return w, nil
		}
	}
	return 0, fmt.Errorf("%q is no way for nodes to talk: it can be tcp or grpc", name)
}

// wire is what a Transport asks of one.
type wire interface {
	// serve takes what peers open, until the listener or the transport is closed.
	serve(l net.Listener) error
	// stop ends serve and every connection that peers opened, and waits for both.
	stop()
	// line makes the way out of a link.
	line(l *link) (line, error)
}

// line is the way out of one link, which has at most one connection at a time.
type line interface {
	// talk is one connection's life: it says hello and carries what is queued. It returns why that ended,
	// nil if this node hung up for want of work, and whether the peer had answered the hello. A peer that
	// answers and then prefers another process of this name does not count: two that call at once would
	// throw each other out without a pause.
	talk() (welcome bool, err error)
	// push may carry what was just queued, instead of leaving that to the link's goroutine. It reports
	// whether it did; it never waits.
	push() bool
	close()
}
