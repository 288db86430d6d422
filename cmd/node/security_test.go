package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
	"parley/raft"
	"parley/rpc/client"
	"parley/rpc/trust"
)

// secured is a cluster of three nodes by hand that have certificates.
type secured struct {
	t              *testing.T
	dir, certs     string
	clients, peers []string
	nodes          []*proc
}

func makeCerts(t *testing.T, args ...string) {
	t.Helper()
	_, stderr, code := node(append([]string{"certs"}, args...)...)
	require.Zero(t, code, stderr)
}

func startSecured(t *testing.T, more ...string) *secured {
	t.Helper()
	c := &secured{t: t, dir: t.TempDir(), certs: filepath.Join(t.TempDir(), "certs")}
	addrs := free(t, 6)
	c.clients, c.peers = addrs[:3], addrs[3:]
	makeCerts(t, "ca", "--dir", c.certs, "--name", "team")
	for i := range 3 {
		makeCerts(t, "node", "--dir", c.certs, "--id", fmt.Sprint(i+1), "--host", "127.0.0.1")
	}
	makeCerts(t, "client", "--dir", c.certs, "--name", "laptop")
	members := fmt.Sprintf("1=%s,2=%s,3=%s", c.peers[0], c.peers[1], c.peers[2])
	for i := range 3 {
		args := append([]string{"start", "--id", fmt.Sprint(i + 1), "--dir", c.data(i + 1), "--client-addr", c.clients[i], "--peer-addr", c.peers[i],
			"--cluster", members, "--tls-cert", c.file(i+1, "crt"), "--tls-key", c.file(i+1, "key"), "--tls-ca", c.ca()}, more...)
		c.nodes = append(c.nodes, launch(t, args...))
	}
	for _, n := range c.nodes {
		n.stderr.await(t, `msg="node is up"`)
	}
	out, code := parleyOnce(t, "", c.all(), "context", "add", "default", "--tls-ca", c.ca())
	require.Zero(t, code, out)
	return c
}

func (c *secured) data(id int) string { return filepath.Join(c.dir, fmt.Sprint("node-", id)) }
func (c *secured) ca() string         { return filepath.Join(c.certs, "ca.crt") }
func (c *secured) file(id int, ext string) string {
	return filepath.Join(c.certs, fmt.Sprintf("node-%d.%s", id, ext))
}
func (c *secured) all() string { return strings.Join(c.clients, ",") }

// client returns TLS as a client has it.
func (c *secured) client(own trust.Files) *tls.Config {
	cfg, err := trust.ClientConfig(c.ca(), own)
	require.NoError(c.t, err)
	return cfg
}

// shown is the certificate that a port shows to who connects now.
func (c *secured) shown(addr string) *x509.Certificate {
	c.t.Helper()
	cfg := c.client(trust.Files{})
	cfg.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", addr, cfg)
	require.NoError(c.t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// The story of a cluster on several machines, on one: nothing is said in the clear, and nobody is heard who has not the
// certificate for it.
func TestR92_AClusterWithCertificatesTalksByTLSAlone(t *testing.T) {
	t.Parallel()
	c := startSecured(t)
	out, code := parley(t, c.all(), "send", "#general", "by TLS")
	require.Zero(t, code, out)
	require.Equal(t, []string{"by TLS"}, texts(t, c.all()))

	// In the clear nobody is answered, at either port.
	_, code = parleyOnce(t, "", c.all(), "--insecure", "--timeout", "2s", "cluster", "status")
	require.Equal(t, 7, code)
	for _, addr := range []string{c.clients[0], c.peers[0]} {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		_, err = conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\x00", 9)))
		require.NoError(t, err)
		var got bytes.Buffer
		_, _ = got.ReadFrom(conn) // until the other end closes; with unread bytes the kernel may say "reset"
		require.LessOrEqual(t, got.Len(), 7, "an alert at most: %q", got.Bytes())
		require.NoError(t, conn.Close())
	}
	c.nodes[0].stderr.await(t, `closed a connection that does not speak the peers' protocol.*no TLS"`)

	// A client at the peers' port, though the same CA made its certificate.
	cfg := c.client(trust.FilesOf(c.certs, "client-laptop"))
	cfg.NextProtos = []string{"parley-peer"} // as a node would
	conn, err := tls.Dial("tcp", c.peers[0], cfg)
	if err == nil { // in TLS 1.3 the refusal comes after the client's part
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, conn.Close())
	}
	require.Error(t, err)
	c.nodes[0].stderr.await(t, `refused a connection to the peers' port.*client laptop of team: only nodes talk here`)

	// A node that has another's certificate does not even start, and one with that of another CA is not heard.
	_, stderr, code := node("start", "--dir", c.data(1), "--tls-cert", c.file(2, "crt"), "--tls-key", c.file(2, "key"), "--check")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "is that of node 2, and this is node 1")
	require.Zero(t, c.nodes[2].interrupt())
	foreign := filepath.Join(t.TempDir(), "foreign")
	makeCerts(t, "ca", "--dir", foreign, "--name", "team")
	makeCerts(t, "node", "--dir", foreign, "--id", "3", "--host", "127.0.0.1")
	three := launch(t, "start", "--dir", c.data(3), "--tls-cert", filepath.Join(foreign, "node-3.crt"), "--tls-key", filepath.Join(foreign, "node-3.key"), "--tls-ca", filepath.Join(foreign, "ca.crt"))
	three.stderr.await(t, `no connection to a peer.*is refused: another CA made it`)
	require.Zero(t, three.interrupt())
	three = launch(t, "start", "--dir", c.data(3), "--tls-cert", c.file(3, "crt"), "--tls-key", c.file(3, "key"), "--tls-ca", c.ca())
	three.stderr.await(t, `connected to a peer`)
	require.Equal(t, []string{"by TLS"}, texts(t, c.clients[2]))
	require.Zero(t, three.interrupt())
	for _, n := range c.nodes[:2] {
		require.Zero(t, n.interrupt())
	}
}

// What is at stake: a certificate that ends on a Sunday, and a stop of the cluster to replace it.
func TestR92_CertificatesAreReplacedBySIGHUPAndNoConnectionIsLost(t *testing.T) {
	t.Parallel()
	c := startSecured(t)
	out, code := parley(t, c.all(), "send", "#general", "one")
	require.Zero(t, code, out)
	watcher, err := client.New(client.Config{Addrs: c.clients[:1], TLS: c.client(trust.Files{})})
	require.NoError(t, err)
	t.Cleanup(watcher.Close)
	_, err = watcher.LogIn(t.Context(), "alice", "alice123")
	require.NoError(t, err)
	before := c.shown(c.clients[0])
	dropped := func() int { return strings.Count(c.nodes[0].stderr.String(), "no connection to a peer") }
	were := dropped()

	makeCerts(t, "renew", "--dir", c.certs, c.file(1, "crt"))
	require.NoError(t, c.nodes[0].cmd.Process.Signal(syscall.SIGHUP))
	c.nodes[0].stderr.await(t, `the certificates were replaced`)
	after := c.shown(c.clients[0])
	require.NotEqual(t, before.SerialNumber, after.SerialNumber)
	require.Equal(t, before.URIs, after.URIs)
	require.NotEqual(t, before.PublicKey, after.PublicKey)

	// What is wrong with a file changes nothing, and is said.
	good, err := os.ReadFile(c.file(1, "crt"))
	require.NoError(t, err)
	for says, text := range map[string]string{
		`reason=.*holds no certificate in PEM`: "nothing",
		`reason=.*is not the key of`:           string(mustRead(t, c.file(2, "crt"))),
		`reason=.*no such file or directory`:   "",
	} {
		if text == "" {
			require.NoError(t, os.Remove(c.file(1, "crt")))
		} else {
			require.NoError(t, os.WriteFile(c.file(1, "crt"), []byte(text), 0o600))
		}
		require.NoError(t, c.nodes[0].cmd.Process.Signal(syscall.SIGHUP))
		c.nodes[0].stderr.await(t, `the certificates were not replaced, and those before stay in use.*`+says)
		require.Equal(t, after.SerialNumber, c.shown(c.clients[0]).SerialNumber)
	}
	require.NoError(t, os.WriteFile(c.file(1, "crt"), good, 0o600))

	// The stream that stood all the time, and those between nodes.
	_, err = watcher.WhoAmI(t.Context())
	require.NoError(t, err)
	out, code = parley(t, c.all(), "send", "#general", "two")
	require.Zero(t, code, out)
	require.Equal(t, []string{"one", "two"}, texts(t, c.all()))
	require.Equal(t, were, dropped(), "no connection to a peer was lost")
	for _, n := range c.nodes {
		require.Zero(t, n.interrupt())
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func TestR92_WhereClientsNeedCertificatesNobodyLogsInWithoutOne(t *testing.T) {
	t.Parallel()
	c := startSecured(t, "--client-certs", "--transport", "grpc")
	own := trust.FilesOf(c.certs, "client-laptop")
	out, code := parleyOnce(t, "", c.all(), "context", "add", "default", "--tls-cert", own.Cert, "--tls-key", own.Key)
	require.Zero(t, code, out)
	out, code = parley(t, c.all(), "send", "#general", "hello")
	require.Zero(t, code, out)
	bare, err := client.New(client.Config{Addrs: c.clients, TLS: c.client(trust.Files{})})
	require.NoError(t, err)
	t.Cleanup(bare.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // it would try for ever
	defer cancel()
	_, err = bare.LogIn(ctx, "alice", "alice123")
	require.Error(t, err)
	require.ErrorContains(t, bare.HandshakeError(), "certificate")
	for _, n := range c.nodes {
		require.Zero(t, n.interrupt())
	}
}

// On one machine: who does not know the secret is no peer, also if he knows all else.
func TestR92_OnLoopbackPeersKnowEachOtherByASecretOfMode0600(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, data, freePorts...)
	send(t, clients, "hello")
	shared := strings.TrimSpace(string(mustRead(t, filepath.Join(data, "cluster-secret"))))
	for i := 1; i <= 3; i++ {
		dir := filepath.Join(data, fmt.Sprint("node-", i))
		require.Equal(t, os.FileMode(0o700), modeOf(t, dir))
		path := filepath.Join(dir, "cluster-secret")
		require.Equal(t, os.FileMode(0o600), modeOf(t, path))
		require.Equal(t, shared, strings.TrimSpace(string(mustRead(t, path))))
		for _, open := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pidOf(t, data, fmt.Sprint(i)), open))
			if runtime.GOOS == "linux" {
				require.NoError(t, err)
			}
			require.NotContains(t, string(text), shared)
		}
	}
	require.Equal(t, os.FileMode(0o700), modeOf(t, data))

	addrs := free(t, 2)
	wrong := filepath.Join(t.TempDir(), "secret")
	makeCerts(t, "secret", wrong)
	four := launch(t, "start", "--id", "4", "--dir", filepath.Join(data, "node-4"), "--client-addr", addrs[1], "--peer-addr", addrs[0], "--join", "--secret-file", wrong)
	four.stderr.await(t, `msg="waiting to be added"`)
	out, code := parley(t, clients, "cluster", "add", "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1], "--json")
	require.NotZero(t, code)
	require.Contains(t, out, "NO_ANSWER")
	four.stderr.await(t, `refused a connection to the peers' port`)
	d.stderr.await(t, `no connection to a peer.*peer=4.*another secret, or none`)
	require.Zero(t, four.interrupt())

	four = launch(t, "start", "--dir", filepath.Join(data, "node-4"), "--secret-file", filepath.Join(data, "cluster-secret"))
	four.stderr.await(t, `msg="waiting to be added"`)
	out, code = parley(t, clients, "cluster", "add", "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1])
	require.Zero(t, code, out)
	require.Equal(t, []string{"hello"}, texts(t, addrs[1]))
	require.Zero(t, four.interrupt())
	four = launch(t, "start", "--dir", filepath.Join(data, "node-4")) // it has the secret now
	four.stderr.await(t, `connected to a peer`)
	require.Zero(t, four.interrupt())
	require.Zero(t, d.interrupt())
	for _, log := range []string{d.stderr.String(), four.stderr.String()} {
		require.NotContains(t, log, shared)
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

// Off loopback a node in the clear is somebody's decision, and he is reminded of it at each start.
func TestR92_InTheClearIsADecisionThatIsRepeatedAtEveryStart(t *testing.T) {
	t.Parallel()
	addrs := free(t, 2)
	_, port, err := net.SplitHostPort(addrs[0])
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "data")
	first := []string{"start", "--id", "1", "--dir", dir, "--client-addr", "0.0.0.0:" + port, "--peer-addr", addrs[1], "--cluster", "1=" + addrs[1]}
	_, stderr, code := node(first...)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "or accept it with --insecure")
	require.NoDirExists(t, dir)

	// launch would add users whose passwords everybody knows.
	for _, args := range [][]string{{"start", "--join", "--id", "1", "--dir", dir, "--client-addr", "0.0.0.0:" + port, "--peer-addr", addrs[1], "--insecure"}, {"start", "--dir", dir}} {
		p := launch(t, args...)
		p.stderr.await(t, `level=WARN msg="INSECURE: passwords, messages and tokens of clients go over the network in the clear`)
		p.stderr.await(t, `level=WARN msg="INSECURE: whoever reaches the peers' port can be any node"`)
		p.stderr.await(t, `msg="node is up"`)
		require.Zero(t, p.interrupt())
	}
	_, stderr, code = node("start", "--dir", dir, "--insecure=false", "--check")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "in the clear")
	s, err := process.Load(dir)
	require.NoError(t, err)
	require.True(t, s.Wire.Insecure)
}

func TestR92_ADirectoryThatOthersCanReadIsClosed(t *testing.T) {
	t.Parallel()
	dir, _ := formed(t)
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dir, "cluster-secret"), 0o644))
	_, stderr, code := node("start", "--dir", dir, "--check")
	require.Zero(t, code, stderr)
	require.Equal(t, os.FileMode(0o755), modeOf(t, dir), "a check changes nothing")
	p := launch(t, "start", "--dir", dir)
	p.stderr.await(t, `level=WARN msg="others could read what is the node's alone.*mode=0755 now=0700`)
	p.stderr.await(t, `level=WARN msg="others could read what is the node's alone.*cluster-secret mode=0644 now=0600`)
	p.stderr.await(t, `msg="node is up"`)
	require.Zero(t, p.interrupt())
	require.Equal(t, os.FileMode(0o700), modeOf(t, dir))
	require.Equal(t, os.FileMode(0o600), modeOf(t, filepath.Join(dir, "cluster-secret")))
}

// A certificate that names the cluster's id is good in no other cluster of the same CA.
func TestR92_ACertificateBoundToAClusterIsGoodInNoOther(t *testing.T) {
	dir, s := formed(t)
	report, stderr, code := node("inspect", dir)
	require.Zero(t, code, stderr)
	var cluster string
	for line := range strings.Lines(report) {
		if f := strings.Fields(line); f[0] == "cluster" {
			cluster = f[1]
		}
	}
	require.NotEmpty(t, cluster)
	made := filepath.Join(t.TempDir(), "certs")
	makeCerts(t, "ca", "--dir", made)
	for _, c := range []struct {
		id   string
		says string
	}{{cluster, ""}, {raft.ClusterID(0xabc).String(), "is bound to cluster 0000000000000abc"}} {
		makeCerts(t, "node", "--dir", made, "--id", fmt.Sprint(s.ID), "--host", "127.0.0.1", "--cluster-id", c.id, "--force")
		_, stderr, code := node("start", "--dir", dir, "--tls-cert", filepath.Join(made, "node-1.crt"), "--tls-key", filepath.Join(made, "node-1.key"), "--tls-ca", filepath.Join(made, "ca.crt"), "--check")
		require.Equal(t, c.says == "", code == 0, stderr)
		require.Contains(t, stderr, c.says)
	}
}

func TestR92_CertificatesAreMadeShownAndRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	for _, c := range []struct {
		args, says string
		code       int
	}{
		{"node --dir DIR --id 1 --host a", "node certs ca makes one", 1},
		{"ca --dir DIR --name team", "", 0},
		{"ca --dir DIR --name team", "exists", 1},
		{"ca --dir DIR-2 --name Team", "--name: ", 2},
		{"ca --dir DIR-2 --name team --days 0", "--days 0", 2},
		{"node --dir DIR --host a", "--id is missing", 2},
		{"node --dir DIR --id 1", "--host is missing", 2},
		{"node --dir DIR --id 1 --host a:1", "neither a host's name nor an IP address", 1},
		{"node --dir DIR --id 1 --host a --cluster-id x", "--cluster-id", 2},
		{"node --dir DIR --id 1 --host a --days 9999", "outlive its CA", 1},
		{"node --dir DIR --id 1 --host a.example.org,10.0.0.1 --days 20", "", 0},
		{"node --dir DIR --id 1 --host a", "--force", 1},
		{"node --dir DIR --id 1 --host a.example.org,10.0.0.1 --days 20 --force", "", 0},
		{"client --dir DIR", "--name", 2},
		{"client --dir DIR --name laptop", "", 0},
		{"renew --dir DIR DIR/ca.crt", "is not renewed", 1},
		{"renew --dir DIR DIR/none.crt", "no such file", 1},
		{"renew --dir DIR", "name a certificate's file", 2},
		{"show", "name a certificate's file", 2},
		{"bogus", "there is no command", 2},
		{"secret DIR/secret", "", 0},
		{"secret DIR/secret", "exists", 1},
	} {
		stdout, stderr, code := node(append([]string{"certs"}, strings.Fields(strings.ReplaceAll(c.args, "DIR", dir))...)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.says, c.args)
		if code == 0 {
			require.Regexp(t, `^[^\n]+\n$`, stdout)
		}
	}
	require.NoDirExists(t, dir+"-2")
	require.Equal(t, os.FileMode(0o700), modeOf(t, dir))
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, all, 7)
	for _, path := range all {
		require.Equal(t, os.FileMode(0o600), modeOf(t, path), path)
	}
	one := filepath.Join(dir, "node-1.crt")
	before, _, code := node("certs", "show", one, filepath.Join(dir, "ca.crt"))
	require.Zero(t, code)
	for _, want := range []string{"node 1 of team", "a.example.org, 10.0.0.1", "ENDS SOON (19 days): renew it with node certs renew", "CA of team", "3649 days more"} {
		require.Contains(t, before, want)
	}
	makeCerts(t, "renew", "--dir", dir, one, filepath.Join(dir, "client-laptop.crt"))
	after, _, code := node("certs", "show", one)
	require.Zero(t, code)
	require.Contains(t, after, "node 1 of team")
	require.Contains(t, after, "a.example.org, 10.0.0.1")
	require.Contains(t, after, "364 days more")
	_, err = trust.FilesOf(dir, "node-1").Read()
	require.NoError(t, err)

	// Another cluster's CA renews nothing.
	makeCerts(t, "ca", "--dir", dir+"-2", "--name", "others")
	_, stderr, code := node("certs", "renew", "--dir", dir+"-2", one)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "is of cluster team, and this is the CA of others")
}
