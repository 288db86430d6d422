package lock

import (
	"fmt"
	"time"

	"parley/raft"
	"parley/statemachine/state"
)

// Renew gives a lock its time anew, from the entry of the command on. Only its holder can, and only with the live
// fence: a lock whose deadline has passed is lost, whether anybody else wanted it or not.
type Renew struct {
	Name  string
	Fence raft.Position
	TTL   time.Duration // zero: as before
}

// Kind is the command's number.
func (*Renew) Kind() uint8 { return kindRenew }

// Code passes the fields.
func (r *Renew) Code(c *state.Coder) {
	c.String(&r.Name)
	state.Number(c, &r.Fence)
	state.Number(c, &r.TTL)
}

// Check refuses what no lock is called, and times that none has.
func (r *Renew) Check(l *state.Limits) *state.Refusal {
	if refusal := l.CheckLockName(r.Name); refusal != nil || r.TTL == 0 {
		return refusal
	}
	return l.CheckTTL(r.TTL)
}

// Apply renews the lock. Who may not write a document any more keeps its lock for no longer than he has it.
func (r *Renew) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := mayLock(t, state.ToWriteDoc, r.Name); refusal != nil {
		return nil, refusal
	}
	h, refusal := mine(t, r.Name, r.Fence)
	if refusal != nil {
		return nil, refusal
	}
	t.Renewed(&h, r.TTL)
	return answer(t, &h, true), nil
}

// Release gives a lock up. Only its holder can, and only with the live fence.
type Release struct {
	Name  string
	Fence raft.Position
}

// Kind is the command's number.
func (*Release) Kind() uint8 { return kindRelease }

// Code passes the fields.
func (r *Release) Code(c *state.Coder) {
	c.String(&r.Name)
	state.Number(c, &r.Fence)
}

// Check refuses what no lock is called.
func (r *Release) Check(l *state.Limits) *state.Refusal { return l.CheckLockName(r.Name) }

// Apply releases the lock. Its holder can, even if he may not read the document any more.
func (r *Release) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	h, refusal := mine(t, r.Name, r.Fence)
	if refusal != nil {
		if hidden := mayLock(t, state.ToReadDoc, r.Name); hidden != nil {
			return nil, hidden
		}
		return nil, refusal
	}
	reply := answer(t, &h, false)
	t.GiveUp(&h, false)
	return reply, nil
}

// Break takes a lock from its holder: a user from another login of his own, an owner of a document that document's,
// an admin of the cluster any. What the former holder still does under his fence is refused from then on.
type Break struct {
	Name  string
	Fence raft.Position // zero: whatever it is; else the lock is only broken if this is the live fence
}

// Kind is the command's number.
func (*Break) Kind() uint8 { return kindBreak }

// Code passes the fields.
func (b *Break) Code(c *state.Coder) {
	c.String(&b.Name)
	state.Number(c, &b.Fence)
}

// Check refuses what no lock is called.
func (b *Break) Check(l *state.Limits) *state.Refusal { return l.CheckLockName(b.Name) }

// Apply breaks the lock and writes it down.
func (b *Break) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	h, held := t.Held(b.Name, t.At.Time)
	own := held && h.User == t.User.ID
	if state.NamesDoc(b.Name) && !own {
		_, may := t.MayDoc(state.ToBreakDoc, b.Name)
		if may != nil && may.Code == state.NotPermitted && !held {
			return nil, refuseFree(b.Name)
		}
		if may != nil {
			return nil, may
		}
	}
	switch {
	case !held:
		return nil, refuseFree(b.Name)
	case b.Fence != 0 && b.Fence != h.Fence:
		return nil, RefuseFence(&t.View, &h, b.Fence)
	case !own && !state.NamesDoc(b.Name) && !t.User.Admin:
		return nil, state.Refusef(state.NotPermitted, "NOT_LOCK_HOLDER", "The lock %s is held by %s. Only %s and admins of the cluster may break it.",
			b.Name, t.NameOf(h.User), t.NameOf(h.User))
	}
	reply := answer(t, &h, false)
	t.Audit("lock.break", b.Name, fmt.Sprintf("of %s, fence %d", t.NameOf(h.User), h.Fence))
	t.GiveUp(&h, true)
	return reply, nil
}

// Cancel leaves the line for a lock. A wait that has ended with a grant meanwhile is none: the lock is to be released.
type Cancel struct {
	Name   string
	Ticket raft.Position
}

// Kind is the command's number.
func (*Cancel) Kind() uint8 { return kindCancel }

// Code passes the fields.
func (k *Cancel) Code(c *state.Coder) {
	c.String(&k.Name)
	state.Number(c, &k.Ticket)
}

// Check refuses what no lock is called.
func (k *Cancel) Check(l *state.Limits) *state.Refusal { return l.CheckLockName(k.Name) }

// Apply ends the wait. Whether a document of which the caller stands in no line is there, the refusal does not say.
func (k *Cancel) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	w, _, ok := t.WaitOf(k.Name, k.Ticket, t.Login.ID)
	if !ok {
		return nil, state.Refusef(state.NotFound, "WAIT_NOT_FOUND", "This login does not wait for the lock %s.", state.Clip(k.Name))
	}
	t.EndWait(&w)
	return &Answer{Position: t.At.Position, Lock: Lock{Name: k.Name}}, nil
}
