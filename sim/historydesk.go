package sim

import (
	"slices"
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// What a team does with locks and documents stands in the history of the run. A document is a log of revisions: who updates,
// restores or makes it appends one, and who asks for the newest ones reads a page. A lock is one as linear has it, whose
// owners are logins; what nobody calls is in the history as such: who stood in line gets it, and who lost his login loses it.
// What is refused for what it is, or for what somebody may not, is a question that nobody answered, as all else of a team.

// linearOfDesk says what a command about a lock wants, as histories call it.
func linearOfDesk(c state.Command) (kind linear.Kind, name string) {
	switch c := c.(type) {
	case *lock.Acquire:
		return linear.Acquire, c.Name
	case *lock.Renew:
		return linear.Renew, c.Name
	case *lock.Release:
		return linear.Release, c.Name
	case *lock.Break:
		return linear.Break, c.Name
	}
	return 0, ""
}

// recordDeskEffect takes down where the log has a command of a team.
func (w *World) recordDeskEffect(op *operation, at node.Applied) {
	h, reply := &w.history, w.applicationAt(at.Position).reply
	o, refusal := h.of(op.number), refusalIn(reply)
	appended := func(id string) {
		if refusal == nil {
			o.Kind, o.Stale, o.Object, o.ID, o.Position, o.Time = linear.Append, false, h.object(id), uint64(op.number), at.Position, at.Time
		}
	}
	switch c := op.team.command.(type) {
	case *document.Create:
		appended(docID(state.DocID(at.Position)))
	case *document.Update:
		appended(c.ID)
	case *document.Restore:
		appended(c.ID)
	default:
		w.recordLockEffect(op, o, at, refusal, reply)
	}
}

// recordLockEffect does so for a command about a lock, unless neither the lock's state nor its deadline had a say in it.
func (w *World) recordLockEffect(op *operation, o *linear.Operation, at node.Applied, refusal *state.Refusal, reply []byte) {
	kind, name := linearOfDesk(op.team.command)
	var a lock.Answer
	switch {
	case kind == 0:
		return
	case refusal != nil && refusal.Reason != "STALE_FENCE" && refusal.Reason != "LOCK_NOT_HELD" && refusal.Reason != "NOT_LOCK_HOLDER":
		return
	case refusal == nil && (state.DecodeReply(reply, &a) != nil || kind == linear.Acquire && a.Lock.Fence == 0):
		return // nobody has it, and it goes to the first in line with the next entry
	}
	h := &w.history
	o.Kind, o.Stale, o.Object, o.Position, o.Time = kind, false, h.object(name), at.Position, at.Time
	o.Owner = h.owner(loginOwner(op.team.head.Login))
	switch c := op.team.command.(type) {
	case *lock.Acquire:
		o.Fence, o.TTL = c.Fence, c.TTL
	case *lock.Renew:
		o.Fence, o.TTL = c.Fence, c.TTL
	case *lock.Release:
		o.Fence = c.Fence
	case *lock.Break:
		o.Fence = c.Fence
		for _, e := range w.team.model.eventsOf(at.Position) {
			if e.Kind == state.EventLockBroken && e.Text == name { // he does it in the holder's place
				o.Owner = h.owner(loginOwner(e.Login))
			}
		}
	}
}

// recordDeskEnd takes down an answer to a team.
func (w *World) recordDeskEnd(op *operation, r *caller.Result) {
	h := &w.history
	o := h.of(op.number)
	if r.Outcome != node.Done {
		return
	}
	if op.team.query != nil {
		w.recordDeskAnswer(op, o, r)
		return
	}
	if o.Kind == linear.Read || o.Position != r.Position {
		return // of no concern, or executed for another operation that said the same under one request id
	}
	o.Outcome, o.Return = linear.Done, h.instant(w.now)
	var a lock.Answer
	if o.Kind == linear.Append || state.DecodeReply(r.Reply, &a) != nil {
		return
	}
	o.Granted, o.Left = a.Granted, a.Lock.Left
	switch o.Kind {
	case linear.Acquire:
		o.Told = a.Lock.Fence
	case linear.Release, linear.Break:
		o.Granted = true // it is the holder's no more, as was wanted
	}
}

// recordDeskAnswer takes down what somebody was shown of a document or a lock.
func (w *World) recordDeskAnswer(op *operation, o *linear.Operation, r *caller.Result) {
	var object string
	was := *o
	switch q := op.team.query.(type) {
	case *document.Show:
		var c document.Content
		if q.Version != 0 || q.At != 0 || q.Time != 0 || state.DecodeReply(r.Reply, &c) != nil {
			return
		}
		object, o.Limit, o.More = q.ID, 1, c.Item.Document.Version > 1
		o.Entries = append(o.Entries, w.entryOf(c.Revision.Position))
	case *document.History:
		var page document.Revisions
		if q.Before != 0 || state.DecodeReply(r.Reply, &page) != nil {
			return
		}
		object, o.Limit, o.More = q.ID, int32(limited(q.Limit, 100, uint64(w.team.model.limits.DocumentsPageMax))), page.Next != 0
		for _, revision := range slices.Backward(page.Revisions) {
			o.Entries = append(o.Entries, w.entryOf(revision.Position))
		}
	case *lock.Get:
		var a lock.Answer
		e := w.agreedEntry(raft.Index(r.Position))
		if e == nil || state.DecodeReply(r.Reply, &a) != nil {
			return
		}
		object, o.Kind, o.Time, o.Told, o.Left = q.Name, linear.Look, e.Time, a.Lock.Fence, a.Lock.Left
	default:
		return
	}
	h := &w.history
	if o.Kind == was.Kind && len(o.Entries) == 0 {
		*o = was // a document without a revision, which there is not
		return
	}
	o.Object, o.Stale = h.object(object), op.consistency == node.Stale
	o.Outcome, o.Return, o.Position = linear.Done, h.instant(w.now), r.Position
}

// entryOf names what the log has at a position.
func (w *World) entryOf(at raft.Position) linear.Entry {
	e := linear.Entry{Position: at}
	if a := w.applicationAt(at); a != nil {
		e.ID = uint64(w.judges.applied.byBody[string(a.command)])
	}
	return e
}

// recordTold takes down what happens to a lock at a position and is no command's own doing: before the command, or behind it.
func (w *World) recordTold(e *state.Shown, at raft.Position, ttl time.Duration) {
	j, h := &w.team.desk, &w.history
	o := linear.Operation{Kind: linear.Ending, Object: h.object(e.Text), Owner: h.owner(loginOwner(e.Login)), Position: at}
	var command state.Command
	if j.command == at {
		command = j.op.team.command
	}
	kind, name := linearOfDesk(command)
	switch {
	case e.Kind == state.EventLocked && e.Ticket != 0:
		o.Kind, o.TTL = linear.HandOver, ttl
	case e.Kind == state.EventUnlocked && (kind != linear.Release || name != e.Text), e.Kind == state.EventLockBroken && (kind != linear.Break || name != e.Text):
	default:
		return
	}
	if j.turn++; j.turn < 0 && command != nil && kind != linear.Acquire {
		j.turn = 1 // what comes of a command comes behind it; but who asks for a lock that is over finds it handed on
	}
	o.Turn, o.Time, o.Call = j.turn, w.team.model.time, h.instant(w.now)
	h.lists = append(h.lists, o)
}
