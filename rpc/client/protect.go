package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// protection decides how connections are protected, and remembers why a handshake failed: gRPC tries again for ever, and
// of a call that nobody took it says only that.
type protection struct {
	tls    *tls.Config
	clear  bool
	failed atomic.Pointer[HandshakeError]
}

// HandshakeError says why a node and the client did not come to terms.
type HandshakeError struct {
	Addr string
	Err  error
}

func (e *HandshakeError) Error() string { return fmt.Sprintf("TLS with %s: %v", e.Addr, e.Err) }

// Unwrap returns why.
func (e *HandshakeError) Unwrap() error { return e.Err }

// of is what a connection to an address has.
func (p *protection) of(addr string) grpc.DialOption {
	cfg := p.tls
	switch {
	case cfg != nil:
	case p.clear, onLoopback(addr):
		return grpc.WithTransportCredentials(insecure.NewCredentials())
	default:
		cfg = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	return grpc.WithTransportCredentials(handshaker{credentials.NewTLS(cfg), addr, p})
}

// handshaker notes how handshakes end.
type handshaker struct {
	credentials.TransportCredentials
	addr string
	p    *protection
}

// ClientHandshake is that of the credentials.
func (h handshaker) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, c)
	if err == nil {
		return &judged{Conn: conn, h: h}, info, nil
	}
	if ctx.Err() == nil { // else the client hung up
		h.p.failed.Store(&HandshakeError{h.addr, err})
	}
	return conn, info, err
}

// judged is a connection whose other end may still refuse it: in TLS 1.3 the server judges the client when the client has
// finished, and its word is the first thing that is read.
type judged struct {
	net.Conn
	h    handshaker
	over bool
}

// Read notes what the first one says. gRPC reads from one goroutine.
func (c *judged) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.over && (n > 0 || err != nil) {
		c.over = true
		if said, ok := errors.AsType[*net.OpError](err); ok && said.Op == "remote error" {
			c.h.p.failed.Store(&HandshakeError{c.h.addr, err})
		} else if n > 0 {
			c.h.p.failed.Store(nil)
		}
	}
	return n, err
}

// Clone keeps noting.
func (h handshaker) Clone() credentials.TransportCredentials {
	h.TransportCredentials = h.TransportCredentials.Clone()
	return h
}

// HandshakeError returns why the last handshake with a node failed; nil if it did not, or if there was none. When no node
// answers it is the likely reason.
func (c *Client) HandshakeError() *HandshakeError { return c.conns.protection.failed.Load() }

// onLoopback reports whether an address is this machine's own, whatever a name server says.
func onLoopback(addr string) bool {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
