package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/bench/load"
	"parley/rpc/peer"
)

// raftOptions are the flags of bench raft.
type raftOptions struct {
	clusterOptions
	callers []int
	payload int
	measure time.Duration
	warm    time.Duration
	op      string
	profile string
	shape   load.Shape
	every   time.Duration
}

// point is one line of bench raft.
type point struct{ load.Point }

func (p point) line() string { return fmt.Sprintf("%-4s ", p.Bench) + p.Line() }

// stretchLine is a line about a part of a long run.
type stretchLine struct{ load.Stretch }

func (s stretchLine) line() string { return s.Line() }

func raftCommand(show reporter) *cobra.Command {
	var o raftOptions
	cmd := &cobra.Command{
		Use:   "raft",
		Short: "Throughput and latency of replicated writes or linearizable reads",
		Long: `Runs all nodes in this process, on loopback and with real syncs on one
disk, and drives the leader by closed loops: each caller sends its next request when
the last one was answered, or, with --pace, when one is due. Processor time and allocations are those of all nodes and callers
together. Use a directory on a real disk: syncs on tmpfs cost nothing and say nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			for _, callers := range o.callers {
				p, err := measureRaft(cmd.Context(), o, callers, show)
				if err != nil {
					return err
				}
				if err := show(p); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.IntSliceVar(&o.callers, "callers", []int{256}, "closed loops; a list measures one point each")
	f.IntVar(&o.payload, "payload", 128, "bytes of a command")
	f.DurationVar(&o.measure, "for", 5*time.Second, "how long to measure")
	f.DurationVar(&o.warm, "warm", time.Second, "how long to run before")
	o.addTo(f)
	f.BoolVar(&o.plain, "plain", false, "what the peers' rows do: no client sessions, no state hash")
	f.StringVar(&o.op, "op", "put", "put, or read: linearizable, by ReadIndex")
	o.shape.AddTo(f)
	f.DurationVar(&o.every, "every", 0, "also show every stretch of this length, and what the process holds at its end; 0: none")
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile of the last point to this file")
	return cmd
}

// addTo adds the flags of the cluster.
func (o *clusterOptions) addTo(f *pflag.FlagSet) {
	f.IntVar(&o.nodes, "nodes", 3, "nodes of the cluster")
	f.StringVar(&o.dir, "dir", ".", "where to make the data directories, removed in the end")
	f.StringVar(&o.transport, "transport", peer.DefaultWire.String(), "tcp, grpc, or memory: no wire at all")
	f.StringVar(&o.sync, "sync", "fdatasync", "fdatasync (or a direct write with RWF_DSYNC, which waits for the same), or none: no sync at all, for comparison")
}

func (o *clusterOptions) check() error {
	if o.nodes < 1 {
		return errors.New("--nodes must be at least 1")
	}
	return errors.Join(
		oneOf("transport", o.transport, "tcp", "grpc", "memory"),
		oneOf("sync", o.sync, "fdatasync", "none"),
	)
}

func oneOf(flag, got string, allowed ...string) error {
	for _, a := range allowed {
		if got == a {
			return nil
		}
	}
	return fmt.Errorf("--%s is %q; it can be %s", flag, got, strings.Join(allowed, " or "))
}

func (o *raftOptions) check() error {
	for _, n := range o.callers {
		if n < 1 {
			return fmt.Errorf("--callers must be at least 1, not %d", n)
		}
	}
	if o.every < 0 {
		return errors.New("--every must not be below 0")
	}
	if o.payload < load.KeyLen {
		return fmt.Errorf("--payload must be at least %d, for the key", load.KeyLen)
	}
	return errors.Join(o.clusterOptions.check(), o.shape.Check(), oneOf("op", o.op, "put", "read"))
}

// measureRaft runs a cluster for one point.
func measureRaft(ctx context.Context, o raftOptions, count int, show reporter) (point, error) {
	dir, err := os.MkdirTemp(o.dir, "bench-raft-")
	if err != nil {
		return point{}, err
	}
	defer os.RemoveAll(dir)
	say("%d nodes in %s, %d callers, %s of %d bytes", o.nodes, dir, count, o.op, o.payload)
	c := &benchCluster{options: o.clusterOptions, dir: dir}
	defer c.stop()
	if err := c.start(); err != nil {
		return point{}, err
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return point{}, err
	}
	callers, err := openCallers(ctx, c.nodes[leader].host.Load(), o, count)
	if err != nil {
		return point{}, err
	}
	var elections, syncs int
	plan := load.Plan{Warm: o.warm, Measure: o.measure, Begin: func() (func(), error) {
		endProfile, err := beginProfile(o.profile)
		if err != nil {
			return nil, err
		}
		elections = int(c.elections.Load())
		c.resetDisks()
		return func() {
			endProfile()
			elections = int(c.elections.Load()) - elections
			syncs = c.syncs()
		}, nil
	}, Pace: o.shape.Pace, Every: o.every, Stretch: func(s load.Stretch) { err = errors.Join(err, show(stretchLine{s})) }}
	result, failed := load.Run(ctx, callers, plan)
	if err := errors.Join(err, failed); err != nil {
		return point{}, err
	}
	p := load.Point{
		Bench: "raft", Op: o.op, Callers: count, Payload: o.payload,
		Sync: o.sync, SyncP50: load.Micros(c.nodes[leader].disk.median()),
		SyncsPerS: load.Round(float64(syncs)/result.Seconds, 1),
		Nodes:     o.nodes, Transport: o.transport, Elections: elections,
	}
	p.Take(result)
	o.shape.Take(&p, result)
	return point{p}, nil
}

// beginProfile profiles the process into a file, if there is a name for one, until
// the returned function is called.
func beginProfile(name string) (end func(), err error) {
	return record(name, pprof.StartCPUProfile, pprof.StopCPUProfile)
}

// beginTrace does the same with an execution trace.
func beginTrace(name string) (end func(), err error) { return record(name, trace.Start, trace.Stop) }

// writeAllocs writes what was allocated so far, and where, into a file, if there is a name for one.
func writeAllocs(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

func record(name string, start func(io.Writer) error, stop func()) (end func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := start(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		stop()
		if err := f.Close(); err != nil {
			say("%s: %v", name, err)
		}
	}, nil
}
