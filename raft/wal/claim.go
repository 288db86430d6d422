package wal

import (
	"parley/raft"
)

// claim is how node and log stand after a batch. Whatever a node must never forget is in
// it: a batch says it in header and trailer, the seal repeats it, and so does the next
// segment's header, so that one fault can't lose it. 152 bytes:
//
//	 0  term 8     8  vote: id 8, incarnation 8
//	24  floor: index 8, term 8     40  configuration index 8
//	48  base: index 8, term 8      64  last entry: index 8, term 8
//	80  oldest segment that still matters 8
//	88  the newest four runs of terms above the base, newest first:
//	    term 8, first index 8 (zeros where there are fewer)
//
// The runs tell the terms of entries that can't be read any more. With them a hole is a
// known entry in nearly every case: only damage further back than the last four
// elections leaves terms to be guessed from the neighbours.
type claim struct {
	hard   raft.HardState
	config raft.Index
	base   raft.EntryID
	last   raft.EntryID
	oldest uint64
	recent [recentRuns]run
}

const (
	recentRuns = 4
	claimBytes = 88 + recentRuns*runBytes
	runBytes   = 16
)

// run is a stretch of entries of one term; it ends where the next begins.
type run struct {
	term  raft.Term
	first raft.Index
}

// termOf returns the term of the entry at an index, if the claim tells it.
func (c *claim) termOf(i raft.Index) (raft.Term, bool) {
	switch {
	case i == c.base.Index:
		return c.base.Term, true
	case i < c.base.Index || i > c.last.Index:
		return 0, false
	}
	for _, r := range c.recent {
		if r.term != 0 && i >= r.first {
			return r.term, true
		}
	}
	return 0, false
}

// stretch returns the term at an index as termOf does, and the last index up to which it
// is the same, or as unknown.
func (c *claim) stretch(i raft.Index) (term raft.Term, end raft.Index) {
	end = c.last.Index
	for _, r := range c.recent {
		if r.term == 0 {
			break
		}
		if i >= r.first {
			return r.term, end
		}
		end = r.first - 1
	}
	return 0, end
}

// sane says whether a claim could be one: the checksums have vouched for the bytes, this
// vouches for the writer.
func (c *claim) sane() bool {
	if c.last.Index > indexLimit || c.base.Index > c.last.Index || c.base.Term > c.last.Term {
		return false
	}
	if c.base.Index == c.last.Index {
		return c.base == c.last && c.recent == [recentRuns]run{}
	}
	if c.recent[0].term != c.last.Term || c.recent[0].term == 0 {
		return false
	}
	above := run{term: c.last.Term + 1, first: c.last.Index + 1}
	for _, r := range c.recent {
		if r == (run{}) {
			above = run{}
			continue
		}
		if above == (run{}) || r.term >= above.term || r.first >= above.first || r.first <= c.base.Index || r.term < c.base.Term {
			return false
		}
		above = r
	}
	return true
}

// recentOf returns the newest runs of a log above its base, newest first.
func recentOf(runs []run, base raft.Index) (recent [recentRuns]run) {
	for i := 0; i < recentRuns && i < len(runs); i++ {
		r := runs[len(runs)-1-i]
		r.first = max(r.first, base+1)
		recent[i] = r
	}
	return recent
}

// cut says which entries batches removed from the log's end, by Truncate or Reset. When
// batches are lost, the next one that is readable tells by it which of the older entries
// they may have removed: none, if the newest batch that cut is older than they are.
type cut struct {
	batch  uint64     // the newest batch that removed any
	lowest raft.Index // the lowest index that batches of this segment removed, or zero
}

// after returns the cut after a batch.
func (c cut) after(b *block) cut {
	lowest := b.truncate
	if b.reset {
		lowest = 1
	}
	switch {
	case lowest == 0:
		return c
	case c.lowest != 0:
		lowest = min(lowest, c.lowest)
	}
	return cut{batch: b.batch, lowest: lowest}
}

// standing is what is repeated where a batch ends: in the seal, and in the header of the
// segment that continues there. 168 bytes: the claim, then
//
//	152  the newest batch that cut 8     160  lowest index cut in this segment 8
type standing struct {
	claim claim
	cut   cut
}

const standingBytes = claimBytes + 16

func appendID(dst []byte, id raft.EntryID) []byte {
	dst = le.AppendUint64(dst, uint64(id.Index))
	return le.AppendUint64(dst, uint64(id.Term))
}

func decodeID(p []byte) raft.EntryID {
	return raft.EntryID{Index: raft.Index(le.Uint64(p[0:])), Term: raft.Term(le.Uint64(p[8:]))}
}

func appendClaim(dst []byte, c *claim) []byte {
	dst = le.AppendUint64(dst, uint64(c.hard.Term))
	dst = le.AppendUint64(dst, uint64(c.hard.Vote.ID))
	dst = le.AppendUint64(dst, uint64(c.hard.Vote.Inc))
	dst = appendID(dst, c.hard.Floor)
	dst = le.AppendUint64(dst, uint64(c.config))
	dst = appendID(dst, c.base)
	dst = appendID(dst, c.last)
	dst = le.AppendUint64(dst, c.oldest)
	return appendRuns(dst, c.recent[:])
}

func (c *claim) decode(p []byte) {
	p = p[:claimBytes]
	c.hard.Term = raft.Term(le.Uint64(p[0:]))
	c.hard.Vote = raft.Ident{ID: raft.NodeID(le.Uint64(p[8:])), Inc: raft.Incarnation(le.Uint64(p[16:]))}
	c.hard.Floor = decodeID(p[24:])
	c.config = raft.Index(le.Uint64(p[40:]))
	c.base, c.last = decodeID(p[48:]), decodeID(p[64:])
	c.oldest = le.Uint64(p[80:])
	decodeRuns(c.recent[:], p[88:])
}

func appendRuns(dst []byte, runs []run) []byte {
	for _, r := range runs {
		dst = le.AppendUint64(dst, uint64(r.term))
		dst = le.AppendUint64(dst, uint64(r.first))
	}
	return dst
}

func decodeRuns(runs []run, p []byte) {
	for i := range runs {
		runs[i] = run{term: raft.Term(le.Uint64(p)), first: raft.Index(le.Uint64(p[8:]))}
		p = p[runBytes:]
	}
}

func appendCut(dst []byte, c cut) []byte {
	dst = le.AppendUint64(dst, c.batch)
	return le.AppendUint64(dst, uint64(c.lowest))
}

func decodeCut(p []byte) cut {
	return cut{batch: le.Uint64(p[0:]), lowest: raft.Index(le.Uint64(p[8:]))}
}

func appendStanding(dst []byte, s *standing) []byte {
	return appendCut(appendClaim(dst, &s.claim), s.cut)
}

func (s *standing) decode(p []byte) {
	s.claim.decode(p)
	s.cut = decodeCut(p[claimBytes:])
}
