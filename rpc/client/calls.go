package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// calls drives the machine of raft/caller: it steps it on every request and
// response and when its deadline comes, and puts on the wire what it says. All that it asks it asks under one login, or
// under none: its session is that user's.
type calls struct {
	conns  *conns
	token  atomic.Pointer[string] // "": nobody's
	turned atomic.Pointer[Error]  // what was said last of the login
	start  time.Time              // Mono zero
	ctx    context.Context
	cancel context.CancelFunc
	wire   sync.WaitGroup // attempts under way

	farewell sync.WaitGroup // a session that is being given back

	mu      sync.Mutex
	machine *caller.Caller
	out     caller.Output
	timer   *time.Timer
	last    uint64 // ticket
	waiting map[uint64]waiting
	closed  bool
}

// waiting is who waits for an operation.
type waiting struct {
	answer chan<- caller.Result // of capacity 1
	ctx    context.Context
}

// values is a context that lives as long as one and knows what another knows: an attempt may outlive whoever waited for it, and belongs
// to his trace all the same.
type values struct {
	context.Context
	of context.Context
}

// Value returns what either context has.
func (v values) Value(key any) any {
	if own := v.Context.Value(key); own != nil {
		return own
	}
	return v.of.Value(key)
}

func newCalls(cfg *Config, conns *conns, token string) *calls {
	c := &calls{
		conns:   conns,
		start:   time.Now(),
		waiting: make(map[uint64]waiting),
		machine: caller.New(caller.Config{
			Targets: cfg.Addrs, Seed: draw(), AttemptTimeout: attemptMax, ReadAnywhere: cfg.ReadAnywhere, WindowMax: node.DefaultWindow,
		}, 0),
	}
	c.token.Store(&token)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.timer = time.AfterFunc(time.Hour, func() { c.step() }) // every step sets it anew
	c.timer.Stop()
	return c
}

// as is a context for calls under the login.
func (c *calls) as(ctx context.Context) context.Context { return withToken(ctx, *c.token.Load()) }

// do carries out an operation and decodes its response.
func (c *calls) do(ctx context.Context, o operation, response proto.Message) error {
	if !o.anonymous && *c.token.Load() == "" {
		return nobody()
	}
	op := caller.Op{Body: o.body, Query: o.query, Consistency: o.consistency, RequestID: o.requestID, Span: o.span}
	if deadline, ok := ctx.Deadline(); ok {
		op.Deadline = max(1, raft.Mono(deadline.Sub(c.start)))
	}
	answer := make(chan caller.Result, 1)
	if !c.submit(ctx, &op, answer) {
		return unavailable("the client is closed, or was given another login")
	}
	var r caller.Result
	select {
	case r = <-answer:
	case <-ctx.Done():
		// The machine ends what is cancelled at once; what it says about the outcome
		// is the answer.
		c.step(caller.Input{Kind: caller.InputCancel, Op: op})
		r = <-answer
	}
	return c.result(r, response)
}

// submit hands an operation to the machine. A client that is closed takes none, and
// a close that comes later ends it: both are decided under one lock.
func (c *calls) submit(ctx context.Context, op *caller.Op, answer chan<- caller.Result) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.last++
	op.Ticket = c.last
	c.waiting[op.Ticket] = waiting{answer, ctx}
	c.stepLocked(caller.Input{Kind: caller.InputSubmit, Op: *op})
	return true
}

// step tells the machine what happened and does what it wants.
func (c *calls) step(in ...caller.Input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stepLocked(in...)
}

func (c *calls) stepLocked(in ...caller.Input) {
	now := raft.Mono(time.Since(c.start))
	c.out.Reset()
	c.machine.Step(now, in, &c.out)
	for _, r := range c.out.Send {
		switch {
		case r.Kind == caller.RequestCloseSession:
			c.farewell.Go(func() { c.conns.giveBack(r.Target, *c.token.Load(), r.Command.Session, r.Command.Nonce) })
		case !c.closed:
			ctx := c.ctx
			if w, ok := c.waiting[r.Ticket]; ok {
				ctx = values{c.ctx, w.ctx}
			}
			c.wire.Go(func() { c.attempt(ctx, r) })
		}
	}
	for _, r := range c.out.Done {
		if w, ok := c.waiting[r.Ticket]; ok {
			delete(c.waiting, r.Ticket)
			w.answer <- r
		}
	}
	if c.out.WakeAt == raft.Never {
		c.timer.Stop()
	} else {
		c.timer.Reset(max(0, c.out.WakeAt.Sub(now)))
	}
}

// attempt puts one request on the wire, once, and reports how it went.
func (c *calls) attempt(ctx context.Context, r caller.Request) {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	in := caller.Input{Kind: caller.InputLost, ID: r.ID}
	switch conn, err := c.conns.get(r.Target); {
	case err != nil || !connected(ctx, conn):
		in.Kind, in.Answer.Outcome = caller.InputResponse, node.Refused // it was not sent
		c.conns.reached.silent(r.Target)
	default:
		var ok bool
		switch r.Kind {
		case caller.RequestOpenSession:
			in.Answer, in.HintAddr, ok = open(c.as(ctx), conn, r.Command.Nonce)
		case caller.RequestCommand:
			command := &pb.CommandContext{Session: uint64(r.Command.Session), Seq: r.Command.Seq, AckedBelow: r.Command.AckedBelow}
			in.Answer, in.HintAddr, ok = invoke(c.as(ctx), conn, command, r.Command.Body)
		case caller.RequestOnce:
			if r.Command.Body[0]&bodyAnonymous == 0 {
				ctx = c.as(ctx)
			}
			in.Answer, in.HintAddr, ok = invoke(ctx, conn, &pb.CommandContext{RequestId: r.Command.RequestID}, r.Command.Body)
		case caller.RequestQuery:
			in.Answer, in.HintAddr, ok = invoke(c.as(ctx), conn, nil, r.Query.Body)
		}
		if ok {
			in.Kind = caller.InputResponse
			c.conns.reached.note(r.Target, refusal(in.Answer))
		}
		if in.Answer.Code == node.CodeReaderGone {
			c.turned.Store(failedAs(decodeReply(in.Answer.Reply, nil)))
		}
	}
	c.step(in)
}

// result reads what became of an operation.
func (c *calls) result(r caller.Result, response proto.Message) error {
	switch {
	case r.Outcome == node.Done:
		return decodeReply(r.Reply, response)
	case r.Outcome == node.Unknown:
		return &Error{Outcome: node.Unknown, Code: codes.Unavailable, Reason: ReasonOutcomeUnknown,
			Text: "the request was sent and no answer came" + lastSaid(r.Code)}
	case r.Code == node.CodeReaderGone:
		if said := c.turned.Load(); said != nil {
			return said
		}
		return nobody()
	case r.Code == node.CodeRequestConflict:
		return &Error{Outcome: node.Refused, Code: codes.AlreadyExists, Reason: "REQUEST_CONFLICT", Text: "The request id was used for something else."}
	case r.Code == node.CodeRequestsFull:
		return &Error{Outcome: node.Refused, Code: codes.ResourceExhausted, Reason: "REQUESTS_FULL", RetryAfter: r.RetryAfter,
			Text: fmt.Sprintf("As many request ids are remembered as may be; there is room again in %v.", r.RetryAfter.Round(time.Second))}
	case r.Code == node.CodeNotYet:
		return &Error{Outcome: node.Refused, Code: codes.FailedPrecondition, Reason: "NOT_YET", Text: "Some node still runs a release that does not know request ids."}
	case r.Code == node.CodeTooLarge || r.Code == node.CodeBelowWindow:
		return &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "TOO_LARGE", Text: fmt.Sprintf("the cluster does not take it: %v", r.Code)}
	}
	return unavailable("no node took the request in time%v", &c.conns.reached)
}

// refusal is what a node said that did not take a request; nothing if it did.
func refusal(a node.Answer) string {
	switch {
	case a.Outcome == node.Done || a.Code == node.CodeNone:
		return ""
	case a.Code == node.CodeNotLeader && a.Hint == 0:
		return "it knows no leader"
	}
	return a.Code.String()
}

func lastSaid(code node.Code) string {
	if code == node.CodeNone {
		return ""
	}
	return fmt.Sprintf(" (last answer: %v)", code)
}

// close ends all operations and the attempts under way, and gives the session back, if
// there is one.
func (c *calls) close() {
	c.mu.Lock()
	in := make([]caller.Input, 0, len(c.waiting)+1)
	for ticket := range c.waiting {
		in = append(in, caller.Input{Kind: caller.InputCancel, Op: caller.Op{Ticket: ticket}})
	}
	c.closed = true
	c.stepLocked(append(in, caller.Input{Kind: caller.InputClose})...)
	c.mu.Unlock()
	c.cancel()
	c.wire.Wait()
	c.farewell.Wait()
	c.mu.Lock()
	c.timer.Stop()
	c.mu.Unlock()
}

// pause waits for d, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
