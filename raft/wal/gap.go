package wal

import (
	"fmt"

	"parley/raft"
)

// A damaged batch leaves a gap in what is known. If its header or trailer is readable,
// the gap is its entries. If both are gone, the next batch tells how far down the
// missing one reached, or the seal does if it was the last. If two are gone,
// nobody knows what they truncated, and every older index is in doubt.

// skip notes a damaged batch and finds the next one.
func (s *scan) skip(data []byte, at place, r *reading) (next place, ok bool) {
	d := Damage{File: segmentName(at.segment), Number: at.segment, Offset: at.offset, Batch: at.batch + 1, What: r.what}
	if r.whole {
		d.What = "batch does not fit the log before it"
	}
	s.damage(d)
	if b := &r.block; r.known && !r.whole && b.sane() && s.follows(b) {
		note := &s.was.Damage[len(s.was.Damage)-1]
		if r.complete {
			// One of the two is left from an earlier life, this one or the one before.
			s.lose(0)
			r.entries = nil
		}
		s.found(b)
		s.was.apply(b, r.entries)
		s.lowest = b.lowest()
		if first, last := s.missing(b); first != 0 {
			note.Last = last
			if note.First == 0 {
				note.First = first
			}
		}
		return endOf(at, b), true
	}
	s.lose(at.batch + 1)
	b, ok := findBatch(data, at.segment, at.offset+sectorBytes, at.batch)
	if !ok {
		return place{}, false
	}
	return place{segment: at.segment, offset: b.offset, batch: b.batch - 1, frame: b.prev}, true
}

// sane says whether a block whose table is unknown may be replayed.
func (b *block) sane() bool {
	if b.sectors == 0 {
		return false
	}
	if b.entries == 0 {
		return b.first == 0
	}
	last := b.first + raft.Index(b.entries) - 1
	return b.first != 0 && last >= b.first && last == b.claim.last && last != indexMax &&
		(b.truncate == 0 || b.truncate == b.first)
}

// missing returns the range of a batch's entries that are not present.
func (s *scan) missing(b *block) (first, last raft.Index) {
	for _, d := range s.was.damaged {
		if b.entries > 0 && d.last >= b.first {
			if first == 0 {
				first = max(d.first, b.first)
			}
			last = d.last
		}
	}
	return first, last
}

// lose notes that what a batch changed is not known; zero is "more than one".
func (s *scan) lose(batch uint64) {
	if s.lost {
		batch = 0
	}
	s.lost, s.lostFrom, s.lostNote = true, batch, len(s.was.Damage)-1
	s.was.Certain = false
}

// found closes a gap at a batch that is known: if only the batch before it is
// missing, it tells how far down that one reached, else any index may be
// another than it seems.
func (s *scan) found(b *block) {
	if !s.lost {
		return
	}
	from := raft.Index(1)
	if s.lostFrom == b.batch-1 && s.lostFrom != 0 {
		from = b.prevLowest
	}
	s.condemn(from, b.claim.last-min(b.claim.last, raft.Index(b.entries)))
}

// condemn marks everything from an index to the end of the log as damaged and
// ends the gap. From zero, nothing was changed.
func (s *scan) condemn(from, last raft.Index) {
	s.lost, s.lostFrom = false, 0
	s.was.Certain = true
	s.was.truncate(last + 1)
	if from != 0 && from <= last {
		s.was.condemn(span{from, last})
		s.was.Damage[s.lostNote].First, s.was.Damage[s.lostNote].Last = from, last
	}
}

// conclude checks what the seal vouches for and closes a gap at the end.
func (s *scan) conclude() {
	end := s.tail.batch
	if len(s.chain) == 0 && s.seal.at.batch > 0 && len(s.was.Damage) == 0 {
		s.damage(Damage{File: sealName, What: fmt.Sprintf("batch %d was sealed, but there is no segment", s.seal.at.batch)})
		s.lose(0)
	}
	if s.seal.at.batch > end && len(s.was.Damage) == 0 {
		s.damage(Damage{File: segmentName(s.tail.segment), Number: s.tail.segment, Offset: s.tail.offset,
			What: fmt.Sprintf("batch %d was sealed, but the log ends with %d", s.seal.at.batch, end)})
		s.lose(0)
	}
	if s.lost {
		s.concludeLost()
	}
	s.was.finish()
}

// concludeLost closes a gap at the end: by the seal's copy of the claim, if it was
// the sealed batch that is lost, else with everything in doubt.
func (s *scan) concludeLost() {
	if c := s.seal.claim; s.lostFrom != 0 && s.lostFrom == s.seal.at.batch {
		s.condemn(s.seal.from, c.last)
		s.was.claim(c)
		return
	}
	s.was.condemn(span{1, indexMax})
	s.was.Damage[s.lostNote].First, s.was.Damage[s.lostNote].Last = 1, indexMax
}
