package state

import (
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// A lock is recorded under a login and belongs to its fence, which is the position of the grant. No two grants of one
// lock have one position and positions only rise, over releases, expiries, changes of the leader, restarts and
// snapshots; so a resource that refuses a fence below the highest it has seen is safe from a holder who does not know
// yet that he is none.
//
//	free ──grant──▶ held ──Release, Break, deadline, end of the login──▶ handed to who waits longest, or free
//	                 │ ▲
//	                 └─┘ Renew
//
// A lock that was granted with an entry is not granted again with the same one: it would have the same fence. It is
// parked until the next: nobody holds it, and nobody passes those who wait. See wait.go for the queue, locktime.go for
// how locks end by log time.

// Hold is a lock that somebody holds, or that is parked.
type Hold struct {
	Name     string        // the key
	Fence    raft.Position // of the newest grant
	User     UserID
	Login    LoginID       // zero: it is parked
	Ticket   raft.Position // of the wait that ended with the grant; zero: it was granted at once
	Since    raft.LogTime  // of the grant
	TTL      time.Duration
	Deadline raft.LogTime  // as of Written; a change of the leader may have moved it since, see HoldEnds
	Written  raft.Position // of the row
	Waits    uint64        // how many wait for it
	Wall     raft.Wall     // of the grant
}

// Code passes the fields.
func (h *Hold) Code(c *Coder) {
	Number(c, &h.Fence)
	Number(c, &h.User)
	Number(c, &h.Login)
	Number(c, &h.Ticket)
	Number(c, &h.Since)
	Number(c, &h.TTL)
	Number(c, &h.Deadline)
	Number(c, &h.Written)
	Number(c, &h.Waits)
	Number(c, &h.Wall)
}

// Parked says that nobody holds it.
func (h *Hold) Parked() bool { return h.Login == 0 }

// hold returns the row of a name, whether its deadline has passed or not.
func (s *State) hold(name string) (Hold, bool) {
	h := Hold{Name: name}
	c, ok := s.row(TableHolds, name)
	if ok {
		h.Code(&c)
	}
	return h, ok
}

// Held returns the lock of a name, if somebody holds it at a time. What is past its deadline is not held, even before
// its turn to go.
func (s *State) Held(name string, now raft.LogTime) (Hold, bool) {
	h, ok := s.hold(name)
	return h, ok && !h.Parked() && s.HoldEnds(&h) > now
}

// putHold writes a lock with the rows that find the next to end, and those of one login.
func (s *State) putHold(h *Hold) {
	if was, had := s.hold(h.Name); had {
		if was.Deadline != h.Deadline {
			s.Remove(TableHoldDeadlines, Key(uint64(was.Deadline))+h.Name)
		}
		if was.Login != h.Login && was.Login != 0 {
			s.Remove(TableLoginHolds, Key(uint64(was.Login))+h.Name)
		}
	}
	s.Put(TableHolds, strings.Clone(h.Name), h)
	if due := Key(uint64(h.Deadline)) + h.Name; !s.Has(TableHoldDeadlines, due) {
		s.Mark(TableHoldDeadlines, due)
	}
	if mine := Key(uint64(h.Login)) + h.Name; h.Login != 0 && !s.Has(TableLoginHolds, mine) {
		s.Mark(TableLoginHolds, mine)
	}
}

func (s *State) dropHold(h *Hold) {
	was, had := s.hold(h.Name)
	if !had {
		return
	}
	s.Remove(TableHolds, h.Name)
	s.Remove(TableHoldDeadlines, Key(uint64(was.Deadline))+h.Name)
	if was.Login != 0 {
		s.Remove(TableLoginHolds, Key(uint64(was.Login))+h.Name)
	}
	if s.Len(TableHolds) == 0 {
		s.forgetLockTime()
	}
}

// grant gives a lock to somebody, under the position of the entry at hand.
func (s *State) grant(at node.Applied, h *Hold, w *Wait) {
	h.Fence, h.User, h.Login, h.Ticket = at.Position, w.User, w.Login, w.Ticket
	h.Since, h.TTL, h.Deadline, h.Written, h.Wall = at.Time, w.TTL, later(at.Time, w.TTL), at.Position, w.Wall
	s.putHold(h)
	s.noteLockTime(at)
	s.recordLock(at.Position, EventLocked, h, h.User, 0)
}

// Take gives the caller a lock if it is free, or puts him at the end of the line if he waits: the wait's ticket is the
// position of the entry. Neither is no refusal: somebody holds it.
func (t *Txn) Take(name string, ttl, wait time.Duration) (h Hold, granted, waits bool, refusal *Refusal) {
	h, known := t.hold(name)
	w := Wait{Name: name, Ticket: t.At.Position, User: t.User.ID, Login: t.Login.ID, TTL: ttl, Wall: t.Wall}
	held := known && !h.Parked() && t.HoldEnds(&h) > t.At.Time
	if held && wait == 0 {
		return h, false, false, nil
	}
	if refusal := t.refuseFull(!known); refusal != nil {
		return h, false, false, refusal
	}
	if wait != 0 && h.Waits >= uint64(t.Limits.LockWaitersMax) {
		return h, false, false, Refusef(Exhausted, "LOCK_LINE_FULL", "%d wait for the lock already, and more can't.", h.Waits)
	}
	if known && !held {
		t.moveOn(t.At, &h) // those in line go first
		if h, known = t.hold(name); !known {
			h = Hold{Name: name}
		}
	}
	switch {
	case !known:
		w.Ticket = 0
		t.grant(t.At, &h, &w)
		return h, true, false, nil
	case wait == 0:
		return h, false, false, nil
	}
	w.Deadline = later(t.At.Time, wait)
	t.putWait(&w)
	h.Waits++
	t.putHold(&h)
	return h, false, true, nil
}

// refuseFull refuses one lock more to the caller, or to all.
func (t *Txn) refuseFull(row bool) *Refusal {
	if row && t.Len(TableHolds) >= t.Limits.LocksMax || t.Len(TableWaits) >= t.Limits.LocksMax {
		return Refusef(Exhausted, "LOCKS_FULL", "There are %d locks, and more there can't be.", t.Limits.LocksMax)
	}
	n := 0
	t.Within(TableLoginHolds, Key(uint64(t.Login.ID)), func(key string, _ []byte) bool {
		if _, held := t.Held(key[8:], t.At.Time); held {
			n++
		}
		return true
	})
	t.Within(TableLoginWaits, Key(uint64(t.Login.ID)), func(string, []byte) bool {
		n++
		return true
	})
	if n >= t.Limits.LocksPerPrincipalMax {
		return Refusef(Exhausted, "LOCKS_FULL", "You hold or wait for %d locks; more you can't.", n)
	}
	return nil
}

// Renewed counts a lock's time anew, from the entry at hand on; zero is the time that it had.
func (t *Txn) Renewed(h *Hold, ttl time.Duration) {
	if ttl != 0 {
		h.TTL = ttl
	}
	h.Deadline, h.Written = later(t.At.Time, h.TTL), t.At.Position
	t.putHold(h)
}

// handOn takes a lock from its holder, and gives it to who waits longest.
func (s *State) handOn(at node.Applied, h *Hold) {
	h.User, h.Login = 0, 0
	s.moveOn(at, h)
}

// GiveUp ends a hold as its holder wants, or as somebody does who may break it, and hands the lock on.
func (t *Txn) GiveUp(h *Hold, broken bool) {
	kind, other := EventUnlocked, UserID(0)
	if broken {
		kind, other = EventLockBroken, h.User
	}
	t.recordLock(t.At.Position, kind, h, t.User.ID, other)
	t.handOn(t.At, h)
}

// releaseLocks ends what a login holds and waits for, because the login ends.
func (s *State) releaseLocks(position raft.Position, login LoginID) {
	prefix := Key(uint64(login))
	if s.Len(TableHolds) == 0 {
		return
	}
	clock := s.lockClock()
	at := node.Applied{Position: position, Time: clock.now, Term: raft.Term(clock.term)}
	for _, key := range s.keysWithin(TableLoginWaits, prefix) {
		if w, ok := s.wait(key[16:], raft.Position(KeyPart(key, 1))); ok {
			s.endWait(at.Position, &w)
		}
	}
	for _, key := range s.keysWithin(TableLoginHolds, prefix) {
		h, ok := s.hold(key[8:])
		if !ok {
			continue
		}
		kind := EventUnlocked
		if s.HoldEnds(&h) <= at.Time {
			kind = EventLockExpired
		}
		s.recordLock(at.Position, kind, &h, h.User, 0)
		s.handOn(at, &h)
	}
}

// keysWithin returns the keys that begin with prefix, for who changes the table as he goes.
func (s *State) keysWithin(table Table, prefix string) (keys []string) {
	s.Within(table, prefix, func(key string, _ []byte) bool {
		keys = append(keys, key)
		return true
	})
	return keys
}

// HoldsFrom visits the locks that are held at a time, by rising name behind one, until visit returns false.
func (s *State) HoldsFrom(after string, now raft.LogTime, visit func(h *Hold) bool) {
	s.Ascend(TableHolds, after, func(name string, row []byte) bool {
		h := Hold{Name: name}
		c := Coder{bytes: row}
		h.Code(&c)
		if name == after || h.Parked() || s.HoldEnds(&h) <= now {
			return true
		}
		return visit(&h)
	})
}

// recordLock records what became of a lock: for the readers of a document if it is one's, else for everybody.
func (s *State) recordLock(p raft.Position, kind EventKind, h *Hold, user, other UserID) {
	e := Event{Kind: kind, Audience: ForLock(h.Name), User: user, Other: other, Login: h.Login, Text: h.Name, Fence: h.Fence, Ticket: h.Ticket}
	e.Doc, _ = ParseDocID(h.Name)
	s.Record(p, &e)
}

// CheckLockName refuses what no lock is called: 1 to LockNameBytesMax bytes of ASCII letters, digits and "._:/-".
// Ids of documents name the locks of documents; what else begins as ids do names none.
func (l *Limits) CheckLockName(name string) *Refusal {
	const reason = "LOCK_NAME_INVALID"
	if len(name) == 0 || len(name) > l.LockNameBytesMax {
		return Invalidf("name", reason, "The name of a lock has 1 to %d bytes, and this one has %d.", l.LockNameBytesMax, len(name))
	}
	if strings.HasPrefix(name, docPrefix) {
		return nil // what is no id is the id of no document
	}
	for i := range len(name) {
		if b := name[i]; !letter(b) && !digit(b) && strings.IndexByte("._:/-", b) < 0 {
			return Invalidf("name", reason, "The name of a lock has letters, digits and ._:/- in it, and no %q.", b)
		}
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return Invalidf("name", reason, "The name of a lock can't begin with %s, as ids do.", prefix)
		}
	}
	return nil
}

// CheckTTL refuses a time for which no lock is held.
func (l *Limits) CheckTTL(ttl time.Duration) *Refusal {
	if ttl < l.LockTTLMin || ttl > l.LockTTLMax {
		return Invalidf("ttl", "LOCK_TTL_INVALID", "A lock is taken for %d to %d ms, and not for %d.",
			l.LockTTLMin/time.Millisecond, l.LockTTLMax/time.Millisecond, ttl/time.Millisecond)
	}
	return nil
}

// later adds up without going over.
func later(t raft.LogTime, d time.Duration) raft.LogTime {
	if sum := t.Add(d); sum >= t {
		return sum
	}
	return 1<<63 - 1
}
