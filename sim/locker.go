package sim

import (
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// Some operations are about locks. There are few, for a short time, and everybody wants them. A client remembers the
// fences that it got, and goes on renewing, releasing and using what it lost long ago, because it slept, or its
// answers did; and now and then it tries somebody else's fence.

// LockPlan bounds locks, on all nodes alike. Zero fields: as in production.
type LockPlan struct {
	Expiries int64 // rows that go with one entry, whose deadlines have passed; negative: none, so that all wait for ever
	Max      int64 // locks of one user
}

// lockTTLMin is short, so that a run sees the end of many locks.
const lockTTLMin = 100 * time.Millisecond

// newMachine returns the state that this world's clusters begin with.
func (w *World) newMachine() *statemachine.Machine { return statemachine.NewLimited(w.limits()) }

func (w *World) limits() statemachine.Limits {
	l, p := statemachine.DefaultLimits(), &w.plan.Locks
	l.LockTTLMin = lockTTLMin
	l.EventsMax = int(orElse(w.plan.Events, int64(l.EventsMax)))
	l.LockExpiriesMax = int(max(0, orElse(p.Expiries, int64(l.LockExpiriesMax))))
	l.LocksPerPrincipalMax = int(orElse(p.Max, int64(l.LocksPerPrincipalMax)))
	w.plan.Team.limitTeam(&l)
	return l
}

// principal is who a client is.
func (p *ClientPlan) principal(number int) string {
	if p.User > 0 {
		return "user-" + formatUint(uint64(p.User))
	}
	return "client-" + formatUint(uint64(number))
}

// lockKind is what an operation does with a lock.
type lockKind uint8

const (
	lockAcquire lockKind = iota + 1
	lockRenew
	lockRelease
	lockBreak
	lockList
)

var lockKinds = [...]string{"", "acquire", "renew", "release", "break", "list"}

// lockAsk is what an operation says about a lock.
type lockAsk struct {
	kind  lockKind
	name  string // of lockList: empty for all
	fence raft.Position
	ttl   time.Duration
}

// grip is a lock that a client got, and may have lost.
type grip struct {
	name  string
	fence raft.Position
	over  bool // it knows that it lost it
}

// gripsMax is how many a client remembers.
const gripsMax = 6

// makeLock makes an operation on a lock.
func (w *World) makeLock(c *client, op *operation, x uint64) {
	ask := &op.lock
	ask.name = lockPrefix + formatUint(below(raft.Mix(x, 1), uint64(c.plan.Names)))
	ttl := c.plan.TTL // mostly all take it for as long: so that many end at once
	if below(raft.Mix(x, 2), 5) < 2 {
		ttl = time.Duration(between(raft.Mix(x, 7), int64(lockTTLMin), int64(c.plan.TTL)))
	}
	pick := below(raft.Mix(x, 3), 100)
	g := c.gripFor(raft.Mix(x, 4))
	if pick >= 45 && pick < 92 && g != nil {
		ask.name, ask.fence = g.name, g.fence
		if below(raft.Mix(x, 5), 10) == 0 {
			ask.fence = w.judges.locks.fenceOf(ask.name) // whoever's that is
		}
	}
	switch {
	case pick < 20:
		ask.kind = lockList
		if below(raft.Mix(x, 6), 2) == 0 {
			ask.name = ""
		}
		if int64(below(raft.Mix(x, 8), 1000)) < c.plan.Stale {
			op.consistency = node.Stale
		}
	case pick < 45 || g == nil:
		ask.kind, ask.fence, ask.ttl = lockAcquire, 0, ttl
	case pick < 68:
		ask.kind = lockRenew
		if below(raft.Mix(x, 6), 2) == 0 {
			ask.ttl = ttl
		}
	case pick < 87:
		ask.kind = lockRelease
	case pick < 92:
		ask.kind, ask.ttl = lockAcquire, ttl // it asks for what it has
	default:
		ask.kind = lockBreak
		if below(raft.Mix(x, 6), 2) == 0 {
			ask.fence = w.judges.locks.fenceOf(ask.name)
		}
	}
	op.write = ask.kind != lockList
	op.wall = w.servers[c.number%len(w.servers)].clock.readWall(w.now)
	op.body = ask.encode(op.wall)
	for op.write && w.judges.applied.byBody[string(op.body)] != 0 {
		op.wall++ // no two commands have the same bytes
		op.body = ask.encode(op.wall)
	}
	if op.write {
		w.judges.applied.byBody[string(op.body)] = op.number
	}
	if w.trace.on() {
		w.trace.say("wants operation %d: %s %s under fence %d for %s", op.number, lockKinds[ask.kind], ask.name, ask.fence, formatDuration(ask.ttl))
	}
}

// encode makes the command, or the query.
func (a *lockAsk) encode(wall raft.Wall) []byte {
	switch a.kind {
	case lockAcquire:
		return statemachine.AppendAcquire(nil, statemachine.Acquire{Name: a.name, TTL: a.ttl, Fence: a.fence, Wall: wall})
	case lockRenew:
		return statemachine.AppendRenew(nil, statemachine.Renew{Name: a.name, TTL: a.ttl, Fence: a.fence, Wall: wall})
	case lockRelease:
		return statemachine.AppendRelease(nil, statemachine.Release{Name: a.name, Fence: a.fence, Wall: wall})
	case lockBreak:
		return statemachine.AppendBreak(nil, statemachine.Break{Name: a.name, Fence: a.fence, Wall: wall})
	}
	return statemachine.AppendLocks(nil, statemachine.Locks{Name: a.name})
}

// gripFor draws one of the locks that a client got, mostly one that it believes to have.
func (c *client) gripFor(x uint64) *grip {
	if len(c.grips) == 0 {
		return nil
	}
	g := &c.grips[below(x, uint64(len(c.grips)))]
	if g.over && below(raft.Mix(x, 1), 3) > 0 {
		g = &c.grips[len(c.grips)-1]
	}
	return g
}

// learns takes down what an answer says about a client's grip.
func (c *client) learns(ask *lockAsk, r *statemachine.LockReply, err error) {
	mine := -1
	for i := range c.grips {
		if g := &c.grips[i]; g.name == ask.name && g.fence == ask.fence {
			mine = i
		}
	}
	switch {
	case err == nil && r.Granted && mine < 0:
		if len(c.grips) == gripsMax {
			c.grips = append(c.grips[:0], c.grips[1:]...)
		}
		c.grips = append(c.grips, grip{name: r.Lock.Name, fence: r.Lock.Fence})
	case (err != nil || ask.kind == lockRelease) && mine >= 0:
		c.grips[mine].over = true
	}
}

// judgeLockAnswer checks the answer to an operation on a lock: it is what the agreed log has at its position.
func (w *World) judgeLockAnswer(c *client, op *operation, r *caller.Result) {
	if !op.write {
		w.judgeLockList(c, op, r)
		return
	}
	if op.position == 0 || op.position != r.Position {
		w.violate(Durability, "Operation %d is acknowledged at position %d, and took effect at %d.", op.number, r.Position, op.position)
		return
	}
	if a := w.applicationAt(r.Position); a == nil || string(a.reply) != string(r.Reply) {
		w.violate(Linearizability, "The reply to operation %d is not the one that it has at position %d.", op.number, r.Position)
		return
	}
	reply, err := statemachine.DecodeLockReply(r.Reply)
	c.learns(&op.lock, &reply, err)
	w.settle(c, op, linear.PlaceOfWrite(r.Position))
}

// applicationAt returns the command that was applied at a position.
func (w *World) applicationAt(at raft.Position) *application {
	log := w.judges.applied.log
	lo, hi := 0, len(log)
	for lo < hi {
		if mid := (lo + hi) / 2; log[mid].at.Position < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(log) || log[lo].at.Position != at {
		return nil
	}
	return &log[lo]
}

// locks draws who wants locks, and for how long.
func (g *generator) locks() {
	s := g.stream(ideaLocks)
	if s.perMille(350) {
		return
	}
	p := g.plan
	names := s.between(1, 4)
	ttl := time.Duration(s.between(300, 4000)) * time.Millisecond
	for i := range p.Clients {
		c := &p.Clients[i]
		if c.At != 0 {
			continue
		}
		c.Lock, c.Names, c.TTL = s.between(50, 600), names, ttl
		if s.perMille(300) {
			c.User = s.between(1, 2)
		}
		if s.perMille(200) {
			c.Nap = max(c.Nap, s.between(10, 60))
		}
	}
	if s.perMille(400) {
		p.Locks.Expiries = []int64{-1, -1, 1}[s.below(3)]
	}
	if s.perMille(300) {
		p.Locks.Max = s.between(1, 3)
	}
}
