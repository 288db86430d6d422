package peer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/host/transporttest"
	"parley/rpc/peer"
)

func TestGRPCIsATransport(t *testing.T) { conforms(t, peer.Options{Wire: peer.WireGRPC}) }

func TestTCPIsATransport(t *testing.T) { conforms(t, peer.Options{Wire: peer.WireTCP}) }

func TestTCPWithTLSIsATransport(t *testing.T) {
	conforms(t, peer.Options{Wire: peer.WireTCP, Security: newMutual(t)})
}

func TestGRPCWithTLSIsATransport(t *testing.T) {
	conforms(t, peer.Options{Wire: peer.WireGRPC, Security: newMutual(t)})
}

func conforms(t *testing.T, o peer.Options) {
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		return &sockets{options: o, addrs: make(map[raft.NodeID]string)}
	})
}

// sockets opens transports on loopback; each node keeps the port it got first.
type sockets struct {
	options  peer.Options
	security func(raft.NodeID) peer.Security // nil: that of the options
	mu       sync.Mutex
	addrs    map[raft.NodeID]string
}

func (s *sockets) Open(t *testing.T, id raft.NodeID, limits host.QueueLimits) host.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := "127.0.0.1:0"
	if known, ok := s.addrs[id]; ok {
		addr = known
	}
	o := s.options
	o.Queue = limits
	if s.security != nil {
		o.Security = s.security(id)
	}
	p, err := peer.Listen(addr, o)
	require.NoError(t, err)
	s.addrs[id] = p.Addr()
	return p
}

func (s *sockets) Addr(id raft.NodeID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addrs[id]
}

// mutual is what the nodes of a test trust: one certificate for loopback, which all of them show and ask for.
type mutual struct{ both *tls.Config }

func (m mutual) Accept() *tls.Config { return m.both }

func (m mutual) Dial(raft.NodeID) *tls.Config { return m.both }

func (m mutual) Fits(s tls.ConnectionState, _ raft.NodeID, _ raft.ClusterID) error {
	if len(s.PeerCertificates) != 1 {
		return errors.New("no certificate")
	}
	return nil
}

func newMutual(t testing.TB) peer.Security {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peers of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(cert)
	return mutual{&tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "127.0.0.1",
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}},
		RootCAs:      trusted, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert,
	}}
}
