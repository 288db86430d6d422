package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clusterStatus is what `cluster status --json` prints.
type clusterStatus struct {
	Leader int    `json:"leader"`
	Term   uint64 `json:"term"`
	Nodes  []struct {
		ID      int    `json:"id"`
		Address string `json:"address"`
		Role    string `json:"role"`
		State   string `json:"state"`
		Commit  uint64 `json:"commit"`
		Applied uint64 `json:"applied"`
		Lag     uint64 `json:"lag"`
		Version string `json:"version"`
		Alive   bool   `json:"alive"`
	} `json:"nodes"`
}

func (p *person) status() (s clusterStatus) {
	p.t.Helper()
	require.NoError(p.t, json.Unmarshal([]byte(p.must("cluster", "status", "--json")), &s))
	return s
}

// leader waits until somebody leads, and says who.
func (p *person) leader() (id int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { id = p.status().Leader; return id != 0 }, time.Minute, 50*time.Millisecond)
	return id
}

// R27: whatever was acknowledged is there when the node that acknowledged it dies in the same moment, and when it is back.
func TestR27_EveryKindOfWriteSurvivesTheLeader(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	alice, bob, eve := c.loggedIn(t, "alice"), c.loggedIn(t, "bob"), c.person(t)
	for _, p := range []*person{alice, bob, eve} {
		require.NoError(t, os.WriteFile(filepath.Join(p.work, "password"), []byte("an acknowledged password\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(p.work, "file.txt"), []byte("an acknowledged file"), 0o600))
	}
	id := alice.newDocument("advisory", "version one")
	for _, kind := range []struct {
		name          string
		write, verify func()
	}{
		{"an account", func() { eve.must("signup", "evelyn", "--email", "evelyn@example.org", "--password-file", "password") },
			func() { require.Contains(t, alice.must("user", "list", "--timeout", "60s"), "evelyn") }},
		{"a login", func() { eve.must("login", "evelyn", "--password-file", "password") },
			func() { require.Contains(t, eve.must("whoami", "--timeout", "60s"), "evelyn") }},
		{"a channel and its members", func() {
			alice.must("channel", "create", "kept", "--private")
			alice.must("channel", "add", "kept", "bob")
		},
			func() { require.Contains(t, bob.must("channel", "members", "kept", "--timeout", "60s"), "bob") }},
		{"a message", func() { alice.must("send", "kept", "an acknowledged message") },
			func() {
				require.Equal(t, 1, strings.Count(bob.must("history", "kept", "--timeout", "60s"), "an acknowledged message"))
			}},
		{"a file", func() { alice.must("file", "put", "#kept", "file.txt") },
			func() {
				list := bob.must("file", "list", "#kept", "--json", "--timeout", "60s")
				var files []struct{ ID string }
				require.NoError(t, json.Unmarshal([]byte(list), &files))
				require.Len(t, files, 1)
				bob.must("file", "get", files[0].ID, "-o", "got.txt", "--force", "--timeout", "60s")
				got, err := os.ReadFile(filepath.Join(bob.work, "got.txt"))
				require.NoError(t, err)
				require.Equal(t, "an acknowledged file", string(got))
			}},
		{"a document", func() { alice.must("doc", "update", id, "--if-version", "1", "--file", "file.txt") },
			func() { require.Equal(t, "an acknowledged file", bob.must("doc", "show", id, "--timeout", "60s")) }},
		{"a lock", func() { alice.must("lock", "acquire", "kept", "--ttl", "1h") },
			func() { require.Regexp(t, `kept +alice`, bob.must("lock", "list", "--timeout", "60s")) }},
	} {
		leader := alice.leader()
		kind.write()
		c.kill(t, leader)
		t.Log(kind.name)
		kind.verify()
		c.restart(t, leader)
		kind.verify()
	}
}

// R59: no fence repeats or falls: not over a release, not over an expiry, not when the leader dies, and not when all nodes are killed and
// come back.
func TestR59_FencesRiseAcrossReleasesExpiriesFailoversAndARestartOfAllNodes(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	var fences []uint64
	take := func(p *person, ttl string) string {
		t.Helper()
		var got struct {
			Granted bool
			Fence   uint64
		}
		require.NoError(t, json.Unmarshal([]byte(p.must("lock", "acquire", "risen", "--ttl", ttl, "--wait", "60s", "--timeout", "60s", "--json")), &got))
		require.True(t, got.Granted)
		fences = append(fences, got.Fence)
		return strconv.FormatUint(got.Fence, 10)
	}
	alice.must("lock", "release", "risen", "--fence", take(alice, "1h"))
	take(bob, "1s") // and it expires
	last := take(alice, "1h")
	c.kill(t, alice.leader())
	alice.must("lock", "release", "risen", "--fence", last, "--timeout", "60s")
	last = take(bob, "1h")
	for id := 1; id <= 3; id++ {
		if s := alice.status(); s.Nodes[id-1].Alive {
			c.kill(t, id)
		}
	}
	for id := 1; id <= 3; id++ {
		c.restart(t, id)
	}
	require.Regexp(t, "risen +bob +"+last, alice.must("lock", "list", "--timeout", "60s"), "it is held as it was")
	stale := strconv.FormatUint(fences[2], 10)
	_, code := alice.in("", "lock", "release", "risen", "--fence", stale, "--timeout", "60s")
	require.Equal(t, 6, code, "an old fence is none, whoever had it")
	bob.must("lock", "release", "risen", "--fence", last, "--timeout", "60s")
	take(alice, "1h")
	require.True(t, slices.IsSorted(fences), "%v", fences)
	require.Len(t, slices.Compact(slices.Clone(fences)), len(fences), "%v", fences)
}

// R91: every column of the status, of nodes that are well, of one that is dead, and of one that comes back.
func TestR91_EveryColumnOfTheStatusIsTrue(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	alice := c.loggedIn(t, "alice")
	alice.must("send", "general", "one")
	leader := alice.leader()
	check := func(dead int) (s clusterStatus) {
		t.Helper()
		s = alice.status()
		require.Len(t, s.Nodes, 3)
		newest := uint64(0)
		for _, n := range s.Nodes {
			newest = max(newest, n.Commit)
		}
		for i, n := range s.Nodes {
			require.Equal(t, i+1, n.ID)
			require.Equal(t, c.addrs[i], n.Address)
			if n.ID == dead {
				require.Equal(t, "unknown unreachable 0 0 false", fmt.Sprint(n.Role, " ", n.State, " ", n.Commit, " ", n.Applied, " ", n.Alive))
				continue
			}
			require.Equal(t, map[bool]string{true: "leader", false: "follower"}[n.ID == s.Leader], n.Role)
			require.Equal(t, "serving true", fmt.Sprint(n.State, " ", n.Alive))
			require.LessOrEqual(t, n.Applied, n.Commit)
			require.Equal(t, newest-n.Applied, n.Lag)
			require.NotEmpty(t, n.Version)
			require.Equal(t, s.Nodes[leader-1].Version, n.Version, "one program")
		}
		return s
	}
	before := check(0)
	require.Equal(t, leader, before.Leader)
	require.Positive(t, before.Term)
	dead := leader%3 + 1
	c.kill(t, dead)
	for i := range 5 {
		alice.must("send", "general", fmt.Sprint("while one is away ", i))
	}
	away := check(dead)
	require.Equal(t, before.Term, away.Term)
	require.Greater(t, away.Nodes[leader-1].Commit, before.Nodes[leader-1].Commit)
	c.restart(t, dead)
	require.Eventually(t, func() bool {
		n := alice.status().Nodes[dead-1]
		return n.Alive && n.Lag == 0 && n.Applied > away.Nodes[leader-1].Commit-1 && n.State == "serving"
	}, time.Minute, 50*time.Millisecond)
	_, code := c.person(t).in("", "cluster", "status")
	require.Zero(t, code, "on loopback it takes no login")
}
