package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	raftnode "parley/raft/node"
)

// stopNode ends a node as its operator does, and waits until it is gone.
func stopNode(t *testing.T, dir, id string) {
	t.Helper()
	pid := pidOf(t, dir, id)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, waitMax, 10*time.Millisecond)
}

// At stake: the day on which a team grows, and the day on which it shrinks.
func TestR87_ThreeNodesBecomeFiveAndThreeAgainUnderAWriterAndNothingIsLost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	a := free(t, 4)
	all := clients + "," + a[1] + "," + a[3]
	l := startLoad(t, all)
	var joined []*proc
	for i, id := range []string{"4", "5"} {
		joined = append(joined, join(t, dir, id, a[2*i], a[2*i+1]))
		out, code := parley(t, clients, "cluster", "add", "--id", id, "--peer-addr", a[2*i], "--client-addr", a[2*i+1])
		require.Zero(t, code, out)
		awaitStatus(t, clients, `(?m)^`+id+` .* follower +serving`)
	}
	out, code := parley(t, all, "cluster", "check", "--json")
	require.Zero(t, code, out)
	require.Equal(t, 5, strings.Count(out, `"hash":`))

	// Five survive any two, the leader among them.
	require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL))
	other := "2"
	if leader == other {
		other = "3"
	}
	require.NoError(t, syscall.Kill(pidOf(t, dir, other), syscall.SIGKILL))
	for _, gone := range []string{leader, other} {
		out, code := parley(t, all, "cluster", "remove", gone)
		require.Zero(t, code, out)
	}
	status, code := parley(t, all, "cluster", "status")
	require.Zero(t, code)
	require.Equal(t, 3, strings.Count(status, "serving"), status)
	out, code = parley(t, all, "audit", "export")
	require.Zero(t, code)
	for _, deed := range []string{`"action":"cluster.add","object":"node 4"`, `"action":"cluster.add","object":"node 5"`,
		`"action":"cluster.remove","object":"node ` + leader + `"`, `"action":"cluster.remove","object":"node ` + other + `"`} {
		require.Equal(t, 1, strings.Count(out, deed), deed)
	}
	l.end(all)
	for _, p := range joined {
		require.Zero(t, p.interrupt())
	}
	_ = d.interrupt() // two of its children were killed
}

// A node is stopped, one after the other, and started again; who writes notices nothing but that it takes a moment.
func TestR88_ARollingRestartUnderManyWritersLosesNoRequest(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	l := startCrowd(t, clients, writersMany)
	for _, id := range []string{"1", "2", "3"} {
		stopNode(t, dir, id)
		launch(t, "start", "--dir", filepath.Join(dir, "node-"+id)).stderr.await(t, `msg="node is up"`)
		awaitStatus(t, clients, `(?m)^`+id+` .* (follower|leader) +serving`)
	}
	l.end(clients)
	require.Zero(t, d.interrupt())
}

// buildOfLevel makes a program of cmd/node that takes part in a level.
func buildOfLevel(t *testing.T, dir string, level uint32) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("node-of-level-%d", level))
	out, err := exec.Command("go", "build", "-ldflags", fmt.Sprintf("-X parley/cmd/node/internal/process.level=%d", level), "-o", path, "parley/cmd/node").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// Two builds of the real program, of which the second takes part in one level more: nodes of both run together, the level
// rises when the last one is replaced, and from there is no way back.
func TestARollingUpgradeUnderManyWritersLosesNothingAndRaisesTheLevelAtItsEnd(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	older, newer := buildOfLevel(t, work, raftnode.LevelMax), buildOfLevel(t, work, raftnode.LevelMax+1)
	a := free(t, 6)
	cluster := fmt.Sprintf("1=%s,2=%s,3=%s", a[0], a[2], a[4])
	clients := strings.Join([]string{a[1], a[3], a[5]}, ",")
	dirOf := func(id int) string { return filepath.Join(work, "data", fmt.Sprintf("node-%d", id)) }
	t.Cleanup(func() { stopAll(t, filepath.Join(work, "data")) })
	var nodes [4]*proc
	for id := 1; id <= 3; id++ {
		nodes[id] = launchAs(t, older, "start", "--id", fmt.Sprint(id), "--dir", dirOf(id), "--peer-addr", a[2*id-2], "--client-addr", a[2*id-1],
			"--cluster", cluster, "--demo-users", "--bcrypt-cost", "4")
	}
	send(t, clients, "before")
	l := startCrowd(t, clients, writersMany)
	for id := 1; id <= 3; id++ {
		for other := 1; other <= 3; other++ {
			require.NotContains(t, nodes[other].stderr.String(), fmt.Sprintf("level=%d", raftnode.LevelMax+1), "not before all run the newer release")
		}
		require.Zero(t, nodes[id].interrupt())
		nodes[id] = launchAs(t, newer, "start", "--dir", dirOf(id))
		awaitStatus(t, clients, `(?m)^`+strconv.Itoa(id)+` .* (follower|leader) +serving`)
	}
	for id := 1; id <= 3; id++ {
		nodes[id].stderr.await(t, fmt.Sprintf(`the cluster's level rose.* level=%d`, raftnode.LevelMax+1))
	}
	l.end(clients)
	out, code := parley(t, clients, "cluster", "check", "--json")
	require.Zero(t, code, out)

	require.Zero(t, nodes[1].interrupt())
	back := launchAs(t, older, "start", "--dir", dirOf(1))
	require.Equal(t, 1, back.wait())
	require.Regexp(t, regexp.MustCompile(`upgrade|newer level`), back.stderr.String())
	for id := 2; id <= 3; id++ {
		require.Zero(t, nodes[id].interrupt())
	}
	_ = os.RemoveAll(filepath.Join(work, "data"))
}
