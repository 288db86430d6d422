package wal

import (
	"fmt"
	"strings"

	"parley/raft"
)

// Answer is what a log knows about an index.
type Answer uint8

// The four answers about an index above the base. Damage never becomes absence: what was
// stored and can't be read is Damaged, not Absent.
const (
	Absent    Answer = iota // nothing was ever stored there, or it was truncated
	Present                 // stored, and as it was stored
	Torn                    // a write was under way there when the machine crashed; nobody was told that it succeeded
	Damaged                 // stored and acknowledged, and can't be read any more
	Compacted               // at the base or below: a snapshot holds what it did
)

// String names the answer.
func (a Answer) String() string {
	return [...]string{"absent", "present", "torn", "damaged", "compacted"}[a]
}

// TornBatch is a batch that a crash cut off. It was never acknowledged.
type TornBatch struct {
	Segment     uint64
	Offset      int64
	Batch       uint64
	First, Last raft.Index // its entries, if its header or trailer tells; else zero
}

// Hole is a range of entries that can't be read.
type Hole struct {
	First, Last raft.Index
	Term        raft.Term // of all of them; zero if it is not known
}

// String tells the range in words.
func (h Hole) String() string {
	s := fmt.Sprintf("entries %d to %d", h.First, h.Last)
	if h.First == h.Last {
		s = fmt.Sprintf("entry %d", h.First)
	}
	if h.Term == 0 {
		return s + ", terms not known"
	}
	return fmt.Sprintf("%s of term %d", s, h.Term)
}

// Decision is what Open made of damage that it can't leave as it is. It is durable.
type Decision struct {
	Raised raft.EntryID // not zero: the base is this snapshot now, as the damage lies at or below it
	Cut    raft.Index   // not zero: entries from here on are given up, as their terms are not known
	Reset  bool         // all entries are given up, as no good snapshot goes with the base
}

// String tells it in words; nothing was decided if it is empty.
func (d Decision) String() string {
	var words []string
	if d.Raised != (raft.EntryID{}) {
		words = append(words, fmt.Sprintf("the log up to %d was dropped: the own snapshot there covers the damage", d.Raised.Index))
	}
	if d.Cut != 0 {
		words = append(words, fmt.Sprintf("the log was cut at %d: the terms of the entries lost there are not known", d.Cut))
	}
	if d.Reset {
		words = append(words, "the log was given up: no good snapshot goes with its base")
	}
	return strings.Join(words, "; ")
}

// Recovered is what a log held when it was opened, after what Open decided.
type Recovered struct {
	Hard        raft.HardState
	ConfigIndex raft.Index
	Base        raft.EntryID
	Last        raft.Index // the last index that is stored, or was
	LastTerm    raft.Term
	// Certain says that the fields above are what was last stored. Of a log that was
	// opened they always are.
	Certain bool

	// Entries follow the base. In a log that was opened they are all there up to Last, and a
	// hole is an entry without kind and payload: Index, Term, and Sum if it is known. Of
	// others they are those up to the first that is not present.
	Entries []raft.Entry
	Holes   []Hole
	Decided Decision
	Torn    *TornBatch
	Damage  []Damage // places that cost entries, or certainty, before anything was decided
	// Worn are faults that cost nothing, because what they hit is there twice or matters no
	// more: it was filled, cut or compacted since. They tell that the disk can't
	// be trusted.
	Worn []Damage

	present []raft.Entry // all, in order
}

// At answers about one index. Index zero, the place before every log, is present.
func (r *Recovered) At(i raft.Index) Answer {
	switch {
	case i == 0:
		return Present
	case !r.Certain: // who knows what was replaced
		return Damaged
	case i <= r.Base.Index:
		return Compacted
	}
	for _, h := range r.Holes {
		if h.First <= i && i <= h.Last {
			return Damaged
		}
	}
	if _, ok := r.Entry(i); ok {
		return Present
	}
	if i <= r.Hard.Floor.Index { // what the floor stands for was here once
		return Damaged
	}
	if t := r.Torn; t != nil && t.First != 0 && t.First <= i && i <= t.Last {
		return Torn
	}
	return Absent
}

// Entry returns the entry at an index, if it is present.
func (r *Recovered) Entry(i raft.Index) (raft.Entry, bool) {
	at, ok := find(r.present, i)
	if !ok || !r.Certain {
		return raft.Entry{}, false
	}
	return r.present[at], true
}

// tell fills in what the replay came to.
func (r *Recovered) tell(p *replay) {
	c := &p.claim
	r.Hard, r.ConfigIndex, r.Base = c.hard, c.config, c.base
	r.Last, r.LastTerm = c.last.Index, c.last.Term
	r.present = p.present
	r.Holes = nil
	for _, s := range p.damaged {
		if n := len(r.Holes); n > 0 && r.Holes[n-1].Last+1 == s.first && r.Holes[n-1].Term == s.term {
			r.Holes[n-1].Last = s.last
			continue
		}
		r.Holes = append(r.Holes, Hole{First: s.first, Last: s.last, Term: s.term})
	}
	n := 0
	for n < len(r.present) && r.present[n].Index == c.base.Index+raft.Index(n)+1 {
		n++
	}
	r.Entries = r.present[:n:n]
}

// open makes Entries what a log that was opened has: all, with the holes.
func (r *Recovered) open(p *replay) {
	r.tell(p)
	if len(p.damaged) == 0 {
		return
	}
	r.Entries = make([]raft.Entry, 0, r.Last-r.Base.Index)
	rest := r.present
	for _, s := range p.damaged {
		n, _ := find(rest, s.first)
		r.Entries = append(r.Entries, rest[:n]...)
		rest = rest[n:]
		for i := s.first; i <= s.last; i++ {
			r.Entries = append(r.Entries, raft.Entry{Index: i, Term: s.term, Sum: s.sum})
		}
	}
	r.Entries = append(r.Entries, rest...)
}
