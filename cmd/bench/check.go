package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
)

// channel is where the checks write.
const channel = "general"

// checkOptions are the flags of bench check.
type checkOptions struct {
	kills   int
	rolls   int
	idle    time.Duration
	load    time.Duration
	callers int
	payload int
	nodes   int
	dir     string
	binary  string
	next    string
	extra   []string // arguments of every node's first start
}

// checked is one line of bench check.
type checked struct {
	Bench string `json:"bench"`
	What  string `json:"what"` // failover, roll, idle or load

	Kills    int     `json:"kills,omitempty"`
	Restarts int     `json:"restarts,omitempty"`
	Writes   int64   `json:"writes,omitempty"`
	MedianMS float64 `json:"median_ms,omitempty"`
	WorstMS  float64 `json:"worst_ms,omitempty"`

	Seconds   float64 `json:"seconds"`
	Elections uint64  `json:"elections"` // terms begun; in failover one a kill is needed
	Callers   int     `json:"callers,omitempty"`
	Payload   int     `json:"payload,omitempty"`
	OpsPerS   float64 `json:"ops_per_s,omitempty"`
	Errors    int64   `json:"errors"`
}

func (c checked) line() string {
	switch c.What {
	case "failover":
		return fmt.Sprintf("check failover  %d kills  median %.0f ms  worst %.0f ms  terms %d  errors %d",
			c.Kills, c.MedianMS, c.WorstMS, c.Elections, c.Errors)
	case "roll":
		return fmt.Sprintf("check roll      %d restarts  worst write %.0f ms  writes %d  terms %d  errors %d",
			c.Restarts, c.WorstMS, c.Writes, c.Elections, c.Errors)
	case "load":
		return fmt.Sprintf("check load      %.0f s  %d callers  %.0f messages/s  elections %d  errors %d",
			c.Seconds, c.Callers, c.OpsPerS, c.Elections, c.Errors)
	}
	return fmt.Sprintf("check idle      %.0f s  elections %d", c.Seconds, c.Elections)
}

func checkCommand(show reporter) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Failover, idle elections and elections under load, of real processes in real time",
		Long: `Runs a cluster of real processes with default settings and real syncs.

  failover   kills the leader with -9 while a client writes, and measures the time from the
             kill to the first acknowledgement of a write that was begun after the process
             was gone; then the node is started again. That many times.
  roll       stops and starts one node after the other while a client writes, the last round
             with a build of the release after this one, and measures the slowest write.
  idle       counts elections while nothing happens; none is needed.
  load       counts elections while clients write as fast as they can; none is needed.

A part is left out by giving it 0.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(cmd.Context(), o, show)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.kills, "kills", 50, "how often to kill the leader")
	f.IntVar(&o.rolls, "rolls", 3, "how often to restart every node, one after the other")
	f.StringVar(&o.next, "next", "", "a binary of cmd/node of the release after this one; without it, one is built")
	f.DurationVar(&o.idle, "idle", 10*time.Minute, "how long to be idle")
	f.DurationVar(&o.load, "load", time.Minute, "how long to write at full load")
	f.IntVar(&o.callers, "callers", 256, "clients under load, each a closed loop")
	f.IntVar(&o.payload, "payload", 128, "bytes of a message")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of the cluster")
	f.StringVar(&o.dir, "dir", ".", "where to make the data directories, removed in the end")
	f.StringVar(&o.binary, "node", "", "a binary of cmd/node; without it, one is built")
	return cmd
}

func check(ctx context.Context, o checkOptions, show reporter) error {
	dir, err := os.MkdirTemp(o.dir, "bench-check-")
	if err != nil {
		return err
	}
	p, err := startProcesses(ctx, o, dir)
	if err != nil {
		say("the nodes' logs are in %s", dir)
		return err
	}
	defer os.RemoveAll(dir)
	defer p.stop()
	for _, part := range []struct {
		wanted bool
		run    func(context.Context, *processes, checkOptions) (checked, error)
	}{
		{o.kills > 0, failover},
		{o.rolls > 0, roll},
		{o.load > 0, underLoad},
		{o.idle > 0, idle},
	} {
		if !part.wanted {
			continue
		}
		c, err := part.run(ctx, p, o)
		if err != nil {
			return err
		}
		if err := show(c); err != nil {
			return err
		}
	}
	return nil
}

// term returns the cluster's term and the place of its leader.
func (p *processes) term(ctx context.Context) (term uint64, leader int, err error) {
	s, err := p.client.Status(ctx)
	return s.Term, int(s.Leader) - 1, err
}

// failover kills leader after leader.
func failover(ctx context.Context, p *processes, o checkOptions) (checked, error) {
	first, _, err := p.term(ctx)
	if err != nil {
		return checked{}, err
	}
	start := time.Now()
	w := newWriter(ctx, p, o.payload)
	defer w.stop()
	var took []time.Duration
	for k := range o.kills {
		_, leader, err := p.term(ctx)
		if err != nil {
			return checked{}, err
		}
		killed := time.Now()
		p.kill(leader)
		at, err := w.firstAfter(ctx, time.Now())
		if err != nil {
			return checked{}, err
		}
		took = append(took, at.Sub(killed))
		say("kill %d of %d: node %d at %s, %d ms", k+1, o.kills, leader+1,
			killed.UTC().Format("15:04:05.000"), at.Sub(killed).Milliseconds())
		if err := p.start(leader); err != nil {
			return checked{}, err
		}
		if err := p.settle(ctx); err != nil {
			return checked{}, err
		}
	}
	last, _, err := p.term(ctx)
	slices.Sort(took)
	median := (took[(len(took)-1)/2] + took[len(took)/2]) / 2
	return checked{
		Bench: "check", What: "failover", Kills: len(took),
		MedianMS: load.Round(median.Seconds()*1000, 1),
		WorstMS:  load.Round(took[len(took)-1].Seconds()*1000, 1),
		Seconds:  load.Round(time.Since(start).Seconds(), 1), Elections: last - first, Errors: w.failed.Load(),
	}, err
}

// writer is one client that sends message after message.
type writer struct {
	cancel  context.CancelFunc
	run     sync.WaitGroup
	failed  atomic.Int64
	done    atomic.Int64
	slowest atomic.Int64 // nanoseconds

	mu      sync.Mutex
	began   time.Time // the last write that was acknowledged
	acked   time.Time
	changed chan struct{}
}

func newWriter(ctx context.Context, p *processes, payload int) *writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &writer{cancel: cancel, changed: make(chan struct{}, 1)}
	w.run.Go(func() {
		text := strings.Repeat("x", payload)
		for ctx.Err() == nil {
			began := time.Now()
			_, err := p.client.Send(ctx, channel, text)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				w.failed.Add(1)
				continue
			}
			w.done.Add(1)
			w.slowest.Store(max(w.slowest.Load(), int64(time.Since(began))))
			w.mu.Lock()
			w.began, w.acked = began, time.Now()
			w.mu.Unlock()
			select {
			case w.changed <- struct{}{}:
			default: // told already
			}
		}
	})
	return w
}

// firstAfter waits for the acknowledgement of a write that was begun after the
// mark and returns when it came.
func (w *writer) firstAfter(ctx context.Context, mark time.Time) (time.Time, error) {
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case <-w.changed:
		case <-limit.C:
			return time.Time{}, fmt.Errorf("no write was acknowledged in a minute")
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
		w.mu.Lock()
		began, acked := w.began, w.acked
		w.mu.Unlock()
		if began.After(mark) {
			return acked, nil
		}
	}
}

func (w *writer) stop() {
	w.cancel()
	w.run.Wait()
}

// underLoad writes as fast as all callers can.
func underLoad(ctx context.Context, p *processes, o checkOptions) (checked, error) {
	first, _, err := p.term(ctx)
	if err != nil {
		return checked{}, err
	}
	say("%d callers write for %v", o.callers, o.load)
	var over atomic.Bool
	timer := time.AfterFunc(o.load, func() { over.Store(true) })
	defer timer.Stop()
	start := time.Now()
	var ops, failed atomic.Int64
	var callers sync.WaitGroup
	var once sync.Once
	for range o.callers {
		callers.Go(func() {
			text := strings.Repeat("x", o.payload)
			for !over.Load() && ctx.Err() == nil {
				if _, err := p.client.Send(ctx, channel, text); err == nil {
					ops.Add(1)
				} else if ctx.Err() == nil {
					failed.Add(1)
					once.Do(func() { say("the first write that failed: %v", err) })
				}
			}
		})
	}
	callers.Wait()
	seconds := time.Since(start).Seconds()
	last, _, err := p.term(ctx)
	return checked{
		Bench: "check", What: "load", Seconds: load.Round(seconds, 1), Elections: last - first,
		Callers: o.callers, Payload: o.payload, OpsPerS: load.Round(float64(ops.Load())/seconds, 1), Errors: failed.Load(),
	}, err
}

// idle leaves the cluster alone, but for a question a second.
func idle(ctx context.Context, p *processes, o checkOptions) (checked, error) {
	if err := p.settle(ctx); err != nil {
		return checked{}, err
	}
	first, _, err := p.term(ctx)
	if err != nil {
		return checked{}, err
	}
	say("idle for %v", o.idle)
	start := time.Now()
	last := first
	for left := o.idle; left > 0; left = o.idle - time.Since(start) {
		if err := load.Pause(ctx, min(left, time.Second)); err != nil {
			return checked{}, err
		}
		term, _, err := p.term(ctx)
		if err != nil {
			return checked{}, err
		}
		if term != last {
			say("an election that nobody needed: term %d at %s", term, time.Now().UTC().Format(time.TimeOnly))
		}
		last = term
	}
	return checked{
		Bench: "check", What: "idle", Seconds: load.Round(time.Since(start).Seconds(), 1), Elections: last - first,
	}, nil
}
