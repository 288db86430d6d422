package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"parley/raft/host"
	"parley/raft/node"
)

// load is closed loops against one host.
type load struct {
	host      *host.Host
	options   raftOptions
	callers   []*caller
	measuring atomic.Bool
	run       sync.WaitGroup
}

// caller is one closed loop with a client session of its own.
type caller struct {
	key     uint64
	session node.SessionID
	seq     uint64
	took    histogram
	ops     int
	failed  int
}

func newLoad(h *host.Host, o raftOptions, callers int) *load {
	l := &load{host: h, options: o}
	for i := range callers {
		l.callers = append(l.callers, &caller{key: uint64(i)})
	}
	return l
}

// open gives every caller its session and its key a value.
func (l *load) open(ctx context.Context) error {
	for _, c := range l.callers {
		if err := c.open(ctx, l.host); err != nil {
			return err
		}
		if err := done(l.host.Do(ctx, c.put(l.options.payload))); err != nil {
			return err
		}
	}
	return nil
}

// open opens the caller's session.
func (c *caller) open(ctx context.Context, h *host.Host) error {
	a, err := h.Do(ctx, node.Event{
		Kind:    node.EventOpenSession,
		Command: node.Command{Principal: "bench", Nonce: rand.Uint64()},
	})
	c.session = a.Session
	return done(a, err)
}

// done makes an error of an answer that is none.
func done(a node.Answer, err error) error {
	if err == nil && a.Outcome != node.Done {
		err = fmt.Errorf("the leader did not take a first request: outcome %d, code %d", a.Outcome, a.Code)
	}
	return err
}

func (l *load) begin(ctx context.Context) {
	for _, c := range l.callers {
		l.run.Go(func() { l.loop(ctx, c) })
	}
}

// end waits for all callers and adds up what they measured.
func (l *load) end() (ops, failed int, took histogram) {
	l.run.Wait()
	for _, c := range l.callers {
		ops += c.ops
		failed += c.failed
		took.merge(&c.took)
	}
	return ops, failed, took
}

// loop sends request after request. One that is not done counts as an error; a
// write is then repeated under its number, so that nothing happens twice.
func (l *load) loop(ctx context.Context, c *caller) {
	var e node.Event
	for done := true; ctx.Err() == nil; {
		switch {
		case l.options.op == "read":
			e = c.get()
		case done:
			e = c.put(l.options.payload)
		}
		start := time.Now()
		a, err := l.host.Do(ctx, e)
		took := time.Since(start)
		if err != nil {
			return
		}
		done = a.Outcome == node.Done
		if !l.measuring.Load() {
			continue
		}
		if !done {
			c.failed++
			continue
		}
		c.ops++
		c.took.add(took)
	}
}

// put is the caller's next write. Its bytes belong to the log, so that each has
// memory of its own.
func (c *caller) put(payload int) node.Event {
	c.seq++
	return node.Event{Kind: node.EventCommand, Command: node.Command{
		Session: c.session, Seq: c.seq, AckedBelow: c.seq,
		Body: appendPut(make([]byte, 0, payload), c.key, payload),
	}}
}

func (c *caller) get() node.Event {
	return node.Event{Kind: node.EventQuery, Query: node.Query{
		Consistency: node.Linearizable,
		Body:        appendPut(nil, c.key, keyLen),
	}}
}
