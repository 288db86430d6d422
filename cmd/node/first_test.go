package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A cluster as it is by default off loopback: no user is there yet, and signing up needs an invite, which only an admin
// makes. The token in the node's directory begins it all.
func TestR12_TheFirstUserOfAClusterThatIsNotOpenHasTheTokenOfANodesDirectory(t *testing.T) {
	t.Parallel()
	dir, addrs := filepath.Join(t.TempDir(), "data"), free(t, 2)
	launchAs(t, os.Args[0], "start", "--id", "1", "--dir", dir, "--client-addr", addrs[0], "--peer-addr", addrs[1], "--cluster", "1="+addrs[1],
		"--sign-up", "invite", "--bcrypt-cost", "4", "--http-addr", "none")
	token := filepath.Join(dir, "bootstrap-token")
	require.Eventually(t, func() bool { _, err := os.Stat(token); return err == nil }, waitMax, 20*time.Millisecond)

	signUp := func(name string, more ...string) int {
		_, code := parleyOnce(t, "correct horse battery", addrs[0], append([]string{"signup", name, "--email", name + "@example.org", "--password-stdin"}, more...)...)
		return code
	}
	require.Equal(t, 5, signUp("dora"))
	require.Zero(t, signUp("dora", "--invite-file", token))
	_, code := parleyOnce(t, "correct horse battery", addrs[0], "login", "dora", "--password-stdin")
	require.Zero(t, code)
	_, code = parleyOnce(t, "", addrs[0], "invite", "create")
	require.Equal(t, 5, code, "the token makes an account, and an admin only by being claimed")
	text, err := os.ReadFile(token)
	require.NoError(t, err)
	_, code = parleyOnce(t, "", addrs[0], "admin", "claim", "--token-file", token)
	require.Zero(t, code)
	require.Equal(t, 5, signUp("emil", "--invite", string(text)), "a token that was claimed opens nothing")

	out, code := parleyOnce(t, "", addrs[0], "invite", "create", "--json")
	require.Zero(t, code)
	var invite struct{ Code string }
	require.NoError(t, json.Unmarshal([]byte(out), &invite))
	require.Zero(t, signUp("emil", "--invite", invite.Code))
}
