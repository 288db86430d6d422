package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// join starts a node that waits to be added.
func join(t *testing.T, dir, id, peer, client string) *proc {
	t.Helper()
	p := launch(t, "start", "--id", id, "--dir", filepath.Join(dir, "node-"+id), "--client-addr", client, "--peer-addr", peer, "--join")
	p.stderr.await(t, `msg="waiting to be added"`)
	return p
}

// awaitStatus waits until the status shows a node so.
func awaitStatus(t *testing.T, clients, pattern string) {
	t.Helper()
	require.Eventually(t, func() bool {
		out, code := parley(t, clients, "cluster", "status")
		return code == 0 && regexp.MustCompile(pattern).MatchString(out)
	}, waitMax, 50*time.Millisecond, pattern)
}

// At stake: the story of a machine that dies. 3 nodes become 4, the dead one is removed, all under
// a writer, and nothing that was acknowledged is lost.
func TestADeadNodeIsReplacedUnderAWriterAndNothingIsLost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	addrs := free(t, 2)
	all := clients + "," + addrs[1]

	l := startLoad(t, all)
	four := join(t, dir, "4", addrs[0], addrs[1])
	out, code := parley(t, clients, "cluster", "add", "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1], "--json")
	require.Zero(t, code, out)
	require.JSONEq(t, `{"id":4,"change":"added"}`, out)
	awaitStatus(t, clients, `(?m)^4 .* follower +serving`)
	_, code = parley(t, clients, "cluster", "add", "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1])
	require.Zero(t, code, "a repetition is no error")

	require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL)) // the leader, of all nodes
	out, code = parley(t, all, "cluster", "remove", leader)
	require.Zero(t, code, out)
	status, _ := parley(t, all, "cluster", "status")
	require.False(t, regexp.MustCompile(`(?m)^`+leader+` `).MatchString(status), status)
	require.Equal(t, 3, strings.Count(status, "serving"), status)

	// It comes back, is told, and harms nobody.
	dead := launch(t, "start", "--dir", filepath.Join(dir, "node-"+leader))
	dead.stderr.await(t, `this node was removed from the cluster`)
	l.end(all)
	require.Zero(t, dead.interrupt())
	require.Zero(t, four.interrupt())
	_ = d.interrupt() // it killed a child of ours: its exit code is told elsewhere
}

// A node takes another's place under a writer, which then has left by the same change; the leader leaves
// as any other does.
func TestANodeTakesThePlaceOfTheLeader(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	addrs := free(t, 2)
	l := startLoad(t, clients+","+addrs[1])
	four := join(t, dir, "4", addrs[0], addrs[1])
	out, code := parley(t, clients, "cluster", "replace", leader, "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1])
	require.Zero(t, code, out)
	require.Regexp(t, `^node 4 (is added and becomes a voter when it has caught up; node `+leader+` leaves in that moment|is a voter, and node `+leader+` has left)\n$`, out)
	all := clients + "," + addrs[1]
	awaitStatus(t, all, `(?m)^`+leader+` .* removed`)
	l.end(addrs[1]) // the new node has all of it

	// It resumes with its directory alone.
	require.Zero(t, four.interrupt())
	four = launch(t, "start", "--dir", filepath.Join(dir, "node-4"))
	awaitStatus(t, all, `(?m)^4 .* serving`)

	// Who has a vote already waits for nothing, and is not said to.
	for _, c := range []struct{ args, want string }{{"add", "node 4 is a voter\n"}, {"replace " + other(leader), "node 4 is a voter, and node " + other(leader) + " has left\n"}} {
		args := append([]string{"cluster"}, strings.Fields(c.args)...)
		out, code = parley(t, all, append(args, "--id", "4", "--peer-addr", addrs[0], "--client-addr", addrs[1])...)
		require.Zero(t, code, out)
		require.Equal(t, c.want, out)
	}
	require.Zero(t, four.interrupt())
	require.Zero(t, d.interrupt())
}

// other is one of the first three nodes, and not the one that is named.
func other(node string) string {
	if node == "1" {
		return "2"
	}
	return "1"
}

// A machine that freezes tells nobody that it is gone: connections stand, and nothing answers. Clients find out by themselves, and the
// leader of old, who knows of nothing, harms nobody when it wakes up.
func TestALeaderThatFreezesAndWakesUpHoldsWritersUpAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	l := startCrowd(t, clients, 8)
	pid := pidOf(t, dir, leader)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	taken := l.took.count()
	require.Eventually(t, func() bool { return l.took.count() > taken+100 }, waitMax, testStep, "the others go on")
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	awaitStatus(t, clients, `(?m)^`+leader+` .* follower +serving`)
	l.end(clients)
	out, code := parley(t, clients, "cluster", "check", "--json")
	require.Zero(t, code, out)
	require.Zero(t, d.interrupt())
}

func TestMistakesInAChangeOfTheMembershipAreNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"remove", "9"}, 3, "NO_MEMBER"},
		{[]string{"remove", "x"}, 2, "USAGE"},
		{[]string{"add", "--id", "2", "--peer-addr", "127.0.0.1:1", "--client-addr", "127.0.0.1:2"}, 6, "IS_MEMBER"},
		{[]string{"add", "--id", "4"}, 2, "USAGE"},
		{[]string{"add", "--id", "4", "--peer-addr", "nowhere", "--client-addr", "127.0.0.1:2"}, 1, "FIELD_INVALID"},
		{[]string{"replace", "9", "--id", "9", "--peer-addr", "127.0.0.1:1", "--client-addr", "127.0.0.1:2"}, 1, "FIELD_INVALID"},
	} {
		out, code := parley(t, clients, append([]string{"cluster", "--json"}, c.args...)...)
		require.Equal(t, c.exit, code, "%v: %s", c.args, out)
		require.Contains(t, out, c.says)
	}
	require.Zero(t, d.interrupt())
	_, errs, code := node("start", "--id", "4", "--dir", filepath.Join(dir, "x"), "--client-addr", "127.0.0.1:1", "--peer-addr", "127.0.0.1:2",
		"--join", "--cluster", "1=127.0.0.1:3")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "contradict")
}
