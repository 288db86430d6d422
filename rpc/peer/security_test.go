package peer_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/host/transporttest"
	"parley/rpc/auth"
	"parley/rpc/peer"
	"parley/rpc/trust"
)

// authority makes certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	ca   *trust.Authority
	made atomic.Int64
}

func newAuthority(t *testing.T, cluster string) *authority {
	ca, err := trust.NewAuthority(cluster, 2*time.Hour)
	require.NoError(t, err)
	a := &authority{t: t, dir: t.TempDir(), ca: ca}
	require.NoError(t, trust.FilesOf(a.dir, "ca").Write(ca.Pair(), false))
	return a
}

// node returns what node id has: its certificate, kept in files.
func (a *authority) node(id raft.NodeID) *trust.Keeper {
	return a.of(trust.Name{Node: id})
}

func (a *authority) of(n trust.Name) *trust.Keeper {
	files := trust.FilesOf(a.dir, fmt.Sprint(a.made.Add(1)))
	p, err := a.ca.Issue(n, []string{"127.0.0.1"}, time.Hour)
	require.NoError(a.t, err)
	require.NoError(a.t, files.Write(p, true))
	k, err := trust.Open(trust.Paths{Node: files, CA: filepath.Join(a.dir, "ca.crt")}, n.Node)
	require.NoError(a.t, err)
	return k
}

// expired has a certificate that was good until a minute ago.
func (a *authority) expired(id raft.NodeID) peer.Security {
	p, err := a.ca.Issue(trust.Name{Node: id}, nil, -time.Minute)
	require.NoError(a.t, err)
	return bare{[]tls.Certificate{{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}}}
}

func shared(t *testing.T, s auth.Secret) *trust.Shared {
	h, err := trust.NewShared(s)
	require.NoError(t, err)
	return h
}

// All that a transport promises it promises under TLS, too.
func TestEachWireIsATransportWithCertificates(t *testing.T) {
	a := newAuthority(t, "test")
	secured(t, func(id raft.NodeID) peer.Security { return a.node(id).Peers() })
}

func TestEachWireIsATransportWithASecret(t *testing.T) {
	h := shared(t, auth.NewSecret())
	secured(t, func(raft.NodeID) peer.Security { return h })
}

func secured(t *testing.T, security func(raft.NodeID) peer.Security) {
	for _, wire := range wires {
		t.Run(wire.String(), func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
				return &sockets{options: peer.Options{Wire: wire}, addrs: make(map[raft.NodeID]string), security: security}
			})
		})
	}
}

// onEach runs a test on each wire.
func onEach(t *testing.T, test func(*testing.T, peer.Wire)) {
	for _, wire := range wires {
		t.Run(wire.String(), func(t *testing.T) { test(t, wire) })
	}
}

// wires are both ways in which nodes talk: what holds of one holds of the other.
var wires = []peer.Wire{peer.WireTCP, peer.WireGRPC}

// words is a log that tests wait for.
type words struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func newWords() *words { return &words{more: make(chan struct{})} }

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.more)
	w.more = make(chan struct{})
	return w.text.Write(p)
}

// await waits until one line has all of these. The test's own deadline ends a wait in vain.
func (w *words) await(t *testing.T, all ...string) {
	t.Helper()
	for {
		w.mu.Lock()
		text, more := w.text.String(), w.more
		w.mu.Unlock()
		for line := range strings.Lines(text) {
			found := 0
			for _, one := range all {
				if strings.Contains(line, one) {
					found++
				}
			}
			if found == len(all) {
				return
			}
		}
		select {
		case <-more:
		case <-t.Context().Done():
		}
	}
}

// heard is a receiver that hands on what it gets.
type heard chan raft.Message

func (h heard) Deliver(msgs []raft.Message) {
	for _, m := range msgs {
		h <- m
	}
}

func (h heard) PeerLost(raft.NodeID) {}

const cluster raft.ClusterID = 0xc1

func ident(id raft.NodeID) raft.Ident { return raft.Ident{ID: id, Inc: raft.Incarnation(id * 11)} }

// node is a transport that runs.
type node struct {
	*peer.Transport
	log *words
	got heard
}

// run starts a node that dials another, if it is given an address. as is who it says to be.
func run(t *testing.T, wire peer.Wire, as raft.NodeID, s peer.Security, to raft.NodeID, addr string) node {
	n := node{log: newWords(), got: make(heard, 1000)}
	var err error
	n.Transport, err = peer.Listen("127.0.0.1:0", peer.Options{Wire: wire, Security: s, Logger: slog.New(slog.NewTextHandler(n.log, nil))})
	require.NoError(t, err)
	local := host.Local{Self: ident(as), Cluster: cluster}
	if addr != "" {
		local.Peers = []raft.Member{{Ident: ident(to), PeerAddr: addr}}
	}
	require.NoError(t, n.Start(local, n.got))
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// reaches waits until a message of one node gets to the other.
func reaches(t *testing.T, from, to node, a, b raft.NodeID) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		from.Send([]raft.Message{{Kind: raft.MsgHeartbeat, Cluster: cluster, From: ident(a), To: ident(b), Term: 7}})
		select {
		case m := <-to.got:
			require.Equal(t, ident(a), m.From)
			return
		case <-again.C:
		}
	}
}

// What is at stake: a node that is taken for another can vote for it, acknowledge for it, and lead in its name.
func TestR92_OnlyTheNodeThatACertificateNamesIsHeard(t *testing.T) {
	onEach(t, onlyTheNodeThatACertificateNamesIsHeard)
}

func onlyTheNodeThatACertificateNamesIsHeard(t *testing.T, wire peer.Wire) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "ours") // of one name, as whoever wants to be us would choose
	bound := ours.of(trust.Name{Node: 1, ID: cluster + 1})
	secret := shared(t, auth.NewSecret())
	for name, c := range map[string]struct {
		security       peer.Security // of who calls itself node 1 and dials node 2
		dialer, dialed []string      // what stands in a line of each log
	}{
		"the certificate of another node": {ours.node(3).Peers(),
			[]string{"no connection to a peer", "node 1 has the certificate of node 3 of ours"}, []string{"refused a peer", "node 1 has the certificate of node 3 of ours"}},
		"another CA": {others.node(1).Peers(),
			[]string{"no connection to a peer", "another CA made it"}, []string{"refused a connection to the peers' port"}},
		"a certificate bound to another cluster": {bound.Peers(),
			[]string{"no connection to a peer", "bound to cluster 00000000000000c2"}, []string{"refused a peer", "bound to cluster 00000000000000c2"}},
		"a certificate that has ended": {ours.expired(1),
			[]string{"no connection to a peer"}, []string{"refused a connection to the peers' port", "is refused: it is good from", "node 1 of ours"}},
		"a client's certificate": {ours.clientAsPeer(),
			[]string{"no connection to a peer"}, []string{"refused a connection to the peers' port", "client laptop of ours", "clients have another port"}},
		"no certificate": {bare{},
			[]string{"no connection to a peer"}, []string{"refused a connection to the peers' port", "certificate"}},
		"a secret in the place of a certificate": {secret,
			[]string{"no connection to a peer", "another secret, or none"}, []string{"refused a connection to the peers' port"}},
		"plain TCP": {nil,
			[]string{"no connection to a peer"}, []string{"does not speak the peers' protocol", "no TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two := run(t, wire, 2, ours.node(2).Peers(), 1, "127.0.0.1:1")
			stranger := run(t, wire, 1, c.security, 2, two.Addr())
			stranger.log.await(t, c.dialer...)
			two.log.await(t, c.dialed...)
			require.Empty(t, two.got)
			// Node 1 itself is welcome all the same.
			one := run(t, wire, 1, ours.node(1).Peers(), 2, two.Addr())
			reaches(t, one, two, 1, 2)
		})
	}
}

// A node dials an address that another one holds by now: whoever listens there is told nothing.
func TestR92_ANodeSpeaksToTheNodeItLooksForAndToNoOther(t *testing.T) {
	onEach(t, aNodeSpeaksToTheNodeItLooksForAndToNoOther)
}

func aNodeSpeaksToTheNodeItLooksForAndToNoOther(t *testing.T, wire peer.Wire) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "ours")
	for name, c := range map[string]struct {
		security peer.Security
		says     []string
	}{
		"another node":         {ours.node(3).Peers(), []string{"node 3 of ours answers where node 2 is looked for"}},
		"another CA":           {others.node(2).Peers(), []string{"is refused: another CA made it"}},
		"a client":             {ours.clientAsPeer(), []string{"certificate"}},
		"who has no TLS":       {nil, []string{"no connection to a peer"}},
		"another's secret":     {shared(t, auth.NewSecret()), []string{"another CA made it"}},
		"another CA's cluster": {newAuthority(t, "theirs").node(2).Peers(), []string{"another CA made it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two := run(t, wire, 2, c.security, 1, "127.0.0.1:1")
			one := run(t, wire, 1, ours.node(1).Peers(), 2, two.Addr())
			one.log.await(t, append(c.says, "no connection to a peer")...)
			require.Empty(t, two.got)
		})
	}
}

func TestR92_NodesOfOneSecretHearEachOtherAndNobodyElse(t *testing.T) {
	onEach(t, nodesOfOneSecretHearEachOtherAndNobodyElse)
}

func nodesOfOneSecretHearEachOtherAndNobodyElse(t *testing.T, wire peer.Wire) {
	s, wrong := auth.NewSecret(), auth.NewSecret()
	for name, c := range map[string]struct {
		security peer.Security
		says     []string
	}{
		"another secret": {shared(t, wrong), []string{"refused a connection to the peers' port"}},
		"no certificate": {bare{}, []string{"refused a connection to the peers' port", "certificate"}},
		"plain TCP":      {nil, []string{"does not speak the peers' protocol"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two := run(t, wire, 2, shared(t, s), 1, "127.0.0.1:1")
			stranger := run(t, wire, 1, c.security, 2, two.Addr())
			stranger.log.await(t, "no connection to a peer")
			two.log.await(t, c.says...)
			require.Empty(t, two.got)
			one := run(t, wire, 1, shared(t, s), 2, two.Addr())
			reaches(t, one, two, 1, 2)
		})
	}
}

// A listener at the port of a node that is down sees handshakes fail and learns nothing that gets it in.
func TestR92_WhoListensInTheNameOfANodeLearnsNothingOfTheSecret(t *testing.T) {
	onEach(t, whoListensInTheNameOfANodeLearnsNothingOfTheSecret)
}

func whoListensInTheNameOfANodeLearnsNothingOfTheSecret(t *testing.T, wire peer.Wire) {
	t.Parallel()
	s := auth.NewSecret()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	got := make(chan []byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		// It has a certificate, as everybody can make one, and reads whatever it is sent.
		other, err := trust.NewShared(auth.NewSecret())
		if err != nil {
			return
		}
		cfg := other.Accept()
		cfg.VerifyConnection, cfg.NextProtos = nil, nil
		conn := tls.Server(c, cfg)
		_ = conn.Handshake() // fails, when the other end has seen the key
		b := make([]byte, 1024)
		n, _ := conn.Read(b)
		got <- b[:n]
	}()
	one := run(t, wire, 1, shared(t, s), 2, l.Addr().String())
	one.log.await(t, "no connection to a peer", "another secret, or none")
	require.Empty(t, <-got, "not a byte of the protocol")
}

// client makes a client's certificate.
func (a *authority) client(name string) trust.Files {
	files := trust.FilesOf(a.dir, fmt.Sprint(a.made.Add(1)))
	p, err := a.ca.Issue(trust.Name{Client: name}, nil, time.Hour)
	require.NoError(a.t, err)
	require.NoError(a.t, files.Write(p, true))
	return files
}

// clientAsPeer is a client who tries the peers' port.
func (a *authority) clientAsPeer() peer.Security {
	cfg, err := trust.ClientConfig(filepath.Join(a.dir, "ca.crt"), a.client("laptop"))
	require.NoError(a.t, err)
	return bare{cfg.Certificates}
}

// bare believes everybody and shows what it has, or nothing.
type bare struct{ certs []tls.Certificate }

func (b bare) Accept() *tls.Config {
	certs := b.certs
	if len(certs) == 0 {
		h, err := trust.NewShared(auth.NewSecret())
		if err != nil {
			panic(err)
		}
		certs = h.Accept().Certificates
	}
	return &tls.Config{Certificates: certs, NextProtos: []string{"h2"}}
}

func (b bare) Dial(raft.NodeID) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: b.certs, NextProtos: []string{"h2"}}
}

func (bare) Fits(tls.ConnectionState, raft.NodeID, raft.ClusterID) error { return nil }
