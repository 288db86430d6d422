package trust

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"parley/raft"
	"parley/rpc/auth"
)

// purpose keeps this use of a secret apart from all others.
const purpose = "parley: the key of nodes that talk to nodes, 1"

// Shared is how nodes know one another that share a secret: peer.Security. From the secret each derives the same pair of
// keys, and in the handshake each proves that it has the private one. Neither secret nor private key is ever sent, so that
// a stranger at the port of a node that is down learns nothing, and can't pass on what he hears.
//
// Whoever has the secret can be any node. On one machine that is no loss: who may read one node's files may read all.
type Shared struct {
	cert   tls.Certificate
	public ed25519.PublicKey
}

// NewShared derives the keys.
func NewShared(s auth.Secret) (*Shared, error) {
	seed, err := hkdf.Key(sha256.New, s[:], nil, purpose, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	// Of the certificate nothing but the key is looked at.
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{Organization: []string{"Parley"}, CommonName: "a node that knows the secret"},
		NotBefore:    time.Unix(0, 0), NotAfter: time.Unix(1<<36, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, public, key)
	if err != nil {
		return nil, err
	}
	return &Shared{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, public}, nil
}

// Accept is for connections that peers open.
func (h *Shared) Accept() *tls.Config {
	c := config()
	c.ClientAuth = tls.RequireAnyClientCert
	c.Certificates = []tls.Certificate{h.cert}
	c.VerifyConnection = h.verify
	return c
}

// Dial is for a connection to a node.
func (h *Shared) Dial(raft.NodeID) *tls.Config {
	c := config()
	c.InsecureSkipVerify = true // no CA made the certificate; VerifyConnection looks at its key
	c.Certificates = []tls.Certificate{h.cert}
	c.VerifyConnection = h.verify
	return c
}

// Fits has nothing to object: who knows the secret may be any node.
func (h *Shared) Fits(s tls.ConnectionState, _ raft.NodeID, _ raft.ClusterID) error {
	return h.verify(s)
}

var errOtherSecret = errors.New("the other end has another secret, or none: all nodes of a cluster need the same (--secret-file)")

func (h *Shared) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the other end shows no key")
	}
	key, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || subtle.ConstantTimeCompare(key, h.public) != 1 {
		return errOtherSecret
	}
	return nil
}

// Format writes nothing of the keys, whatever the verb.
func (h *Shared) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }
