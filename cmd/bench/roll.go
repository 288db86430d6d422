package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"parley/cmd/bench/load"
	"parley/raft/node"
)

// roll restarts one node after the other, as an operator does who upgrades: SIGTERM, the next program, wait until it keeps
// up. A client writes all the while, and what counts is the write that took longest. The last round goes on with a build that
// takes part in one level more, so that the cluster's level rises at its end.
func roll(ctx context.Context, p *processes, o checkOptions) (checked, error) {
	next, err := nextRelease(ctx, p, o)
	if err != nil {
		return checked{}, err
	}
	first, _, err := p.term(ctx)
	if err != nil {
		return checked{}, err
	}
	start := time.Now()
	w := newWriter(ctx, p, o.payload)
	defer w.stop()
	for round := range o.rolls {
		if round == o.rolls-1 {
			p.binary = next
		}
		for i := range p.run {
			if err := p.restart(ctx, i); err != nil {
				return checked{}, err
			}
			say("round %d of %d: node %d is back; the slowest write so far took %d ms", round+1, o.rolls, i+1,
				time.Duration(w.slowest.Load()).Milliseconds())
		}
	}
	last, _, err := p.term(ctx)
	return checked{
		Bench: "check", What: "roll", Restarts: o.rolls * len(p.run),
		WorstMS: load.Round(time.Duration(w.slowest.Load()).Seconds()*1000, 1), Writes: w.done.Load(),
		Seconds: load.Round(time.Since(start).Seconds(), 1), Elections: last - first, Errors: w.failed.Load(),
	}, err
}

// nextRelease is a program that takes part in one level more than the cluster has.
func nextRelease(ctx context.Context, p *processes, o checkOptions) (string, error) {
	if o.next != "" {
		return o.next, nil
	}
	path := filepath.Join(p.dir, "next")
	say("building cmd/node as the release after this one")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", fmt.Sprintf("-X parley/cmd/node/internal/process.level=%d", node.LevelMax+1),
		"-o", path, "parley/cmd/node")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("go build parley/cmd/node: %w (run this inside the module, or name a binary with --next)", err)
	}
	return path, nil
}

// restart stops a node as its operator does, starts it again, and waits until it keeps up.
func (p *processes) restart(ctx context.Context, i int) error {
	_ = p.run[i].Process.Signal(os.Interrupt) // if it is gone, Wait says so
	if err := p.run[i].Wait(); err != nil {
		return fmt.Errorf("node %d did not stop cleanly: %w", i+1, err)
	}
	p.run[i] = nil
	if err := p.start(i); err != nil {
		return err
	}
	return p.keepsUp(ctx)
}

// keepsUp waits until all nodes answer and have applied nearly all: somebody writes.
func (p *processes) keepsUp(ctx context.Context) error {
	const near = 50
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		alive := 0
		s, err := p.client.Status(ctx)
		for _, n := range s.Nodes {
			if n.Alive && n.Lag < near {
				alive++
			}
		}
		if err == nil && s.Leader != 0 && alive == len(p.run) {
			return nil
		}
		if err := load.Pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("a node does not keep up a minute after it was started: %w", p.exited())
		}
	}
}
