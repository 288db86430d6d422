package state

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Who waits for a lock stands in line: first come, first served, in the order of the entries that put them there. A
// wait ends with a grant, by its own deadline, with its login, or when it is cancelled; one that can't be served any
// more is passed over.

// Wait is somebody's place in the line for a lock.
type Wait struct {
	Name     string        // the key, with Ticket
	Ticket   raft.Position // where it came
	User     UserID
	Login    LoginID
	TTL      time.Duration // of the lock, from the grant on
	Deadline raft.LogTime  // until when it waits
	Wall     raft.Wall
}

// Code passes the fields.
func (w *Wait) Code(c *Coder) {
	Number(c, &w.User)
	Number(c, &w.Login)
	Number(c, &w.TTL)
	Number(c, &w.Deadline)
	Number(c, &w.Wall)
}

// lineKey is what the keys of a lock's waits begin with; no name has a zero byte.
func lineKey(name string) string { return name + "\x00" }

func (s *State) wait(name string, ticket raft.Position) (Wait, bool) {
	w := Wait{Name: name, Ticket: ticket}
	c, ok := s.row(TableWaits, lineKey(name)+Key(uint64(ticket)))
	if ok {
		w.Code(&c)
	}
	return w, ok
}

// WaitOf returns the wait of a login with a ticket, and how many stand before it.
func (s *State) WaitOf(name string, ticket raft.Position, login LoginID) (w Wait, ahead uint64, ok bool) {
	if w, ok = s.wait(name, ticket); !ok || w.Login != login {
		return Wait{}, 0, false
	}
	prefix := lineKey(name)
	s.Within(TableWaits, prefix, func(key string, _ []byte) bool {
		if raft.Position(KeyPart(key[len(prefix):], 0)) >= ticket {
			return false
		}
		ahead++
		return true
	})
	return w, ahead, true
}

func (s *State) putWait(w *Wait) {
	s.Put(TableWaits, lineKey(w.Name)+Key(uint64(w.Ticket)), w)
	s.Mark(TableWaitDeadlines, Key(uint64(w.Deadline), uint64(w.Ticket))+w.Name)
	s.Mark(TableLoginWaits, Key(uint64(w.Login), uint64(w.Ticket))+w.Name)
}

func (s *State) dropWait(w *Wait) {
	s.Remove(TableWaits, lineKey(w.Name)+Key(uint64(w.Ticket)))
	s.Remove(TableWaitDeadlines, Key(uint64(w.Deadline), uint64(w.Ticket))+w.Name)
	s.Remove(TableLoginWaits, Key(uint64(w.Login), uint64(w.Ticket))+w.Name)
}

func (s *State) firstWait(name string) (w Wait, ok bool) {
	prefix := lineKey(name)
	s.Within(TableWaits, prefix, func(key string, _ []byte) bool {
		w, ok = s.wait(name, raft.Position(KeyPart(key[len(prefix):], 0)))
		return false
	})
	return w, ok
}

// EndWait takes somebody out of the line.
func (t *Txn) EndWait(w *Wait) { t.endWait(t.At.Position, w) }

func (s *State) endWait(at raft.Position, w *Wait) {
	s.dropWait(w)
	if h, ok := s.hold(w.Name); ok && h.Waits > 0 {
		h.Waits--
		s.putHold(&h)
	}
	s.recordWaitEnded(at, w)
}

func (s *State) recordWaitEnded(at raft.Position, w *Wait) {
	e := Event{Kind: EventLockWaitEnded, Audience: ForUser(w.User), User: w.User, Login: w.Login, Text: w.Name, Ticket: w.Ticket}
	if id, ok := ParseDocID(w.Name); ok {
		e.Doc = id
	}
	s.Record(at, &e)
}

// handOnStepsMax bounds the waits that one hand-over passes over, so that no entry takes long. What is left has its
// turn with the next entry.
const handOnStepsMax = 64

// moveOn gives a lock that nobody holds to the first in line who can still be served. One whose deadline has passed
// expires first. Without anybody in line it is free, and has no row.
func (s *State) moveOn(at node.Applied, h *Hold) {
	if !h.Parked() {
		s.recordLock(at.Position, EventLockExpired, h, h.User, 0)
		h.User, h.Login = 0, 0
	}
	for steps := 0; h.Fence != at.Position && steps < handOnStepsMax; steps++ {
		w, ok := s.firstWait(h.Name)
		if !ok {
			s.dropHold(h)
			return
		}
		s.dropWait(&w)
		h.Waits--
		if w.Deadline > at.Time && s.mayHold(&w) {
			s.grant(at, h, &w)
			return
		}
		s.recordWaitEnded(at.Position, &w)
	}
	h.Ticket, h.TTL, h.Since, h.Wall = 0, 0, 0, 0
	h.Deadline, h.Written = later(at.Time, 1), at.Position
	s.putHold(h)
}

// mayHold says whether somebody in line may have the lock when it is his turn: his login lives, and he may still write
// the document that it is of.
func (s *State) mayHold(w *Wait) bool {
	if !s.Has(TableLogins, Key(uint64(w.Login))) {
		return false
	}
	id, ok := ParseDocID(w.Name)
	if !ok {
		return true
	}
	d, ok := s.Document(id)
	return ok && !d.Deleted() && s.RoleIn(id, w.User) >= Editor
}
