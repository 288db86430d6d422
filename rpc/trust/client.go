package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Clients is for the connections that clients open to a node. With demand a client shows a certificate of the cluster's CA,
// a client's or a node's, before it can even log in.
func (k *Keeper) Clients(demand bool) *tls.Config {
	c := config()
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &k.held.Load().clients, nil }
	if demand {
		c.ClientAuth = tls.RequireAnyClientCert
		c.VerifyConnection = func(s tls.ConnectionState) error {
			leaf, err := k.verifyOther(&s, x509.ExtKeyUsageClientAuth)
			if err != nil {
				return err
			}
			if n, err := NameOf(leaf); err != nil || n.Cluster != k.Name().Cluster {
				return errors.New("the certificate is of another cluster")
			}
			return nil
		}
	}
	return c
}

// ClientConfig is for clients of a cluster: they verify the node's certificate, and the host's name in it, by a file of CAs,
// or by those of this machine if it is empty. own, if it is not empty, is what they show themselves.
func ClientConfig(ca string, own Files) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	if ca != "" {
		certs, err := ReadCerts(ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		for _, one := range certs {
			if !one.IsCA {
				return nil, fmt.Errorf("%s holds the certificate of %s, which is no CA", ca, one.Subject.CommonName)
			}
			c.RootCAs.AddCert(one)
		}
	}
	if own != (Files{}) {
		p, err := own.Read()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key, Leaf: p.Cert}}
	}
	return c, nil
}
