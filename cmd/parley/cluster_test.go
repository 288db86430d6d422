package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries are the two commands, built once: tests run what a person runs.
var binaries struct {
	dir  string
	once sync.Once
	err  error
}

func TestMain(m *testing.M) {
	var err error
	if binaries.dir, err = os.MkdirTemp("", "parley-bin"); err != nil {
		panic(err)
	}
	code := m.Run()
	stopShared()
	_ = os.RemoveAll(binaries.dir)
	os.Exit(code)
}

func binary(t *testing.T, name string) string {
	t.Helper()
	binaries.once.Do(func() {
		out, err := exec.Command("go", "build", "-o", binaries.dir+"/", "parley/cmd/node", "parley/cmd/parley").CombinedOutput()
		if err != nil {
			binaries.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, binaries.err)
	return filepath.Join(binaries.dir, name)
}

// cluster is three processes on this machine.
type cluster struct {
	dir    string // of the nodes
	addrs  []string
	leader int // of its beginning
	stop   func()
}

// shared is the cluster of all tests that break nothing.
var shared struct {
	sync.Mutex
	*cluster
}

func sharedCluster(t *testing.T) *cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		dir, err := os.MkdirTemp("", "parley-shared")
		require.NoError(t, err)
		shared.cluster = startCluster(t, dir)
		stop := shared.cluster.stop
		shared.cluster.stop = func() {
			stop()
			_ = os.RemoveAll(dir)
		}
	}
	return shared.cluster
}

func stopShared() {
	if shared.cluster != nil {
		shared.cluster.stop()
	}
}

// ownCluster is a cluster that a test may break.
func ownCluster(t *testing.T) *cluster {
	c := startCluster(t, t.TempDir())
	t.Cleanup(c.stop)
	return c
}

// clusters counts the clusters of this process: no two of them have the same ports, those of watchers neither, since a node that is
// down comes back to its own.
var (
	clusters   atomic.Int64
	firstRange = rand.Int64N(portRanges)
)

// portRanges is how many ranges of ports there are, each for a cluster. They are below the ports that node dev finds by itself and those
// that the system gives to outgoing connections, and above those of the tests of cmd/node.
const portRanges = 400

func startCluster(t *testing.T, dir string) *cluster {
	t.Helper()
	nodes := filepath.Join(dir, "nodes")
	for tries := 0; ; tries++ {
		port := int(6000 + (firstRange+clusters.Add(1))%portRanges*12)
		c, err := dev(binary(t, "node"), nodes, port)
		if err == nil {
			return c
		}
		require.Less(t, tries, 5, "%v", err) // somebody else has one of the ports
		require.NoError(t, os.RemoveAll(nodes))
	}
}

// dev runs `node dev` until it is ready.
func dev(binary, dir string, port int) (*cluster, error) {
	cmd := exec.Command(binary, "dev", "--dir", dir, "--client-port", strconv.Itoa(port), "--peer-port", strconv.Itoa(port+6),
		"--http-port", strconv.Itoa(port+9), "--bcrypt-cost", "4")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	c := &cluster{dir: dir, stop: stop}
	var clients string
	if _, scanErr := fmt.Sscanf(line, "ready leader=%d clients=%s", &c.leader, &clients); scanErr != nil {
		stop()
		return nil, fmt.Errorf("%w: %q; %s", errors.Join(err, scanErr), line, stderr.String())
	}
	c.addrs = strings.Split(clients, ",")
	return c, nil
}

// kill ends a node the hard way; restart runs it again.
func (c *cluster) kill(t *testing.T, id int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("node-%d", id), "pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", c.addrs[id-1])
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
}

func (c *cluster) restart(t *testing.T, id int) {
	t.Helper()
	cmd := exec.Command(binary(t, "node"), "start", "--dir", filepath.Join(c.dir, fmt.Sprintf("node-%d", id)))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("node %d, run again, said: %s", id, said.String())
		}
	})
}

// person is somebody at a machine: a directory for credentials, one to work in, and a shell.
type person struct {
	t    *testing.T
	c    *cluster
	home string
	work string
}

func (c *cluster) person(t *testing.T) *person {
	return &person{t, c, t.TempDir(), t.TempDir()}
}

// loggedIn is a person who has logged in as one of the demo users.
func (c *cluster) loggedIn(t *testing.T, name string) *person {
	t.Helper()
	p := c.person(t)
	out, code := p.in(name+"123\n", "login", name, "--password-stdin")
	require.Zero(t, code, out)
	return p
}

// command is the program, as this person calls it.
func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary(p.t, "parley"), args...)
	cmd.Dir = p.work
	cmd.Env = []string{"PARLEY_CONFIG_DIR=" + p.home, "PARLEY_ADDRS=" + strings.Join(p.c.addrs, ","), "HOME=" + p.home, "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	return cmd
}

// in runs a command with something on its stdin. What it prints on stderr stands behind what it prints on stdout.
func (p *person) in(stdin string, args ...string) (out string, code int) {
	p.t.Helper()
	stdout, stderr, code := p.apart(stdin, args...)
	return stdout + stderr, code
}

func (p *person) apart(stdin string, args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &o, &e
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that works, and returns what it prints on stdout.
func (p *person) must(args ...string) string {
	p.t.Helper()
	stdout, stderr, code := p.apart("", args...)
	require.Zero(p.t, code, "%v: %s%s", args, stdout, stderr)
	return stdout
}
