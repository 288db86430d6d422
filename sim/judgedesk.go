package sim

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// desk judges the locks and documents of a team by what is told of them alone, and knows none of the rules by which they are
// granted and written: a lock goes from hand to hand, its fences rise, who came first is served first, and what was
// written once is there for good. The model, which knows the rules, says whether each was to be granted and written.
type desk struct {
	at      raft.Position // whose events were looked at last, and how many of them
	seen    int
	turn    int8       // of the last of them that changed the history of a lock
	op      *operation // that was executed last, and where
	command raft.Position
	locks   map[string]*toldLock
	texts   map[state.DocID][][32]byte // sums of the rows, by version
}

// toldLock is what was told of a lock.
type toldLock struct {
	login  state.LoginID // under which it is held; zero: under none
	fence  raft.Position // of the newest grant
	line   []toldWait
	grants []lockGrant
}

// toldWait is somebody's place in a line, and for how long he will have the lock.
type toldWait struct {
	ticket raft.Position
	ttl    time.Duration
}

func newDesk() desk { return desk{locks: map[string]*toldLock{}, texts: map[state.DocID][][32]byte{}} }

func (j *desk) lock(name string) *toldLock {
	l := j.locks[name]
	if l == nil {
		l = &toldLock{}
		j.locks[name] = l
	}
	return l
}

// judgeDesk looks at a command about a lock or a document that the first node has executed, before its events are told.
func (w *World) judgeDesk(m *machine, op *operation, at node.Applied, reply []byte) {
	j := &w.team.desk
	j.op, j.command = op, at.Position
	var id state.DocID
	var fence raft.Position
	switch c := op.team.command.(type) {
	case *lock.Acquire:
		var a lock.Answer
		if state.DecodeReply(reply, &a) == nil {
			w.judgeAcquired(j.lock(c.Name), op, c, &a, at.Position)
		}
		return
	case *document.Create:
		id = state.DocID(at.Position)
	case *document.Update:
		id, fence = docOf(c.ID), c.Fence
	case *document.Restore:
		id, fence = docOf(c.ID), c.Fence
	case *document.Delete:
		id = docOf(c.ID)
	case *document.Share:
		id = docOf(c.ID)
	default:
		return
	}
	var item document.Item
	if state.DecodeReply(reply, &item) == nil {
		w.judgeWritten(m, op, &item.Document, fence)
	}
	w.judgeTexts(m, id)
}

// judgeAcquired looks at the answer to who wanted a lock.
func (w *World) judgeAcquired(l *toldLock, op *operation, c *lock.Acquire, a *lock.Answer, at raft.Position) {
	switch {
	case a.Ticket != 0:
		l.line = append(l.line, toldWait{a.Ticket, c.TTL})
	case a.Granted && c.Fence == 0 && a.Lock.Fence <= l.fence:
		w.violate(Fences, "The lock %s is granted to operation %d at position %d under fence %d, and was granted under fence %d.", c.Name, op.number, at, a.Lock.Fence, l.fence)
	}
}

// judgeWritten looks at a revision that was accepted: whoever wrote it under a fence had the newest.
func (w *World) judgeWritten(m *machine, op *operation, d *state.Document, fence raft.Position) {
	j := &w.team.desk
	texts, l := j.texts[d.ID], j.lock(docID(d.ID))
	row, there := m.DocRevision(d.ID, d.Version)
	switch {
	case !there || d.Version != uint64(len(texts))+1:
		w.violate(Revisions, "Operation %d writes version %d of document %d, which has had %d.", op.number, d.Version, d.ID, len(texts))
	case row.Fence != 0 && row.Fence != l.fence, fence != 0 && fence != row.Fence:
		w.violate(Fences, "Operation %d writes document %d under fence %d, the revision says %d, and the newest is %d.", op.number, d.ID, fence, row.Fence, l.fence)
	case row.Fence != 0 && l.login != op.team.head.Login:
		w.violate(LockExclusion, "Operation %d writes document %d under fence %d and login %d, and it is login %d that has the lock.", op.number, d.ID, row.Fence, op.team.head.Login, l.login)
	}
	if there {
		j.texts[d.ID] = append(texts, sha256.Sum256(state.Append(nil, &row)))
	}
}

// judgeTexts looks whether all revisions of a document are what they were when they were written.
func (w *World) judgeTexts(m *machine, id state.DocID) {
	for i, sum := range w.team.desk.texts[id] {
		version := uint64(i) + 1
		if row, there := m.DocRevision(id, version); !there || sha256.Sum256(state.Append(nil, &row)) != sum {
			w.violate(Revisions, "Revision %d of document %d is not what was written.", version, id)
			return
		}
	}
}

// judgeTold looks at what is told of locks at a position. It comes twice if something ended there before the command
// was executed, and the second time tells all of it again.
func (w *World) judgeTold(f *framed) {
	j := &w.team.desk
	if j.at != f.at {
		j.at, j.seen, j.turn = f.at, 0, firstTurn
	}
	for ; j.seen < len(f.parts); j.seen++ {
		body := f.parts[j.seen].body
		var e state.Shown
		if len(body) > 0 && body[0] == 2 && state.Decode(body[1:], &e) == nil && e.Kind >= state.EventLocked {
			w.judgeLockTold(&e, f.at)
		}
	}
}

// firstTurn leaves room for what happens with an entry before its command.
const firstTurn = -100

func (w *World) judgeLockTold(e *state.Shown, at raft.Position) {
	l := w.team.desk.lock(e.Text)
	place := slices.IndexFunc(l.line, func(k toldWait) bool { return k.ticket == e.Ticket })
	ttl := time.Duration(0)
	if place >= 0 {
		ttl = l.line[place].ttl
	}
	w.recordTold(e, at, ttl)
	switch e.Kind {
	case state.EventLocked:
		w.judgeHandedOn(l, e, at)
		l.leaves(place)
		l.login, l.fence = e.Login, e.Fence
		l.grants = append(l.grants, lockGrant{fence: e.Fence, at: at, holder: loginOwner(e.Login)})
	case state.EventUnlocked, state.EventLockExpired, state.EventLockBroken:
		if l.login != e.Login || l.fence != e.Fence {
			w.violate(LockExclusion, "The lock %s is said to have ended at position %d under fence %d of login %d, and it is login %d that has it under fence %d.", e.Text, at, e.Fence, e.Login, l.login, l.fence)
		}
		l.login = 0
	case state.EventLockWaitEnded:
		if place < 0 {
			w.violate(Line, "Somebody with ticket %d is said to wait no more for the lock %s at position %d, and did not.", e.Ticket, e.Text, at)
		}
		l.leaves(place)
	}
}

func (l *toldLock) leaves(place int) {
	if place >= 0 {
		l.line = slices.Delete(l.line, place, place+1)
	}
}

// judgeHandedOn looks at a grant: nobody has the lock, the fence is the position and above all before, and nobody who came
// earlier stands in line.
func (w *World) judgeHandedOn(l *toldLock, e *state.Shown, at raft.Position) {
	switch {
	case l.login != 0:
		w.violate(LockExclusion, "The lock %s is granted to login %d at position %d, and login %d has it under fence %d.", e.Text, e.Login, at, l.login, l.fence)
	case e.Fence <= l.fence || e.Fence != at:
		w.violate(Fences, "The lock %s is granted at position %d under fence %d, and was granted under fence %d.", e.Text, at, e.Fence, l.fence)
	case len(l.line) > 0 && l.line[0].ticket != e.Ticket, len(l.line) == 0 && e.Ticket != 0:
		w.violate(Line, "The lock %s is granted at position %d to ticket %d, and in line stand %v.", e.Text, at, e.Ticket, l.line)
	}
}

// loginOwner is in whose hands a fence of a team's lock is good.
func loginOwner(login state.LoginID) string { return "login_" + base36(uint64(login)) }

// overdueHolds lists the locks of a team that are held, and the waits that go on, though their time was over long ago.
func (w *World) overdueHolds() (list []string) {
	c := w.judges.logs.committed
	if w.team == nil || len(c) == 0 {
		return nil
	}
	m, quiet := w.team.model, time.Duration(w.now-c[len(c)-1].at)
	late := func(ends raft.LogTime) bool {
		left := time.Duration(ends - m.time)
		return left > 0 && quiet > left+left/10+overdueMax
	}
	for _, l := range m.locks {
		if h := l.is.when(^raft.Position(0)); h.login != 0 && late(h.ends) {
			list = append(list, fmt.Sprintf("lock %s was to expire %s after the last entry, %s ago", l.name, formatDuration(time.Duration(h.ends-m.time)), formatDuration(quiet)))
		}
		for _, k := range l.line {
			if late(k.ends) {
				list = append(list, fmt.Sprintf("the wait with ticket %d for the lock %s was to end %s after the last entry, %s ago", k.ticket, l.name, formatDuration(time.Duration(k.ends-m.time)), formatDuration(quiet)))
			}
		}
	}
	return list
}
