package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// filesOf is how many file descriptors a process has open.
func filesOf(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(all)
}

// burden fills what the log has prepared, so that it begins the next file.
func burden(t *testing.T, c *client.Client) {
	t.Helper()
	content := bytes.Repeat([]byte("x"), 1<<20)
	for i := range segmentMiB + 6 {
		_, err := c.CreateDocument(t.Context(), &pb.CreateDocumentRequest{Title: fmt.Sprint(i), Content: content})
		require.NoError(t, err)
	}
}

// What is at stake: a crowd at the door that takes the files which the log needs, and so stops the node.
func TestAFloodOfConnectionsTakesNoFileFromTheNode(t *testing.T) {
	t.Parallel()
	c := startTrio(t, t.TempDir())
	third := strings.Split(c.clients, ",")[2]
	require.Zero(t, c.nodes[3].interrupt())
	const files = 300
	c.nodes[3] = launchAs(t, "/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), os.Args[0], "start", "--dir", c.dirs[3])
	c.nodes[3].stderr.await(t, `msg="node is up"`)
	c.lead(3)
	held := asAlice(t, third)
	l := startLoad(t, c.clients)

	var crowd []net.Conn
	for range 2 * files {
		conn, err := net.Dial("tcp", third)
		require.NoError(t, err)
		crowd = append(crowd, conn)
	}
	require.Eventually(t, func() bool { return filesOf(t, c.nodes[3].cmd.Process.Pid) > files/2 }, waitMax, testStep, "they come in")
	burden(t, held)
	require.Less(t, filesOf(t, c.nodes[3].cmd.Process.Pid), files)
	for _, conn := range crowd {
		require.NoError(t, conn.Close())
	}
	send(t, third, "there is room again")
	l.end(c.clients)
	c.agree()

	few := launchAs(t, "/bin/sh", "-c", `ulimit -n 200 && exec "$0" "$@"`, os.Args[0], "start", "--dir", c.dirs[3])
	require.Equal(t, 1, few.wait())
	few.stderr.await(t, `this process may have 200 files open, and a node needs 256 at least: raise the limit`)
}

// If there is no file for the log all the same, that is a disk that can't be written to.
func TestALeaderThatCanOpenNoFileForItsLogStopsAndNothingIsLost(t *testing.T) {
	t.Parallel()
	c := startTrio(t, t.TempDir())
	c.lead(3)
	l := startLoad(t, c.clients)
	held := asAlice(t, strings.Split(c.clients, ",")...)
	_, err := held.Send(t.Context(), "general", "over the connection that stays")
	require.NoError(t, err)
	pid := c.nodes[3].cmd.Process.Pid
	var is unix.Rlimit
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &is))
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: is.Max}, nil)) // what is open stays open
	burden(t, held)
	require.Equal(t, 1, c.nodes[3].wait())
	c.nodes[3].stderr.await(t, `(?m)^node: the disk failed, and what it holds is in doubt: .*: too many open files`)
	send(t, c.clients, "the others go on")
	c.back(3)
	l.end(c.clients)
	c.agree()
}

// memoryGroup makes a control group whose processes may have so much memory together, and returns how to put one in.
func memoryGroup(t *testing.T, most int) (enter func(pid int)) {
	t.Helper()
	root, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes" // version 1
	if _, err := os.Stat(root); err != nil {
		root, file = "/sys/fs/cgroup", "memory.max"
	}
	group := filepath.Join(root, fmt.Sprintf("parley-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o700); err != nil {
		t.Skipf("control groups need privileges: %v", err)
	}
	t.Cleanup(func() { require.Eventually(t, func() bool { return os.Remove(group) == nil }, waitMax, testStep) })
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.Itoa(most)), 0o600); err != nil {
		t.Skipf("no limit can be set on memory here: %v", err)
	}
	return func(pid int) {
		require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600))
	}
}

// Who has more than the machine, or its container, allows is killed by the kernel, without a word: a kill -9 like any other.
func TestALeaderThatIsKilledForWantOfMemoryLosesNothing(t *testing.T) {
	t.Parallel()
	enter := memoryGroup(t, 64<<20) // counted from here on: what a process had before is not
	c := startTrio(t, t.TempDir())
	c.lead(3)
	l := startLoad(t, c.clients)
	enter(c.nodes[3].cmd.Process.Pid)
	burden(t, asAlice(t, strings.Split(c.clients, ",")...))
	require.Equal(t, -1, c.nodes[3].wait(), "a signal ended it")
	send(t, c.clients, "the others go on")
	c.back(3)
	l.end(c.clients)
	c.agree()
}
