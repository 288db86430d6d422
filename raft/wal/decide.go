package wal

import (
	"parley/raft"
)

// Open decides what can't be left open. Each decision is a batch of its own, behind
// everything that was found, so that the next start reads it like any other; a crash before it
// is durable leaves the damage as it is, for the next start to decide in the same way.
//
//	damage at or below a good snapshot   the base rises to it
//	damage of known index and term       nothing: the log has holes, and the peers fill them
//	damage of unknown terms              the log is cut there, and a floor stands for what was
//	no good snapshot goes with the base  the log is given up, and a floor stands for it

// holesMax bounds the holes that a log is opened with. Each costs an Entry in memory and a
// place in a message; to fetch so many one by one takes longer than a snapshot, which the cut
// leads to.
const holesMax = 1 << 20

// decide changes the log to what it is to be from now on.
func (p *replay) decide(good []raft.EntryID) (d Decision) {
	c := &p.claim
	usable := p.usable(good)
	if c.base.Index != 0 && len(usable) == 0 {
		p.giveUp()
		return Decision{Reset: true}
	}
	s, ok := p.covering(usable)
	if !ok && c.base.Index != 0 && usable[0] != c.base {
		s, ok = usable[0], true // the base's own snapshot is gone, a newer one is not
	}
	if ok {
		d.Raised = s
		p.raise(s.Index)
		c.base = s
		p.neighbours()
	}
	if from := p.blind(); from != 0 {
		d.Cut = from
		p.cutAt(from)
	}
	return d
}

// usable returns the snapshots that the log goes with: those of its own entries. One that
// lies behind the log's end was received and never took its place; the log counts.
func (p *replay) usable(good []raft.EntryID) (usable []raft.EntryID) {
	for _, s := range good {
		if s.Index >= p.claim.base.Index && s.Index <= p.claim.last.Index && p.mayBe(s) {
			usable = append(usable, s)
		}
	}
	return usable
}

// covering returns the oldest snapshot that covers all the damage that any covers.
func (p *replay) covering(usable []raft.EntryID) (s raft.EntryID, ok bool) {
	if len(usable) == 0 {
		return raft.EntryID{}, false
	}
	newest := usable[len(usable)-1].Index
	covered := raft.Index(0)
	for _, s := range p.damaged {
		if s.first <= newest {
			covered = min(s.last, newest)
		}
	}
	for _, s := range usable {
		if covered != 0 && s.Index >= covered {
			return s, true
		}
	}
	return raft.EntryID{}, false
}

// blind returns the first index that can't be left as a hole, or zero.
func (p *replay) blind() raft.Index {
	room := raft.Index(holesMax)
	for _, s := range p.damaged {
		if s.term == 0 {
			return s.first
		}
		if n := s.last - s.first + 1; n > room {
			return s.first + room
		}
		room -= s.last - s.first + 1
	}
	return 0
}

// cutAt ends the log before an index. The floor stands for what the node acknowledged
// behind it.
func (p *replay) cutAt(from raft.Index) {
	c := &p.claim
	c.raiseFloor()
	term, _ := p.termAt(from - 1)
	p.truncate(from)
	c.last = raft.EntryID{Index: from - 1, Term: term}
	if c.config >= from {
		c.config = p.newestConfig()
	}
}

// giveUp empties the log.
func (p *replay) giveUp() {
	p.claim.raiseFloor()
	p.truncate(1)
	p.claim.base, p.claim.last, p.claim.config = raft.EntryID{}, raft.EntryID{}, 0
}

// raiseFloor makes the floor stand for the last entry.
func (c *claim) raiseFloor() {
	if c.hard.Floor.Before(c.last) {
		c.hard.Floor = c.last
	}
}

// newestConfig returns the index of the newest configuration entry that is present, or zero.
func (p *replay) newestConfig() raft.Index {
	for i := len(p.present) - 1; i >= 0; i-- {
		if e := &p.present[i]; e.Kind == raft.EntryConfig {
			return e.Index
		}
	}
	return 0
}
