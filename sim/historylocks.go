package sim

import (
	"errors"
	"slices"
	"strings"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// linearKinds are the operations on locks as histories call them.
var linearKinds = [...]linear.Kind{lockAcquire: linear.Acquire, lockRenew: linear.Renew, lockRelease: linear.Release,
	lockBreak: linear.Break, lockList: linear.Look}

// object returns the place of a lock among the objects.
func (h *history) object(lock string) int32 {
	at := slices.Index(h.kept.Objects[theChannel+1:], lock)
	if at < 0 {
		h.kept.Objects = append(h.kept.Objects, lock)
		return int32(len(h.kept.Objects) - 1)
	}
	return int32(theChannel + 1 + at)
}

// owner returns a number for a principal.
func (h *history) owner(principal string) int32 {
	at := slices.Index(h.owners, principal)
	if at < 0 {
		h.owners = append(h.owners, principal)
		at = len(h.owners) - 1
	}
	return int32(at + 1)
}

// firstLock is the one that a list of all locks is about, in the first place; the others follow.
const firstLock = lockPrefix + "0"

// lockPrefix begins the names of locks that no team has.
const lockPrefix = "lock-"

// recordLockCall takes down what a client wants of a lock.
func (w *World) recordLockCall(op *operation, o *linear.Operation) {
	h, ask := &w.history, &op.lock
	name := ask.name
	if name == "" {
		name = firstLock
	}
	o.Kind, o.Object, o.Stale = linearKinds[ask.kind], h.object(name), !op.write && op.consistency == node.Stale
	o.Owner = h.owner(w.clients[op.client-1].plan.principal(op.client))
	o.Fence, o.TTL = ask.fence, ask.ttl
}

// voidReply reports whether a command was refused for what it is, or for other locks, and neither the lock's own
// state nor its deadline had a say.
func voidReply(reply []byte) bool {
	_, err := statemachine.DecodeLockReply(reply)
	var refusal *statemachine.Refusal
	return errors.As(err, &refusal) && refusal.Code != statemachine.CodeStaleFence && refusal.Code != statemachine.CodeNotPermitted
}

// recordLockReply takes down the answer to a command.
func (w *World) recordLockReply(op *operation, o *linear.Operation, r *caller.Result) {
	if voidReply(r.Reply) {
		o.Outcome, o.Return, o.Position, o.Time = linear.Refused, 0, 0, 0
		return
	}
	reply, err := statemachine.DecodeLockReply(r.Reply)
	if err != nil {
		return // not granted
	}
	o.Granted, o.Left = reply.Granted, reply.Lock.Left
	switch op.lock.kind {
	case lockAcquire:
		o.Told = reply.Lock.Fence
	case lockRelease, lockBreak:
		o.Granted = true // it is the caller's no more, as he wanted it
	}
}

// recordLocks takes down what a list shows: of all locks that anybody asked about, or of one.
func (w *World) recordLocks(op *operation, reply *statemachine.LocksReply, at raft.Position) {
	h := &w.history
	o := h.of(op.number)
	if e := w.agreedEntry(raft.Index(at)); e != nil {
		o.Time = e.Time
	}
	list := *o
	show := func(o *linear.Operation) {
		name := h.kept.Objects[o.Object]
		if i := slices.IndexFunc(reply.Locks, func(l statemachine.Lock) bool { return l.Name == name }); i >= 0 {
			o.Told, o.Left = reply.Locks[i].Fence, reply.Locks[i].Left
		}
	}
	show(o)
	if op.lock.name != "" {
		return
	}
	for object := theChannel + 1; object < len(h.kept.Objects); object++ {
		if one := list; object != int(list.Object) && strings.HasPrefix(h.kept.Objects[object], lockPrefix) {
			one.Object = int32(object)
			show(&one)
			h.lists = append(h.lists, one)
		}
	}
}

// finishHistory adds what is no operation of its own: the other locks of lists, and when terms began.
func (w *World) finishHistory() {
	h := &w.history
	if h.terms {
		return
	}
	h.terms = true
	h.kept.Operations = append(h.kept.Operations, h.lists...)
	var before *raft.Entry
	for i := raft.Index(1); ; i++ {
		e := w.agreedEntry(i)
		if e == nil {
			return
		}
		if before != nil && before.Term != e.Term {
			h.kept.Operations = append(h.kept.Operations, linear.Operation{Kind: linear.TermStart, Position: raft.Position(i), Before: before.Time, Time: e.Time})
		}
		before = e
	}
}
