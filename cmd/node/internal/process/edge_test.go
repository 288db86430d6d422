package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is at stake: users whose passwords everybody knows, where everybody can reach them.
func TestR11_DemoUsersAndCheapHashesAreForLoopbackAlone(t *testing.T) {
	for addr, loopback := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "10.0.0.1:1": false, "example.org:1": false, "nonsense": false,
	} {
		require.Equal(t, loopback, onLoopback(addr), addr)
	}
	resolve := func(dir, client, peer string, edge Edge) (Settings, error) {
		s, _, err := Resolve(Flags{Dir: dir, ID: 1, ClientAddr: client, PeerAddr: peer, Cluster: "1=" + peer, Edge: edge, Wire: WireFlags{Insecure: new(true)}})
		return s, err
	}
	const here, there = "127.0.0.1:1", "10.0.0.1:1"
	const peerHere, peerThere = "127.0.0.1:2", "10.0.0.1:2"
	for _, c := range []struct{ client, peer string }{{there, peerHere}, {here, peerThere}, {there, peerThere}} {
		_, err := resolve(t.TempDir(), c.client, c.peer, Edge{DemoUsers: true})
		require.ErrorContains(t, err, "--demo-users")
		_, err = resolve(t.TempDir(), c.client, c.peer, Edge{BcryptCost: 9})
		require.ErrorContains(t, err, "--bcrypt-cost")
		_, err = resolve(t.TempDir(), c.client, c.peer, Edge{BcryptCost: 10})
		require.NoError(t, err)
	}

	// A directory that was started with them, whose settings somebody edits.
	dir := t.TempDir()
	s, err := resolve(dir, here, peerHere, Edge{DemoUsers: true, BcryptCost: 4})
	require.NoError(t, err)
	require.NoError(t, s.save(dir))
	s.ClientAddr = there
	require.NoError(t, s.save(dir))
	_, _, err = Resolve(Flags{Dir: dir})
	require.Error(t, err)
}

func TestWhatAServerIsToldIsSavedAndMayChangeFromOneStartToTheNext(t *testing.T) {
	dir := t.TempDir()
	resolve := func(edge Edge) Settings {
		s, _, err := Resolve(Flags{Dir: dir, ID: 1, ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:11", Cluster: "1=127.0.0.1:11", Edge: edge})
		require.NoError(t, err)
		require.NoError(t, s.save(dir))
		return s
	}
	first := resolve(Edge{BcryptCost: 5, SignUp: "closed", TokenLifetime: "1h"})
	require.False(t, first.changed())
	require.Equal(t, first.Edge, resolve(Edge{}).Edge, "saved")
	again := resolve(Edge{BcryptCost: 6})
	require.True(t, again.changed())
	require.Equal(t, Edge{BcryptCost: 6, SignUp: "closed", TokenLifetime: "1h"}, again.Edge)
	cfg := again.serverConfig(dir)
	require.Equal(t, time.Hour, cfg.TokenLifetime)
	require.Equal(t, 6, cfg.BcryptCost)
	require.True(t, cfg.Loopback)

	for flag, edge := range map[string]Edge{"--sign-up": {SignUp: "maybe"}, "--token-lifetime": {TokenLifetime: "soon"}, "--bcrypt-cost": {BcryptCost: 99}} {
		_, _, err := Resolve(Flags{Dir: dir, Edge: edge})
		require.ErrorContains(t, err, flag)
	}
	_, _, err := Resolve(Flags{Dir: dir, Edge: Edge{TokenLifetime: "-1h"}})
	require.ErrorContains(t, err, "--token-lifetime")
}

func TestR12_TheTokenOfTheFirstAdminIsReadableByTheNodesUserAlone(t *testing.T) {
	f := tokenFile(filepath.Join(t.TempDir(), "bootstrap-token"))
	require.NoError(t, f.Remove(), "there is none")
	require.NoError(t, f.Write("bootstrap-one"))
	require.NoError(t, f.Write("bootstrap-two"))
	info, err := os.Stat(string(f))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(string(f))
	require.NoError(t, err)
	require.Equal(t, "bootstrap-two\n", string(text))
	require.NoError(t, f.Remove())
	require.NoFileExists(t, string(f))
}
