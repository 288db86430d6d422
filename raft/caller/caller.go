package caller

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Caller is one client process. It is a value that only Step changes.
type Caller struct {
	cfg Config

	ops     []*pending // submitted and not ended, in that order
	lastID  uint64     // of requests
	session session
	route   route       // of everything, or of everything but queries
	reads   route       // of queries with Config.ReadAnywhere
	silent  []raft.Mono // until when each of cfg.Targets is asked only if there is no other

	now raft.Mono
	out *Output
}

// pending is an operation under way.
type pending struct {
	op      Op
	session node.SessionID // under which seq counts
	seq     uint64         // zero: none yet
	attempt attempt
	doubt   bool      // an attempt may be in the log
	lost    uint      // attempts
	code    node.Code // what the last attempt was told
	retry   time.Duration
	notSend raft.Mono // one-shot commands: not before
	notYet  raft.Mono // one-shot commands: until then it waits for the cluster's level; zero: not told to
	until   raft.Mono // one-shot commands: not repeated from then on; zero: no attempt may be in the log
	ended   bool
}

// attempt is a request under way; the zero attempt is none.
type attempt struct {
	id     uint64
	target string
	reads  bool   // sent by the route of queries that any node may answer
	epoch  uint64 // of the route it was sent by
	lostAt raft.Mono
}

// session is the caller's client session.
type session struct {
	id      node.SessionID // zero: none
	next    uint64         // the next seq
	opening attempt
	nonce   uint64 // of the opening; zero: none drawn
	opened  uint64 // how many nonces were drawn
	key     uint64 // the nonce that opened id
}

// New returns a caller that has said nothing yet.
func New(cfg Config, now raft.Mono) *Caller {
	cfg = cfg.withDefaults()
	if len(cfg.Targets) == 0 {
		panic("caller: no targets")
	}
	first := route{target: cfg.Targets[0], gate: now}
	return &Caller{cfg: cfg, now: now, route: first, reads: first, silent: make([]raft.Mono, len(cfg.Targets))}
}

// Step tells the caller what happened and what time it is, and appends to out what
// is to be sent and what has ended.
func (c *Caller) Step(now raft.Mono, in []Input, out *Output) {
	c.now, c.out = now, out
	for i := range in {
		c.input(&in[i])
	}
	c.expire()
	c.leaveDeadSession()
	c.dropEnded()
	c.send()
	c.wake()
	c.out = nil
}

func (c *Caller) input(in *Input) {
	switch in.Kind {
	case InputSubmit:
		c.submit(in.Op)
	case InputResponse:
		c.response(in)
	case InputLost:
		c.lost(in.ID)
	case InputCancel:
		for _, p := range c.ops {
			if p.op.Ticket == in.Op.Ticket {
				c.giveUp(p)
			}
		}
	case InputClose:
		c.closeSession()
	}
}

// closeSession gives the session back to the cluster, with one request: if it gets lost the
// session expires. Commands that are under way find it open or not; it is the
// same for them as if it had expired, and a later command opens another.
func (c *Caller) closeSession() {
	s := &c.session
	if s.id == 0 {
		return
	}
	c.request(Request{Kind: RequestCloseSession, Command: node.Command{Session: s.id, Nonce: s.key}})
	s.id = 0
}

func (c *Caller) submit(op Op) {
	if op.Deadline == 0 {
		op.Deadline = raft.Never
	}
	if op.span() > uint64(c.cfg.WindowMax) {
		c.out.Done = append(c.out.Done, Result{Ticket: op.Ticket, Outcome: node.Refused, Code: node.CodeTooLarge})
		return
	}
	if len(c.ops) >= c.cfg.PendingMax {
		c.out.Done = append(c.out.Done, Result{Ticket: op.Ticket, Outcome: node.Refused, Code: node.CodeBusy})
		return
	}
	c.ops = append(c.ops, &pending{op: op})
}

// response hands an answer to whoever asked. One that nobody waits for any more
// came too late and says nothing.
func (c *Caller) response(in *Input) {
	if in.ID != 0 && in.ID == c.session.opening.id {
		c.openAnswered(in)
		return
	}
	p := c.asked(in.ID)
	if p == nil {
		return
	}
	tried := p.attempt
	p.attempt = attempt{}
	c.spoke(tried)
	a := &in.Answer
	switch a.Outcome {
	case node.Done:
		c.routeOf(p.op.Query).succeeded()
		c.end(p, Result{Outcome: node.Done, Position: a.Position, Reply: a.Reply})
		return
	case node.Unknown:
		p.doubt = true
	}
	p.code, p.retry = a.Code, a.RetryAfter
	if !p.doubt {
		p.until = 0
	}
	switch a.Code {
	case node.CodeTooLarge, node.CodeBelowWindow, node.CodeReaderGone, node.CodeSessionForeign:
		c.giveUp(p) // it would be told the same again
	case node.CodeRequestConflict:
		// Something else was executed under the id, so that this was not and is not going to be.
		c.end(p, Result{Outcome: node.Refused, Code: a.Code})
	case node.CodeRequestsFull:
		c.waitForRoom(p)
	case node.CodeNotYet:
		c.waitForLevel(p)
	case node.CodeSessionUnknown:
		c.sessionGone(p.session)
		c.failed(tried, a.Code, "")
	default:
		c.failed(tried, a.Code, in.HintAddr)
	}
}

// lost: no answer will come. The request may have arrived all the same.
func (c *Caller) lost(id uint64) {
	if id != 0 && id == c.session.opening.id {
		tried := c.session.opening
		c.session.opening = attempt{}
		c.failed(tried, node.CodeNone, "")
		return
	}
	p := c.asked(id)
	if p == nil {
		return
	}
	tried := p.attempt
	p.attempt, p.doubt = attempt{}, true
	p.lost++
	c.failed(tried, node.CodeNone, "")
}

func (c *Caller) asked(id uint64) *pending {
	if id == 0 {
		return nil
	}
	for _, p := range c.ops {
		if p.attempt.id == id && !p.ended {
			return p
		}
	}
	return nil
}

// openAnswered: the session is open, or the same question is asked again.
func (c *Caller) openAnswered(in *Input) {
	tried := c.session.opening
	c.session.opening = attempt{}
	a := &in.Answer
	if a.Outcome == node.Done && a.Session != 0 {
		c.session.id, c.session.key = a.Session, c.session.nonce
		c.session.next, c.session.nonce = 1, 0
		return
	}
	for _, p := range c.ops {
		if !p.op.Query && p.op.RequestID == "" {
			p.code = a.Code
			if a.Code == node.CodeTooLarge || a.Code == node.CodeReaderGone {
				c.giveUp(p) // this principal will never get a session, or his login has ended
			}
		}
	}
	c.failed(tried, a.Code, in.HintAddr)
}

// sessionGone: the session has expired or was closed, and with it the memory of what was
// executed. Each command learns it by itself, for an answer may be on its way.
func (c *Caller) sessionGone(id node.SessionID) {
	if c.session.id == id {
		c.session.id = 0
	}
}

// expire ends what took too long: requests, then operations.
func (c *Caller) expire() {
	if o := c.session.opening; o.id != 0 && c.now >= o.lostAt {
		c.wasSilent(o)
		c.lost(o.id)
	}
	for _, p := range c.ops {
		if p.attempt.id != 0 && c.now >= p.attempt.lostAt {
			c.wasSilent(p.attempt)
			c.lost(p.attempt.id)
		}
		if c.now >= p.op.Deadline || p.until != 0 && c.now >= p.until {
			c.giveUp(p)
		}
	}
}

// send sends what may be sent: nothing before the gate opens, commands only under
// a session and within its window. A command that has to wait for room in it is not overtaken by a smaller one.
func (c *Caller) send() {
	held := false
	for _, p := range c.ops {
		if p.attempt.id != 0 || p.ended || c.now < c.routeOf(p.op.Query).gate {
			continue
		}
		if p.op.Query {
			p.attempt = c.request(Request{Kind: RequestQuery, Ticket: p.op.Ticket, Patience: c.patience(p), Query: node.Query{Consistency: p.op.Consistency, Body: p.op.Body}})
			continue
		}
		if p.op.RequestID != "" {
			c.sendOnce(p)
			continue
		}
		if p.seq == 0 && held {
			continue
		}
		if !c.numbered(p) {
			held = true
		} else {
			p.attempt = c.request(Request{Kind: RequestCommand, Ticket: p.op.Ticket, Patience: c.patience(p), Command: node.Command{
				Session: p.session, Seq: p.seq, AckedBelow: c.ackedBelow(), Body: p.op.Body}})
		}
	}
}

// leaveDeadSession ends the commands of an expired session that are in doubt. Those
// that were refused whenever they were tried are executed by nobody, and
// get a place in the next session.
func (c *Caller) leaveDeadSession() {
	for _, p := range c.ops {
		if p.seq == 0 || p.session == c.session.id || p.attempt.id != 0 {
			continue
		}
		if p.doubt {
			c.giveUp(p)
		} else {
			p.session, p.seq = 0, 0
		}
	}
}

// numbered gives a command its place in the session, once and for all while the
// session lives. Without a session it asks for one.
func (c *Caller) numbered(p *pending) bool {
	switch {
	case c.session.id == 0:
		c.open()
		return false
	case p.seq != 0:
		return true
	case c.session.next+p.op.span()-c.ackedBelow() > uint64(c.cfg.WindowMax):
		return false
	}
	p.session, p.seq = c.session.id, c.session.next
	c.session.next += p.op.span()
	return true
}

// open asks for a session; a repetition carries the same nonce and means the same
// session.
func (c *Caller) open() {
	s := &c.session
	if s.opening.id != 0 {
		return
	}
	for s.nonce == 0 {
		s.opened++
		s.nonce = raft.Mix(c.cfg.Seed, purposeNonce, s.opened)
	}
	s.opening = c.request(Request{Kind: RequestOpenSession, Command: node.Command{Principal: c.cfg.Principal, Nonce: s.nonce}})
}

// ackedBelow is the lowest seq whose answer is still awaited. Whatever was given
// up counts as answered: it is not repeated.
func (c *Caller) ackedBelow() uint64 {
	below := c.session.next
	for _, p := range c.ops {
		if p.seq != 0 && p.session == c.session.id && !p.ended {
			below = min(below, p.seq)
		}
	}
	return below
}

func (c *Caller) request(r Request) attempt {
	c.lastID++
	way := c.routeOf(r.Kind == RequestQuery)
	r.ID, r.Target, r.Patience = c.lastID, way.target, max(r.Patience, c.cfg.AttemptTimeout)
	c.out.Send = append(c.out.Send, r)
	return attempt{id: r.ID, target: r.Target, reads: way == &c.reads, epoch: way.epoch, lostAt: c.now.Add(r.Patience)}
}

// giveUp ends an operation without an answer: as unknown if it may have been
// executed, or may be yet.
func (c *Caller) giveUp(p *pending) {
	outcome := node.Refused
	if !p.op.Query && (p.doubt || p.attempt.id != 0) {
		outcome = node.Unknown
	}
	r := Result{Outcome: outcome, Code: p.code}
	if p.code == node.CodeRequestsFull {
		r.RetryAfter = p.retry
	}
	c.end(p, r)
}

func (c *Caller) end(p *pending, r Result) {
	if p.ended {
		return
	}
	p.ended = true
	r.Ticket = p.op.Ticket
	c.out.Done = append(c.out.Done, r)
}

func (c *Caller) dropEnded() {
	kept := c.ops[:0]
	for _, p := range c.ops {
		if !p.ended {
			kept = append(kept, p)
		}
	}
	clear(c.ops[len(kept):])
	c.ops = kept
}

// wake names the next deadline: of an operation, of an attempt, or the gate for what
// waits behind it.
func (c *Caller) wake() {
	at := raft.Never
	if c.session.opening.id != 0 {
		at = c.session.opening.lostAt
	}
	for _, p := range c.ops {
		at = min(at, p.op.Deadline)
		if p.until != 0 {
			at = min(at, p.until)
		}
		switch gate := max(c.routeOf(p.op.Query).gate, p.notSend); {
		case p.attempt.id != 0:
			at = min(at, p.attempt.lostAt)
		case c.now < gate:
			at = min(at, gate)
		}
	}
	c.out.WakeAt = min(c.out.WakeAt, at)
}
