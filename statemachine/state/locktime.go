package state

import (
	"parley/raft"
	"parley/raft/node"
)

// Locks end by log time: a lock is held while the stamp of the last entry applied is below its deadline, and not a
// nanosecond longer, whether its row is gone already or not. Rows go in the order of their deadlines, some
// per entry, each with an event.
//
// When the leader changes, holders could not renew for a while and are not to blame. So a lock that was held at
// the last stamp before the first entry of a term has its whole time again from that entry on. Nothing is
// written for that: what is kept is when the term began, and a lock's deadline is computed from it whenever
// somebody asks. Its row, and its place in the order of deadlines, are made right when its old deadline comes.
//
//	stamp      ─────────┬─────── before ║ first ──────────────────┬──────▶
//	lock, row           written         ║            deadline as written
//	HoldEnds                            ║ first + ttl
//	                                    new term

// The marks that are kept about the time of locks. Both are there only while there are locks: a cluster that has
// none writes nothing for the time.
const (
	markLockClock = "lock clock"
	markLockTerms = "lock terms"
)

// lockClock is the stamp and the term of the last entry.
type lockClock struct {
	now  raft.LogTime
	term uint64
}

// Code passes the fields.
func (k *lockClock) Code(c *Coder) {
	Number(c, &k.now)
	Number(c, &k.term)
}

// lockTerms are the beginnings of terms, oldest first.
type lockTerms []lockTerm

type lockTerm struct {
	position raft.Position // of its first entry
	before   raft.LogTime  // the stamp of the entry before that
	first    raft.LogTime  // its own stamp
}

// Code passes the list.
func (k *lockTerms) Code(c *Coder) {
	List(c, (*[]lockTerm)(k), func(c *Coder, v *lockTerm) {
		Number(c, &v.position)
		Number(c, &v.before)
		Number(c, &v.first)
	})
}

func (s *State) lockClock() (k lockClock) {
	if c, ok := s.row(TableMarks, markLockClock); ok {
		k.Code(&c)
	}
	return k
}

// LockNow is the stamp of the last entry, as far as locks ask for it: zero while there are none.
func (s *State) LockNow() raft.LogTime { return s.lockClock().now }

func (s *State) noteLockTime(at node.Applied) {
	if k := (lockClock{at.Time, uint64(at.Term)}); s.lockClock() != k {
		c := s.writer()
		k.Code(c)
		s.keep(TableMarks, markLockClock, c)
	}
}

func (s *State) forgetLockTime() {
	for _, mark := range [...]string{markLockClock, markLockTerms} {
		if s.Has(TableMarks, mark) {
			s.Remove(TableMarks, mark)
		}
	}
}

func (s *State) lockTerms() lockTerms { return s.lockTermsIn(nil) }

// lockTermsIn is lockTerms in memory of the caller's, who asks often.
func (s *State) lockTermsIn(k lockTerms) lockTerms {
	c, ok := s.row(TableMarks, markLockTerms)
	for n := c.count(); ok && n > 0 && !c.bad; n-- {
		var v lockTerm
		Number(&c, &v.position)
		Number(&c, &v.before)
		Number(&c, &v.first)
		if !c.bad {
			k = append(k, v)
		}
	}
	return k
}

// HoldEnds is the log time from which on a lock is not held.
func (s *State) HoldEnds(h *Hold) raft.LogTime {
	deadline := h.Deadline
	if h.Parked() {
		return deadline
	}
	var some [2]lockTerm // more only while locks wait whose deadlines have passed
	for _, k := range s.lockTermsIn(some[:0]) {
		if k.position > h.Written && k.before < deadline {
			deadline = later(k.first, h.TTL)
		}
	}
	return deadline
}

// Advance lets time pass up to an entry. The clock of locks goes first: a login that ends hands its locks on by it.
func (s *State) Advance(at node.Applied) {
	if s.Len(TableHolds) > 0 {
		if was := s.lockClock(); was.term != uint64(at.Term) {
			terms := append(s.lockTerms(), lockTerm{at.Position, was.now, at.Time})
			s.Put(TableMarks, markLockTerms, &terms)
		}
		s.noteLockTime(at)
	}
	s.Expire(at.Position, at.Time)
	s.expireWaits(at)
	s.expireHolds(at)
	s.trimEvents(at)
}

// expireWaits ends waits whose deadlines have passed. They and the locks share one bound.
func (s *State) expireWaits(at node.Applied) {
	for range s.Limits.LockExpiriesMax / 2 {
		key, _, ok := s.First(TableWaitDeadlines)
		if !ok || raft.LogTime(KeyPart(key, 0)) > at.Time {
			return
		}
		w, ok := s.wait(key[min(16, len(key)):], raft.Position(KeyPart(key, 1)))
		if !ok { // never: the rows are written together
			s.Remove(TableWaitDeadlines, key)
			continue
		}
		s.endWait(at.Position, &w)
	}
}

// expireHolds ends locks whose deadlines have passed, and makes right those that a change of the leader gave more
// time: both in the order of the deadlines as written, some per entry.
func (s *State) expireHolds(at node.Applied) {
	for range s.Limits.LockExpiriesMax - s.Limits.LockExpiriesMax/2 {
		key, _, ok := s.First(TableHoldDeadlines)
		if !ok || raft.LogTime(KeyPart(key, 0)) > at.Time {
			s.forgetLockTerms()
			return
		}
		h, ok := s.hold(key[min(8, len(key)):])
		if !ok || Key(uint64(h.Deadline))+h.Name != key { // no machine writes such a state, and a snapshot may hold any
			s.Remove(TableHoldDeadlines, key)
			continue
		}
		if moved := s.HoldEnds(&h); moved > at.Time {
			h.Deadline, h.Written = moved, at.Position
			s.putHold(&h)
			continue
		}
		s.moveOn(at, &h)
	}
}

// forgetLockTerms keeps the newest beginning alone. It is for when no deadline as written has passed: every lock was
// held then at every beginning behind its row, and of these the newest counts.
func (s *State) forgetLockTerms() {
	if c, ok := s.row(TableMarks, markLockTerms); !ok || c.count() < 2 {
		return // with every entry: no memory for it
	}
	if terms := s.lockTerms(); len(terms) > 1 {
		terms = terms[len(terms)-1:]
		s.Put(TableMarks, markLockTerms, &terms)
	}
}
