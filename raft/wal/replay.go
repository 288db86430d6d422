package wal

import (
	"slices"

	"parley/raft"
)

// span is a range of entries that can't be read, both ends in it.
type span struct {
	first, last raft.Index
	term        raft.Term // zero: not known
	sum         uint32    // of a single entry, if its table survived; zero: not known
}

// replay is the log that batches add up to. What a batch says is taken as said; what can't
// be read of it is a span.
type replay struct {
	claim   claim
	present []raft.Entry // in order
	damaged []span       // in order, apart
	filled  []raft.Entry // in the order of their batches
	extents []extent
}

// follows says whether a batch fits the log before it, as far as that is known.
func (p *replay) follows(b *block) bool {
	c := &p.claim
	if b.claim.oldest < c.oldest {
		return false
	}
	base, last := b.claim.base, c.last
	switch {
	case b.reset:
		last = base
	case base.Index < c.base.Index || base.Index > last.Index:
		return false
	case !p.mayBe(base):
		return false
	}
	if b.truncate != 0 {
		if b.truncate > last.Index+1 {
			return false
		}
		last.Index = b.truncate - 1
	}
	if b.lastBefore() != last.Index {
		return false
	}
	if b.reset {
		last.Term = base.Term
	} else {
		last.Term, _ = p.termAt(last.Index)
	}
	switch {
	case last.Term == 0 && last.Index != 0:
		return true // lost, and not told by anybody
	case b.entries > 0:
		return b.runs[0].term >= last.Term
	}
	return b.claim.last == last
}

// mayBe says whether nothing contradicts that an entry is the log's.
func (p *replay) mayBe(e raft.EntryID) bool {
	term, known := p.termAt(e.Index)
	return !known || term == e.Term
}

// termAt returns the term of an entry from the base on, if it is known.
func (p *replay) termAt(i raft.Index) (raft.Term, bool) {
	if at, ok := find(p.present, i); ok {
		return p.present[at].Term, true
	}
	if s := spanAt(p.damaged, i); s != nil && s.term != 0 {
		return s.term, true
	}
	return p.claim.termOf(i)
}

// spanAt returns the span that holds an index.
func spanAt(spans []span, i raft.Index) *span {
	at, _ := slices.BinarySearchFunc(spans, i, func(s span, i raft.Index) int {
		switch {
		case s.last < i:
			return -1
		case s.first > i:
			return 1
		}
		return 0
	})
	if at < len(spans) && spans[at].first <= i && i <= spans[at].last {
		return &spans[at]
	}
	return nil
}

// apply replays a batch: its entries as far as they are there, the others are damaged. The
// terms of those are known all the same, from the batch's runs.
func (p *replay) apply(r *reading, segment uint64) {
	b := &r.block
	switch {
	case b.reset:
		p.truncate(1)
	case b.claim.base.Index > p.claim.base.Index:
		p.raise(b.claim.base.Index)
	}
	if b.truncate != 0 {
		p.truncate(b.truncate)
	}
	p.filled = append(p.filled, r.fills...)
	p.claim = b.claim
	if b.entries == 0 {
		return
	}
	p.truncate(b.first)
	p.extents = extend(p.extents, extent{b.first, segment})
	for i := range r.entries {
		if e := &r.entries[i]; e.Kind != 0 {
			p.present = append(p.present, *e)
		} else {
			p.damaged = miss(p.damaged, span{e.Index, e.Index, e.Term, e.Sum})
		}
	}
	for i := range b.runs {
		if r.listed {
			break
		}
		end := b.claim.last.Index
		if i+1 < len(b.runs) {
			end = b.runs[i+1].first - 1
		}
		p.damaged = miss(p.damaged, span{first: b.runs[i].first, last: end, term: b.runs[i].term})
	}
}

// miss adds a span behind the others, to the last one if nothing tells them apart.
func miss(spans []span, s span) []span {
	if s.first > s.last {
		return spans
	}
	if n := len(spans); n > 0 {
		before := &spans[n-1]
		if before.last+1 == s.first && before.term == s.term && before.sum == 0 && s.sum == 0 {
			before.last = s.last
			return spans
		}
	}
	return append(spans, s)
}

// missing adds spans for a range, with the terms that a claim tells.
func missing(spans []span, first, last raft.Index, c *claim) []span {
	for first <= last {
		term, end := raft.Term(0), last
		if first > c.base.Index && first <= c.last.Index {
			term, end = c.stretch(first)
			end = min(end, last)
		}
		spans = miss(spans, span{first: first, last: end, term: term})
		first = end + 1
	}
	return spans
}

// truncate forgets everything from an index on.
func (p *replay) truncate(from raft.Index) {
	at, _ := find(p.present, from)
	clear(p.present[at:])
	p.present = p.present[:at]
	n := len(p.damaged)
	for n > 0 && p.damaged[n-1].first >= from {
		n--
	}
	p.damaged = p.damaged[:n]
	if n > 0 {
		p.damaged[n-1].last = min(p.damaged[n-1].last, from-1)
	}
	p.filled = slices.DeleteFunc(p.filled, func(e raft.Entry) bool { return e.Index >= from })
	p.extents = cutExtents(p.extents, from)
}

// raise forgets everything up to an index.
func (p *replay) raise(base raft.Index) {
	at, _ := find(p.present, base+1)
	p.present = p.present[at:]
	n := 0
	for n < len(p.damaged) && p.damaged[n].last <= base {
		n++
	}
	if p.damaged = p.damaged[n:]; len(p.damaged) > 0 {
		p.damaged[0].first = max(p.damaged[0].first, base+1)
	}
	p.filled = slices.DeleteFunc(p.filled, func(e raft.Entry) bool { return e.Index <= base })
	n = 0
	for n+1 < len(p.extents) && p.extents[n+1].first <= base+1 {
		n++
	}
	p.extents = p.extents[n:]
}

// doubt goes over a range of entries, the last ones there are, that lost batches may have
// replaced. One that has the term that the claim behind them tells is the same entry: index and
// term name it [§5.3]. The others are damaged.
func (p *replay) doubt(from, last raft.Index, c *claim) {
	at, _ := find(p.present, from)
	kept := slices.Clone(p.present[at:])
	fills := slices.Clone(p.filled)
	p.truncate(from)
	claimed := func(e *raft.Entry) bool {
		term, ok := c.termOf(e.Index)
		return ok && term == e.Term && e.Index >= from && e.Index <= last
	}
	for i := range kept {
		if e := &kept[i]; claimed(e) {
			p.damaged = missing(p.damaged, from, e.Index-1, c)
			p.present = append(p.present, *e)
			from = e.Index + 1
		}
	}
	p.damaged = missing(p.damaged, from, last, c)
	for i := range fills {
		if claimed(&fills[i]) {
			p.filled = append(p.filled, fills[i])
		}
	}
}

// settle puts the fills into their places and finds the terms that their neighbours tell:
// what lies between two entries of one term is of that term. Afterwards every index
// above the base is either present or in a span.
func (p *replay) settle() {
	base, last := p.claim.base.Index, p.claim.last.Index
	p.truncate(last + 1)
	p.raise(base)
	slices.SortStableFunc(p.filled, func(a, b raft.Entry) int {
		switch {
		case a.Index < b.Index:
			return -1
		case a.Index > b.Index:
			return 1
		}
		return 0
	})
	if raft.Index(len(p.present)) != last-base {
		m := merger{claim: &p.claim, spans: p.damaged, fills: p.filled, present: make([]raft.Entry, 0, len(p.present)+len(p.filled))}
		next := base + 1
		for i := range p.present {
			m.missing(next, p.present[i].Index-1)
			m.present = append(m.present, p.present[i])
			next = p.present[i].Index + 1
		}
		m.missing(next, last)
		p.present, p.damaged = m.present, m.damaged
	}
	p.filled = nil
	p.neighbours()
}

// merger lays entries, fills and spans beside one another, in order.
type merger struct {
	claim   *claim
	spans   []span
	fills   []raft.Entry
	present []raft.Entry
	damaged []span
}

// missing goes over a range without entries.
func (m *merger) missing(first, last raft.Index) {
	for first <= last {
		for len(m.spans) > 0 && m.spans[0].last < first {
			m.spans = m.spans[1:]
		}
		s := span{first: first, last: last}
		if len(m.spans) > 0 {
			if next := m.spans[0]; next.first <= first {
				s.last, s.term, s.sum = min(last, next.last), next.term, next.sum
			} else {
				s.last = min(last, next.first-1)
			}
		}
		m.fill(s)
		first = s.last + 1
	}
}

// fill takes the fills out of a span.
func (m *merger) fill(s span) {
	for len(m.fills) > 0 && m.fills[0].Index <= s.last {
		f := m.fills[0]
		m.fills = m.fills[1:]
		if len(m.fills) > 0 && m.fills[0].Index == f.Index || f.Index < s.first {
			continue // a later fill of the place counts
		}
		if s.term != 0 && s.term != f.Term || s.sum != 0 && s.sum != f.Sum {
			continue
		}
		m.lost(span{s.first, f.Index - 1, s.term, s.sum})
		m.present = append(m.present, f)
		s.first = f.Index + 1
	}
	m.lost(s)
}

func (m *merger) lost(s span) {
	if s.term == 0 {
		m.damaged = missing(m.damaged, s.first, s.last, m.claim)
		return
	}
	m.damaged = miss(m.damaged, s)
}

// neighbours finds the terms of spans between entries of one term.
func (p *replay) neighbours() {
	below := max(p.claim.base.Term, 1) // terms start at 1
	at := 0
	var spans []span
	for k, s := range p.damaged {
		for at < len(p.present) && p.present[at].Index < s.first {
			below = max(below, p.present[at].Term)
			at++
		}
		if s.term == 0 {
			above, _ := p.claim.termOf(s.last + 1)
			if at < len(p.present) && p.present[at].Index == s.last+1 {
				above = p.present[at].Term
			} else if k+1 < len(p.damaged) && p.damaged[k+1].first == s.last+1 {
				above = p.damaged[k+1].term
			}
			if above == below {
				s.term = above
			}
		}
		below = max(below, s.term)
		spans = miss(spans, s)
	}
	p.damaged = spans
}
