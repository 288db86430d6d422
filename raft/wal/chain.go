package wal

import (
	"fmt"
	"slices"
)

// Each segment's header names the place that it continues from. The chain is what one meets
// going back from the newest segment; segments that one does not meet are superseded. It
// ends at the segment from which on everything matters: every claim names it, and what is
// before may be there still, or in part, or not.

// lookChain follows the headers back. Where a segment is missing, or its header is not
// readable, the chain is taken up again with the next older one there is: its batches
// are the node's own whatever came after, and the claims behind the break tell which of
// its entries are still the log's.
func (s *scan) lookChain() error {
	s.chain = slices.Grow(s.chain[:0], len(s.numbers))
	if len(s.numbers) == 0 {
		return nil
	}
	note := -1
	for number, ok := s.numbers[len(s.numbers)-1], true; ok; {
		s.chain = append(s.chain, link{})
		g := &s.chain[len(s.chain)-1]
		if err := s.lookHeader(g, number); err != nil {
			return err
		}
		if len(s.chain) == 1 && g.known {
			s.oldest = max(s.oldest, g.claim.oldest)
		}
		note = -1
		if g.readable {
			g.note, g.joined = s.lookBack(g)
			note = g.note
		}
		from := g.at.segment
		if !g.joined && (!g.readable || note >= 0) {
			from = s.olderThan(number)
			ok = from != 0
		} else {
			ok = g.joined
		}
		number = from
	}
	slices.Reverse(s.chain)
	return nil
}

// lookBack says whether the segment that another continues from is there. The note tells
// why not, unless it need not be there.
func (s *scan) lookBack(g *link) (note int, joined bool) {
	from := g.at.segment
	switch {
	case from >= g.number || from == 0 && g.at != (place{}):
		return s.damage(Damage{File: g.name, Number: g.number, What: fmt.Sprintf("the header says that it continues from segment %d", from)}), false
	case from == 0 || from < s.oldest:
		return -1, false
	}
	if _, ok := slices.BinarySearch(s.numbers, from); !ok {
		return s.damage(Damage{File: segmentName(from), Number: from, What: "the file is missing"}), false
	}
	return -1, true
}

// olderThan returns the newest segment older than another that matters, or zero.
func (s *scan) olderThan(number uint64) uint64 {
	at, _ := slices.BinarySearch(s.numbers, number)
	if at == 0 || s.numbers[at-1] < s.oldest {
		return 0
	}
	return s.numbers[at-1]
}

// lookHeader reads a segment's header from either copy.
func (s *scan) lookHeader(g *link, number uint64) error {
	name := s.nameOf(number)
	*g = link{name: name, path: join(s.dir, name), note: -1}
	data, err := s.readFile(g.path, 0, bodyStart)
	if err != nil {
		return err
	}
	first, err := s.readMark(&g.mark, data, 0, name, number)
	if err != nil {
		return err
	}
	second := first && sameMark(data)
	if !second {
		var again mark
		if second, err = s.readMark(&again, data, 1, name, number); err != nil {
			return err
		}
		if !first {
			g.mark = again
		}
	}
	if g.readable = first || second; !g.readable {
		g.mark = mark{number: number}
		g.note = s.damage(Damage{File: name, Number: number, What: "header checksum mismatch, in both copies"})
		return nil
	}
	for i, good := range [...]bool{first, second} {
		if !good {
			s.was.Worn = append(s.was.Worn, Damage{File: name, Number: number, Offset: int64(i) * blockBytes, What: "header checksum mismatch"})
		}
	}
	return nil
}

// enter begins a segment: where its first batch is, and whether there is one to be looked for.
func (s *scan) enter(i int, data []byte) (at place, ok bool) {
	g := &s.chain[i]
	if !g.readable {
		s.open(g.note)
		s.last = nil
		return s.enterBlind(g.number, data)
	}
	s.tags = tags{g.format, g.at.batch}
	arrived := i > 0 && s.end(&s.chain[i-1]) == g.at && !s.gap.open
	if arrived {
		s.cut = s.cutIn(g.at.segment)
	}
	switch {
	case i == 0:
		s.begin(g)
	case arrived && g.known && (g.standing != standing{s.p.claim, s.cut}):
		s.open(s.damage(Damage{File: g.name, Number: g.number, What: "the header contradicts the log before it"}))
		s.stand(g.standing, g.at)
	case arrived:
		s.unsure, s.sealed = false, false
	default:
		if !s.gap.open {
			s.open(s.elsewhere(g))
		}
		s.last = nil
		if g.known {
			s.stand(g.standing, g.at)
		}
	}
	s.tail = g.at
	return place{segment: g.number, offset: bodyStart, batch: g.at.batch, frame: g.at.frame}, true
}

// end returns where the log ends in a segment that was read, as the next one's header would name it: where its first batch would be,
// if it has none, because that was too long for it.
func (s *scan) end(g *link) place {
	if g.readable && s.tail == g.at {
		return place{segment: g.number, offset: bodyStart, batch: g.at.batch, frame: g.at.frame}
	}
	return s.tail
}

// enterBlind begins a segment whose header is not readable: with the first batch that is. What lies behind that, and has a
// number that is not higher than the batch before it, is blank or at the wrong place; which of the two makes no difference any more.
// Of a segment of which only the seal tells, the sealed batch is the first: what is left of it is none of an earlier life.
func (s *scan) enterBlind(number uint64, data []byte) (at place, ok bool) {
	at = place{segment: number, offset: bodyStart, batch: s.tail.batch}
	s.tags = tags{s.unstuffer.formatOf(data, number), at.batch}
	at, ok = s.resync(data, at, bodyStart)
	before := at.batch
	if at == s.tail { // the seal's place
		before--
	}
	s.tags.before = max(s.tags.before, before)
	return at, ok
}

// begin begins with the oldest segment. What its header says was in older ones is missing
// until a later claim says that it does not matter.
func (s *scan) begin(g *link) {
	if !g.known {
		s.open(g.note)
		return
	}
	c := &g.claim
	s.p.claim, s.cut = *c, g.cut
	s.p.extents = append(s.p.extents, extent{c.base.Index + 1, g.number})
	s.p.damaged = missing(nil, c.base.Index+1, c.last.Index, c)
	if g.note >= 0 && c.base != c.last {
		s.was.Damage[g.note].First, s.was.Damage[g.note].Last = c.base.Index+1, c.last.Index
	}
}

// elsewhere notes that a segment does not continue from where the one before it ends.
func (s *scan) elsewhere(g *link) int {
	if g.note >= 0 {
		return g.note
	}
	return s.damage(Damage{File: s.nameOf(s.tail.segment), Number: s.tail.segment, Offset: s.tail.offset, Batch: s.tail.batch + 1,
		What: fmt.Sprintf("segment %d continues from elsewhere", g.number)})
}
