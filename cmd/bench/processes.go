package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/cmd/bench/load"
	"parley/rpc/client"
)

// processes is a cluster of real processes of cmd/node, each with its default
// settings.
type processes struct {
	binary string
	dir    string
	args   [][]string // of node i+1
	run    []*exec.Cmd
	addrs  []string // for clients
	client *client.Client

	watched []string // where each serves metrics
}

// startProcesses builds cmd/node unless there is a binary, and starts a cluster.
func startProcesses(ctx context.Context, o checkOptions, dir string) (*processes, error) {
	p := &processes{binary: o.binary, dir: dir, run: make([]*exec.Cmd, o.nodes)}
	if p.binary == "" {
		p.binary = filepath.Join(dir, "node")
		say("building cmd/node")
		build := exec.CommandContext(ctx, "go", "build", "-o", p.binary, "parley/cmd/node")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("go build parley/cmd/node: %w (run this inside the module, or name a binary with --node)", err)
		}
	}
	if err := p.plan(o.nodes, o.extra); err != nil {
		return nil, err
	}
	var err error
	if p.client, err = client.New(client.Config{Addrs: p.addrs}); err != nil {
		return nil, err
	}
	for i := range p.run {
		if err := p.start(i); err != nil {
			p.stop()
			return nil, err
		}
	}
	if err := p.settle(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// plan chooses ports. They are free now; who takes one of them in the next moment
// makes a node say so.
func (p *processes) plan(nodes int, extra []string) error {
	var peers, members []string
	for i := range 3 * nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		switch i / nodes {
		case 0:
			p.addrs = append(p.addrs, l.Addr().String())
		case 1:
			peers = append(peers, l.Addr().String())
			members = append(members, fmt.Sprintf("%d=%s", i-nodes+1, l.Addr()))
		default:
			p.watched = append(p.watched, l.Addr().String())
		}
	}
	for i := range nodes {
		p.args = append(p.args, append([]string{
			"start", "--id", fmt.Sprint(i + 1), "--dir", filepath.Join(p.dir, fmt.Sprint("node-", i+1)),
			"--client-addr", p.addrs[i], "--peer-addr", peers[i], "--cluster", strings.Join(members, ","),
			"--http-addr", p.watched[i], "--demo-users",
		}, extra...))
	}
	return nil
}

// start starts node i+1; what it says goes into a file beside its directory.
func (p *processes) start(i int) error {
	log, err := os.OpenFile(filepath.Join(p.dir, fmt.Sprintf("node-%d.log", i+1)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(p.binary, p.args[i]...)
	cmd.Stdout, cmd.Stderr = log, log
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.run[i] = cmd
	return nil
}

// kill kills node i+1 with -9 and returns when it is gone.
func (p *processes) kill(i int) {
	_ = p.run[i].Process.Kill() // fails only if it is gone already
	_ = p.run[i].Wait()         // "signal: killed" is what was wanted
	p.run[i] = nil
}

// settle waits until a leader is known, every node answers and has applied
// everything, and a write succeeds: that of a user of dev mode.
func (p *processes) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if s, err := p.client.Status(ctx); err == nil && settled(&s, len(p.run)) {
			if _, err := p.client.LogIn(ctx, "alice", "alice123"); err == nil { // not before the leader has made her
				_, err := p.client.Send(ctx, channel, "settled")
				return err
			}
		}
		if err := load.Pause(ctx, 50*time.Millisecond); err != nil {
			return errors.Join(errors.New("the cluster did not come up in a minute"), err, p.exited())
		}
	}
}

func settled(s *client.ClusterStatus, nodes int) bool {
	alive := 0
	for i := range s.Nodes {
		if s.Nodes[i].Alive && s.Nodes[i].Lag == 0 {
			alive++
		}
	}
	return s.Leader != 0 && alive == nodes
}

// exited tells where a node that is not running says why.
func (p *processes) exited() error {
	for i, cmd := range p.run {
		if cmd != nil && cmd.Process.Signal(syscall.Signal(0)) != nil {
			return fmt.Errorf("node %d is gone: see %s", i+1, filepath.Join(p.dir, fmt.Sprintf("node-%d.log", i+1)))
		}
	}
	return nil
}

// stop ends all nodes cleanly, or after 10 s in any way.
func (p *processes) stop() {
	p.client.Close()
	for _, cmd := range p.run {
		if cmd != nil {
			_ = cmd.Process.Signal(os.Interrupt) // if it is gone, Wait says so
		}
	}
	timer := time.AfterFunc(10*time.Second, func() {
		for _, cmd := range p.run {
			if cmd != nil {
				_ = cmd.Process.Kill() // as above
			}
		}
	})
	defer timer.Stop()
	for i, cmd := range p.run {
		if cmd != nil {
			if err := cmd.Wait(); err != nil {
				say("node %d: %v", i+1, err)
			}
		}
	}
}
