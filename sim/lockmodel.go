package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
)

// lockModel is what locks are to do, said as plainly as can be: it looks at every lock at every entry, and forgets
// nothing. It has no line in common with the state machine that it is compared with.
//
//   - A lock is held from the entry that granted it until it is released or broken, or until an entry whose stamp has
//     reached its deadline.
//   - Its deadline is the stamp of the entry that granted or last renewed it, and its time; at the first entry
//     of a term every lock that is held has its whole time from there.
type lockModel struct {
	perUser int
	term    raft.Term
	time    raft.LogTime
	locks   []lockHistory // by first grant
}

// lockHistory is all that became of one lock.
type lockHistory struct {
	name   string
	past   []lockState // by rising position; the last is how it is
	grants []lockGrant
}

// lockState is a lock from one position on.
type lockState struct {
	from     raft.Position
	held     bool
	lock     statemachine.Lock // Left is not kept
	deadline raft.LogTime
}

// lockGrant is one grant of a lock.
type lockGrant struct {
	fence  raft.Position // what was told
	at     raft.Position
	holder string
}

// lockOutcome is what a command is to say.
type lockOutcome struct {
	code    statemachine.Code
	granted bool
	lock    statemachine.Lock
	event   statemachine.EventKind // that it causes; zero: none
}

func (m *lockModel) find(name string) *lockHistory {
	for i := range m.locks {
		if m.locks[i].name == name {
			return &m.locks[i]
		}
	}
	return nil
}

// now is how the lock is.
func (h *lockHistory) now() lockState {
	if h == nil || len(h.past) == 0 {
		return lockState{}
	}
	return h.past[len(h.past)-1]
}

// at is how the lock was after a position.
func (h *lockHistory) at(p raft.Position) lockState {
	for i := len(h.past) - 1; i >= 0; i-- {
		if h.past[i].from <= p {
			return h.past[i]
		}
	}
	return lockState{}
}

func (h *lockHistory) becomes(s lockState) { h.past = append(h.past, s) }

// advance lets the time pass up to an entry; it tells which locks a new term prolonged, and which came to their end.
func (m *lockModel) advance(e *raft.Entry) (graced int, expired []statemachine.Lock) {
	at := raft.Position(e.Index)
	for i := range m.locks {
		h := &m.locks[i]
		s := h.now()
		if !s.held {
			continue
		}
		if e.Term != m.term {
			s.from, s.deadline = at, e.Time.Add(s.lock.TTL)
			h.becomes(s)
			graced++
		}
		if s.deadline <= e.Time {
			h.becomes(lockState{from: at})
			expired = append(expired, s.lock)
		}
	}
	m.term, m.time = e.Term, e.Time
	return graced, expired
}

// execute does what a command says.
func (m *lockModel) execute(at node.Applied, ask *lockAsk) lockOutcome {
	h := m.find(ask.name)
	s := h.now()
	yours := s.held && s.lock.Fence == ask.fence && s.lock.Holder == at.Principal
	var o lockOutcome
	switch {
	case ask.kind == lockAcquire && ask.fence == 0 && s.held:
	case ask.kind == lockAcquire && ask.fence == 0 && m.heldBy(at.Principal) >= m.perUser:
		return lockOutcome{code: statemachine.CodeLocksFull}
	case ask.kind == lockAcquire && ask.fence == 0:
		if h == nil {
			m.locks = append(m.locks, lockHistory{name: ask.name})
			h = &m.locks[len(m.locks)-1]
		}
		s = lockState{from: at.Position, held: true, deadline: at.Time.Add(ask.ttl), lock: statemachine.Lock{Name: ask.name,
			Fence: at.Position, Holder: at.Principal, Session: uint64(at.Session), Since: at.Time, TTL: ask.ttl}}
		h.becomes(s)
		h.grants = append(h.grants, lockGrant{at.Position, at.Position, at.Principal})
		o.granted, o.event = true, statemachine.EventLock
	case !s.held:
		return lockOutcome{code: statemachine.CodeStaleFence}
	case ask.kind == lockBreak && (ask.fence != 0 && ask.fence != s.lock.Fence):
		return lockOutcome{code: statemachine.CodeStaleFence}
	case ask.kind == lockBreak && at.Principal != s.lock.Holder:
		return lockOutcome{code: statemachine.CodeNotPermitted}
	case ask.kind != lockBreak && !yours:
		return lockOutcome{code: statemachine.CodeStaleFence}
	case ask.kind == lockRenew:
		if ask.ttl != 0 {
			s.lock.TTL = ask.ttl
		}
		s.from, s.deadline = at.Position, at.Time.Add(s.lock.TTL)
		h.becomes(s)
		o.granted = true
	case ask.kind == lockAcquire:
		o.granted = true
	case ask.kind == lockRelease:
		h.becomes(lockState{from: at.Position})
		o.event = statemachine.EventUnlock
	case ask.kind == lockBreak:
		h.becomes(lockState{from: at.Position})
		o.event = statemachine.EventBreak
	}
	o.lock = s.shown(at.Time)
	return o
}

// shown is what is told about a lock that is held.
func (s *lockState) shown(now raft.LogTime) statemachine.Lock {
	l := s.lock
	l.Left = time.Duration(s.deadline - now)
	return l
}

func (m *lockModel) heldBy(principal string) int {
	n := 0
	for i := range m.locks {
		if s := m.locks[i].now(); s.held && s.lock.Holder == principal {
			n++
		}
	}
	return n
}
