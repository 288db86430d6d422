package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"parley/raft"
)

// Paths are the files of a node that has certificates.
type Paths struct {
	Node    Files  // what it shows to its peers, and to clients if there is no other
	CA      string // one certificate or several: while a CA is replaced, both
	Clients Files  // what it shows to clients instead; empty: the same. Anybody's CA may have made it
}

// Keeper holds a node's certificates, which may be replaced while it runs: connections that stand go on, and every
// handshake that begins later uses what was read last.
type Keeper struct {
	paths Paths
	self  raft.NodeID
	now   func() time.Time
	held  atomic.Pointer[held]
}

// held is what was read at one time. It does not change.
type held struct {
	name    Name
	peers   tls.Certificate
	clients tls.Certificate
	roots   *x509.CertPool
	ends    time.Time
}

// Open reads a node's certificates. The error says which file is wrong, and how.
func Open(p Paths, self raft.NodeID) (*Keeper, error) {
	k := &Keeper{paths: p, self: self, now: time.Now}
	return k, k.Reload()
}

// Reload reads them again. After an error those that were held before stay in use.
func (k *Keeper) Reload() error {
	h, err := k.read()
	if err != nil {
		return err
	}
	if before := k.held.Load(); before != nil && before.name.Cluster != h.name.Cluster {
		return fmt.Errorf("%s is of cluster %s, and the certificate in use of %s", k.paths.Node.Cert, h.name.Cluster, before.name.Cluster)
	}
	k.held.Store(h)
	return nil
}

// Name is whom the node's certificate names.
func (k *Keeper) Name() Name { return k.held.Load().name }

// Ends is when the first of the certificates in use ends.
func (k *Keeper) Ends() time.Time { return k.held.Load().ends }

// Paths are the files.
func (k *Keeper) Paths() Paths { return k.paths }

// CheckCluster reports that the certificate names the id of another cluster.
func (k *Keeper) CheckCluster(id raft.ClusterID) error {
	if n := k.Name(); n.ID != 0 && id != 0 && n.ID != id {
		return fmt.Errorf("%s is bound to cluster %v, and this directory is of cluster %v", k.paths.Node.Cert, n.ID, id)
	}
	return nil
}

func (k *Keeper) read() (*held, error) {
	roots, err := ReadCerts(k.paths.CA)
	if err != nil {
		return nil, err
	}
	h := &held{roots: x509.NewCertPool()}
	for _, c := range roots {
		if !c.IsCA {
			return nil, fmt.Errorf("%s holds the certificate of %s, which is no CA", k.paths.CA, c.Subject.CommonName)
		}
		h.roots.AddCert(c)
	}
	if h.peers, err = k.load(k.paths.Node); err != nil {
		return nil, err
	}
	leaf := h.peers.Leaf
	if h.name, err = NameOf(leaf); err != nil || h.name.Node == 0 {
		return nil, fmt.Errorf("%s is no node's certificate: make one with node certs node", k.paths.Node.Cert)
	}
	if h.name.Node != k.self {
		return nil, fmt.Errorf("%s is that of node %d, and this is node %d", k.paths.Node.Cert, h.name.Node, k.self)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if err := verify(leaf, h.peers.Certificate[1:], h.roots, use, k.now()); err != nil {
			return nil, fmt.Errorf("%s does not fit %s: %w", k.paths.Node.Cert, k.paths.CA, err)
		}
	}
	h.clients, h.ends = h.peers, leaf.NotAfter
	if k.paths.Clients != (Files{}) {
		if h.clients, err = k.load(k.paths.Clients); err != nil {
			return nil, err
		}
		if end := h.clients.Leaf.NotAfter; end.Before(h.ends) {
			h.ends = end
		}
	}
	return h, nil
}

// load reads what a handshake shows: the certificate, those between it and the CA, and the key.
func (k *Keeper) load(f Files) (tls.Certificate, error) {
	p, err := f.Read()
	if err != nil {
		return tls.Certificate{}, err
	}
	chain, err := ReadCerts(f.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	if now := k.now(); now.After(p.Cert.NotAfter) {
		return tls.Certificate{}, fmt.Errorf("%s ended on %s: renew it with node certs renew", f.Cert, day(p.Cert.NotAfter))
	} else if now.Before(p.Cert.NotBefore) {
		return tls.Certificate{}, fmt.Errorf("%s begins on %s: is the clock of this machine right?", f.Cert, day(p.Cert.NotBefore))
	}
	c := tls.Certificate{PrivateKey: p.Key, Leaf: p.Cert}
	for _, one := range chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c, nil
}

// verify reports why a certificate was not made by one of the CAs for a use, or is not good now. Host names are another matter.
func verify(leaf *x509.Certificate, between [][]byte, roots *x509.CertPool, use x509.ExtKeyUsage, now time.Time) error {
	pool := x509.NewCertPool()
	for _, der := range between {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		pool.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: now})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return fmt.Errorf("it is good from %s to %s, and today is %s", day(leaf.NotBefore), day(leaf.NotAfter), day(now))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errors.New("another CA made it")
	}
	return err
}

// verifyOther is verify for who is at the other end.
func (k *Keeper) verifyOther(s *tls.ConnectionState, use x509.ExtKeyUsage) (*x509.Certificate, error) {
	if len(s.PeerCertificates) == 0 {
		return nil, errors.New("the other end shows no certificate")
	}
	leaf := s.PeerCertificates[0]
	var between [][]byte
	for _, c := range s.PeerCertificates[1:] {
		between = append(between, c.Raw)
	}
	if err := verify(leaf, between, k.held.Load().roots, use, k.now()); err != nil {
		return nil, fmt.Errorf("the certificate %q of the other end is refused: %w", leaf.Subject.CommonName, err)
	}
	return leaf, nil
}
