package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
	"parley/cmd/parley/cli"
	"parley/rpc/client"
)

// asNode makes the test binary behave as the node command, so that tests start
// real processes, and those start theirs, without building anything.
const asNode = "PARLEY_TEST_AS_NODE"

func TestMain(m *testing.M) {
	// A dev that runs inside a test starts this binary without the variable: an argument that
	// is no flag shows it, or the children would run the tests, and start children.
	if os.Getenv(asNode) != "" || len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	// Where the user's own secret would be made, and his own clusters have theirs.
	home, err := os.MkdirTemp("", "parley-node")
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", home)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// waitMax bounds every wait for something that must happen.
const waitMax = 30 * time.Second

// testStep is how often a test looks whether something has come true.
const testStep = 100 * time.Millisecond

// proc is a node command that runs.
type proc struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	exit   chan int // what it ended with
}

// output is what a process wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (o *output) read(r io.Reader) {
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		o.mu.Lock()
		fmt.Fprintln(&o.text, scan.Text())
		close(o.more)
		o.more = make(chan struct{})
		o.mu.Unlock()
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits for a line that matches and returns what its groups matched.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(waitMax)
	for {
		o.mu.Lock()
		found, more := re.FindStringSubmatch(o.text.String()), o.more
		o.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-more:
		case <-deadline:
			require.FailNow(t, "no such line", "%s\n%s", pattern, o)
		}
	}
}

// segmentMiB is the size of the log's files. That of 64 MiB, which nodes by hand have otherwise, took most of the system's time here: three nodes
// wrote 400 MB of zeros each time.
const segmentMiB = 16

// launch starts the node command as a process of its own.
func launch(t *testing.T, args ...string) *proc {
	t.Helper()
	if args[0] == "start" && slices.Contains(args, "--cluster") { // a first start; later ones know it
		args = append(args, "--demo-users", "--bcrypt-cost", "4", "--segment-mib", strconv.Itoa(segmentMiB))
	}
	return launchAs(t, os.Args[0], args...)
}

// launchAs starts a program that is the node command.
func launchAs(t *testing.T, program string, args ...string) *proc {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asNode+"=1")
	p := &proc{t: t, cmd: cmd, exit: make(chan int, 1),
		stdout: &output{more: make(chan struct{})}, stderr: &output{more: make(chan struct{})}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		var reading sync.WaitGroup
		reading.Go(func() { p.stdout.read(out) })
		reading.Go(func() { p.stderr.read(errs) })
		reading.Wait()
		_ = cmd.Wait()
		p.exit <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%s %s\nstdout:\n%sstderr:\n%s", cmd.Args[1], filepath.Base(args[len(args)-1]), p.stdout, p.stderr)
		}
	})
	return p
}

// interrupt is what Ctrl-C does; it returns the exit code.
func (p *proc) interrupt() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	return p.wait()
}

func (p *proc) wait() int {
	p.t.Helper()
	select {
	case code := <-p.exit:
		return code
	case <-time.After(waitMax):
		require.FailNow(p.t, "the process does not end", "%s", p.stderr)
		return 0
	}
}

// dev starts a local cluster on free ports and waits until it is ready.
func dev(t *testing.T, dir string, args ...string) (p *proc, leader, clients string) {
	t.Helper()
	p = launch(t, append([]string{"dev", "--dir", dir, "--bcrypt-cost", "4"}, args...)...)
	t.Cleanup(func() { stopAll(t, dir) })
	ready := p.stdout.await(t, `(?m)^ready leader=(\d+) clients=(\S+)$`)
	return p, ready[1], ready[2]
}

var freePorts = []string{"--client-port", "0", "--peer-port", "0"}

// stopAll kills what a failed test left behind.
func stopAll(t *testing.T, dir string) {
	pids, err := filepath.Glob(filepath.Join(dir, "node-*", "pid"))
	require.NoError(t, err)
	for _, path := range pids {
		if pid, alive := process.Running(path); alive && pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// awaitGone waits until nothing runs under the directory.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool {
		pids, _ := filepath.Glob(filepath.Join(dir, "node-*", "pid"))
		for _, path := range pids {
			if _, alive := process.Running(path); alive {
				return false
			}
		}
		return true
	}, waitMax, 20*time.Millisecond)
}

func pidOf(t *testing.T, dir, id string) int {
	t.Helper()
	pid, alive := process.Running(filepath.Join(dir, "node-"+id, "pid"))
	require.True(t, alive)
	require.Positive(t, pid)
	return pid
}

// parley runs the client command in this process, as alice, and returns what it printed.
func parley(t *testing.T, clients string, args ...string) (stdout string, code int) {
	t.Helper()
	stdout, code = parleyOnce(t, "", clients, args...)
	const notLoggedIn = 4
	for tries := 0; code == notLoggedIn && tries < 200; tries++ {
		if _, in := parleyOnce(t, "alice123", clients, "login", "alice", "--password-stdin"); in != 0 {
			time.Sleep(50 * time.Millisecond) // a cluster that was just formed makes its users
			continue
		}
		stdout, code = parleyOnce(t, "", clients, args...)
	}
	return stdout, code
}

func parleyOnce(t *testing.T, stdin, clients string, args ...string) (stdout string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"--addrs", clients, "--timeout", "20s"}, args...)
	home := homeOf(t)
	code = cli.Run(context.Background(), args, cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs, Getenv: func(name string) string {
		if name == "PARLEY_CONFIG_DIR" {
			return home
		}
		return os.Getenv(name)
	}})
	if errs.Len() > 0 {
		t.Logf("parley %s: %s", strings.Join(args, " "), &errs)
	}
	return out.String(), code
}

// homes are where each test's client keeps its credentials.
var homes sync.Map

func homeOf(t *testing.T) string {
	if home, ok := homes.Load(t.Name()); ok {
		return home.(string)
	}
	home := t.TempDir()
	homes.Store(t.Name(), home)
	return home
}

// asAlice returns a client that alice is logged in with.
func asAlice(t *testing.T, addrs ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addrs: addrs})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.LogIn(t.Context(), "alice", "alice123")
	require.NoError(t, err)
	return c
}

func send(t *testing.T, clients, text string) {
	t.Helper()
	_, code := parley(t, clients, "send", "#general", text)
	require.Zero(t, code)
}

// texts returns the messages of #general.
func texts(t *testing.T, clients string) (all []string) {
	t.Helper()
	out, code := parley(t, clients, "history", "#general", "--json", "-n", "1000")
	require.Zero(t, code)
	var messages []struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(out), &messages))
	for _, m := range messages {
		all = append(all, m.Text)
	}
	return all
}
