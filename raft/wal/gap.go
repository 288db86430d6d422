package wal

import (
	"fmt"

	"parley/raft"
)

// A damaged batch leaves a gap in what is known. If its header or trailer is readable,
// the gap is its entries. If both are gone, the next thing that tells how the log stands closes
// it, be it a batch, a segment's header or the seal: what was appended in between is
// damaged, and of the older entries those that lost batches may have replaced.
// Behind the last of them nothing closes the gap, and nothing is certain.

// gap is a place behind which batches are lost.
type gap struct {
	open    bool
	after   uint64     // the last batch before it
	segment uint64     // where it begins
	last    raft.Index // of the log before it
	note    int        // in was.Damage
}

// open notes that what batches changed is not known from here on.
func (s *scan) open(note int) {
	if !s.gap.open {
		s.gap = gap{open: true, after: s.tail.batch, segment: s.tail.segment, last: s.p.claim.last.Index, note: note}
	}
}

// close ends the gap, if there is one, at a place where a claim is known and what was cut before.
// The last index is that of the log there, before anything that belongs to the claim's own
// batch.
func (s *scan) close(c *claim, before cut, last raft.Index, segment uint64) {
	if !s.gap.open {
		return
	}
	s.gap.open = false
	from := s.gap.last + 1
	if before.batch > s.gap.after {
		if before.lowest == 0 || segment != s.gap.segment {
			from = 1
		}
		from = min(from, max(before.lowest, 1))
	}
	base := c.base
	if base.Index < s.p.claim.base.Index {
		s.p.truncate(1) // only a reset lowers it
		from = 1
	} else {
		s.p.raise(base.Index)
	}
	from = max(from, base.Index+1)
	s.p.doubt(from, last, c)
	s.p.claim = *c
	s.p.claim.last.Index = last
	if s.gap.note >= 0 {
		s.was.Damage[s.gap.note].cost(s.p.damaged, from, last)
	}
}

// stand closes the gap at a place whose standing is known.
func (s *scan) stand(at standing, tail place) {
	s.close(&at.claim, at.cut, at.claim.last.Index, tail.segment)
	s.p.claim, s.cut = at.claim, at.cut
	s.tail, s.last, s.unsure, s.sealed = tail, nil, false, false
}

// cost notes which entries of a range are damaged.
func (d *Damage) cost(damaged []span, from, last raft.Index) {
	for _, s := range damaged {
		if s.last < from || s.first > last {
			continue
		}
		if d.First == 0 {
			d.First = max(s.first, from)
		}
		d.Last = min(s.last, last)
	}
}

// skip notes a damaged batch and finds the next one.
func (s *scan) skip(data []byte, at place, r *reading) (next place, ok bool) {
	d := Damage{File: s.nameOf(at.segment), Number: at.segment, Offset: at.offset, Batch: at.batch + 1, What: r.what}
	if r.whole {
		d.What = "batch does not fit the log before it"
	}
	note := s.damage(d)
	b := &r.block
	if !r.known || r.whole || !s.gap.open && !s.follows(b) {
		s.open(note)
		return s.resync(data, at, at.offset+sectorBytes)
	}
	if stale := b.prev != at.frame; stale {
		// This one or the one before is left from an earlier life. The next batch tells which.
		s.open(note)
		s.close(&b.claim, cut{batch: s.gap.after + 1}, b.lastBefore(), 0)
		s.unsure = true
	} else {
		s.unsure = false
	}
	s.close(&b.claim, b.cut, b.lastBefore(), at.segment)
	s.p.apply(r, at.segment)
	s.cut = b.cut.after(b)
	s.tail, s.last, s.sealed = endOf(at, b), nil, false
	if b.entries > 0 {
		s.was.Damage[note].cost(s.p.damaged, b.first, b.claim.last.Index)
	}
	return s.tail, true
}

// resync finds the next place from which on batches can be read again: the first readable
// header, or the place that the seal names, if that is before it.
func (s *scan) resync(data []byte, at place, from int64) (next place, ok bool) {
	b, found := s.unstuffer.findBatch(data, at.segment, from, at.batch, s.tags)
	sealed := &s.seal
	if sealed.at.segment == at.segment && sealed.at.batch > at.batch && sealed.at.offset >= from &&
		sealed.at.offset <= int64(len(data)) && (!found || sealed.at.offset <= b.offset) {
		s.stand(sealed.standing, sealed.at)
		s.sealed = true
		return s.tail, true
	}
	if !found {
		return place{segment: at.segment, offset: at.offset, batch: at.batch}, false
	}
	return place{segment: at.segment, offset: b.offset, batch: b.batch - 1, frame: b.prev}, true
}

// conclude checks what the seal vouches for, says whether the end is certain, and sorts
// what was noted.
func (s *scan) conclude() {
	end := s.tail.batch
	switch {
	case len(s.chain) == 0 && s.seal.at.batch > 0:
		s.open(s.damage(Damage{File: sealName, What: fmt.Sprintf("batch %d was sealed, but there is no segment", s.seal.at.batch)}))
	case len(s.chain) == 0 && s.sealBad:
		s.open(0) // who knows whether anything was sealed
	case s.seal.at.batch > end && !s.gap.open:
		s.open(s.damage(Damage{File: segmentName(s.tail.segment), Number: s.tail.segment, Offset: s.tail.offset,
			What: fmt.Sprintf("batch %d was sealed, but the log ends with %d", s.seal.at.batch, end)}))
	}
	s.was.Certain = !s.gap.open && !s.unsure
	s.p.settle()
	if s.was.Certain {
		s.sort()
	}
	s.was.tell(&s.p)
}

// sort puts the places that cost nothing, or nothing any more, to those that are worn.
func (s *scan) sort() {
	var costly []Damage
	for _, d := range s.was.Damage {
		found := d
		d.First, d.Last = 0, 0
		if found.First != 0 {
			d.cost(s.p.damaged, found.First, found.Last)
		}
		if d.First != 0 {
			costly = append(costly, d)
		} else {
			s.was.Worn = append(s.was.Worn, d)
		}
	}
	s.was.Damage = costly
	if n := len(s.p.damaged); n > 0 && len(costly) == 0 {
		s.damage(Damage{File: s.chain[0].name, Number: s.chain[0].number, What: "the log begins behind its base",
			First: s.p.damaged[0].first, Last: s.p.damaged[n-1].last})
	}
}
