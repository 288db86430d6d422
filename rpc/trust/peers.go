package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"parley/raft"
)

// Peers is how nodes with certificates know one another: peer.Security.
type Peers struct{ k *Keeper }

// Peers returns the node's view of its peers.
func (k *Keeper) Peers() Peers { return Peers{k} }

// config is what both ends have. Which certificates are good is decided by VerifyConnection, as it asks the keeper each time;
// crypto/tls itself sees to it that whoever shows a certificate has its key. Tickets would carry a judgement of before over
// a reload.
func config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, SessionTicketsDisabled: true}
}

// Accept is for connections that peers open.
func (p Peers) Accept() *tls.Config {
	c := config()
	c.ClientAuth = tls.RequireAnyClientCert
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &p.k.held.Load().peers, nil }
	c.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := p.other(&s, x509.ExtKeyUsageClientAuth)
		return err
	}
	return c
}

// Dial is for a connection to a node: to none other, whatever name and address it has.
func (p Peers) Dial(to raft.NodeID) *tls.Config {
	c := config()
	c.InsecureSkipVerify = true // of the host's name, which nodes do not have; VerifyConnection does the rest
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.k.held.Load().peers, nil }
	c.VerifyConnection = func(s tls.ConnectionState) error {
		n, err := p.other(&s, x509.ExtKeyUsageServerAuth)
		if err == nil && n.Node != to {
			err = fmt.Errorf("%v answers where node %d is looked for", n, to)
		}
		return err
	}
	return c
}

// Fits reports why who says to be a node of a cluster, in the hello of a connection, is not who shook hands on it.
func (p Peers) Fits(s tls.ConnectionState, node raft.NodeID, cluster raft.ClusterID) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the connection has no certificate")
	}
	n, err := NameOf(s.PeerCertificates[0])
	switch {
	case err != nil:
		return err
	case n.Node != node:
		return fmt.Errorf("who calls itself node %d has the certificate of %v: give each node its own", node, n)
	case n.ID != 0 && cluster != 0 && n.ID != cluster:
		return fmt.Errorf("node %d is of cluster %v, and its certificate is bound to cluster %v", node, cluster, n.ID)
	}
	return nil
}

// other is who is at the other end: a node of the same cluster.
func (p Peers) other(s *tls.ConnectionState, use x509.ExtKeyUsage) (Name, error) {
	leaf, err := p.k.verifyOther(s, use)
	if err != nil {
		return Name{}, err
	}
	n, err := NameOf(leaf)
	switch own := p.k.Name(); {
	case err != nil:
		return n, err
	case n.Cluster != own.Cluster:
		return n, fmt.Errorf("the other end is %v, and this is %v", n, own)
	case n.Node == 0:
		return n, fmt.Errorf("the other end is %v: only nodes talk here, and clients have another port", n)
	}
	return n, nil
}
