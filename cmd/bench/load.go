package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"parley/cmd/bench/load"
	"parley/raft/host"
	"parley/raft/node"
)

// caller is one closed loop with a client session of its own.
type caller struct {
	key     uint64
	query   []byte // get makes it once
	plain   bool   // without a session
	session node.SessionID
	seq     uint64
}

// openCallers gives every caller its session and its key a value.
func openCallers(ctx context.Context, h *host.Host, o raftOptions, count int) (list []load.Caller, err error) {
	for i := range count {
		c := &caller{key: uint64(i), plain: o.plain}
		if err := c.open(ctx, h); err != nil {
			return nil, err
		}
		if err := c.first(ctx, h, o.payload); err != nil {
			return nil, err
		}
		list = append(list, &hostLoop{caller: c, host: h, op: o.op, payload: o.payload, done: true})
	}
	return list, nil
}

// open opens the caller's session, unless it has none.
func (c *caller) open(ctx context.Context, h *host.Host) error {
	if c.plain {
		return nil
	}
	a, err := h.Do(ctx, node.Event{
		Kind:    node.EventOpenSession,
		Command: node.Command{Principal: "bench", Nonce: rand.Uint64()},
	})
	c.session = a.Session
	return done(a, err)
}

// first gives the caller's key a value. What a cluster that was just made can't do yet, it can do in a moment.
func (c *caller) first(ctx context.Context, h *host.Host, payload int) error {
	for {
		a, err := h.Do(ctx, c.put(payload))
		if err != nil || a.Code != node.CodeNotYet {
			return done(a, err)
		}
		if err := load.Pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// done makes an error of an answer that is none.
func done(a node.Answer, err error) error {
	if err == nil && a.Outcome != node.Done {
		err = fmt.Errorf("the leader did not take a first request: outcome %d, code %d", a.Outcome, a.Code)
	}
	return err
}

// hostLoop is a caller that asks one host.
type hostLoop struct {
	*caller
	host    *host.Host
	op      string
	payload int
	done    bool
	body    []byte // of the write under way
}

// Do sends the next request. A write that was not done is repeated under its
// number, so that nothing happens twice.
func (l *hostLoop) Do(ctx context.Context) (bool, error) {
	e := node.Event{Kind: node.EventCommand}
	if l.op == "read" {
		e.Kind, e.Query = node.EventQuery, l.get()
	} else {
		if l.done {
			l.seq++
			l.body = load.AppendPut(make([]byte, 0, l.payload), l.key, l.payload)
		}
		e.Command = l.command(l.body)
	}
	a, err := l.host.Do(ctx, e)
	if err != nil {
		return false, err
	}
	l.done = a.Outcome == node.Done
	return l.done, nil
}

// put is the caller's next write. Its bytes belong to the log, so that each has
// memory of its own.
func (c *caller) put(payload int) node.Event {
	c.seq++
	return node.Event{Kind: node.EventCommand, Command: c.command(load.AppendPut(make([]byte, 0, payload), c.key, payload))}
}

func (c *caller) command(body []byte) node.Command {
	if c.plain {
		return node.Command{Plain: true, Body: body}
	}
	return node.Command{Session: c.session, Seq: c.seq, AckedBelow: c.seq, Body: body}
}

func (c *caller) get() node.Query {
	if c.query == nil {
		c.query = load.AppendPut(nil, c.key, load.KeyLen) // its key is the same every time, and the node only reads it
	}
	return node.Query{Consistency: node.Linearizable, Body: c.query}
}
