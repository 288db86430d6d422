package main

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"parley/cmd/bench/load"
	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// filled is what a cluster with many messages is like.
type filled struct {
	Bench    string  `json:"bench"`
	Op       string  `json:"op"`
	Nodes    int     `json:"nodes"`
	Payload  int     `json:"payload"`
	Messages int64   `json:"messages"`
	Channels int     `json:"channels"`
	PerS     float64 `json:"messages_per_s"`         // while it was filled
	Heap     float64 `json:"heap_bytes_per_message"` // of one node, what is in memory of the log among it

	SnapshotBytes int64   `json:"snapshot_bytes"` // the newest one's
	SnapshotEntry int64   `json:"snapshot_bytes_per_message"`
	SnapshotS     float64 `json:"snapshot_s"` // from when the state was held to when it was on disk
	Snapshots     int     `json:"snapshots"`  // while it was filled

	Rate   int    `json:"rate_per_s"`
	Before window `json:"before"` // writes at the rate, nothing else going on
	Making window `json:"making"` // while the next snapshot is made; empty if that is far away

	Page1P50   float64 `json:"page_p50_us"` // of 20 messages anywhere, one caller
	Page1P99   float64 `json:"page_p99_us"`
	PageAllP50 float64 `json:"page_8_p50_us"` // eight callers
	PageAllP99 float64 `json:"page_8_p99_us"`

	RestartS  float64 `json:"restart_s"` // of one node, until it has applied what was committed
	Sync      string  `json:"sync"`
	Elections int     `json:"elections"`
	OtherCPU  float64 `json:"other_cpus"`
}

func (f filled) line() string {
	return fmt.Sprintf("fill  %d messages of %d bytes in %d channels on %d nodes: %.0f a second, %.0f bytes of memory each; snapshot %d MB in %.1f s; "+
		"restart %.1f s; page p50 %.0f us  p99 %.0f us, of 8 callers %.0f and %.0f; others %.2f\n  before %v\n  making %v",
		f.Messages, f.Payload, f.Channels, f.Nodes, f.PerS, f.Heap, f.SnapshotBytes/1e6, f.SnapshotS,
		f.RestartS, f.Page1P50, f.Page1P99, f.PageAllP50, f.PageAllP99, f.OtherCPU, f.Before, f.Making)
}

// fillers write side by side, each to channels of its own.
const fillers = 8

// filler writes to some channels, and reads them.
type filler struct {
	client   *client.Client // which finds another leader, if there is one
	conn     *grpc.ClientConn
	who      person
	channels []string
	text     string
	low      uint64 // positions between which its messages lie
	high     uint64
}

// measureFill fills a cluster and looks at it.
func measureFill(ctx context.Context, t *team, o serviceOptions, show reporter) error {
	f := filled{Bench: "service", Op: "fill", Nodes: o.nodes, Payload: o.payload, Channels: o.channels, Rate: o.pace, Sync: o.sync}
	all, err := t.fillers(ctx, &o)
	if err != nil {
		return err
	}
	meter := load.ReadMeter()
	elections := t.elections.Load()
	empty := heapBytes()
	if err := t.fill(ctx, &o, all, &f); err != nil {
		return err
	}
	f.Heap = load.Round(float64(heapBytes()-empty)/float64(f.Messages)/float64(o.nodes), 1)
	if err := t.atPace(ctx, &o, all, &f); err != nil {
		return err
	}
	f.snapshot(&t.nodes[t.leading].told)
	if err := f.pages(ctx, all, o.measure); err != nil {
		return err
	}
	f.Elections = int(t.elections.Load() - elections)
	if err := t.again(ctx, &f); err != nil {
		return err
	}
	f.OtherCPU = load.Round(load.ReadMeter().Others(meter), 2)
	return show(f)
}

// heapBytes is what is reachable.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what had a finalizer goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fillers makes them, with their channels.
func (t *team) fillers(ctx context.Context, o *serviceOptions) (all []*filler, err error) {
	if err := t.crowd(ctx, fillers); err != nil {
		return nil, err
	}
	conns, err := t.dial(t.leading, 1)
	if err != nil {
		return nil, err
	}
	for i := range fillers {
		c, err := t.client(t.people[i])
		if err != nil {
			return nil, err
		}
		all = append(all, &filler{client: c, conn: conns[i%len(conns)], who: t.people[i], text: textOf(o.payload)})
	}
	say("making %d channels", o.channels)
	for n := range o.channels {
		f := all[n%len(all)]
		name := fmt.Sprint("channel-", n)
		if _, err := f.client.CreateChannel(ctx, &pb.CreateChannelRequest{Name: name}); err != nil {
			return nil, fmt.Errorf("make #%s: %w", name, err)
		}
		f.channels = append(f.channels, "#"+name)
	}
	return all, nil
}

// batchOf sends a batch to channels one after the other.
func (f *filler) batchOf(ctx context.Context, messages []*pb.BatchMessage, turn int) error {
	for i := range messages {
		messages[i].Place = f.channels[(turn+i)%len(f.channels)]
	}
	r, err := f.client.SendBatch(ctx, messages)
	if err != nil {
		return err
	}
	if f.low == 0 {
		f.low = r.GetPosition()
	}
	f.high = r.GetPosition()
	return nil
}

// fill writes as many messages as are wanted, and goes on until the next snapshot is near, if it comes soon.
func (t *team) fill(ctx context.Context, o *serviceOptions, all []*filler, f *filled) error {
	leader := t.nodes[t.leading]
	_, before := leader.told.newest()
	var count, limit atomic.Int64
	limit.Store(int64(o.messages))
	begin := time.Now()
	var failed error
	var once sync.Once
	write := func(until int64) {
		limit.Store(until)
		var run sync.WaitGroup
		for _, one := range all {
			run.Go(func() {
				messages := make([]*pb.BatchMessage, o.batch)
				for i := range messages {
					messages[i] = &pb.BatchMessage{Text: one.text}
				}
				for turn := 0; count.Add(int64(o.batch)) <= limit.Load(); turn += o.batch {
					if err := one.batchOf(ctx, messages, turn); err != nil {
						once.Do(func() { failed = err })
						return
					}
				}
				count.Add(-int64(o.batch)) // it was not sent
			})
		}
		run.Wait()
	}
	for part := range 10 {
		write(int64(o.messages) * int64(part+1) / 10)
		if failed != nil {
			return failed
		}
		say("  %d messages, %.0f a second", count.Load(), float64(count.Load())/time.Since(begin).Seconds())
	}
	f.PerS = load.Round(float64(count.Load())/time.Since(begin).Seconds(), 1)
	if more := t.untilSnapshot(o) - int64(10*o.pace); more > 0 && more < int64(o.messages)/5 {
		write(count.Load() + more)
	}
	f.Messages = count.Load()
	_, after := leader.told.newest()
	f.Snapshots = after - before
	return failed
}

// untilSnapshot is about how many messages are to come before the next snapshot is due.
func (t *team) untilSnapshot(o *serviceOptions) int64 {
	newest, _ := t.nodes[t.leading].told.newest()
	least := o.rules.SnapshotBytes
	if least == 0 {
		least = 64 << 20
	}
	const envelope = 26 // of a session's command
	body := len(statemachine.AppendCommand(nil, state.Head{}, &chat.Send{Place: "#channel-000", Text: textOf(o.payload)}))
	due := newest.index + raft.Index(max(least, newest.bytes)/int64(raft.EntryOverhead+envelope+body))
	return int64(due) - int64(t.nodes[t.leading].host.Load().Status().Last)
}

// atPace writes at a fixed rate: first by itself, and then, if the next snapshot is near, until that is made.
func (t *team) atPace(ctx context.Context, o *serviceOptions, all []*filler, f *filled) error {
	told := &t.nodes[t.leading].told
	near := t.untilSnapshot(o) < int64(15*o.pace)
	var tasks []func(context.Context) error
	for _, one := range all {
		messages := []*pb.BatchMessage{{Text: one.text}}
		turn := 0
		tasks = append(tasks, func(ctx context.Context) error {
			turn++
			return one.batchOf(ctx, messages, turn)
		})
	}
	p, err := openLoop(ctx, o.pace, tasks)
	if err != nil {
		return err
	}
	made, _ := told.newest()
	say("%d a second", o.pace)
	from := load.ReadMeter()
	err = load.Pause(ctx, o.measure)
	to := load.ReadMeter()
	var makeFrom, makeTo load.Meter
	if near {
		say("until the next snapshot is made")
		for end := time.Now().Add(3 * time.Minute); err == nil && time.Now().Before(end); {
			if now, _ := told.newest(); now.index > made.index {
				makeTo.At = now.at
				makeFrom.At, _ = told.began(now.index)
				break
			}
			err = errors.Join(p.err(), load.Pause(ctx, 5*time.Millisecond))
		}
	}
	samples, failure := p.stop()
	f.Messages += int64(len(samples))
	f.Before = between(samples, from, to)
	if !makeTo.At.IsZero() {
		f.Making = between(samples, makeFrom, makeTo)
	}
	return errors.Join(err, failure)
}

// snapshot says what the newest snapshot was like.
func (f *filled) snapshot(told *told) {
	newest, _ := told.newest()
	if newest.index == 0 {
		return
	}
	f.SnapshotBytes, f.SnapshotEntry = newest.bytes, newest.bytes/int64(newest.index)
	if began, ok := told.began(newest.index); ok {
		f.SnapshotS = seconds(began, newest.at)
	}
}

// pager reads pages anywhere in a filler's channels.
type pager struct {
	*voice
	of     *filler
	chat   pb.ChatServiceClient
	chance *mathrand.Rand
}

func (p *pager) Do(ctx context.Context) (bool, error) {
	place := p.of.channels[p.chance.IntN(len(p.of.channels))]
	before := p.of.low + p.chance.Uint64N(max(1, p.of.high-p.of.low))
	_, err := p.chat.History(p.as(ctx), &pb.HistoryRequest{Place: place, Before: before, Limit: 20})
	return p.done(ctx, err)
}

// pages reads for a while.
func (f *filled) pages(ctx context.Context, all []*filler, measure time.Duration) error {
	for _, callers := range []int{1, fillers} {
		var list []load.Caller
		for i, one := range all[:callers] {
			list = append(list, &pager{voice: &voice{conn: one.conn, who: one.who}, of: one, chat: pb.NewChatServiceClient(one.conn),
				chance: mathrand.New(mathrand.NewPCG(uint64(i), 1))})
		}
		r, err := load.Run(ctx, list, load.Plan{Warm: measure / 5, Measure: measure})
		if err != nil {
			return err
		}
		p50, p99 := load.Micros(r.Took.At(0.5)), load.Micros(r.Took.At(0.99))
		if callers == 1 {
			f.Page1P50, f.Page1P99 = p50, p99
		} else {
			f.PageAllP50, f.PageAllP99 = p50, p99
		}
	}
	return nil
}

// again stops a node, a follower if there is one, and starts it from its directory.
func (t *team) again(ctx context.Context, f *filled) error {
	i := (t.leading + 1) % len(t.nodes)
	target := t.nodes[t.leading].host.Load().Status().Commit
	say("node %d starts again", i+1)
	t.servers[i].Stop()
	t.servers[i] = nil
	if err := t.halt(ctx, i); err != nil {
		return err
	}
	runtime.GC()
	begin := time.Now()
	if err := t.restartHere(i); err != nil {
		return err
	}
	for h := t.nodes[i].host.Load(); h.Status().Applied < target; {
		if err := errors.Join(h.Err(), load.Pause(ctx, time.Millisecond)); err != nil {
			return err
		}
	}
	f.RestartS = seconds(begin, time.Now())
	return nil
}
