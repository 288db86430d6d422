package lock

import (
	"time"

	"parley/raft"
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindAcquire = 120
	kindRenew   = 121
	kindRelease = 122
	kindBreak   = 123
	kindCancel  = 124

	kindGet  = 120
	kindList = 121
)

// Acquire takes a lock if it is free and nobody stands in line for it. It never renews: with the live fence its
// holder asks for what he has, and gets the fence and the deadline that there are already.
type Acquire struct {
	Name  string        // see Limits.CheckLockName; the id of a document for its lock
	TTL   time.Duration // of log time, from the grant on
	Wait  time.Duration // of log time, to stand in line if somebody holds it; zero: not at all
	Fence raft.Position // zero, or the fence under which the caller holds the lock
}

// Kind is the command's number.
func (*Acquire) Kind() uint8 { return kindAcquire }

// Code passes the fields.
func (a *Acquire) Code(c *state.Coder) {
	c.String(&a.Name)
	state.Number(c, &a.TTL)
	state.Number(c, &a.Wait)
	state.Number(c, &a.Fence)
}

// Check refuses what no lock is called, and times that none has.
func (a *Acquire) Check(l *state.Limits) *state.Refusal {
	if refusal := l.CheckLockName(a.Name); refusal != nil {
		return refusal
	}
	if a.Wait < 0 || a.Wait > l.LockWaitMax {
		return state.Invalidf("wait", "LOCK_WAIT_INVALID", "One waits for a lock for 0 to %d ms, and not for %d.", l.LockWaitMax/time.Millisecond, a.Wait/time.Millisecond)
	}
	return l.CheckTTL(a.TTL)
}

// Apply takes the lock, or a place in line.
func (a *Acquire) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := mayLock(t, state.ToWriteDoc, a.Name); refusal != nil {
		return nil, refusal
	}
	if a.Fence != 0 {
		h, refusal := mine(t, a.Name, a.Fence)
		if refusal != nil {
			return nil, refusal
		}
		return answer(t, &h, true), nil
	}
	h, granted, waits, refusal := t.Take(a.Name, a.TTL, a.Wait)
	if refusal != nil {
		return nil, refusal
	}
	reply := answer(t, &h, granted)
	if waits {
		reply.Ticket, reply.Ahead = t.At.Position, h.Waits-1
	}
	return reply, nil
}

// Lock is a lock as somebody sees it. Without a fence nobody holds it.
type Lock struct {
	Name   string
	Fence  raft.Position
	Holder state.UserID
	Called string // the holder's name
	Mine   bool   // it is held under the login that asks
	Since  raft.LogTime
	Wall   raft.Wall // of the grant
	TTL    time.Duration
	Left   time.Duration // of log time, until the deadline if nobody renews it
	Waits  uint64        // how many stand in line
}

// Code passes the fields.
func (l *Lock) Code(c *state.Coder) {
	c.String(&l.Name)
	state.Number(c, &l.Fence)
	state.Number(c, &l.Holder)
	c.String(&l.Called)
	c.Bool(&l.Mine)
	state.Number(c, &l.Since)
	state.Number(c, &l.Wall)
	state.Number(c, &l.TTL)
	state.Number(c, &l.Left)
	state.Number(c, &l.Waits)
}

// Show returns what somebody sees of a lock at a time.
func Show(v *state.View, h *state.Hold, now raft.LogTime) Lock {
	ends := v.HoldEnds(h)
	if h.Parked() || ends <= now {
		return Lock{Name: h.Name, Waits: h.Waits}
	}
	return Lock{h.Name, h.Fence, h.User, v.NameOf(h.User), h.Login == v.Login.ID, h.Since, h.Wall, h.TTL, time.Duration(ends - now), h.Waits}
}

// Answer answers the commands. That an Acquire came second is no refusal: Lock says who holds it.
type Answer struct {
	Position raft.Position // of the command
	Granted  bool          // the lock is the caller's
	Ticket   raft.Position // of the caller's place in line; zero: he does not wait
	Ahead    uint64        // how many stand before him
	Lock     Lock          // as the command leaves it; of Release and Break: as it was
}

// Code passes the fields.
func (a *Answer) Code(c *state.Coder) {
	state.Number(c, &a.Position)
	c.Bool(&a.Granted)
	state.Number(c, &a.Ticket)
	state.Number(c, &a.Ahead)
	a.Lock.Code(c)
}

func answer(t *state.Txn, h *state.Hold, granted bool) *Answer {
	return &Answer{Position: t.At.Position, Granted: granted, Lock: Show(&t.View, h, t.At.Time)}
}

// mayLock refuses the lock of a document with which the caller may not do that. A free name is everybody's.
func mayLock(t *state.Txn, action state.DocAction, name string) *state.Refusal {
	if !state.NamesDoc(name) {
		return nil
	}
	_, refusal := t.MayDoc(action, name)
	return refusal
}

// mine returns the lock that the caller's login holds under a fence.
func mine(t *state.Txn, name string, fence raft.Position) (state.Hold, *state.Refusal) {
	h, held := t.Held(name, t.At.Time)
	switch {
	case !held:
		return h, refuseFree(name)
	case h.Fence != fence:
		return h, RefuseFence(&t.View, &h, fence)
	case h.Login != t.Login.ID:
		return h, state.Refusef(state.NotPermitted, "NOT_LOCK_HOLDER", "The lock %s is held by %s under another login.", name, t.NameOf(h.User))
	}
	return h, nil
}

func refuseFree(name string) *state.Refusal {
	return state.Refusef(state.Conflict, "LOCK_NOT_HELD", "Nobody holds the lock %s.", name)
}

// RefuseFence refuses a fence under which a lock is not held.
func RefuseFence(v *state.View, h *state.Hold, fence raft.Position) *state.Refusal {
	return state.Refusef(state.Conflict, "STALE_FENCE", "The lock %s is held by %s under fence %d, and not %d.", h.Name, v.NameOf(h.User), h.Fence, fence)
}
