package wal

import (
	"cmp"
	"fmt"
	"slices"

	"parley/raft"
)

// ledger is what an open log knows of its contents without reading them: how it stands, the
// terms of its entries, which segment holds which of them, and which can't be read.
type ledger struct {
	standing
	runs    []run        // of the whole log above the base
	extents []extent     // likewise
	holes   []raft.Entry // damaged and not yet filled, in order: no kind, no payload

	fresh []run // of the batch at hand
}

// extent says that the entries from first on, up to the next extent, lie in a segment
// or in a later one.
type extent struct {
	first   raft.Index
	segment uint64
}

// check panics if a batch does not fit the log: that is its caller's bug. It changes
// nothing but fresh.
func (g *ledger) check(b *Batch) {
	base, last := g.claim.base, g.claim.last
	switch {
	case b.Reset:
		base, last = b.Base, b.Base
	case b.Base.Index != 0:
		if b.Base.Index < base.Index || b.Base.Index > last.Index {
			panic(fmt.Sprintf("wal: base %d in a log from %d to %d", b.Base.Index, base.Index, last.Index))
		}
		if term := g.termAt(b.Base.Index); term != b.Base.Term {
			panic(fmt.Sprintf("wal: base %d of term %d, but that entry is of term %d", b.Base.Index, b.Base.Term, term))
		}
		base = b.Base
	}
	if t := b.Truncate; t != 0 {
		if t > last.Index+1 || t <= base.Index {
			panic(fmt.Sprintf("wal: truncate at %d, but the log ends at %d and begins behind %d", t, last.Index, base.Index))
		}
		if last.Index >= t {
			last = raft.EntryID{Index: t - 1, Term: g.termAt(t - 1)}
		}
		if t-1 == base.Index {
			last = base
		}
	}
	g.checkFills(b.Fill, base.Index, last.Index)
	g.fresh = g.fresh[:0]
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Index != last.Index+1 {
			panic(fmt.Sprintf("wal: entry %d appended behind %d", e.Index, last.Index))
		}
		if e.Term < last.Term {
			panic(fmt.Sprintf("wal: entry %d of term %d follows term %d", e.Index, e.Term, last.Term))
		}
		last = raft.EntryID{Index: e.Index, Term: e.Term}
		g.fresh = extendRuns(g.fresh, last)
	}
}

// checkFills panics unless each fill is the entry of a hole.
func (g *ledger) checkFills(fills []raft.Entry, base, last raft.Index) {
	before := base
	for i := range fills {
		f := &fills[i]
		at, ok := find(g.holes, f.Index)
		if !ok || f.Index <= before || f.Index > last {
			panic(fmt.Sprintf("wal: entry %d is no hole to be filled", f.Index))
		}
		if h := &g.holes[at]; h.Term != f.Term || h.Sum != 0 && h.Sum != f.Sum {
			panic(fmt.Sprintf("wal: entry %d of term %d, checksum %08x, is not the lost one of term %d, checksum %08x",
				f.Index, f.Term, f.Sum, h.Term, h.Sum))
		}
		before = f.Index
	}
}

// apply follows a batch that was checked and goes to a segment, and returns what the
// batch says of itself.
func (g *ledger) apply(b *Batch, segment uint64) block {
	c := &g.claim
	c.hard, c.config = b.Hard, b.ConfigIndex
	switch {
	case b.Reset:
		g.runs, g.extents, g.holes = g.runs[:0], g.extents[:0], g.holes[:0]
		c.base, c.last = b.Base, b.Base
	case b.Base.Index != 0:
		g.raise(b.Base)
	}
	if b.Truncate != 0 {
		g.truncate(b.Truncate)
	}
	for i := range b.Fill {
		at, _ := find(g.holes, b.Fill[i].Index)
		g.holes = slices.Delete(g.holes, at, at+1)
	}
	blk := block{truncate: b.Truncate, entries: uint32(len(b.Entries)), fills: uint32(len(b.Fill)), reset: b.Reset, runs: g.fresh}
	if len(b.Entries) > 0 {
		blk.first = b.Entries[0].Index
		g.extents = extend(g.extents, extent{blk.first, segment})
		for _, r := range g.fresh {
			g.runs = extendRuns(g.runs, raft.EntryID{Index: r.first, Term: r.term})
		}
		c.last = idOf(&b.Entries[len(b.Entries)-1])
	}
	g.restate(segment)
	blk.claim = *c
	return blk
}

// restate fills in what the claim tells of runs and extents, for a batch in a segment.
func (g *ledger) restate(segment uint64) {
	c := &g.claim
	c.recent = recentOf(g.runs, c.base.Index)
	c.oldest = max(c.oldest, g.oldest(segment))
}

// oldest returns the segment of the first entry above the base, zero if that is not known;
// of an empty log nothing matters but the batch at hand, in the segment given.
func (g *ledger) oldest(segment uint64) uint64 {
	switch {
	case g.claim.base == g.claim.last:
		return segment
	case len(g.extents) == 0 || g.extents[0].first > g.claim.base.Index+1:
		return 0
	}
	return g.extents[0].segment
}

// raise forgets what is at or below a new base.
func (g *ledger) raise(base raft.EntryID) {
	g.claim.base = base
	above := base.Index + 1
	n := 0
	for n < len(g.runs) && (n+1 < len(g.runs) && g.runs[n+1].first <= above || base == g.claim.last) {
		n++
	}
	g.runs = slices.Delete(g.runs, 0, n)
	for n = 0; n+1 < len(g.extents) && g.extents[n+1].first <= above; {
		n++
	}
	g.extents = slices.Delete(g.extents, 0, n)
	at, _ := find(g.holes, above)
	g.holes = slices.Delete(g.holes, 0, at)
}

// truncate forgets everything from an index on.
func (g *ledger) truncate(from raft.Index) {
	for n := len(g.runs); n > 0 && g.runs[n-1].first >= from; n-- {
		g.runs = g.runs[:n-1]
	}
	if from == g.claim.base.Index+1 {
		g.runs = g.runs[:0]
	}
	g.extents = cutExtents(g.extents, from)
	at, _ := find(g.holes, from)
	g.holes = g.holes[:at]
	g.claim.last = raft.EntryID{Index: from - 1, Term: g.claim.base.Term}
	if n := len(g.runs); n > 0 {
		g.claim.last.Term = g.runs[n-1].term
	}
}

// termAt returns the term of an entry from the base on.
func (g *ledger) termAt(i raft.Index) raft.Term {
	if i == g.claim.base.Index {
		return g.claim.base.Term
	}
	for n := len(g.runs) - 1; n >= 0; n-- {
		if g.runs[n].first <= i {
			return g.runs[n].term
		}
	}
	return g.claim.base.Term
}

// extendRuns adds an entry to runs of terms.
func extendRuns(runs []run, e raft.EntryID) []run {
	if n := len(runs); n > 0 && runs[n-1].term == e.Term {
		return runs
	}
	return append(runs, run{term: e.Term, first: e.Index})
}

// extend adds an extent that replaces what the others say from its first index on.
func extend(extents []extent, x extent) []extent {
	extents = cutExtents(extents, x.first)
	if n := len(extents); n > 0 && extents[n-1].segment == x.segment {
		return extents
	}
	return append(extents, x)
}

func cutExtents(extents []extent, from raft.Index) []extent {
	for n := len(extents); n > 0 && extents[n-1].first >= from; n-- {
		extents = extents[:n-1]
	}
	return extents
}

// find returns where an index is among entries in order, or where it would be. Mostly none is missing, and the ends tell.
func find(entries []raft.Entry, i raft.Index) (int, bool) {
	n := len(entries)
	if n == 0 || i > entries[n-1].Index {
		return n, false
	}
	first := entries[0].Index
	if i < first {
		return 0, false
	}
	if at := i - first; at < raft.Index(n) && entries[at].Index == i {
		return int(at), true
	}
	return slices.BinarySearchFunc(entries, i, func(e raft.Entry, i raft.Index) int { return cmp.Compare(e.Index, i) })
}

func idOf(e *raft.Entry) raft.EntryID { return raft.EntryID{Index: e.Index, Term: e.Term} }
