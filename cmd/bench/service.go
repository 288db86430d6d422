package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/bench/load"
	"parley/cmd/internal/heap"
)

// serviceOptions are the flags of bench service.
type serviceOptions struct {
	clusterOptions
	callers     []int
	payload     int
	measure     time.Duration
	warm        time.Duration
	op          string
	through     string
	connections int
	people      int
	page        int
	stale       bool
	batch       int
	one         bool
	streams     int
	rate        int
	pace        int
	spread      bool
	messages    int
	channels    int
	cost        int
	profile     string
	memProfile  string
}

// servicePoint is a line of bench service.
type servicePoint struct {
	load.Point
	Through     string `json:"through"`
	Connections int    `json:"connections"`
	People      int    `json:"people"`
	Page        int    `json:"page,omitempty"`
	Stale       bool   `json:"stale,omitempty"`
	Batch       int    `json:"batch,omitempty"`
	OneLock     bool   `json:"one_lock,omitempty"`
	*beside
}

// beside is what streams saw while callers wrote.
type beside struct {
	Streams   int     `json:"streams"`
	Rate      int     `json:"rate_per_s"`
	Each50    float64 `json:"delivery_p50_us"` // of every message at every stream, from when it was due
	Each99    float64 `json:"delivery_p99_us"`
	LatestP50 float64 `json:"latest_p50_us"` // when the last stream had a message
	LatestP99 float64 `json:"latest_p99_us"`
	LatestMax float64 `json:"latest_max_us"`
	Messages  int     `json:"messages"` // that were published while it was measured
	Missing   int     `json:"missing"`  // of all streams together
	Unsent    int     `json:"unsent"`   // messages that the cluster did not take
}

func (p servicePoint) line() string {
	text := fmt.Sprintf("%-7s %s  %s, %d connections, %d people", p.Bench, p.Line(), p.Through, p.Connections, p.People)
	if b := p.beside; b != nil {
		text += fmt.Sprintf("\n  %d streams, %d messages of %d a second: latest p50 %.0f us  p99 %.0f us  max %.0f us  missing %d  unsent %d",
			b.Streams, b.Messages, b.Rate, b.LatestP50, b.LatestP99, b.LatestMax, b.Missing, b.Unsent)
	}
	return text
}

func serviceCommand(show reporter) *cobra.Command {
	var o serviceOptions
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Throughput and latency of the team tool, behind gRPC",
		Long: `Runs all nodes in this process, each with a server for clients as cmd/node has it: real log-ins, tokens that are
verified, permissions that are checked in the log and in every read. Callers are closed loops that ask the node that
leads, over gRPC on loopback. Processor time and allocations are those of nodes, servers and callers together.

  send      one message a call
  batch     --batch messages a call; an operation is a message
  history   the newest --page messages of a channel, linearizable or --stale
  lock      a lock is taken and given up, together one operation: every caller's own, or --one for all
  acquire   a lock that nobody else wants is taken; giving it up is not measured
  login     a password is compared and a token made
  fill      --messages in --channels: memory, snapshot, restart, pages

With --streams, messages come at --rate to a channel that so many streams follow, and callers write to another. Without
callers an operation is one message at one stream. Use a directory on a real disk: syncs on tmpfs cost nothing and say nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), show)
		},
	}
	o.addTo(cmd.Flags())
	return cmd
}

func (o *serviceOptions) addTo(f *pflag.FlagSet) {
	f.IntSliceVar(&o.callers, "callers", []int{256}, "closed loops; a list measures one point each")
	f.IntVar(&o.payload, "payload", 128, "bytes of a message's text")
	f.DurationVar(&o.measure, "for", 5*time.Second, "how long to measure")
	f.DurationVar(&o.warm, "warm", time.Second, "how long to run before")
	f.StringVar(&o.op, "op", "send", "send, batch, history, lock, acquire, login or fill")
	f.StringVar(&o.through, "through", "stub", "stub: the generated client; client: rpc/client, with its sessions and repetitions (send and history)")
	f.IntVar(&o.connections, "connections", 0, "client connections; 0: one for every 64 callers, or 50 for streams")
	f.IntVar(&o.people, "people", 0, "logins that callers have between them; 0: one for each connection, as a program has that makes many calls, and each his own for locks")
	f.IntVar(&o.page, "page", 20, "messages of a page of history")
	f.BoolVar(&o.stale, "stale", false, "history: from what the node has")
	f.IntVar(&o.batch, "batch", 256, "messages of a batch")
	f.BoolVar(&o.one, "one", false, "lock: all callers want the same")
	f.IntVar(&o.streams, "streams", 0, "send: streams that follow a channel meanwhile")
	f.IntVar(&o.rate, "rate", 20, "messages a second in the channel that streams follow")
	f.IntVar(&o.pace, "pace", 1000, "messages a second of the open loop of fill")
	f.BoolVar(&o.spread, "spread", false, "streams are at all nodes, instead of all at the leader")
	f.IntVar(&o.messages, "messages", 1_000_000, "messages of fill")
	f.IntVar(&o.channels, "channels", 1000, "channels of fill")
	f.IntVar(&o.cost, "bcrypt-cost", 4, "of passwords; cmd/node has 12")
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile of the last point to this file")
	f.StringVar(&o.memProfile, "memprofile", "", "write a profile of all allocations of the last point to this file")
	o.clusterOptions.addTo(f)
}

func (o *serviceOptions) check() error {
	for _, n := range o.callers {
		if n < 1 && o.streams == 0 {
			return fmt.Errorf("--callers must be at least 1, not %d", n)
		}
	}
	switch {
	case o.payload < markBytes || o.payload > payloadMax:
		return fmt.Errorf("--payload must be from %d to %d", markBytes, payloadMax)
	case o.page < 1 || o.batch < 1 || o.batch > batchMax:
		return fmt.Errorf("--page must be at least 1, and --batch from 1 to %d", batchMax)
	case o.people < 0 || o.people > peopleMax:
		return fmt.Errorf("--people must be from 0 to %d", peopleMax)
	case o.connections < 0 || o.streams < 0 || o.rate < 1 || o.pace < 1:
		return errors.New("--connections and --streams can't be negative, and --rate and --pace must be at least 1")
	case o.streams > 0 && o.op != "send":
		return errors.New("--streams goes with --op send")
	case o.messages < 1 || o.channels < 1:
		return errors.New("--messages and --channels must be at least 1")
	case o.through == "client" && o.op != "send" && o.op != "history":
		return errors.New("--through client is for send and history")
	}
	return errors.Join(
		o.clusterOptions.check(),
		oneOf("op", o.op, "send", "batch", "history", "lock", "acquire", "login", "fill"),
		oneOf("through", o.through, "stub", "client"),
	)
}

// callersPerConnection is as cmd/bench/peers has it: fewer connections write more calls with one system call, and one
// alone is a lock that all wait for.
const callersPerConnection = 64

func (o *serviceOptions) connectionsOf(callers int) int {
	if o.connections > 0 {
		return o.connections
	}
	return max(1, callers/callersPerConnection)
}

func (o *serviceOptions) peopleOf(callers int) int {
	switch {
	case o.people > 0:
		return o.people
	case o.op == "lock" || o.op == "acquire":
		return callers
	}
	return o.connectionsOf(callers)
}

// run measures a point for each number of callers.
func (o serviceOptions) run(ctx context.Context, show reporter) error {
	if o.op == "fill" {
		return o.inTeam(ctx, func(t *team) error { return measureFill(ctx, t, o, show) })
	}
	for _, callers := range o.callers {
		err := o.inTeam(ctx, func(t *team) error {
			p, err := measureService(ctx, t, o, callers)
			if err != nil {
				return err
			}
			return show(p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inTeam does something in a cluster of its own.
func (o *serviceOptions) inTeam(ctx context.Context, do func(*team) error) error {
	dir, err := os.MkdirTemp(o.dir, "bench-service-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	heap.Reserve(o.nodes) // as each would in a process of its own
	say("%d nodes in %s, %s", o.nodes, dir, o.op)
	t, err := startTeam(ctx, o, dir)
	if err != nil {
		return err
	}
	defer t.stop()
	return do(t)
}

// measureService measures one point.
func measureService(ctx context.Context, t *team, o serviceOptions, count int) (p servicePoint, err error) {
	p = servicePoint{Through: o.through, Connections: o.connectionsOf(count), People: o.peopleOf(count)}
	p.Point = load.Point{
		Bench: "service", Op: o.op, Callers: count, Payload: o.payload,
		Sync: o.sync, Nodes: o.nodes, Transport: o.transport,
	}
	callers, err := t.callers(ctx, o, count)
	if err != nil {
		return p, err
	}
	each := 1 // operations of one call
	switch o.op {
	case "batch":
		p.Batch, each = o.batch, o.batch
	case "history":
		p.Page, p.Stale = o.page, o.stale
	case "lock":
		p.OneLock = o.one
	}
	var follow *following
	if o.streams > 0 {
		if follow, err = t.follow(ctx, o); err != nil {
			return p, err
		}
		defer follow.close()
		p.Connections += len(follow.conns)
	}
	var elections, syncs int
	leader := t.nodes[t.leading]
	r, err := load.Run(ctx, callers, load.Plan{Warm: o.warm, Measure: o.measure, Begin: func() (func(), error) {
		end, err := beginProfile(o.profile)
		if err != nil {
			return nil, err
		}
		elections = int(t.elections.Load())
		t.resetDisks()
		if follow != nil {
			follow.begin()
		}
		return func() {
			end()
			elections = int(t.elections.Load()) - elections
			syncs = t.syncs()
			p.SyncP50 = load.Micros(leader.disk.median())
			if follow != nil {
				follow.end()
			}
		}, nil
	}})
	if err != nil {
		return p, err
	}
	if follow != nil {
		p.beside = follow.seen(ctx)
		if count == 0 {
			r.Ops, r.Errors, r.Took = follow.all.Count(), p.Missing, follow.all
		}
	}
	r.Ops *= each
	p.Take(r)
	p.SyncsPerS, p.Elections = load.Round(float64(syncs)/r.Seconds, 1), elections
	return p, writeAllocs(o.memProfile)
}
