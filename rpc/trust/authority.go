package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// startedBefore is how long before its making a certificate begins to be good: clocks of machines differ.
const startedBefore = time.Hour

// Authority is a cluster's CA: it makes the certificates of its nodes and clients. Whoever has its key can be any node.
// It is needed when a certificate is made, and at no other time: keep it off the nodes.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate and its key.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewAuthority makes the CA of a cluster. Keys are of P-256, which every TLS library takes.
func NewAuthority(cluster string, life time.Duration) (*Authority, error) {
	if err := CheckLabel(cluster); err != nil {
		return nil, err
	}
	t := template(Name{Cluster: cluster}, life)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign
	p, err := sign(t, nil)
	if err != nil {
		return nil, err
	}
	return &Authority{p.Cert, p.Key}, nil
}

// Cluster is how the CA calls its cluster.
func (a *Authority) Cluster() string {
	n, _ := NameOf(a.Cert) // it was checked when it was made or read
	return n.Cluster
}

// Issue makes a certificate for a name of the CA's cluster. hosts are the names and addresses at which clients reach a
// node. No certificate outlives its CA.
func (a *Authority) Issue(n Name, hosts []string, life time.Duration) (Pair, error) {
	n.Cluster = a.Cluster()
	if n.Client != "" {
		if err := CheckLabel(n.Client); err != nil {
			return Pair{}, err
		}
	}
	if (n.Node != 0) == (n.Client != "") {
		return Pair{}, errors.New("a certificate is a node's or a client's")
	}
	t := template(n, life)
	if t.NotAfter.After(a.Cert.NotAfter) {
		return Pair{}, fmt.Errorf("the certificate would outlive its CA, which ends on %s: give it fewer days, or make a new CA", day(a.Cert.NotAfter))
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if n.Node != 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if validHost(host) {
			t.DNSNames = append(t.DNSNames, host)
		} else {
			return Pair{}, fmt.Errorf("%q is neither a host's name nor an IP address: write it without port and scheme", host)
		}
	}
	return sign(t, a)
}

// template is what all certificates have.
func template(n Name, life time.Duration) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Parley"}, CommonName: n.String()},
		URIs:      n.uris(),
		NotBefore: now.Add(-startedBefore),
		NotAfter:  now.Add(life),
	}
}

// sign makes a key and signs its certificate, by itself without an authority. The serial number is drawn by x509.
func sign(t *x509.Certificate, by *Authority) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	parent, signer := t, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return Pair{cert, key}, err
}

// validHost reports whether a text may be a host's name.
func validHost(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && host != "" && u.Host == host && u.Port() == "" && u.Hostname() == host && u.User == nil
}

// Hosts are the names and addresses in a certificate.
func Hosts(cert *x509.Certificate) []string {
	hosts := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
