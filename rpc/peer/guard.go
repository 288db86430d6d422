package peer

import (
	"errors"
	"net"
)

// guard looks at the first bytes of every connection, because gRPC drops what
// is no HTTP/2 without a word: somebody who sends a browser or a scanner to the peers'
// port, or clients to the wrong port, shall find a line in the log.
type guard struct {
	net.Listener
	t *Transport
}

// preface is what every HTTP/2 client sends first [RFC 9113 §3.4].
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Accept wraps the connection.
func (g guard) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guarded{Conn: c, t: g.t}, nil
}

// guarded is a connection whose first bytes are compared with the preface.
type guarded struct {
	net.Conn
	t    *Transport
	seen int
}

var errNoPeer = errors.New("peer: not an HTTP/2 connection")

// Read passes bytes on as long as they may be a preface.
func (c *guarded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.seen < len(preface) {
		k := min(n, len(preface)-c.seen)
		if string(p[:k]) != preface[c.seen:c.seen+k] {
			c.seen = len(preface)
			c.t.garbage.warn(c.t.log, "closed a connection that does not speak the peers' protocol",
				"address", c.RemoteAddr().String())
			return 0, errNoPeer
		}
		c.seen += k
	}
	return n, err
}
