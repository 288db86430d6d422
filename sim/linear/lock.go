package linear

import (
	"time"

	"parley/raft"
)

// lock is one lock, as far as the replay has come. A grant is named by the position of its entry,
// its fence, so that no two are ever mistaken for one another; and it ends by log time, which the
// entry at hand carries. Nobody has to sweep it.
type lock struct {
	fence    raft.Position // of the last grant; zero: there was none, or it was given back
	owner    int32
	ttl      time.Duration
	deadline raft.LogTime // from which on it is not held
	terms    int          // those that it has lived to see
}

// term is the beginning of a leader's term: log time of the entry before, and of the first.
type term struct{ before, first raft.LogTime }

// catchUp gives a lock its whole time again for each term that began while it was held: its owner
// could not renew it for a while, and is not to blame.
func (l *lock) catchUp(terms []term) {
	for _, t := range terms[l.terms:] {
		if l.fence != 0 && t.before < l.deadline {
			l.deadline = t.first.Add(l.ttl)
		}
	}
}

// lockAnswer is what the answer to an operation has to say.
type lockAnswer struct {
	granted bool
	told    raft.Position
	left    time.Duration
}

// matches reports whether the operation has this answer, as far as it says.
func (a lockAnswer) matches(o *Operation) bool {
	if o.Kind != Acquire && o.Kind != Look {
		a.told = o.Told
	}
	return a.granted == o.Granted && a.told == o.Told && (o.Left == 0 || o.Left == a.left)
}

// step lets an operation happen at a position.
func (l *lock) step(o *Operation, at raft.Position) lockAnswer {
	held := l.fence != 0 && o.Time < l.deadline
	switch {
	case o.Kind == Ending && l.fence != 0 && l.owner == o.Owner:
		l.fence = 0
		return lockAnswer{granted: true}
	case o.Kind == HandOver && !held:
		*l = lock{fence: at, owner: o.Owner, ttl: o.TTL, deadline: o.Time.Add(o.TTL)}
		return lockAnswer{granted: true}
	case o.Kind.apart():
		return lockAnswer{told: l.fence}
	}
	if o.Kind == Acquire && o.Fence == 0 && !held {
		*l = lock{fence: at, owner: o.Owner, ttl: o.TTL, deadline: o.Time.Add(o.TTL)}
		return lockAnswer{true, at, o.TTL}
	}
	if !held {
		return lockAnswer{}
	}
	if o.Kind == Look || o.Kind == Acquire && o.Fence == 0 {
		return lockAnswer{false, l.fence, time.Duration(l.deadline - o.Time)}
	}
	mine := o.Owner == l.owner && (o.Fence == l.fence || o.Kind == Break && o.Fence == 0)
	switch {
	case !mine:
		return lockAnswer{}
	case o.Kind == Renew:
		if o.TTL != 0 {
			l.ttl = o.TTL
		}
		l.deadline = o.Time.Add(l.ttl)
	}
	answer := lockAnswer{true, l.fence, time.Duration(l.deadline - o.Time)}
	if o.Kind == Release || o.Kind == Break {
		l.fence = 0
	}
	return answer
}
