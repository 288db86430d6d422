package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/keep"
	"parley/rpc/trust"
)

// as runs a command of somebody who keeps his contexts in dir.
func as(dir string, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs,
		Getenv: func(name string) string { return map[string]string{"PARLEY_CONFIG_DIR": dir}[name] }})
	return out.String(), errs.String(), code
}

// eavesdropper listens, and looks for what is sent in the clear.
type eavesdropper struct {
	net.Listener
	clear atomic.Int64 // connections that did not begin with a handshake
	tls   atomic.Int64
}

func eavesdrop(t *testing.T) *eavesdropper {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &eavesdropper{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go e.listen()
	return e
}

// addr is an address that does not say it is this machine's, and leads here all the same.
func (e *eavesdropper) addr() string {
	return net.JoinHostPort("0.0.0.0", strconv.Itoa(e.Addr().(*net.TCPAddr).Port))
}

func (e *eavesdropper) listen() {
	for {
		c, err := e.Accept()
		if err != nil {
			return
		}
		first := make([]byte, 1)
		if n, _ := c.Read(first); n == 1 && first[0] == 0x16 {
			e.tls.Add(1)
		} else if n == 1 {
			e.clear.Add(1)
		}
		_ = c.Close()
	}
}

// What is at stake: a password that goes over the network because a flag was forgotten.
func TestR92_NothingGoesToAnotherMachineInTheClearUnlessItIsToldTo(t *testing.T) {
	t.Parallel()
	e, dir := eavesdrop(t), t.TempDir()
	_, stderr, code := as(dir, "--addrs", e.addr(), "--timeout", "1s", "cluster", "status")
	require.Equal(t, exitUnavailable, code, stderr)
	require.Contains(t, stderr, "TLS with "+e.addr())
	require.Zero(t, e.clear.Load())
	require.NotZero(t, e.tls.Load())

	_, stderr, code = as(dir, "--addrs", e.addr(), "--timeout", "1s", "--insecure", "cluster", "status")
	require.Equal(t, exitUnavailable, code)
	require.Contains(t, stderr, "insecure: passwords, tokens and messages are sent in the clear")
	require.NotZero(t, e.clear.Load())
}

func TestR92_AContextKeepsHowItsClusterIsReached(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), t.TempDir()
	ca, err := trust.NewAuthority("test", time.Hour)
	require.NoError(t, err)
	require.NoError(t, trust.FilesOf(files, "ca").Write(ca.Pair(), false))
	p, err := ca.Issue(trust.Name{Client: "me"}, nil, time.Minute)
	require.NoError(t, err)
	require.NoError(t, trust.FilesOf(files, "me").Write(p, false))
	path := func(name string) string { return filepath.Join(files, name) }

	_, stderr, code := as(dir, "context", "add", "work", "--addrs", "10.0.0.1:50051", "--tls-ca", path("ca.crt"), "--tls-cert", path("me.crt"), "--tls-key", path("me.key"))
	require.Zero(t, code, stderr)
	want := keep.TLS{CA: path("ca.crt"), Cert: path("me.crt"), Key: path("me.key")}
	kept := func() keep.TLS {
		c, err := keep.Dir(dir).Load("work")
		require.NoError(t, err)
		return c.TLS
	}
	require.Equal(t, want, kept())
	_, stderr, code = as(dir, "context", "add", "work", "--addrs", "10.0.0.2:50051")
	require.Zero(t, code, stderr)
	require.Equal(t, want, kept(), "other addresses, the same CA")
	out, _, _ := as(dir, "--json", "context", "list")
	require.Contains(t, out, `"tls_ca":"`+path("ca.crt")+`"`)

	// A relative path means the directory in which it was written.
	wd, err := os.Getwd()
	require.NoError(t, err)
	a := &app{Streams: Streams{Getenv: func(string) string { return "" }}, tls: keep.TLS{CA: "ca.crt"}}
	require.Equal(t, filepath.Join(wd, "ca.crt"), a.tlsOf(keep.Context{}).CA)
	a = &app{Streams: Streams{Getenv: func(name string) string { return map[string]string{"PARLEY_TLS_CA": "/env.crt"}[name] }}}
	require.Equal(t, "/env.crt", a.tlsOf(keep.Context{TLS: keep.TLS{CA: "/kept.crt", Insecure: true}}).CA)
	require.False(t, a.tlsOf(keep.Context{TLS: keep.TLS{Insecure: true}}).Insecure, "whoever names a CA wants it used")
	a.tls.Insecure = true
	require.Equal(t, keep.TLS{Insecure: true}, a.tlsOf(keep.Context{TLS: want}))

	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"--insecure", "--tls-ca", path("ca.crt"), "whoami"}, exitUsage, "leave one out"},
		{[]string{"--tls-cert", path("me.crt"), "whoami"}, exitUsage, "belong together"},
		{[]string{"--tls-ca", path("none"), "whoami"}, exitError, "no such file"},
		{[]string{"--tls-ca", path("me.crt"), "whoami"}, exitError, "is no CA"},
		{[]string{"--tls-ca", path("ca.key"), "whoami"}, exitError, "holds no certificate"},
		{[]string{"--tls-cert", path("me.crt"), "--tls-key", path("ca.key"), "whoami"}, exitError, "is not the key of"},
	} {
		_, stderr, code := as(dir, c.args...)
		require.Equal(t, c.exit, code, stderr)
		require.Contains(t, stderr, c.says)
	}
}
