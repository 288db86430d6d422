package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine"
)

// locks judges what becomes of locks. It reads the agreed log, every entry of it, and has the model do what the
// commands in it say; what state machines answered, what subscribers are told and what a list shows must be
// just that. The model knows of no node's word but for the replies that it is compared with.
type locks struct {
	model   lockModel
	next    raft.Index          // entries so far
	places  int                 // in the log of applications
	frames  int                 // among what happened
	expired []statemachine.Lock // whose event is still to come
}

// levelLocks is the level below which there are no commands about locks.
const levelLocks = node.LevelTimed

// fenceOf is the fence of the last grant of a lock.
func (j *locks) fenceOf(name string) raft.Position {
	if h := j.model.find(name); h != nil {
		return h.grants[len(h.grants)-1].fence
	}
	return 0
}

// judgeLocks takes the model up to an entry that a node has applied.
func (w *World) judgeLocks(upTo raft.Index) {
	j := &w.judges.locks
	for j.next < upTo && w.violation == nil {
		e := w.agreedEntry(j.next + 1)
		if e == nil {
			return
		}
		j.next++
		w.judgeLocksAt(e)
	}
}

// agreedEntry is the entry that was committed at an index; nil if the judges have not seen it.
func (w *World) agreedEntry(i raft.Index) *raft.Entry {
	l := &w.judges.logs
	if i == 0 || uint64(i) > uint64(len(l.committed)) {
		return nil
	}
	for k := range l.registry[i-1] {
		if r := &l.registry[i-1][k]; r.entry.Term == l.committed[i-1].term {
			return &r.entry
		}
	}
	return nil
}

// judgeLocksAt has one more entry happen in the model.
func (w *World) judgeLocksAt(e *raft.Entry) {
	j, a := &w.judges.locks, &w.judges.applied
	j.model.perUser = w.limits().LocksPerPrincipalMax
	graced, expired := j.model.advance(e)
	w.cover.Graced += uint64(graced)
	w.cover.Expired += uint64(len(expired))
	j.expired = append(j.expired, expired...)
	at := raft.Position(e.Index)
	var want statemachine.Event
	for ; j.places < len(a.log) && a.log[j.places].at.Position <= at; j.places++ {
		if rec := &a.log[j.places]; rec.at.Position == at {
			want = w.judgeLockCommand(rec)
		}
	}
	for ; j.frames < len(a.frames) && a.frames[j.frames].at <= at; j.frames++ {
		if f := &a.frames[j.frames]; f.at == at && len(j.model.locks) > 0 {
			w.judgeLockEvents(f, &want)
		}
	}
	if want.Kind != 0 {
		w.violate(LockExclusion, "What became of the lock %s at position %d is no event there.", want.Lock.Name, at)
	}
}

// judgeLockCommand compares a reply with what the model says, and returns the event that is to come of it.
func (w *World) judgeLockCommand(rec *application) (event statemachine.Event) {
	number := w.judges.applied.byBody[string(rec.command)]
	if number == 0 || w.operations[number-1].lock.kind == 0 {
		return event
	}
	op, j := &w.operations[number-1], &w.judges.locks
	ask := &op.lock
	got, err := statemachine.DecodeLockReply(rec.reply)
	code := statemachine.CodeOK
	if refusal, refused := err.(*statemachine.Refusal); refused {
		code = refusal.Code
	} else if err != nil {
		w.violate(LockExclusion, "The reply at position %d does not decode: %v.", rec.at.Position, err)
		return event
	}
	if rec.at.Level < levelLocks {
		if code != statemachine.CodeMalformed {
			w.violate(StateHash, "A command about a lock is executed at position %d, at level %d.", rec.at.Position, rec.at.Level)
		}
		return event
	}
	w.judgeGrant(rec, ask, &got, err == nil)
	want := j.model.execute(rec.at, ask)
	w.coverLock(ask, &want)
	switch {
	case code != want.code || err == nil && (got.Granted != want.granted || got.Lock != want.lock):
		w.violate(LockExclusion, "Operation %d, %s %s under fence %d, is answered at position %d with %s, %s, and is to be answered with %s, %s.",
			number, lockKinds[ask.kind], ask.name, ask.fence, rec.at.Position, code, describeLock(got.Granted, &got.Lock), want.code, describeLock(want.granted, &want.lock))
	case err == nil && got.Position != rec.at.Position:
		w.violate(Linearizability, "The reply to operation %d speaks of position %d instead of %d.", number, got.Position, rec.at.Position)
	}
	if want.event != 0 {
		event = statemachine.Event{Kind: want.event, Lock: statemachine.LockEvent{Name: ask.name, Fence: want.lock.Fence,
			Time: rec.at.Time, Wall: op.wall, Holder: want.lock.Holder, By: rec.at.Principal}}
	}
	return event
}

// judgeGrant looks at a grant alone: nobody else holds the lock, and the fence is higher than all before.
func (w *World) judgeGrant(rec *application, ask *lockAsk, got *statemachine.LockReply, ok bool) {
	h := w.judges.locks.model.find(ask.name)
	if !ok || !got.Granted || ask.kind != lockAcquire || h == nil {
		return
	}
	if s := h.now(); s.held && (s.lock.Holder != rec.at.Principal || s.lock.Fence != ask.fence) {
		w.violate(LockExclusion, "The lock %s is granted to %s at position %d, and %s holds it under fence %d.",
			ask.name, rec.at.Principal, rec.at.Position, s.lock.Holder, s.lock.Fence)
	} else if last := h.grants[len(h.grants)-1]; !s.held && got.Lock.Fence <= last.fence {
		w.violate(Fences, "The lock %s is granted at position %d under fence %d, and was granted at position %d under fence %d.",
			ask.name, rec.at.Position, got.Lock.Fence, last.at, last.fence)
	}
}

// judgeLockEvents compares what subscribers are told of a position: what the command did, and of every lock that
// expired its end, once, not before it and not behind the next grant.
func (w *World) judgeLockEvents(f *framed, want *statemachine.Event) {
	events, err := statemachine.DecodeEvents(f.body)
	if err != nil {
		w.violate(Streams, "The events of position %d do not decode: %v.", f.at, err)
		return
	}
	j := &w.judges.locks
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case statemachine.EventMessage:
		case statemachine.EventExpire:
			k := slices.IndexFunc(j.expired, func(l statemachine.Lock) bool { return l.Name == e.Lock.Name && l.Fence == e.Lock.Fence })
			if k < 0 {
				w.violate(LockExclusion, "The lock %s is said to have expired at position %d under fence %d, and did not.", e.Lock.Name, f.at, e.Lock.Fence)
				return
			}
			j.expired = slices.Delete(j.expired, k, k+1)
		default:
			if *e != *want {
				w.violate(LockExclusion, "An event of position %d says of the lock %s what did not happen there.", f.at, e.Lock.Name)
				return
			}
			*want = statemachine.Event{}
			if k := slices.IndexFunc(j.expired, func(l statemachine.Lock) bool { return l.Name == e.Lock.Name }); k >= 0 {
				w.violate(LockExclusion, "The lock %s is granted at position %d, and nobody was told that it expired under fence %d.",
					e.Lock.Name, f.at, j.expired[k].Fence)
			}
		}
	}
}

// judgeLockList checks a list: it shows the locks that were held at its position, with the time that each had left.
func (w *World) judgeLockList(c *client, op *operation, r *caller.Result) {
	reply, err := statemachine.DecodeLocksReply(r.Reply)
	if err != nil {
		w.violate(Linearizability, "The reply to operation %d does not decode: %v.", op.number, err)
		return
	}
	w.judgeLocks(raft.Index(r.Position))
	w.recordLocks(op, &reply, r.Position)
	e := w.agreedEntry(raft.Index(r.Position))
	if r.Position != 0 && (e == nil || w.judges.locks.next < raft.Index(r.Position)) {
		w.violate(Linearizability, "Operation %d is answered from position %d, which nobody has committed.", op.number, r.Position)
		return
	}
	var want []statemachine.Lock
	for i := range w.judges.locks.model.locks {
		h := &w.judges.locks.model.locks[i]
		if s := h.at(r.Position); s.held && (op.lock.name == "" || op.lock.name == h.name) {
			want = append(want, s.shown(e.Time))
		}
	}
	slices.SortFunc(want, func(a, b statemachine.Lock) int { return cmp.Compare(a.Name, b.Name) })
	if reply.More || !slices.Equal(reply.Locks, want) {
		w.violate(Linearizability, "Operation %d at position %d shows %d locks, and %d are held, or others.", op.number, r.Position, len(reply.Locks), len(want))
		return
	}
	w.judgeReadPlace(c, op, r)
}

// overdueLocks lists the locks that are held though their time was over long ago: no entry came that says so, and
// whoever leads should have appended one.
func (w *World) overdueLocks() (list []string) {
	c, m := w.judges.logs.committed, &w.judges.locks.model
	if len(c) == 0 {
		return nil
	}
	quiet := time.Duration(w.now - c[len(c)-1].at)
	for i := range m.locks {
		if s := m.locks[i].now(); s.held {
			if left := time.Duration(s.deadline - m.time); quiet > left+left/10+overdueMax {
				list = append(list, fmt.Sprintf("lock %s was to expire %s after the last entry, %s ago", m.locks[i].name, formatDuration(left), formatDuration(quiet)))
			}
		}
	}
	return list
}

// overdueMax is what it may take until a deadline is noticed, beside wrong clocks: there is one clock entry a second.
const overdueMax = 2 * time.Second

func (w *World) coverLock(ask *lockAsk, o *lockOutcome) {
	switch {
	case o.event == statemachine.EventLock:
		w.cover.Locked++
	case o.event == statemachine.EventBreak:
		w.cover.Broken++
	case ask.kind == lockAcquire && o.code == statemachine.CodeOK && !o.granted:
		w.cover.LockedOut++
	case o.code == statemachine.CodeStaleFence:
		w.cover.StaleFences++
	case o.code == statemachine.CodeLocksFull:
		w.cover.Crowded++
	}
}
