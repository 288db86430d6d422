package wal

import (
	"cmp"
	"slices"

	"parley/raft"
)

// Answer is what a log knows about an index.
type Answer uint8

// The four answers. Damage never becomes absence: what was stored and can't be
// read is Damaged, not Absent.
const (
	Absent  Answer = iota // nothing was ever stored there, or it was truncated
	Present               // stored, and as it was stored
	Torn                  // a write was under way there when the machine crashed; nobody was told that it succeeded
	Damaged               // stored and acknowledged, and can't be read any more
)

// String names the answer.
func (a Answer) String() string {
	return [...]string{"absent", "present", "torn", "damaged"}[a]
}

// TornBatch is a batch that a crash cut off. It was never acknowledged.
type TornBatch struct {
	Segment     uint64
	Offset      int64
	Batch       uint64
	First, Last raft.Index // its entries, if its header or trailer tells; else zero
}

// Recovered is what a log held when it was opened.
type Recovered struct {
	Hard        raft.HardState
	ConfigIndex raft.Index
	Last        raft.Index // the last index that is stored, or was
	LastTerm    raft.Term
	// Certain says that the fields above are what was last stored. Without damage
	// they always are.
	Certain bool

	Entries []raft.Entry // from index 1 up to the first that is not present
	Torn    *TornBatch
	Damage  []Damage // in the order of the log; none in a log that was opened
	// Worn are faults that cost nothing, because what they hit is there twice. They
	// tell that the disk can't be trusted.
	Worn []Damage

	present []raft.Entry // all, sorted
	damaged []span       // sorted, apart
}

// span is a range of indexes, both ends in it.
type span struct{ first, last raft.Index }

// indexMax stands for "and all that follow".
const indexMax = ^raft.Index(0)

// At answers about one index. Index zero, the place before the log, is present.
func (r *Recovered) At(i raft.Index) Answer {
	for _, s := range r.damaged {
		if s.first <= i && i <= s.last {
			return Damaged
		}
	}
	if _, ok := r.Entry(i); ok || i == 0 {
		return Present
	}
	if t := r.Torn; t != nil && t.First != 0 && t.First <= i && i <= t.Last {
		return Torn
	}
	return Absent
}

// Entry returns the entry at an index, if it is present.
func (r *Recovered) Entry(i raft.Index) (raft.Entry, bool) {
	at, ok := find(r.present, i)
	if !ok {
		return raft.Entry{}, false
	}
	return r.present[at], true
}

func find(entries []raft.Entry, i raft.Index) (int, bool) {
	return slices.BinarySearchFunc(entries, i, func(e raft.Entry, i raft.Index) int { return cmp.Compare(e.Index, i) })
}

// apply replays a batch that is known: its truncation, then those of its entries
// that are good; the others are damaged.
func (r *Recovered) apply(b *block, entries []raft.Entry) {
	r.claim(b.claim)
	if b.truncate != 0 {
		r.truncate(b.truncate)
	}
	if b.entries == 0 {
		return
	}
	last := b.first + raft.Index(b.entries) - 1
	r.truncate(b.first)
	for i := b.first; ; i++ {
		if len(entries) > 0 && entries[0].Index == i {
			r.present = append(r.present, entries[0])
			entries = entries[1:]
			if i == last {
				return
			}
			continue
		}
		// A gap: up to the next good entry, or to the end.
		end := last
		if len(entries) > 0 {
			end = entries[0].Index - 1
		}
		r.condemn(span{i, end})
		if i = end; i == last {
			return
		}
	}
}

func (r *Recovered) claim(c claim) {
	r.Hard, r.ConfigIndex, r.Last, r.LastTerm = c.hard, c.config, c.last, c.lastTerm
}

// termAt returns the term at an index as far as it is known: in a log with damage
// the claims of the batches are the only source.
func (r *Recovered) termAt(i raft.Index) raft.Term {
	if e, ok := r.Entry(i); ok {
		return e.Term
	}
	if i == r.Last {
		return r.LastTerm
	}
	return 0
}

// truncate forgets everything from an index on.
func (r *Recovered) truncate(from raft.Index) {
	at, _ := find(r.present, from)
	clear(r.present[at:])
	r.present = r.present[:at]
	for i, s := range r.damaged {
		if s.last >= from {
			r.damaged = r.damaged[:i]
			if s.first < from {
				r.damaged = append(r.damaged, span{s.first, from - 1})
			}
			return
		}
	}
}

// condemn marks a range as damaged; nothing present or damaged is at its end or
// behind it.
func (r *Recovered) condemn(s span) {
	if s.first > s.last {
		return
	}
	at, _ := find(r.present, s.first)
	clear(r.present[at:])
	r.present = r.present[:at]
	for n := len(r.damaged); n > 0 && r.damaged[n-1].last+1 >= s.first; n-- {
		s.first = min(s.first, r.damaged[n-1].first)
		r.damaged = r.damaged[:n-1]
	}
	r.damaged = append(r.damaged, s)
}

// finish fills in what the caller reads.
func (r *Recovered) finish() {
	n := 0
	for n < len(r.present) && r.present[n].Index == raft.Index(n)+1 {
		n++
	}
	r.Entries = r.present[:n:n]
}
