package caller

import (
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// route is whom to ask next, and when. All operations share it: what one
// attempt learned about the leader holds for all. Queries that any node may answer have
// one of their own.
//
// Attempts fail in bunches, since many were sent to the same dead node. An epoch
// numbers the decisions: only the first failure of the newest epoch makes a new one, so
// that a bunch counts as one failure.
type route struct {
	target   string
	next     int    // the target to try when there is no hint
	epoch    uint64 // decisions so far
	failures int    // decisions since the last success
	followed bool   // the last decision followed a hint at once
	gate     raft.Mono
	draws    uint64
}

// The purposes of draws.
const (
	purposeNonce   = 1
	purposeBackoff = 2
)

// succeeded: the target answers, so that the next failure is a fresh one.
func (r *route) succeeded() {
	r.failures, r.followed = 0, false
}

// routeOf returns the route of commands or of queries.
func (c *Caller) routeOf(query bool) *route {
	if query && c.cfg.ReadAnywhere {
		return &c.reads
	}
	return &c.route
}

// failed decides where to go after a failed attempt. A hint is followed at once,
// but a second one in a row waits like any failure: two nodes that each take
// the other for the leader must not make the caller spin. The first failure after a
// success moves on at once, too; a busy node is given time and asked again. A query that
// any node may answer does not run after a leader that was lost. That a
// session was opened is no success yet: a command must have been answered.
func (c *Caller) failed(tried attempt, code node.Code, hint string) {
	r := c.routeOf(tried.reads)
	if tried.epoch != r.epoch {
		return
	}
	r.epoch++
	r.failures++
	switch {
	case code == node.CodeBusy:
		// The right node, at a bad moment.
	case code == node.CodeSessionUnknown:
		// The right node; only the session is gone.
		if r.failures == 1 {
			return
		}
	case hint != "" && hint != r.target && !(tried.reads && code == node.CodeLeaderLost):
		r.target = hint
		if !r.followed {
			r.followed = true
			r.gate = c.now
			return
		}
	default:
		c.rotate(r)
		if r.failures == 1 {
			r.gate = c.now
			return
		}
	}
	r.followed = false
	r.gate = c.now.Add(c.backoff(r))
}

// rotate takes the next configured target, not the one that just failed, nor one that was silent a moment ago
// as long as there is another: of several operations under way each might otherwise ask in turn those nodes alone
// that the others have just waited for in vain.
func (c *Caller) rotate(r *route) {
	from := r.next
	for i := range c.cfg.Targets {
		r.next = (from + 1 + i) % len(c.cfg.Targets)
		if c.cfg.Targets[r.next] != r.target && c.now >= c.silent[r.next] {
			r.target = c.cfg.Targets[r.next]
			return
		}
	}
	for i := range c.cfg.Targets {
		r.next = (from + 1 + i) % len(c.cfg.Targets)
		if c.cfg.Targets[r.next] != r.target {
			break
		}
	}
	r.target = c.cfg.Targets[r.next]
}

// wasSilent remembers for a while that a target let an attempt pass. A node that can't be reached says so at once and costs
// nothing.
func (c *Caller) wasSilent(a attempt) {
	if i := slices.Index(c.cfg.Targets, a.target); i >= 0 {
		c.silent[i] = c.now.Add(2 * c.cfg.AttemptTimeout)
	}
}

// spoke forgets that.
func (c *Caller) spoke(a attempt) {
	if i := slices.Index(c.cfg.Targets, a.target); i >= 0 {
		c.silent[i] = 0
	}
}

// backoff grows by an eighth with every failure and is drawn from [1/2, 1) of
// that, so that many callers of one dead leader do not come back as one. It stays at
// about a sixth of the time that the trouble has lasted: doubling would often
// sleep through a good part of the first second of a new leader.
func (c *Caller) backoff(r *route) time.Duration {
	d := c.cfg.BackoffMin
	for n := 1; n < r.failures && d < c.cfg.BackoffMax; n++ {
		d += d / 8
	}
	d = min(d, c.cfg.BackoffMax)
	r.draws++
	half := uint64(d/2) + 1
	return d/2 + time.Duration(raft.Mix(c.cfg.Seed, purposeBackoff, r.draws)%half)
}

// largeBytes is from where on a command costs everybody something: 256 of them fill as much of the log as a second of messages.
const largeBytes = 64 << 10

// patience is how long an attempt at an operation may take. A large command that was lost is given twice the time, twice: where
// it came in a queue that is longer than an attempt, each repetition would make that queue longer by a command that is not executed
// again, but is written to every disk.
func (c *Caller) patience(p *pending) time.Duration {
	if len(p.op.Body) < largeBytes {
		return c.cfg.AttemptTimeout
	}
	return c.cfg.AttemptTimeout << min(p.lost, 2)
}
