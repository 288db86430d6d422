package sim

import (
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// Some writes are one-shot commands, as scripts send them: they carry a request id instead of a
// client's session. Another client repeats one under its id, as a script that was started
// again does, and now and then one says something else under an id that is taken. Whoever comes
// first is executed; all that say the same get its answer, the others a conflict.

// RequestPlan says how one-shot commands are remembered. Zero fields: as in production.
type RequestPlan struct {
	Age time.Duration // of log time, for which an id is remembered
	Max int64         // ids of one principal
}

// oneShots are the request ids of a run, and which command was executed under each.
type oneShots struct {
	drawn []int // the operations that drew a fresh id
	taken map[requestKey][]execution
}

// requestKey is a request id of a principal.
type requestKey struct{ principal, id string }

// execution is a one-shot command that took effect.
type execution struct {
	operation int
	position  raft.Position
	time      raft.LogTime
	digest    node.Digest
}

// robot is the principal of one-shot commands that have one.
const robot = "robot"

// reuseOf bounds how far back an id is reused: what was drawn long ago is forgotten, or answered.
const reuseOf = 12

// makeOneShot makes a write a one-shot command, under a fresh id or one that was used before.
func (w *World) makeOneShot(c *client, op *operation, x uint64) {
	o := &w.oneShots
	fate := raft.Mix(x, 1)
	reuse := len(o.drawn) > 0 && int64(below(fate, 1000)) < c.plan.Again
	if !reuse {
		op.request = requestKey{robot, "job-" + formatUint(uint64(op.number))}
		if below(raft.Mix(x, 2), 4) == 0 {
			op.request.principal = "" // before a login
		}
		o.drawn = append(o.drawn, op.number)
	} else {
		n := len(o.drawn)
		first := &w.operations[o.drawn[n-1-int(below(raft.Mix(x, 3), uint64(min(n, reuseOf))))]-1]
		op.request = first.request
		if int64(below(raft.Mix(x, 4), 1000)) >= c.plan.Clash {
			op.text = first.text
		}
		w.cover.Reused++
	}
	op.digest = node.DigestOf("send", statemachine.GeneralChannel, op.text)
	if w.trace.on() {
		w.trace.say("under request id %q of %q: ", op.request.id, op.request.principal)
	}
}

// age is the log time for which a request id is remembered.
func (w *World) age(k requestKey) time.Duration {
	switch {
	case w.plan.Requests.Age != 0:
		return w.plan.Requests.Age
	case k.principal == "":
		return 15 * time.Minute
	}
	return 24 * time.Hour
}

// repeatMax is for how long a caller repeats a one-shot command: well below what the cluster
// remembers, with room for a request that is long on its way, and for clocks that drift.
func (p *RequestPlan) repeatMax() time.Duration { return p.Age / 4 }

// expired reports whether a request is of a connection that was given up. Its node hands it
// to nobody any more, as a server does whose caller's deadline has passed.
func (w *World) expired(r *request) bool {
	return r.sent.Kind == caller.RequestOnce && w.now >= r.sentAt+2*int64(w.clients[r.client-1].plan.Timeout)
}

// executedOnce judges a one-shot command that takes effect: under one id there is at most one in the
// time for which the id is remembered.
func (w *World) executedOnce(op *operation, at node.Applied) {
	o := &w.oneShots
	list := o.taken[op.request]
	if n := len(list); n > 0 && at.Time < list[n-1].time.Add(w.age(op.request)) {
		w.violate(ExactlyOnce, "Request %q of %q took effect at position %d as operation %d, and again at position %d as operation %d.",
			op.request.id, op.request.principal, list[n-1].position, list[n-1].operation, at.Position, op.number)
	}
	if at.Principal != op.request.principal || at.Session != 0 {
		w.violate(ExactlyOnce, "Operation %d of %q took effect under %q, in session %d.", op.number, op.request.principal, at.Principal, at.Session)
	}
	o.taken[op.request] = append(list, execution{op.number, at.Position, at.Time, op.digest})
}

// judgeOnce checks the answer to a one-shot command: that of the command that was executed under its id,
// which said the same.
func (w *World) judgeOnce(c *client, op *operation, r *caller.Result) {
	var was *execution
	for i := range w.oneShots.taken[op.request] {
		if e := &w.oneShots.taken[op.request][i]; e.position == r.Position {
			was = e
		}
	}
	reply, err := statemachine.DecodeSendReply(r.Reply)
	switch {
	case was == nil || op.position != 0 && op.position != r.Position:
		w.violate(Durability, "Operation %d is acknowledged at position %d, where request %q of %q did not take effect.",
			op.number, r.Position, op.request.id, op.request.principal)
	case was.digest != op.digest:
		w.violate(ExactlyOnce, "Operation %d got the answer to operation %d, which said something else under the same request id.", op.number, was.operation)
	case err != nil || reply.Position != r.Position:
		w.violate(Linearizability, "The reply to operation %d speaks of position %d instead of %d (%v).", op.number, reply.Position, r.Position, err)
	}
	if was != nil && was.operation != op.number {
		w.cover.Joined++
		w.history.joins(op, was.operation)
	}
	w.settle(c, op, linear.PlaceOfWrite(r.Position))
}

// judgeConflict checks that a command that is told that its id is taken lost it to another.
func (w *World) judgeConflict(op *operation) {
	w.cover.Conflicts++
	for _, e := range w.oneShots.taken[op.request] {
		if e.digest != op.digest {
			return
		}
	}
	w.violate(ExactlyOnce, "Operation %d is told that request id %q says something else, and nothing else was executed under it.", op.number, op.request.id)
}

// waitsForRoom reports whether an operation may wait still when the time is over: as many request ids are
// remembered as may be, and others took the room whenever there was some; or its node answers a server's question to it
// not at all.
func (w *World) waitsForRoom(op *operation) bool {
	return op.request.id != "" && w.plan.Requests.Max > 0 || w.clients[op.client-1].asks
}

// mayEndSo reports whether a one-shot command, or a question of a server to its own node, may end like this in good times.
func (w *World) mayEndSo(op *operation, r *caller.Result) bool {
	switch {
	case w.clients[op.client-1].asks:
		return true
	case op.request.id == "":
		return false
	case r.Code == node.CodeRequestConflict:
		return true
	case r.Code == node.CodeRequestsFull:
		return w.plan.Requests.Max > 0
	case r.Code == node.CodeNotYet:
		return w.levelAt == 0 || op.calledAt < w.levelAt
	}
	return r.Outcome == node.Unknown && w.plan.Requests.Age > 0 // it was not repeated for longer
}

// requests draws one-shot commands, and how the cluster remembers them.
func (g *generator) requests() {
	s := g.stream(ideaRequests)
	if s.perMille(350) {
		return
	}
	p := g.plan
	slowest := time.Duration(0)
	for i := range p.Clients {
		c := &p.Clients[i]
		c.Once, c.Again, c.Clash = s.between(50, 600), s.between(0, 500), s.between(0, 400)
		slowest = max(slowest, c.Timeout)
	}
	if s.perMille(400) {
		p.Requests.Age = 4*slowest + time.Duration(s.between(500, 8000))*time.Millisecond
		if s.perMille(500) {
			p.Requests.Max = s.between(2, 20)
		}
	}
}
