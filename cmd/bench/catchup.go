package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/raft"
)

// catchupOptions are the flags of bench catchup.
type catchupOptions struct {
	clusterOptions
	entries  int64
	payload  int
	keys     uint64
	clients  int
	rate     int
	baseline time.Duration
	after    time.Duration
	quiet    time.Duration
	rounds   int
	profile  string
	trace    string
}

// catchup is one line of bench catchup.
type catchup struct {
	Bench    string  `json:"bench"`
	Round    int     `json:"round"`
	Entries  int64   `json:"entries"`
	Payload  int     `json:"payload"`
	Keys     uint64  `json:"keys"`
	Clients  int     `json:"clients"`
	FillPerS float64 `json:"fill_ops_per_s"`
	FillMade int     `json:"fill_snapshots"` // that the leader made meanwhile
	Rate     int     `json:"rate_per_s"`
	Sync     string  `json:"sync"`
	Apart    bool    `json:"follower_apart"` // its directory is on another disk

	SnapshotBytes int64      `json:"snapshot_bytes"` // that the follower received
	SnapshotEntry raft.Index `json:"snapshot_entry"` // the last one whose effect is in it
	CatchupS      float64    `json:"catchup_s"`      // all of the following
	StartS        float64    `json:"start_s"`        // until the follower asked for the snapshot
	FetchS        float64    `json:"fetch_s"`        // until all of it was there
	LoadS         float64    `json:"load_s"`         // until it was decoded and installed
	LogS          float64    `json:"log_s"`          // until the follower had the log behind it

	Before    window  `json:"before"` // the follower is down
	Making    window  `json:"making"` // the same, and both others make a snapshot
	During    window  `json:"during"` // the follower catches up: all of the following
	Start     window  `json:"start"`  // until it began to fetch the snapshot
	Fetch     window  `json:"fetch"`  // until all of it was there
	Load      window  `json:"load"`   // until it was decoded and installed
	Log       window  `json:"log"`    // until the follower had the log behind it
	After     window  `json:"after"`  // all three are level
	Ratio     float64 `json:"p99_during_per_before"`
	Repeated  int64   `json:"repeated"` // writes that were refused once
	Elections int     `json:"elections"`
}

func (c catchup) line() string {
	return fmt.Sprintf("catchup %d  %d commands of %d bytes  snapshot %d MB  caught up in %.1f s  p99 during / before %.2f\n"+
		"  before %v\n  making %v\n  during %v\n   start %v\n   fetch %v\n   load  %v\n   log   %v\n  after  %v",
		c.Round, c.Entries, c.Payload, c.SnapshotBytes/1e6, c.CatchupS, c.Ratio,
		c.Before, c.Making, c.During, c.Start, c.Fetch, c.Load, c.Log, c.After)
}

func catchupCommand(show reporter) *cobra.Command {
	var o catchupOptions
	cmd := &cobra.Command{
		Use:   "catchup",
		Short: "What callers notice while a follower catches up by snapshot",
		Long: `Runs three nodes, over gRPC on loopback and with real syncs on one disk: in this
process, but for a follower that was stopped, which starts in one of its own. In each round a follower is
stopped, commands are written as fast as possible while the others make snapshots, and then at a fixed pace: an open loop, whose latencies run from when each command was due.
They are compared before the follower is started again, while it catches up, and after. Use a directory
on a real disk, and let nothing else run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			// As many as three processes would have: else one node's sync or recovery takes every other node's
			// turn at the two that there are.
			runtime.GOMAXPROCS(o.nodes * runtime.NumCPU())
			return measureCatchup(cmd.Context(), o, func(c catchup) error { return show(c) })
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.entries, "entries", 5_000_000, "commands that are written while the follower is down, at least")
	f.IntVar(&o.payload, "payload", 128, "bytes of a command")
	f.Uint64Var(&o.keys, "keys", 1_500_000, "keys that are drawn from; with the payload they make the snapshot's size")
	f.IntVar(&o.clients, "clients", 256, "client sessions, each with one command under way")
	f.IntVar(&o.rate, "rate", 2_000, "commands a second of the open loop")
	f.DurationVar(&o.baseline, "for", 30*time.Second, "how long to measure before the follower is started")
	f.DurationVar(&o.after, "after", 15*time.Second, "how long to measure when it has caught up")
	f.DurationVar(&o.quiet, "quiet", time.Minute, "how long to wait, at most, for a moment in which nothing else runs on this machine")
	f.IntVar(&o.rounds, "rounds", 3, "how often, in the same cluster")
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile of the last catching up to this file")
	f.StringVar(&o.trace, "trace", "", "write an execution trace of the last catching up to this file")
	f.StringVar(&o.apart, "apart", "", "where the follower has its directory, on another disk; empty: beside the others")
	o.addTo(f)
	return cmd
}

func (o *catchupOptions) check() error {
	switch {
	case o.payload < load.KeyLen:
		return fmt.Errorf("--payload must be at least %d, for the key", keyLen)
	case o.keys < 1 || o.keys > keysMax:
		return fmt.Errorf("--keys must be from 1 to %d", keysMax)
	case o.entries < 1 || o.clients < 1 || o.rate < 1 || o.rounds < 1:
		return errors.New("--entries, --clients, --rate and --rounds must be at least 1")
	case o.nodes < 3:
		return errors.New("--nodes must be at least 3, so that one may be down")
	}
	return o.clusterOptions.check()
}

// measureCatchup runs all rounds.
func measureCatchup(ctx context.Context, o catchupOptions, show func(catchup) error) error {
	dir, err := os.MkdirTemp(o.dir, "bench-catchup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.apart != "" {
		if o.apart, err = os.MkdirTemp(o.apart, "bench-catchup-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.apart)
	}
	say("%d nodes in %s, %d keys, %d bytes", o.nodes, dir, o.keys, o.payload)
	c := &benchCluster{options: o.clusterOptions, dir: dir}
	defer c.stop()
	if err := c.start(); err != nil {
		return err
	}
	if err := c.yieldLast(ctx); err != nil {
		return err
	}
	w, err := newWriters(ctx, c, o.clients, o.payload, o.keys)
	if err != nil {
		return err
	}
	elections := c.elections.Load()
	for i := range o.rounds {
		r := round{o: o, c: c, w: w, follower: (w.leader() + 1) % o.nodes, last: i == o.rounds-1}
		if o.apart != "" {
			r.follower = o.nodes - 1
		}
		line, err := r.run(ctx)
		if err != nil {
			return err
		}
		line.Round, line.Elections = i+1, int(c.elections.Load()-elections)
		if err := show(line); err != nil {
			return err
		}
	}
	return nil
}

// yieldLast has another node lead than the last, if that one is apart and is to be the follower.
func (c *benchCluster) yieldLast(ctx context.Context) error {
	last := c.options.nodes - 1
	for c.options.apart != "" {
		leader, err := c.leader(ctx)
		if err != nil || leader != last {
			return err
		}
		if err := c.halt(ctx, last); err != nil {
			return err
		}
		if _, err := c.leader(ctx); err != nil {
			return err
		}
		if err := c.restartHere(last); err != nil {
			return err
		}
	}
	return nil
}

// round is one time that a follower is stopped and catches up.
type round struct {
	o        catchupOptions
	c        *benchCluster
	w        *writers
	follower int
	last     bool
	line     catchup
}

// marks are the moments between which samples are looked at.
type marks struct{ makeFrom, makeTo, beforeFrom, start, end, afterTo load.Meter }

// leader is the member that the writers write to.
func (r *round) leader() *member { return r.c.nodes[r.w.leader()] }

func (r *round) run(ctx context.Context) (catchup, error) {
	o := &r.o
	r.line = catchup{Bench: "catchup", Payload: o.payload, Keys: o.keys, Clients: o.clients, Rate: o.rate, Sync: o.sync, Apart: o.apart != ""}
	failed := r.w.failed.Load()
	if err := r.c.halt(ctx, r.follower); err != nil {
		return r.line, err
	}
	if err := r.fill(ctx); err != nil {
		return r.line, err
	}
	p, err := r.w.pace(ctx, o.rate)
	if err != nil {
		return r.line, err
	}
	m, err := r.phases(ctx, p)
	samples, failure := p.stop()
	if err := errors.Join(err, failure); err != nil {
		return r.line, err
	}
	r.line.Making = between(samples, m.makeFrom, m.makeTo)
	r.line.Before = between(samples, m.beforeFrom, m.start)
	r.line.During = between(samples, m.start, m.end)
	r.line.After = between(samples, m.end, m.afterTo)
	if r.line.Before.P99 > 0 {
		r.line.Ratio = load.Round(r.line.During.P99/r.line.Before.P99, 3)
	}
	r.line.Repeated = r.w.failed.Load() - failed
	return r.line, r.received(samples, m.start.At, m.end.At)
}

// fill writes what the follower misses, and goes on until the next snapshot is near.
func (r *round) fill(ctx context.Context) error {
	_, before := r.leader().told.newest()
	say("node %d is down: writing %d commands", r.follower+1, r.o.entries)
	start := time.Now()
	at := time.Time{}
	done, err := r.w.fill(ctx, func(done int64) bool {
		if done < r.o.entries || !at.IsZero() && time.Since(at) < time.Second/4 {
			return false
		}
		at = time.Now()
		return r.nearSnapshot()
	})
	_, after := r.leader().told.newest()
	r.line.Entries, r.line.FillMade = done, after-before
	r.line.FillPerS = load.Round(float64(done)/time.Since(start).Seconds(), 1)
	return err
}

// nearSnapshot reports whether an open loop comes to the next snapshot within some seconds.
func (r *round) nearSnapshot() bool {
	told := &r.leader().told
	newest, _ := told.newest()
	least := r.o.rules.SnapshotBytes
	if least == 0 {
		least = 64 << 20
	}
	const envelope = 26 // of a session's command
	due := newest.index + raft.Index(max(least, newest.bytes)/int64(raft.EntryOverhead+envelope+r.o.payload))
	last := r.leader().host.Load().Status().Last
	return newest.index > 0 && last < due && due-last < raft.Index(20*r.o.rate)
}

// phases goes through what is measured while the open loop runs.
func (r *round) phases(ctx context.Context, p *paced) (m marks, err error) {
	leader := r.leader()
	if err := load.AwaitQuiet(ctx, r.o.quiet); err != nil {
		return m, err
	}
	say("%d a second: until the next snapshot is made", r.o.rate)
	made, _ := leader.told.newest()
	err = r.until(ctx, p, func() bool { s, _ := leader.told.newest(); return s.index > made.index })
	if err != nil {
		return m, err
	}
	made, _ = leader.told.newest()
	m.makeTo = load.ReadMeter()
	m.makeTo.At = made.at
	m.makeFrom.At, _ = leader.told.began(made.index)
	if err := load.Pause(ctx, 3*time.Second); err != nil { // the other one may be slower
		return m, err
	}
	if err := load.AwaitQuiet(ctx, r.o.quiet); err != nil {
		return m, err
	}
	say("%d a second: with node %d down, for %v", r.o.rate, r.follower+1, r.o.baseline)
	m.beforeFrom = load.ReadMeter()
	if err := load.Pause(ctx, r.o.baseline); err != nil {
		return m, err
	}
	say("%d a second: node %d starts", r.o.rate, r.follower+1)
	end, err := r.record()
	if err != nil {
		return m, err
	}
	m.start = load.ReadMeter()
	err = r.c.restart(r.follower)
	if err == nil {
		var stopped error
		err = r.until(ctx, p, func() (level bool) {
			level, stopped = r.level()
			return level || stopped != nil
		})
		err = errors.Join(err, stopped)
	}
	m.end = load.ReadMeter()
	end()
	if err != nil {
		return m, err
	}
	say("%d a second: node %d has caught up, for %v", r.o.rate, r.follower+1, r.o.after)
	if err := load.Pause(ctx, r.o.after); err != nil {
		return m, err
	}
	m.afterTo = load.ReadMeter()
	return m, r.agreed(ctx, p)
}

// agreed waits until the follower and a majority had the same state behind the snapshot. One that has another stops,
// and says so.
func (r *round) agreed(ctx context.Context, p *paced) error {
	_, _, install := r.c.nodes[r.follower].told.received(time.Time{})
	var stopped error
	err := r.until(ctx, p, func() bool {
		var is awayStatus
		is, stopped = r.c.progress(r.follower)
		return stopped != nil || is.Agreed > install.index
	})
	return errors.Join(err, stopped)
}

// record profiles and traces the last catching up, if somebody wants that.
func (r *round) record() (end func(), err error) {
	if !r.last {
		return func() {}, nil
	}
	endProfile, err := beginProfile(r.o.profile)
	if err != nil {
		return nil, err
	}
	endTrace, err := beginTrace(r.o.trace)
	if err != nil {
		endProfile()
		return nil, err
	}
	return func() {
		endTrace()
		endProfile()
	}, nil
}

// until waits for a condition, as long as the open loop is well.
func (r *round) until(ctx context.Context, p *paced, reached func() bool) error {
	for !reached() {
		if err := errors.Join(p.err(), load.Pause(ctx, 5*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// level reports whether the follower has installed a snapshot and applied what was committed a moment ago.
func (r *round) level() (bool, error) {
	commit := r.leader().host.Load().Status().Commit
	is, err := r.c.progress(r.follower)
	return is.Applied >= commit, err
}

// received says what came over the wire. A follower that caught up without a snapshot shows nothing.
func (r *round) received(samples []sample, start, end time.Time) error {
	first, last, install := r.c.nodes[r.follower].told.received(start)
	if install.index == 0 || last.bytes != last.of || last.index != install.index {
		return errors.New("the follower caught up from the log alone: write more, so that the others compact what it lacks")
	}
	l := &r.line
	l.SnapshotBytes, l.SnapshotEntry = last.of-first.bytes, install.index
	l.CatchupS = seconds(start, end)
	stretch := func(from, to time.Time) window { return between(samples, load.Meter{At: from}, load.Meter{At: to}) }
	l.Start, l.Fetch = stretch(start, first.at), stretch(first.at, last.at)
	l.Load, l.Log = stretch(last.at, install.at), stretch(install.at, end)
	return nil
}

func seconds(from, to time.Time) float64 { return load.Round(to.Sub(from).Seconds(), 2) }
