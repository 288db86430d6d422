package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/rpc/auth"
)

func newCA(t *testing.T, cluster string) (*Authority, Files) {
	t.Helper()
	a, err := NewAuthority(cluster, 48*time.Hour)
	require.NoError(t, err)
	f := FilesOf(t.TempDir(), "ca")
	require.NoError(t, f.Write(a.Pair(), false))
	return a, f
}

func issued(t *testing.T, a *Authority, n Name, life time.Duration) Files {
	t.Helper()
	p, err := a.Issue(n, []string{"127.0.0.1", "::1", "node.example.org"}, life)
	require.NoError(t, err)
	f := FilesOf(t.TempDir(), "cert")
	require.NoError(t, f.Write(p, false))
	return f
}

// What is at stake: one reading of a name that its CA did not mean.
func TestANameIsReadAsItWasWrittenAndInNoOtherWay(t *testing.T) {
	for _, n := range []Name{{Cluster: "c", Node: 1}, {Cluster: "my-team.1", Node: 1 << 63}, {Cluster: "c", Node: 7, ID: 0xabc},
		{Cluster: "c", Client: "laptop"}, {Cluster: "c"}} {
		got, err := NameOf(&x509.Certificate{URIs: n.uris()})
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	for _, uris := range [][]string{
		{}, {"https://c/node/1"}, {"parley://c/node/0"}, {"parley://c/node/01"}, {"parley://c/node/+1"}, {"parley://c/node/-1"}, {"parley://c/node/1x"},
		{"parley://c/node/18446744073709551616"}, {"parley://c/node/1/2"}, {"parley://c/node/"}, {"parley://c/other/1"}, {"parley:///node/1"}, {"parley://C/node/1"},
		{"parley://c/node/1", "parley://c/node/2"}, {"parley://c/node/1", "parley://d/node/1"}, {"parley://c/node/1", "parley://c/client/x"},
		{"parley://c/node/1", "parley://c/id/abc"}, {"parley://c/id/0000000000000abc"}, {"parley://c/node/1", "parley://c/id/0000000000000000"},
		{"parley://c/client/"}, {"parley://c/client/A"}, {"parley://c/client/a/b"}, {"parley://c/ca/x"}, {"parley://c:1/node/1"}, {"parley://u@c/node/1"},
		{"parley://c/node/1?x"}, {"parley://c/node/1#x"}, {"parley://c/ca", "parley://c/node/1"},
	} {
		var all []*url.URL
		for _, text := range uris {
			u, err := url.Parse(text)
			require.NoError(t, err)
			all = append(all, u)
		}
		n, err := NameOf(&x509.Certificate{URIs: all})
		require.Error(t, err, "%v was read as %+v", uris, n)
	}
	for _, bad := range []string{"", "A", "ä", "a/b", "a b", strings.Repeat("a", 65)} {
		require.Error(t, CheckLabel(bad), bad)
		_, err := NewAuthority(bad, time.Hour)
		require.Error(t, err)
	}
}

// A key that others can read is nobody's any more; a certificate that is replaced by mistake takes a node down.
func TestR92_FilesAreForTheirOwnerAndAreNotReplacedByMistake(t *testing.T) {
	a, _ := newCA(t, "c")
	f := issued(t, a, Name{Node: 1}, time.Hour)
	for _, path := range []string{f.Cert, f.Key} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	before, err := f.Read()
	require.NoError(t, err)
	p, err := a.Issue(Name{Node: 1}, nil, time.Hour)
	require.NoError(t, err)
	require.ErrorContains(t, f.Write(p, false), "--force")
	require.NoError(t, os.Remove(f.Cert))
	require.ErrorContains(t, f.Write(p, false), "exists", "a key alone is one, too")
	require.NoError(t, f.Write(p, true))
	after, err := f.Read()
	require.NoError(t, err)
	require.NotEqual(t, before.Cert.SerialNumber, after.Cert.SerialNumber)
	left, err := os.ReadDir(filepath.Dir(f.Cert))
	require.NoError(t, err)
	require.Len(t, left, 2)

	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o604: false, 0o660: false, 0o620: false} {
		require.NoError(t, os.Chmod(f.Key, mode))
		_, err := f.Read()
		if ok {
			require.NoError(t, err, "%o", mode)
		} else {
			require.ErrorContains(t, err, "others can read the key", "%o", mode)
		}
	}
}

func TestWhatIsNoCertificateAndNoKeyIsNamed(t *testing.T) {
	a, _ := newCA(t, "c")
	good, other := issued(t, a, Name{Node: 1}, time.Hour), issued(t, a, Name{Node: 2}, time.Hour)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	secret := "AAAA" + strings.Repeat("x", 60)
	for _, c := range []struct {
		f    Files
		says string
	}{
		{Files{filepath.Join(dir, "none"), good.Key}, "no such file"},
		{Files{good.Cert, filepath.Join(dir, "none")}, "no such file"},
		{Files{dir, good.Key}, "is no file"},
		{Files{file("empty", ""), good.Key}, "holds no certificate in PEM"},
		{Files{file("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), good.Key}, "junk"},
		{Files{good.Key, good.Key}, "holds no certificate in PEM"},
		{Files{good.Cert, good.Cert}, "holds no private key in PEM"},
		{Files{good.Cert, file("broken", "-----BEGIN PRIVATE KEY-----\n"+secret+"\n-----END PRIVATE KEY-----\n")}, "broken holds a key that can't be read"},
		{Files{good.Cert, other.Key}, "is not the key of"},
	} {
		_, err := c.f.Read()
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), secret)
	}
	_, err := ReadAuthority(good)
	require.ErrorContains(t, err, "is no CA")
}

func TestR92_ANodeStartsWithItsOwnCertificateAlone(t *testing.T) {
	a, ca := newCA(t, "c")
	b, _ := newCA(t, "c")
	one := issued(t, a, Name{Node: 1, ID: 0xabc}, time.Hour)
	open := func(f Files, ca string, id raft.NodeID, clients Files) error {
		_, err := Open(Paths{Node: f, CA: ca, Clients: clients}, id)
		return err
	}
	require.NoError(t, open(one, ca.Cert, 1, Files{}))
	for _, c := range []struct {
		err  error
		says string
	}{
		{open(one, ca.Cert, 2, Files{}), "is that of node 1, and this is node 2"},
		{open(issued(t, b, Name{Node: 1}, time.Hour), ca.Cert, 1, Files{}), "another CA made it"},
		{open(issued(t, a, Name{Client: "x"}, time.Hour), ca.Cert, 1, Files{}), "is no node's certificate"},
		{open(ca, ca.Cert, 1, Files{}), "is no node's certificate"},
		{open(issued(t, a, Name{Node: 1}, -time.Minute), ca.Cert, 1, Files{}), "renew it with node certs renew"},
		{open(one, one.Cert, 1, Files{}), "which is no CA"},
		{open(one, ca.Cert, 1, issued(t, b, Name{Node: 9}, -time.Minute)), "renew it"},
	} {
		require.ErrorContains(t, c.err, c.says)
	}
	require.NoError(t, open(one, ca.Cert, 1, issued(t, b, Name{Node: 9}, time.Hour)), "clients trust whom they like")

	k, err := Open(Paths{Node: one, CA: ca.Cert}, 1)
	require.NoError(t, err)
	require.NoError(t, k.CheckCluster(0), "not formed yet")
	require.NoError(t, k.CheckCluster(0xabc))
	require.ErrorContains(t, k.CheckCluster(0xdef), "is bound to cluster 0000000000000abc")
	k.now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	require.ErrorContains(t, k.Reload(), "is the clock of this machine right?")

	_, err = a.Issue(Name{Node: 1}, nil, 100*24*time.Hour)
	require.ErrorContains(t, err, "outlive its CA")
	for _, host := range []string{"", "https://x", "x:1", "a/b", "[::1]", "u@x"} {
		_, err = a.Issue(Name{Node: 1}, []string{host}, time.Hour)
		require.ErrorContains(t, err, "neither a host's name nor an IP address", host)
	}
}

// handshake lets two ends shake hands, and returns what each says.
func handshake(t *testing.T, server, client *tls.Config) (atServer, atClient error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	require.NoError(t, err)
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).Handshake()
			_, _ = c.Write([]byte("x"))
			_ = c.Close()
		}
		done <- err
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1)) // a server's refusal of the client comes after the client's handshake
	}
	return <-done, err
}

// At stake: a rotation that takes the cluster down. The new certificate is used by handshakes to come, a bad one by none, and while both
// CAs are trusted those of both are good.
func TestR92_CertificatesAreReplacedWhileTheyAreUsed(t *testing.T) {
	a, ca := newCA(t, "c")
	one := issued(t, a, Name{Node: 1}, time.Hour)
	k, err := Open(Paths{Node: one, CA: ca.Cert}, 1)
	require.NoError(t, err)
	two, err := Open(Paths{Node: issued(t, a, Name{Node: 2}, time.Hour), CA: ca.Cert}, 2)
	require.NoError(t, err)
	server, client := k.Peers().Accept(), two.Peers().Dial(1)
	shown := func() string { return k.held.Load().peers.Leaf.SerialNumber.String() }
	atServer, atClient := handshake(t, server, client)
	require.NoError(t, atServer)
	require.NoError(t, atClient)

	for name, spoil := range map[string]func(){
		"nothing":       func() { require.NoError(t, os.WriteFile(one.Cert, nil, 0o600)) },
		"another's key": func() { writeOver(t, Files{one.Cert, filepath.Join(t.TempDir(), "k")}, a, Name{Node: 1}, time.Hour) },
		"another node":  func() { writeOver(t, one, a, Name{Node: 2}, time.Hour) },
		"ended":         func() { writeOver(t, one, a, Name{Node: 1}, -time.Minute) },
		"another CA": func() {
			b, _ := newCA(t, "c")
			writeOver(t, one, b, Name{Node: 1}, time.Hour)
		},
	} {
		before := shown()
		spoil()
		require.Error(t, k.Reload(), name)
		require.Equal(t, before, shown(), name)
		atServer, atClient = handshake(t, server, client)
		require.NoError(t, atServer, name)
		require.NoError(t, atClient, name)
	}

	before := shown()
	writeOver(t, one, a, Name{Node: 1}, time.Hour)
	require.NoError(t, k.Reload())
	require.NotEqual(t, before, shown())
	atServer, atClient = handshake(t, server, client)
	require.NoError(t, atServer)
	require.NoError(t, atClient)

	// Another CA of the same cluster takes the place of the first, in three steps of which none refuses anybody.
	b, newer := newCA(t, "c")
	both := append(read1(t, ca.Cert), read1(t, newer.Cert)...)
	require.NoError(t, os.WriteFile(ca.Cert, both, 0o600))
	require.NoError(t, k.Reload())
	require.NoError(t, two.Reload())
	writeOver(t, one, b, Name{Node: 1}, time.Hour)
	require.NoError(t, k.Reload())
	atServer, atClient = handshake(t, server, client)
	require.NoError(t, atServer)
	require.NoError(t, atClient)
	require.NoError(t, os.WriteFile(ca.Cert, read1(t, newer.Cert), 0o600))
	require.NoError(t, k.Reload())
	atServer, _ = handshake(t, server, client)
	require.ErrorContains(t, atServer, "another CA made it", "node 2 was forgotten")
	writeOver(t, one, b, Name{Node: 1}, time.Hour)

	// The name of a cluster is for good.
	d, _ := newCA(t, "d")
	require.NoError(t, os.WriteFile(ca.Cert, pemOf(t, d), 0o600))
	writeOver(t, one, d, Name{Node: 1}, time.Hour)
	require.ErrorContains(t, k.Reload(), "is of cluster d, and the certificate in use of c")
}

func writeOver(t *testing.T, f Files, a *Authority, n Name, life time.Duration) {
	t.Helper()
	p, err := a.Issue(n, []string{"127.0.0.1"}, life)
	require.NoError(t, err)
	require.NoError(t, f.Write(p, true))
}

func read1(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func pemOf(t *testing.T, a *Authority) []byte {
	f := FilesOf(t.TempDir(), "ca")
	require.NoError(t, f.Write(a.Pair(), false))
	return read1(t, f.Cert)
}

func TestR92_ClientsVerifyTheNodeAndNothingOlderThanTLS13IsSpoken(t *testing.T) {
	a, ca := newCA(t, "c")
	k, err := Open(Paths{Node: issued(t, a, Name{Node: 1}, time.Hour), CA: ca.Cert}, 1)
	require.NoError(t, err)
	_, otherCA := newCA(t, "c")
	client := func(ca string, own Files) *tls.Config {
		cfg, err := ClientConfig(ca, own)
		require.NoError(t, err)
		return cfg
	}
	named := func(cfg *tls.Config, host string) *tls.Config {
		cfg.ServerName = host
		return cfg
	}
	old := client(ca.Cert, Files{})
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	mine, foreign := issued(t, a, Name{Client: "laptop"}, time.Hour), FilesOf(t.TempDir(), "x")
	b, _ := newCA(t, "c")
	writeOver(t, foreign, b, Name{Client: "laptop"}, time.Hour)
	for name, c := range map[string]struct {
		demand bool
		cfg    *tls.Config
		says   string // of whichever end refuses; empty: none does
	}{
		"by address":                           {false, client(ca.Cert, Files{}), ""},
		"by name":                              {false, named(client(ca.Cert, Files{}), "node.example.org"), ""},
		"another name":                         {false, named(client(ca.Cert, Files{}), "evil.example.org"), "valid for node.example.org"},
		"another CA":                           {false, client(otherCA.Cert, Files{}), "signed by unknown authority"},
		"the machine's CAs":                    {false, client("", Files{}), "signed by unknown authority"},
		"TLS 1.2":                              {false, old, "protocol version"},
		"a certificate where one is needed":    {true, client(ca.Cert, mine), ""},
		"none where one is needed":             {true, client(ca.Cert, Files{}), "didn't provide a certificate"},
		"another CA's where one is needed":     {true, client(ca.Cert, foreign), "another CA made it"},
		"a certificate where none is asked of": {false, client(ca.Cert, mine), ""},
	} {
		atServer, atClient := handshake(t, k.Clients(c.demand), c.cfg)
		if c.says == "" {
			require.NoError(t, atServer, name)
			require.NoError(t, atClient, name)
			continue
		}
		require.Contains(t, fmt.Sprint(atServer, atClient), c.says, name)
		require.Error(t, atServer, name)
	}
}

func TestASecretsKeysAreThoseOfTheSecretAlone(t *testing.T) {
	s := auth.NewSecret()
	one, err := NewShared(s)
	require.NoError(t, err)
	two, err := NewShared(s)
	require.NoError(t, err)
	require.Equal(t, one.public, two.public)
	other, err := NewShared(auth.NewSecret())
	require.NoError(t, err)
	require.NotEqual(t, one.public, other.public)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.Equal(t, "[secret]", fmt.Sprintf(verb, one))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	require.ErrorIs(t, one.verify(tls.ConnectionState{PeerCertificates: []*x509.Certificate{{PublicKey: key.Public()}}}), errOtherSecret)
	require.Error(t, one.verify(tls.ConnectionState{}))
}
