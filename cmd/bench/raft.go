package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
}

// point is one line of bench raft.
type point struct {
	Bench       string  `json:"bench"`
	Op          string  `json:"op"`
	Callers     int     `json:"callers"`
	Payload     int     `json:"payload"`
	OpsPerS     float64 `json:"ops_per_s"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	CPUPer10k   float64 `json:"cpu_s_per_10k"`
	AllocsPerOp float64 `json:"allocs_per_op"`
	Sync        string  `json:"sync"`
	SyncP50     float64 `json:"disk_sync_p50_us"`
	Errors      int     `json:"errors"`
	Nodes       int     `json:"nodes"`
	Transport   string  `json:"transport"`
	Elections   int     `json:"elections"`
	Seconds     float64 `json:"seconds"`
}

func (p point) line() string {
	return fmt.Sprintf("raft %-4s  %4d callers  %4d bytes  %8.0f ops/s  p50 %7.0f us  p99 %7.0f us  p999 %7.0f us  %5.2f cpu s/10k  %5.1f allocs/op  sync %s %.0f us  errors %d  elections %d",
		p.Op, p.Callers, p.Payload, p.OpsPerS, p.P50, p.P99, p.P999, p.CPUPer10k, p.AllocsPerOp, p.Sync, p.SyncP50, p.Errors, p.Elections)
}

func raftCommand(show reporter) *cobra.Command {
	var o raftOptions
	cmd := &cobra.Command{
		Use:   "raft",
		Short: "Throughput and latency of replicated writes or linearizable reads",
		Long: `Runs all nodes in this process, over gRPC on loopback and with real syncs on one
disk, and drives the leader by closed loops: each caller sends its next request when
the last one was answered. Processor time and allocations are those of all nodes and callers
together. Use a directory on a real disk: syncs on tmpfs cost nothing and say nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			for _, callers := range o.callers {
				p, err := measureRaft(cmd.Context(), o, callers)
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
	f.StringVar(&o.op, "op", "put", "put, or read: linearizable, by ReadIndex")
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile of the last point to this file")
	return cmd
}

// addTo adds the flags of the cluster.
func (o *clusterOptions) addTo(f *pflag.FlagSet) {
	f.IntVar(&o.nodes, "nodes", 3, "nodes of the cluster")
	f.StringVar(&o.dir, "dir", ".", "where to make the data directories, removed in the end")
	f.StringVar(&o.transport, "transport", "grpc", "grpc, or memory: no wire at all")
	f.StringVar(&o.sync, "sync", "fdatasync", "fdatasync, or none: no sync at all, for comparison")
}

func (o *clusterOptions) check() error {
	if o.nodes < 1 {
		return errors.New("--nodes must be at least 1")
	}
	return errors.Join(
		oneOf("transport", o.transport, "grpc", "memory"),
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
	if o.payload < keyLen {
		return fmt.Errorf("--payload must be at least %d, for the key", keyLen)
	}
	return errors.Join(o.clusterOptions.check(), oneOf("op", o.op, "put", "read"))
}

// measureRaft runs a cluster for one point.
func measureRaft(ctx context.Context, o raftOptions, callers int) (point, error) {
	dir, err := os.MkdirTemp(o.dir, "bench-raft-")
	if err != nil {
		return point{}, err
	}
	defer os.RemoveAll(dir)
	say("%d nodes in %s, %d callers, %s of %d bytes", o.nodes, dir, callers, o.op, o.payload)
	c := &benchCluster{options: o.clusterOptions, dir: dir}
	defer c.stop()
	if err := c.start(); err != nil {
		return point{}, err
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return point{}, err
	}
	l := newLoad(c.nodes[leader].host.Load(), o, callers)
	if err := l.open(ctx); err != nil {
		return point{}, err
	}

	run, cancel := context.WithCancel(ctx)
	defer cancel()
	l.begin(run)
	if err := pause(ctx, o.warm); err != nil {
		return point{}, err
	}
	endProfile, err := beginProfile(o.profile)
	if err != nil {
		return point{}, err
	}
	defer endProfile()
	before := takeUsage()
	elections := c.elections.Load()
	c.nodes[leader].disk.reset()
	l.measuring.Store(true)
	if err := pause(ctx, o.measure); err != nil {
		return point{}, err
	}
	l.measuring.Store(false)
	after := takeUsage()
	cancel()
	ops, failed, took := l.end()

	seconds := after.at.Sub(before.at).Seconds()
	n := max(1, float64(ops))
	return point{
		Bench: "raft", Op: o.op, Callers: callers, Payload: o.payload,
		OpsPerS: roundTo(float64(ops)/seconds, 1),
		P50:     micros(took.at(0.5)), P99: micros(took.at(0.99)), P999: micros(took.at(0.999)),
		CPUPer10k:   roundTo((after.cpu-before.cpu).Seconds()/n*10_000, 3),
		AllocsPerOp: roundTo(float64(after.mallocs-before.mallocs)/n, 1),
		Sync:        o.sync, SyncP50: micros(c.nodes[leader].disk.median()), Errors: failed,
		Nodes: o.nodes, Transport: o.transport,
		Elections: int(c.elections.Load() - elections), Seconds: roundTo(seconds, 2),
	}, nil
}

// beginProfile profiles the process into a file, if there is a name for one, until
// the returned function is called.
func beginProfile(name string) (end func(), err error) {
	return record(name, pprof.StartCPUProfile, pprof.StopCPUProfile)
}

// beginTrace does the same with an execution trace.
func beginTrace(name string) (end func(), err error) { return record(name, trace.Start, trace.Stop) }

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

// usage is what the process has used up to a moment.
type usage struct {
	at      time.Time
	cpu     time.Duration
	mallocs uint64
}

func takeUsage() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails only for a bad argument
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{
		at:      time.Now(),
		cpu:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		mallocs: m.Mallocs,
	}
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// roundTo keeps some digits behind the point.
func roundTo(v float64, digits int) float64 {
	scale := 1.0
	for range digits {
		scale *= 10
	}
	return float64(int64(v*scale+0.5)) / scale
}
