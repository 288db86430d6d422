package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/sim/linear"
)

// state is what an object is to somebody who has no position to go by: a list of
// messages, or a lock; and the latest log time that was seen. States are values: a step makes a new
// one and shares nothing that it changes.
type state struct {
	log      []linear.Entry
	fence    raft.Position // of the last grant that was not given back
	owner    int32
	ttl      time.Duration
	deadline raft.LogTime
	now      raft.LogTime
}

// step lets an operation happen now, and reports whether it could have the answer that it has. It goes
// by what is in the answer and not by where the operation claims to stand: a message may get any number
// above the last, a grant any fence, and a page may show any moment. An operation without an
// answer may have any.
//
// This is the specification a second time, case by case in the plainest words that it has, and shares
// nothing with package linear.
func (s state) step(o *linear.Operation) (state, bool) {
	if o.Kind == linear.Append {
		for _, e := range s.log {
			if e.ID == o.ID {
				return s, e.Position == o.Position // sent again: the answer of the first time
			}
		}
	}
	if timed(o) {
		if o.Time < s.now || o.Kind == linear.TermStart && (o.Before < s.now || o.Before > o.Time) {
			return s, false // log time never falls
		}
	}
	held := s.fence != 0 && o.Time < s.deadline
	mine := held && s.fence == o.Fence && s.owner == o.Owner
	left := time.Duration(s.deadline - o.Time)
	if timed(o) {
		s.now = o.Time
	}
	told := func(granted bool, fence raft.Position, left time.Duration) bool {
		return o.Outcome != linear.Done || o.Granted == granted && o.Told == fence && (o.Left == 0 || o.Left == left)
	}
	switch o.Kind {
	case linear.Append:
		if n := len(s.log); n > 0 && s.log[n-1].Position >= o.Position {
			return s, false
		}
		s.log = append(slices.Clip(s.log), linear.Entry{Position: o.Position, ID: o.ID})
		return s, true
	case linear.Read:
		entries, more := s.page(o)
		return s, slices.Equal(entries, o.Entries) && more == o.More
	case linear.TermStart:
		if s.fence != 0 && o.Before < s.deadline {
			s.deadline = o.Time.Add(s.ttl)
		}
		return s, true
	case linear.HandOver:
		if held {
			return s, false
		}
		s.fence, s.owner, s.ttl, s.deadline = o.Position, o.Owner, o.TTL, o.Time.Add(o.TTL)
		return s, true
	case linear.Ending:
		if s.fence == 0 || s.owner != o.Owner {
			return s, false
		}
		s.fence = 0
		return s, true
	case linear.Look:
		if held {
			return s, told(false, s.fence, left)
		}
		return s, told(false, 0, 0)
	case linear.Acquire:
		switch {
		case mine:
			return s, told(true, s.fence, left)
		case o.Fence != 0:
			return s, told(false, 0, 0)
		case held:
			return s, told(false, s.fence, left)
		}
		s.fence, s.owner, s.ttl, s.deadline = o.Position, o.Owner, o.TTL, o.Time.Add(o.TTL)
		return s, told(true, s.fence, o.TTL)
	case linear.Renew:
		if !mine {
			return s, told(false, o.Told, 0)
		}
		if o.TTL != 0 {
			s.ttl = o.TTL
		}
		s.deadline = o.Time.Add(s.ttl)
		return s, told(true, o.Told, s.ttl)
	case linear.Release, linear.Break:
		if !mine && (o.Kind != linear.Break || o.Fence != 0 || !held || s.owner != o.Owner) {
			return s, told(false, o.Told, 0)
		}
		s.fence = 0
		return s, told(true, o.Told, left)
	}
	return s, false
}

// timed reports whether it says of which log time it is.
func timed(o *linear.Operation) bool {
	return o.Time != 0 || o.Kind != linear.Append && o.Kind != linear.Read
}

func writes(o *linear.Operation) bool { return o.Kind != linear.Read && o.Kind != linear.Look }

// page is what a read has to show.
func (s state) page(o *linear.Operation) (list []linear.Entry, more bool) {
	for _, e := range s.log {
		if e.Position > o.After {
			list = append(list, e)
		}
	}
	for len(list) > int(o.Limit) {
		more = true
		if o.After == 0 {
			list = list[1:]
		} else {
			list = list[:len(list)-1]
		}
	}
	return list, more
}

func (s state) equal(t state) bool {
	return s.fence == t.fence && s.owner == t.owner && s.ttl == t.ttl && s.deadline == t.deadline && s.now == t.now &&
		slices.Equal(s.log, t.log)
}

// tailMax is how many messages of a log a picture names.
const tailMax = 6

// String says the state in a few words, for the picture.
func (s state) String() string {
	switch {
	case len(s.log) > 0:
		var words []string
		if len(s.log) > tailMax {
			words = append(words, "…")
		}
		for _, e := range s.log[max(0, len(s.log)-tailMax):] {
			words = append(words, fmt.Sprintf("%d at %d", e.ID, e.Position))
		}
		return strings.Join(words, ", ")
	case s.fence == 0 && s.now == 0:
		return "empty"
	case s.fence == 0 || s.now >= s.deadline:
		return fmt.Sprintf("free at log time %d", s.now)
	}
	return fmt.Sprintf("held under %d until log time %d", s.fence, s.deadline)
}
