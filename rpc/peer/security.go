package peer

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc/credentials"

	"parley/raft"
	"parley/raft/host"
)

// Security says who is at the other end of a connection; rpc/trust has two. Without one, connections are neither
// encrypted nor anybody's: everything that a hello says is believed.
//
//	TCP ──▶ TLS: Accept and Dial ──▶ hello: Fits ──▶ messages, each from whom the hello names
type Security interface {
	// Accept is for the connections that peers open. Both configurations judge the other end by VerifyConnection, so
	// that nothing of whoever is refused is read as a peer's word.
	Accept() *tls.Config
	// Dial is for a connection to the node with an id.
	Dial(to raft.NodeID) *tls.Config
	// Fits reports why who says in a hello to be a node is not who shook hands. cluster is what the hello says, or else this
	// node's own; zero if neither is formed yet.
	Fits(s tls.ConnectionState, node raft.NodeID, cluster raft.ClusterID) error
}

var errNoTLS = errors.New("the connection is not protected")

// fits reports why who said hello on a connection is not who shook hands on it. s is nil if nobody did.
func (t *Transport) fits(s *tls.ConnectionState, h *hello, local *host.Local) error {
	switch {
	case t.opts.Security == nil:
		return nil
	case s == nil:
		return errNoTLS
	}
	return t.opts.Security.Fits(*s, h.from.ID, cmp.Or(h.cluster, local.Cluster))
}

// judged is why a handshake failed as the log is told it; nil if there is nothing to tell: somebody only looked whether the
// port is open.
func judged(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, new(tls.RecordHeaderError)):
		return stranger{fmt.Errorf("%w: no TLS", errStranger)}
	}
	return unknown{err}
}

// handshaker logs the handshakes that fail, of which gRPC says nothing: who has the wrong certificate, or another secret, or
// knocks without being a peer at all, is to find a line in the log of both ends.
type handshaker struct {
	credentials.TransportCredentials
	t *Transport
}

// ServerHandshake is that of the credentials.
func (h handshaker) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(c)
	if err != nil && h.t.ctx.Err() == nil {
		h.t.logParting(c.RemoteAddr().String(), judged(err))
	}
	return conn, info, err
}
