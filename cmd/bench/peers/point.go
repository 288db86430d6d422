package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/cmd/bench/peers/front"
	"parley/cmd/bench/peers/kv"
)

// pointCommand measures one point in this process and prints it as JSON. Every turn of a run is one, so that no peer
// meets the garbage of another.
func pointCommand() *cobra.Command {
	var o options
	var name string
	cmd := &cobra.Command{
		Use:    "point",
		Short:  "Measure one point of one peer in this process",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			p, err := peerOf(name)
			if err := errors.Join(err, p.takes(o.callers)); err != nil {
				return err
			}
			out, err := p.measure(cmd.Context(), o)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(out)
		},
	}
	o.addTo(cmd.Flags())
	cmd.Flags().StringVar(&name, "peer", "", "which")
	cmd.Flags().IntVar(&o.callers, "callers", 256, "closed loops")
	return cmd
}

// measure starts a peer in a directory of its own and measures it.
func (p peer) measure(ctx context.Context, o options) (any, error) {
	if p.start == nil {
		return measureFanout(ctx, o)
	}
	dir, err := os.MkdirTemp(o.dir, "bench-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := p.start(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	point, err := s.measure(ctx, o)
	point.Peer = p.name
	return point, errors.Join(err, s.end())
}

func (s *system) measure(ctx context.Context, o options) (load.Point, error) {
	point := load.Point{
		Bench: "peers", Op: o.op, Callers: o.callers, Payload: o.payload,
		Sync: s.sync, Transport: s.transport, Nodes: 1,
	}
	callers, err := s.callers(ctx, o)
	if err != nil {
		return point, err
	}
	var syncs, elections int
	var median time.Duration
	r, err := load.Run(ctx, callers, load.Plan{Warm: o.warm, Measure: o.measure, Pace: o.shape.Pace, Begin: func() (func(), error) {
		endProfile, err := beginProfile(o.profile)
		if err != nil || s.cluster == nil {
			return endProfile, err
		}
		s.cluster.ResetSyncs()
		elections = s.cluster.Elections()
		return func() {
			endProfile()
			elections = s.cluster.Elections() - elections
			syncs, median = s.cluster.Syncs()
		}, nil
	}})
	if err != nil {
		return point, err
	}
	if s.cluster != nil {
		point.Nodes = 3
	}
	point.Take(r)
	o.shape.Take(&point, r)
	point.SyncP50, point.SyncsPerS = load.Micros(median), load.Round(float64(syncs)/r.Seconds, 1)
	point.Elections = elections
	return point, nil
}

// callers makes the closed loops, each with a key of its own that has a value.
func (s *system) callers(ctx context.Context, o options) (list []load.Caller, err error) {
	for n := range o.callers {
		if o.op == "lock" {
			if s.lock == nil {
				return nil, errors.New("this peer has no locks: --op lock is for etcd")
			}
			c, err := s.lock(n)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
			continue
		}
		c := &kv.Caller{Session: s.session(n), Key: uint64(n), Payload: o.payload}
		if done, err := c.Do(ctx); err != nil || !done {
			return nil, errors.Join(err, errors.New("the leader did not take a first request"))
		}
		c.Read = o.op == "read"
		list = append(list, c)
	}
	return list, nil
}

// beginProfile profiles the process into a file, if there is a name for one, until the returned function is called.
func beginProfile(name string) (end func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			say("%s: %v", name, err)
		}
	}, nil
}

// fanoutPoint is a line of results with one thing more: how long until the last stream had a message.
type fanoutPoint struct {
	load.Point
	LatestP50 float64 `json:"latest_p50_us"`
	LatestP99 float64 `json:"latest_p99_us"`
	LatestMax float64 `json:"latest_max_us"`
	Rate      int     `json:"rate_per_s"`
}

// fanoutConnections is how many connections the streams share.
const fanoutConnections = 50

// measureFanout publishes to streams at a pace. An operation is one message at one stream.
func measureFanout(ctx context.Context, o options) (any, error) {
	hub := front.NewFanout()
	server, err := front.Serve(func() kv.Session { return front.Echo{} }, hub)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	connections := o.connections
	if connections == 0 {
		connections = fanoutConnections
	}
	client, err := front.Dial(server.Addr(), connections)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	every := time.Second / time.Duration(o.rate)
	first, last := int(o.warm/every), int((o.warm+o.measure)/every)
	listeners, err := client.Listen(ctx, o.streams, last)
	if err != nil {
		return nil, fmt.Errorf("%d streams: %w", o.streams, err)
	}
	var usage load.Usage
	var meter load.Meter
	begin := time.Now()
	for n := range last {
		if err := load.Pause(ctx, time.Until(begin.Add(time.Duration(n)*every))); err != nil {
			return nil, err
		}
		if n == first {
			usage, meter = load.TakeUsage(), load.ReadMeter()
		}
		hub.Publish(listeners.Message(n, o.payload))
	}
	for end := time.Now().Add(10 * time.Second); listeners.Got() < last*o.streams && time.Now().Before(end); {
		if err := load.Pause(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	after, others := load.TakeUsage(), load.ReadMeter().Others(meter)
	all, latest, missing := listeners.Heard(first, last)
	p := fanoutPoint{
		Point:     load.Point{Bench: "peers", Peer: fanoutPeer, Op: "fanout", Callers: o.streams, Payload: o.payload, Sync: "none", Transport: "grpc", Nodes: 1},
		LatestP50: load.Micros(latest.At(0.5)), LatestP99: load.Micros(latest.At(0.99)), LatestMax: load.Micros(latest.At(1)), Rate: o.rate,
	}
	p.Take(load.Result{
		Ops: all.Count(), Errors: missing, Took: all, Seconds: after.At.Sub(usage.At).Seconds(),
		CPU: after.CPU - usage.CPU, Mallocs: after.Mallocs - usage.Mallocs, Others: others,
	})
	return p, nil
}
