package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// The node that left the token may not lead any more when it is claimed: it clears away what it left all the same.
func TestR12_TheFileWithAUsedTokenGoesFromWhicheverNodeLeftIt(t *testing.T) {
	t.Parallel()
	dir, addrs := t.TempDir(), free(t, 6)
	clients, members := strings.Join(addrs[:3], ","), "1="+addrs[3]+",2="+addrs[4]+",3="+addrs[5]
	data := func(i int) string { return filepath.Join(dir, fmt.Sprint(i+1)) }
	var nodes []*proc
	for i := range 3 {
		nodes = append(nodes, launchAs(t, os.Args[0], "start", "--id", fmt.Sprint(i+1), "--dir", data(i), "--client-addr", addrs[i], "--peer-addr", addrs[3+i],
			"--cluster", members, "--sign-up", "open", "--bcrypt-cost", "4", "--http-addr", "none"))
	}
	left := -1
	require.Eventually(t, func() bool {
		left = slices.IndexFunc([]int{0, 1, 2}, func(i int) bool { _, err := os.Stat(filepath.Join(data(i), "bootstrap-token")); return err == nil })
		return left >= 0
	}, waitMax, 20*time.Millisecond)
	require.Eventually(t, func() bool { // the token is left before anything is proposed, and until that is applied nobody may sign up
		_, code := parleyOnce(t, "correct horse battery", clients, "signup", "dora", "--email", "dora@example.org", "--password-stdin")
		return code == 0
	}, waitMax, 20*time.Millisecond)
	_, code := parleyOnce(t, "correct horse battery", clients, "login", "dora", "--password-stdin")
	require.Zero(t, code)

	require.NoError(t, nodes[left].cmd.Process.Kill())
	nodes[left].wait()
	_, code = parleyOnce(t, "", clients, "send", "general", "another one leads")
	require.Zero(t, code)
	launchAs(t, os.Args[0], "start", "--dir", data(left)).stderr.await(t, `msg="node is up"`)
	token := filepath.Join(data(left), "bootstrap-token")
	_, code = parleyOnce(t, "", clients, "admin", "claim", "--token-file", token)
	require.Zero(t, code)
	require.Eventually(t, func() bool { _, err := os.Stat(token); return errors.Is(err, fs.ErrNotExist) }, waitMax, 20*time.Millisecond)
}
