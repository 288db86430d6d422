package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/process"
	"parley/rpc/client"
)

const (
	// stopMax is how long nodes get for a clean stop before they are killed; a
	// node needs at most five seconds.
	stopMax = 7 * time.Second
	// killMax is how long a killed process may take to be gone.
	killMax = 2 * time.Second
	// A start that takes longer than this gets a line that says what is missing.
	patience = 10 * time.Second
)

// Run runs a local cluster until ctx ends. It prints one line on stdout when writes
// succeed and the users of dev mode can log in; all else goes to stderr.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) error {
	o, cleanup, err := o.place()
	if err != nil {
		return err
	}
	defer cleanup()
	claim, err := process.Claim(filepath.Join(o.Dir, "dev.pid"))
	if err != nil {
		return err
	}
	defer claim.Release()
	p, err := loadPlan(o)
	if err != nil {
		return err
	}
	if err := p.dirsFree(); err != nil {
		return err
	}
	if err := p.portsFree(); err != nil {
		return err
	}
	if err := process.ShareSecret(p.secretFile()); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's executable: %w", err)
	}
	f, err := newFamily(exe, stderr, len(p.Nodes))
	if err != nil {
		return err
	}
	defer f.close()
	f.stderr.print("the nodes are watched at %s: /metrics, /healthz, /readyz, /debug/pprof/, /log/level", p.httpAddrs())
	c := &cluster{plan: p, family: f, stdout: stdout, resumed: p.formed()}
	return errors.Join(c.run(ctx), c.stop())
}

// place makes the data directory.
func (o Options) place() (_ Options, cleanup func(), err error) {
	if o.Ephemeral {
		if o.Dir != "" {
			return o, nil, usage.Errorf("--ephemeral keeps nothing and --dir names where to keep it: leave one out")
		}
		if o.Dir, err = os.MkdirTemp("", "parley-dev-"); err != nil {
			return o, nil, err
		}
		return o, func() { _ = os.RemoveAll(o.Dir) }, nil
	}
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	return o, func() {}, process.MakeDir(o.Dir)
}

// cluster is a local cluster that runs.
type cluster struct {
	plan     *plan
	family   *family
	children []*child
	llm      *llm
	stdout   io.Writer
	resumed  bool // the directory held a cluster already
}

// run starts all nodes and watches them until ctx ends.
func (c *cluster) run(ctx context.Context) error {
	var err error
	if c.llm, err = startLLM(c.family, c.plan); err != nil {
		return err
	}
	for _, n := range c.plan.Nodes {
		child, err := c.family.startNode(n, c.plan.startArgs(n))
		if err != nil {
			return err
		}
		c.children = append(c.children, child)
	}
	if err := c.awaitReady(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case dead := <-c.family.ended:
			c.tellDown(dead)
		}
	}
}

func (c *cluster) tellDown(dead *child) {
	c.family.stderr.print("node %d is down: %s. To start it again: %s start --dir %s",
		dead.node.ID, dead.reason(), commandName(c.family.exe), c.plan.nodeDir(dead.node.ID))
}

// awaitReady waits until a write succeeds, and says so on stdout. A node that
// does not even start is an error if the others can't do without it: a majority
// runs a cluster, but all are needed to form one.
func (c *cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- c.ready(ctx) }()
	slow := time.NewTicker(patience)
	defer slow.Stop()
	for down := 0; ; {
		select {
		case err := <-ready:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case dead := <-c.family.ended:
			if ctx.Err() != nil {
				return nil
			}
			if down++; 2*(len(c.plan.Nodes)-down) <= len(c.plan.Nodes) || !c.plan.formed() {
				return fmt.Errorf("node %d did not start: %s", dead.node.ID, dead.reason())
			}
			c.tellDown(dead)
		case <-slow.C:
			c.family.stderr.print("still waiting for a write to succeed; every node must run once before the cluster is formed, later a majority suffices")
		}
	}
}

// ready returns when the cluster executed a command, its users can log in, and a leader is known.
func (c *cluster) ready(ctx context.Context) error {
	cl, err := client.New(client.Config{Addrs: c.plan.clientAddrs()})
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.Ready(ctx); err != nil {
		return err
	}
	if err := awaitDemoUsers(ctx, c.plan.clientAddrs(), c.resumed); err != nil {
		return err
	}
	for {
		if s, err := cl.Status(ctx); err == nil && s.Leader != 0 {
			fmt.Fprintf(c.stdout, "ready leader=%d clients=%s\n", s.Leader, strings.Join(c.plan.clientAddrs(), ","))
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// stop stops everything that lives under the directory, also what was started by
// hand, and waits until it is gone.
func (c *cluster) stop() error {
	c.signal(syscall.SIGTERM)
	if c.awaitGone(stopMax) {
		return nil
	}
	c.signal(syscall.SIGKILL)
	if c.awaitGone(killMax) {
		return nil
	}
	return fmt.Errorf("a node under %s does not stop even when it is killed: see %s", c.plan.dir, c.plan.nodeDir(1))
}

// signal sends sig to every node that runs: to the own children, who may not have
// written their pid file yet, and to whoever holds one. A pid file is
// locked as long as its process lives, so that no number of a process long gone is
// signalled.
func (c *cluster) signal(sig syscall.Signal) {
	c.llm.end(sig)
	for _, child := range c.children {
		_ = child.cmd.Process.Signal(sig) // an error if it is gone, which is as good
	}
	for _, n := range c.plan.Nodes {
		if pid, alive := process.Running(c.plan.pidFile(n.ID)); alive && pid > 0 {
			_ = syscall.Kill(pid, sig)
		}
	}
}

func (c *cluster) awaitGone(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c.childrenGone() && c.llm.gone() && c.plan.dirsFree() == nil {
			return true
		}
	}
	return false
}

func (c *cluster) childrenGone() bool {
	for _, child := range c.children {
		select {
		case <-child.gone:
		default:
			return false
		}
	}
	return true
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commandName returns how a person starts this program again: by its path, or by
// go run if that built it for the occasion.
func commandName(exe string) string {
	if strings.Contains(exe, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/node"
	}
	return exe
}
