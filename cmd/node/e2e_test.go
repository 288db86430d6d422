package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
	"parley/raft"
	"parley/rpc/client"
)

// The story that Parley is for: what was sent stays, whoever dies.
func TestAPersonKillsTheLeaderAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	send(t, clients, "before")

	require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL))
	line := d.stderr.await(t, `(?m)^node `+leader+` is down: signal: killed\. To start it again: \S.* (start --dir (\S+))$`)
	require.Equal(t, filepath.Join(dir, "node-"+leader), line[2])
	send(t, clients, "without the leader")

	again := launch(t, strings.Fields(line[1])...)
	again.stderr.await(t, `msg="node is up"`)
	send(t, clients, "with all three")

	require.Zero(t, d.interrupt(), "Ctrl-C is a clean stop")
	require.Zero(t, again.wait(), "it stops what was started by hand, too")
	awaitGone(t, dir)
	require.Equal(t, "ready leader="+leader+" clients="+clients+"\n", d.stdout.String(), "nothing else is on stdout")

	d, _, resumed := dev(t, dir)
	require.Equal(t, clients, resumed)
	require.Equal(t, []string{"before", "without the leader", "with all three"}, texts(t, clients))

	out, code := parley(t, clients, "cluster", "status", "--json")
	require.Zero(t, code)
	require.Equal(t, 3, strings.Count(out, `"alive":true`), out)
	require.Zero(t, d.interrupt())
	awaitGone(t, dir)

	report, _, code := node("inspect", filepath.Join(dir, "node-1"))
	require.Zero(t, code)
	require.Contains(t, report, "cluster")
	require.NotContains(t, report, "DAMAGED")
}

func TestNothingOutlivesADevThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, _ := dev(t, dir, freePorts...)
	require.NoError(t, d.cmd.Process.Kill())
	d.wait()
	awaitGone(t, dir)
}

// A script repeats its line with the same id after the leader was killed under it: one message, and
// exit code 6 for whoever takes the id for something else.
func TestAScriptRepeatsItsCommandUnderOneRequestIDAcrossTheDeathOfTheLeader(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	line := []string{"send", "#general", "nightly report", "--request-id", "report-1", "--json"}
	first, code := parley(t, clients, line...)
	require.Zero(t, code)
	require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL))
	again, code := parley(t, clients, line...)
	require.Zero(t, code)
	require.Equal(t, first, again)
	_, code = parley(t, clients, "send", "#general", "another report", "--request-id", "report-1")
	require.Equal(t, 6, code)
	require.Equal(t, []string{"nightly report"}, texts(t, clients))
	require.Zero(t, d.interrupt())
}

// A tail goes on at another node, without a gap and without a repetition.
func TestATailOutlivesTheNodeItReadsFrom(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	send(t, clients, "one")

	seen := make(chan string, 10)
	go tailTexts(t, asAlice(t, strings.Split(clients, ",")...), seen)
	require.Equal(t, "one", <-seen)

	require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL))
	for _, id := range []string{"1", "2", "3"} { // all but the leader once, so that the tail has to move
		if id != leader {
			stopped := pidOf(t, dir, id)
			require.NoError(t, syscall.Kill(stopped, syscall.SIGTERM))
			d.stderr.await(t, `(?m)^node `+id+` is down: it stopped`)
			launch(t, "start", "--dir", filepath.Join(dir, "node-"+id)).stderr.await(t, `msg="node is up"`)
		}
	}
	send(t, clients, "two")
	require.Equal(t, "two", <-seen)
	send(t, clients, "three")
	require.Equal(t, "three", <-seen)
	require.Zero(t, d.interrupt())
}

func TestGarbageAndStrangersHarmNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	s, err := process.Load(filepath.Join(dir, "node-1"))
	require.NoError(t, err)

	noise := make([]byte, 4096)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // never fails
	for _, addr := range []string{s.PeerAddr, s.ClientAddr} {
		for _, bytes := range [][]byte{noise, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + string(noise)), {}} {
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			_, _ = c.Write(bytes) // the node may hang up at any byte
			require.NoError(t, c.Close())
		}
	}
	d.stderr.await(t, `node 1\| .*does not speak the peers' protocol.*`)
	send(t, clients, "still here")
	require.Equal(t, []string{"still here"}, texts(t, clients))

	// A client that takes a peer's port for a node's.
	_, code := parley(t, s.PeerAddr, "send", "#general", "x", "--timeout", "1s")
	require.Equal(t, 7, code)
	require.Zero(t, d.interrupt())
}

// tailTexts reads the channel from its beginning for as long as the test runs.
func tailTexts(t *testing.T, c *client.Client, seen chan<- string) {
	beginning := raft.Position(0)
	for m, err := range c.Tail(t.Context(), client.TailOptions{Place: "general", StreamOptions: client.StreamOptions{From: &beginning}}) {
		if err != nil {
			return
		}
		seen <- m.GetText()
	}
}

// given are the ports that free returned: a node that is down comes back to its own.
var given sync.Map

// free returns n addresses that nobody listens on, below those of the tests of cmd/parley, the ports that node dev finds by itself, and
// those that the system gives to outgoing connections.
func free(t *testing.T, n int) (addrs []string) {
	t.Helper()
	for len(addrs) < n {
		port := 2000 + rand.IntN(4000)
		if _, known := given.LoadOrStore(port, true); known {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody's
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}

func TestANodeOfAnotherClusterIsTurnedAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := free(t, 6) // peers of ours, peers of the stranger, clients
	start := func(name string, id int, client string, peers ...string) *proc {
		var list []string
		for i, addr := range peers {
			list = append(list, fmt.Sprintf("%d=%s", i+1, addr))
		}
		return launch(t, "start", "--id", fmt.Sprint(id), "--dir", filepath.Join(dir, name), "--client-addr", client,
			"--peer-addr", peers[id-1], "--cluster", strings.Join(list, ","))
	}
	// Two nodes form a cluster at a[1] and a[2] and stop. Then another cluster
	// forms, whose second node takes a[2].
	s1, s2 := start("stranger-1", 1, a[3], a[1], a[2]), start("stranger-2", 2, a[4], a[1], a[2])
	s1.stderr.await(t, `msg=leader`)
	s2.stderr.await(t, `msg=leader`)
	require.Zero(t, s1.interrupt())
	require.Zero(t, s2.interrupt())
	o1, o2 := start("ours-1", 1, a[4], a[0], a[2]), start("ours-2", 2, a[5], a[0], a[2])
	o1.stderr.await(t, `msg=leader`)
	send(t, a[4], "ours")

	s1 = launch(t, "start", "--dir", filepath.Join(dir, "stranger-1"))
	s1.stderr.await(t, `node 1 is of cluster [0-9a-f]{16}, node 2 of cluster [0-9a-f]{16}: check the peer addresses`)
	send(t, a[4], "still ours")
	require.Equal(t, []string{"ours", "still ours"}, texts(t, a[4]))
	for _, p := range []*proc{s1, o1, o2} {
		require.Zero(t, p.interrupt())
	}
}

func TestANodeWhoseDirectoryWasEmptiedIsNotTakenBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	send(t, clients, "kept")
	s, err := process.Load(filepath.Join(dir, "node-2"))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pidOf(t, dir, "2"), syscall.SIGKILL))
	d.stderr.await(t, `(?m)^node 2 is down`)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "node-2")))

	p := launch(t, "start", "--id", "2", "--dir", filepath.Join(dir, "node-2"), "--client-addr", s.ClientAddr,
		"--peer-addr", s.PeerAddr, "--cluster", s.ClusterFlag())
	require.Equal(t, 1, p.wait())
	require.Regexp(t, `(?m)^node: .*formed without this directory: remove and add it \(parley cluster remove,`, p.stderr.String())
	require.Equal(t, []string{"kept"}, texts(t, clients))
	require.Zero(t, d.interrupt())
}

// At stake: two good nodes that do not run because a third is lost.
func TestADevWithOneDirectoryLostRunsOnTheOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	send(t, clients, "kept")
	require.Zero(t, d.interrupt())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "node-2")))

	d, _, _ = dev(t, dir)
	d.stderr.await(t, `(?m)^node 2 is down: .*formed without this directory: remove and add it.* To start it again: `)
	send(t, clients, "on two")
	require.Equal(t, []string{"kept", "on two"}, texts(t, clients))
	require.Zero(t, d.interrupt())

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "node-3", "wal")))
	d = launch(t, "dev", "--dir", dir)
	require.Equal(t, 1, d.wait())
	require.Regexp(t, `(?m)^node: node \d did not start: `, d.stderr.String(), "one is no majority")
	awaitGone(t, dir)
}

// At stake: a small disk. What the first start said holds for the next one, and another size loses nothing.
func TestTheFilesOfTheLogAreAsLargeAsSomebodySays(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for i, c := range []struct {
		args []string
		mib  int64
	}{{freePorts, 16}, {[]string{"--segment-mib", "1"}, 1}, {nil, 1}, {[]string{"--segment-mib", "4"}, 4}} {
		if i == 0 {
			c.args = append([]string{"--nodes", "1"}, c.args...)
		}
		d, _, clients := dev(t, dir, c.args...)
		send(t, clients, fmt.Sprint(i))
		next := filepath.Join(dir, "node-1", "wal", "next.tmp") // the file behind the one that is written
		require.Eventually(t, func() bool {
			made, err := os.Stat(next)
			return err == nil && made.Size() == c.mib<<20
		}, waitMax, 20*time.Millisecond)
		require.Len(t, texts(t, clients), i+1)
		require.Zero(t, d.interrupt())
	}
}

// A page of the history is bounded; at stake are messages that seem not to exist.
func TestAHistoryThatIsLongerThanAPageIsShownWhole(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, append([]string{"--nodes", "1"}, freePorts...)...)
	c := asAlice(t, clients)
	long := strings.Repeat("x", 16<<10-3)
	var want []string
	for i := range 70 { // a little more than the 1 MiB of one page
		want = append(want, fmt.Sprintf("%03d", i)+long)
		_, err := c.Send(t.Context(), "general", want[i])
		require.NoError(t, err)
	}
	require.Equal(t, want, texts(t, clients))
	for _, x := range []struct {
		args string
		want []string
	}{{"-n 68", want[2:]}, {"-n 68 --after 0", want[:68]}, {"-n 5000 --after 0", want}} {
		out, code := parley(t, clients, strings.Fields("history #general --json "+x.args)...)
		require.Zero(t, code)
		var messages []struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(out), &messages))
		var got []string
		for _, m := range messages {
			got = append(got, m.Text)
		}
		require.Equal(t, x.want, got)
	}
	require.Zero(t, d.interrupt())
}

func TestAnOperatorMovesLeadershipAndAGracefulStopDoesItByItself(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	send(t, clients, "one")
	to := "1"
	if leader == to {
		to = "2"
	}
	out, code := parley(t, clients, "cluster", "transfer", to, "--json")
	require.Zero(t, code)
	require.JSONEq(t, `{"leader":`+to+`}`, out)
	out, code = parley(t, clients, "cluster", "transfer", to)
	require.Zero(t, code, "a repetition is no error")
	require.Equal(t, "node "+to+" leads\n", out)
	send(t, clients, "two")

	out, code = parley(t, clients, "cluster", "transfer", "9", "--json")
	require.Equal(t, 3, code)
	require.Contains(t, out, `"NO_MEMBER"`)

	require.NoError(t, syscall.Kill(pidOf(t, dir, to), syscall.SIGTERM))
	d.stderr.await(t, `node `+to+`\| .*msg=stopping`)
	send(t, clients, "three")
	require.Equal(t, []string{"one", "two", "three"}, texts(t, clients))
	require.Zero(t, d.interrupt())
}

func TestANodeThatHangsIsKilledByCtrlC(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, _ := dev(t, dir, freePorts...)
	require.NoError(t, syscall.Kill(pidOf(t, dir, "3"), syscall.SIGSTOP))
	began := time.Now()
	require.Zero(t, d.interrupt())
	t.Logf("stopped in %v", time.Since(began)) // the promise is 10 s; a busy machine is no bug
	awaitGone(t, dir)
}
