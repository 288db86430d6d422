package state

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Retention is for how long things are kept, in log time. Zero is for ever.
type Retention struct {
	Messages time.Duration // with their edits, reactions and mentions
	Files    time.Duration
	Events   time.Duration // of the backlog, which is bounded by their number as well
}

// Code passes the fields.
func (r *Retention) Code(c *Coder) {
	Number(c, &r.Messages)
	Number(c, &r.Files)
	Number(c, &r.Events)
}

// sweeps says whether messages or files are to go.
func (r Retention) sweeps() bool { return r.Messages != 0 || r.Files != 0 }

// markRetention is the Retention. It is not there while everything is kept.
const markRetention = "retention"

// Retention returns for how long things are kept.
func (s *State) Retention() (r Retention) {
	if c, ok := s.row(TableMarks, markRetention); ok { // with every entry: no memory for it
		r.Code(&c)
	}
	return r
}

// retentionMax is the longest retention that is not for ever.
const retentionMax = 100 * 365 * 24 * time.Hour

// CheckRetention refuses what is too short for anybody to read, or no time.
func (l *Limits) CheckRetention(r *Retention) *Refusal {
	for _, one := range [...]struct {
		field     string
		is, least time.Duration
	}{{"messages", r.Messages, l.RetentionMin}, {"files", r.Files, l.RetentionMin}, {"events", r.Events, l.EventsRetentionMin}} {
		if one.is != 0 && (one.is < one.least || one.is > retentionMax) {
			return Invalidf(one.field, "RETENTION_INVALID", "Things are kept for ever (0), or for %v or more, up to 100 years.", one.least)
		}
	}
	return nil
}

// What is too old goes in rounds. Nothing tells how old the oldest message of all is, so a round looks at one place after
// the other, at a bounded number with each entry, and takes the oldest things of each away while they are too old. Where it
// stands is a row, so that every node goes on alike.
//
//	Due ──▶ place 1 ─ place 2 ─ … ─ last place ──▶ Due, an hour later

// markSweep is where the round stands. It is there while messages or files are to go, and until a round that has begun is over.
const markSweep = "sweep"

// Sweep is where the round stands.
type Sweep struct {
	Due   raft.LogTime // when it begins, or goes on
	Place PlaceID      // the one that it goes on with; zero: the first
}

// Code passes the fields.
func (k *Sweep) Code(c *Coder) {
	Number(c, &k.Due)
	Number(c, &k.Place)
}

// SweepDue returns where the round stands, if it is time to go on.
func (s *State) SweepDue(now raft.LogTime) (k Sweep, due bool) {
	k, there := s.sweep()
	return k, there && k.Due <= now
}

// sweep returns where the round stands; false: nothing is to go.
func (s *State) sweep() (k Sweep, there bool) {
	c, there := s.row(TableMarks, markSweep)
	if there {
		k.Code(&c)
	}
	return k, there
}

// SweptTo writes where the round goes on with the next entry; zero: it is over.
func (s *State) SweptTo(now raft.LogTime, place PlaceID) {
	k := Sweep{Due: now, Place: place}
	if place == 0 {
		if !s.Retention().sweeps() {
			s.Remove(TableMarks, markSweep)
			return
		}
		k.Due = later(now, s.Limits.SweepEvery)
	}
	s.Put(TableMarks, markSweep, &k)
}

// SetRetention writes for how long things are kept, from an entry on.
func (s *State) SetRetention(now raft.LogTime, r Retention) {
	if r == (Retention{}) {
		s.Remove(TableMarks, markRetention)
	} else {
		s.Put(TableMarks, markRetention, &r)
	}
	if r.sweeps() {
		s.Put(TableMarks, markSweep, &Sweep{Due: now}) // it begins with the next entry, whoever asked for it may look
	} else if k, there := s.sweep(); there && k.Place == 0 {
		s.Remove(TableMarks, markSweep) // a round that has begun ends, for the rest of what is gone
	}
	if r.Events == 0 {
		s.clear(TableEventTimes)
	}
}

// PlacesFrom visits the places from one on, until visit returns false. It may change the place at hand, and what is in
// it.
func (s *State) PlacesFrom(from PlaceID, visit func(p *Place) bool) {
	for {
		var p Place
		found := false
		s.Ascend(TablePlaces, Key(uint64(from)), func(key string, row []byte) bool {
			p = Place{ID: PlaceID(KeyPart(key, 0))}
			c := Coder{bytes: row}
			p.Code(&c)
			found = true
			return false
		})
		if !found || !visit(&p) || p.ID == ^PlaceID(0) {
			return
		}
		from = p.ID + 1
	}
}

// FilesFrom visits the files of a place, oldest first, until visit returns false: at most Limits.SweepRowsMax, as many as one
// entry may take away. It may take away the one at hand.
func (s *State) FilesFrom(place PlaceID, visit func(f *File) bool) {
	var ids []FileID
	s.Within(TablePlaceFiles, Key(uint64(place)), func(key string, _ []byte) bool {
		ids = append(ids, FileID(KeyPart(key, 1)))
		return len(ids) < s.Limits.SweepRowsMax
	})
	for _, id := range ids {
		if f, ok := s.File(id); ok && !visit(&f) {
			return
		}
	}
}

// DropPost takes the oldest message of a place away as if it had never been, but for what DropRest takes: with all its edits and
// everybody who reacted it may be too much for one entry, and a message is there or it is not. What it replies to is older, and gone.
func (s *State) DropPost(p *Post) {
	if p.Root != 0 {
		s.Remove(TableThreads, Key(uint64(p.ID.Place), uint64(p.Root), uint64(p.ID.Position)))
	}
	s.Remove(TablePosts, postKey(p.ID))
}

// DropRest takes away what messages of a place leave behind that were dropped, the texts that they had and who reacted, and
// returns what is left of room. Messages are dropped oldest first: whatever belongs to one before the oldest that is kept is
// such a rest.
func (s *State) DropRest(place PlaceID, room int) (left int) {
	kept := ^raft.Position(0)
	s.PostsFrom(place, 0, func(oldest *Post) bool {
		kept = oldest.ID.Position
		return false
	})
	for _, table := range [...]Table{TableEdits, TableReactions} {
		var rest []string
		s.Within(table, Key(uint64(place)), func(key string, _ []byte) bool {
			if len(rest) == room || raft.Position(KeyPart(key, 1)) >= kept {
				return false
			}
			rest = append(rest, key)
			return true
		})
		for _, key := range rest {
			s.Remove(table, key)
		}
		room -= len(rest)
	}
	return room
}

// Events have no time of their own. A row of TableEventTimes says which position a log time had, at most one in
// Limits.EventTimesEvery while something happens; what lies before the newest row that is old enough is old enough.

// trimEvents drops events that are too old, some with each entry. It is told of every entry before its events come.
func (s *State) trimEvents(at node.Applied) {
	keep := s.Retention().Events
	if keep == 0 {
		return
	}
	if s.Len(TableEvents) == 0 {
		s.clear(TableEventTimes)
		return
	}
	if due, ok := s.eventTimeDue(); ok && due <= at.Time {
		s.Write(TableEventTimes, Key(uint64(at.Time)), []byte(Key(uint64(at.Position))))
	}
	for room := s.Limits.SweepRowsMax; room > 0; {
		time, row, ok := s.First(TableEventTimes)
		if !ok || later(raft.LogTime(KeyPart(time, 0)), keep) > at.Time {
			return
		}
		oldest, _, there := s.First(TableEvents)
		if !there || oldest >= string(row) {
			s.Remove(TableEventTimes, time)
			continue
		}
		s.Remove(TableEvents, oldest)
		s.Write(TableMarks, MarkTrimmed, []byte(oldest))
		room--
	}
}

// eventTimeDue is when the next row of TableEventTimes is to be written: when there are events that none covers.
func (s *State) eventTimeDue() (raft.LogTime, bool) {
	newest, _, _ := s.Last(TableEvents)
	time, row, ok := s.Last(TableEventTimes)
	switch {
	case !ok:
		return 0, newest != ""
	case newest < string(row):
		return 0, false
	}
	return later(raft.LogTime(KeyPart(time, 0)), s.Limits.EventTimesEvery), true
}

// nextRetention is the log time from which on the next entry has something to do.
func (s *State) nextRetention() (at raft.LogTime, ok bool) {
	add := func(t raft.LogTime) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if k, there := s.sweep(); there {
		add(k.Due)
	}
	keep := s.Retention().Events
	if keep == 0 || s.Len(TableEvents) == 0 {
		return at, ok
	}
	if due, there := s.eventTimeDue(); there {
		add(due)
	}
	if time, _, there := s.First(TableEventTimes); there {
		add(later(raft.LogTime(KeyPart(time, 0)), keep))
	}
	return at, ok
}
