package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/cmd/bench/load"
	"parley/raft/node"
)

// writers write to the leader, each under a client session of its own, to keys that they draw: as fast as they
// can, or at a pace.
type writers struct {
	cluster *benchCluster
	to      atomic.Int64 // the place of the leader
	payload int
	keys    uint64
	callers []*caller
	failed  atomic.Int64 // writes that were not done at once, and were repeated under their numbers
}

// newWriters opens the sessions.
func newWriters(ctx context.Context, c *benchCluster, clients, payload int, keys uint64) (*writers, error) {
	w := &writers{cluster: c, payload: payload, keys: keys}
	leader, err := c.leader(ctx)
	if err != nil {
		return nil, err
	}
	w.to.Store(int64(leader))
	for range clients {
		s := &caller{}
		if err := s.open(ctx, c.nodes[leader].host.Load()); err != nil {
			return nil, err
		}
		w.callers = append(w.callers, s)
	}
	return w, nil
}

// leader is the place of the node that the writers take for the leader.
func (w *writers) leader() int { return int(w.to.Load()) }

// write does one write, again and again until it is done. The error is that of the context.
func (w *writers) write(ctx context.Context, c *caller, chance *rand.Rand) error {
	c.key = chance.Uint64N(w.keys)
	e := c.put(w.payload)
	for {
		a, err := w.cluster.nodes[w.leader()].host.Load().Do(ctx, e)
		if err != nil || a.Outcome == node.Done {
			return err
		}
		w.failed.Add(1)
		if err := load.Pause(ctx, time.Millisecond); err != nil {
			return err
		}
		if a.Code == node.CodeNotLeader || a.Code == node.CodeLeaderLost {
			leader, err := w.cluster.leader(ctx)
			if err != nil {
				return err
			}
			w.to.Store(int64(leader))
		}
	}
}

// fill writes as fast as it can until enough, which is told how many writes are done.
func (w *writers) fill(ctx context.Context, enough func(done int64) bool) (done int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var count atomic.Int64
	var full atomic.Bool
	var run sync.WaitGroup
	for i, c := range w.callers {
		run.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(i), c.seq))
			for !full.Load() {
				if err := w.write(ctx, c, chance); err != nil {
					cancel(err)
					return
				}
				count.Add(1)
			}
		})
	}
	for begin, last := time.Now(), time.Now(); !enough(count.Load()); {
		if load.Pause(ctx, 10*time.Millisecond) != nil {
			break
		}
		if time.Since(last) >= 10*time.Second {
			last = time.Now()
			say("  %d written, %.0f a second", count.Load(), float64(count.Load())/time.Since(begin).Seconds())
		}
	}
	full.Store(true)
	run.Wait()
	return count.Load(), context.Cause(ctx)
}

// sample is one write of an open loop: when it was due, and how long after that it was done.
type sample struct {
	due  time.Time
	took time.Duration
}

// paced is an open loop: a write is due at every interval, whatever became of those before. Its latency runs from
// when it was due, so that a stall counts against every write that it kept from beginning, and not against the
// one alone that was under way.
type paced struct {
	cancel  context.CancelFunc
	run     sync.WaitGroup
	due     chan time.Time
	each    [][]sample // of each writer
	failure atomic.Pointer[error]
}

// backlogMax bounds the writes that are due and have no writer: half a minute of 2,000 a second.
const backlogMax = 1 << 16

// pace begins an open loop of commands.
func (w *writers) pace(ctx context.Context, perSecond int) (*paced, error) {
	var writes []func(context.Context) error
	for i, c := range w.callers {
		chance := rand.New(rand.NewPCG(uint64(i), c.seq))
		writes = append(writes, func(ctx context.Context) error { return w.write(ctx, c, chance) })
	}
	return openLoop(ctx, perSecond, writes)
}

// openLoop begins one. Each of the writers does one write at a time.
func openLoop(ctx context.Context, perSecond int, writers []func(context.Context) error) (*paced, error) {
	every := time.Second / time.Duration(perSecond)
	m, err := newMetronome(every)
	if err != nil {
		return nil, err
	}
	beating, cancel := context.WithCancel(ctx)
	p := &paced{cancel: cancel, due: make(chan time.Time, backlogMax), each: make([][]sample, len(writers))}
	for i, write := range writers {
		p.run.Go(func() {
			for due := range p.due {
				if err := write(ctx); err != nil {
					p.fail(err)
					continue // the beat must not wait for anybody
				}
				p.each[i] = append(p.each[i], sample{due, time.Since(due)})
			}
		})
	}
	p.run.Go(func() {
		defer close(p.due)
		defer m.close()
		if err := p.beat(beating, m, every); err != nil {
			p.fail(err)
		}
	})
	return p, nil
}

// beat sends when something is due until the context ends. Each time is computed from the first, so that one that
// is told late is late and does not move the others.
func (p *paced) beat(ctx context.Context, m *metronome, every time.Duration) error {
	begin := time.Now()
	for n := time.Duration(1); ctx.Err() == nil; {
		if err := m.wait(); err != nil {
			return err
		}
		for due := begin.Add(n * every); !due.After(time.Now()); due = begin.Add(n * every) {
			n++
			select {
			case p.due <- due:
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

func (p *paced) fail(err error) { p.failure.CompareAndSwap(nil, &err) }

// err tells whether a write failed for good.
func (p *paced) err() error {
	if err := p.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the loop, waits for what is due, and returns all samples by the time when they were due.
func (p *paced) stop() ([]sample, error) {
	p.cancel()
	p.run.Wait()
	samples := slices.Concat(p.each...)
	slices.SortFunc(samples, func(a, b sample) int { return a.due.Compare(b.due) })
	return samples, p.err()
}
