package raft

// raftLog is the log in memory: log[] of Figure 2 behind its base. What is on disk is told by
// the stored mark; what has been handed to the disk by the handed mark.
//
//	base | ........ stored ........ handed ........ last
//	 [§7]    on disk          being written    this Step's
//
// Terms are kept as runs beside the entries, so that "no such entry" is an
// answer of its own and never looks like term 0. What is below the base is "compacted", which
// is a third.
type raftLog struct {
	base   EntryID   // the last entry before the log
	origin Index     // the place before blocks[0][0], at most the base
	blocks [][]Entry // of blockEntries each, the last one partly filled
	runs   []termRun // of the entries behind the base, rising in both fields
	last   Index
	holes  []hole // entries lost to damage: their index and term are known; see repair.go

	handed   Index // everything up to here is in some Store
	stored   Index // everything up to here is on disk
	truncate Index // not zero: the next Store removes entries from here on
	rebased  bool  // the next Store tells the base
	reset    bool  // … and that nothing behind the base is left of what was stored
	fills    []Entry
	writes   []write
	unstored int // payload bytes in writes: handed to the disk and not reported yet
}

// termRun says that entries from first on have this term, up to the next run.
type termRun struct {
	term  Term
	first Index
}

// hole is a range of lost entries, both ends in it.
type hole struct{ first, last Index }

// write is a Store that the disk has not reported yet.
type write struct {
	seq   WriteSeq
	last  Index // the last entry this write makes stored, if nothing truncated it since
	bytes int
	since Mono
}

// blockEntries makes growing the log cost one small allocation per block,
// never a copy of the whole.
const blockEntries = 1 << 10

// term returns the term of the entry at i, unless it is absent or compacted. The base is known:
// index 0 is the base of a log from the beginning, with term 0.
func (l *raftLog) term(i Index) (Term, bool) {
	if i == l.base.Index {
		return l.base.Term, true
	}
	if i > l.last || i < l.base.Index {
		return 0, false
	}
	lo, hi := 0, len(l.runs)
	if hi > 0 && l.runs[hi-1].first <= i { // nearly always the newest run
		return l.runs[hi-1].term, true
	}
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if l.runs[mid].first <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	return l.runs[lo].term, true
}

// lastTerm returns the term of the last entry, 0 for an empty log from the beginning.
func (l *raftLog) lastTerm() Term {
	t, _ := l.term(l.last)
	return t
}

// end names the last entry.
func (l *raftLog) end() EntryID { return EntryID{l.last, l.lastTerm()} }

// matches reports whether the log holds an entry of this term at i.
func (l *raftLog) matches(i Index, term Term) bool {
	t, ok := l.term(i)
	return ok && t == term
}

// entry returns the entry at i, which must be in the log.
func (l *raftLog) entry(i Index) *Entry {
	if !(i > l.base.Index && i <= l.last) {
		impossible("entry %d of a log from %d to %d", i, l.base.Index, l.last)
	}
	return &l.blocks[(i-1-l.origin)/blockEntries][(i-1-l.origin)%blockEntries]
}

// append adds an entry behind the last one.
func (l *raftLog) append(e Entry) {
	if e.Index != l.last+1 {
		impossible("append of %d behind %d", e.Index, l.last)
	}
	if e.Term < l.lastTerm() {
		impossible("append of term %d behind term %d at %d", e.Term, l.lastTerm(), e.Index)
	}
	if n := len(l.blocks); n == 0 {
		l.blocks = append(l.blocks, nil) // it grows as it is filled: many logs never fill one
	} else if len(l.blocks[n-1]) == blockEntries {
		l.blocks = append(l.blocks, make([]Entry, 0, blockEntries))
	}
	b := &l.blocks[len(l.blocks)-1]
	*b = append(*b, e)
	if n := len(l.runs); n == 0 || l.runs[n-1].term != e.Term {
		l.runs = append(l.runs, termRun{e.Term, e.Index})
	}
	l.last = e.Index
}

// truncateFrom removes the entries from i on. Writes under way no longer make
// anything at or above i stored: by the time they complete, other entries may
// stand there.
func (l *raftLog) truncateFrom(i Index) {
	if i > l.last {
		return
	}
	if i <= l.base.Index {
		impossible("truncation from %d of a log behind %d", i, l.base.Index)
	}
	keep := int(i - 1 - l.origin)
	blocks := (keep + blockEntries - 1) / blockEntries
	clear(l.blocks[blocks:])
	l.blocks = l.blocks[:blocks]
	if blocks > 0 {
		tail := keep - (blocks-1)*blockEntries
		b := l.blocks[blocks-1]
		clear(b[tail:])
		l.blocks[blocks-1] = b[:tail]
	}
	for n := len(l.runs); n > 0 && l.runs[n-1].first >= i; n = len(l.runs) {
		l.runs = l.runs[:n-1]
	}
	l.last = i - 1
	l.cutHoles(i)
	if l.handed >= i {
		l.handed = i - 1
		if l.truncate == 0 || i < l.truncate {
			l.truncate = i
		}
	}
	l.stored = min(l.stored, i-1)
	for j := range l.writes {
		l.writes[j].last = min(l.writes[j].last, i-1)
	}
}

// compactTo makes an entry of the log its base: a snapshot holds what everything up to it did.
func (l *raftLog) compactTo(i Index) {
	term, ok := l.term(i)
	if !ok || i < l.base.Index {
		impossible("compaction to %d of a log from %d to %d", i, l.base.Index, l.last)
	}
	if i == l.base.Index {
		return
	}
	whole := int(i-l.origin) / blockEntries
	clear(l.blocks[:whole])
	l.blocks = l.blocks[whole:]
	l.origin += Index(whole) * blockEntries
	if len(l.blocks) > 0 {
		clear(l.blocks[0][:min(int(i-l.origin), len(l.blocks[0]))])
	}
	n := 0
	for n+1 < len(l.runs) && l.runs[n+1].first <= i+1 {
		n++
	}
	l.runs = append(l.runs[:0], l.runs[n:]...)
	switch {
	case i == l.last:
		l.runs = l.runs[:0]
	case l.runs[0].first <= i:
		l.runs[0].first = i + 1
	}
	l.base = EntryID{i, term}
	l.rebased = true
	l.holesBehind(i)
}

// resetTo empties the log behind a base that is not in it.
func (l *raftLog) resetTo(base EntryID) {
	*l = raftLog{
		base: base, origin: base.Index, last: base.Index, handed: base.Index, stored: base.Index,
		rebased: true, reset: true, writes: l.writes, unstored: l.unstored,
	}
	for j := range l.writes {
		l.writes[j].last = 0 // whatever they make stored stands before the base
	}
}

// slice copies the entries from..to into a slice of its own, whose payloads
// are shared. Copies outlive any truncation.
func (l *raftLog) slice(from, to Index) []Entry {
	if from > to {
		return nil
	}
	out := make([]Entry, 0, to-from+1)
	for i := from; i <= to; {
		b := l.blocks[(i-1-l.origin)/blockEntries]
		at := int((i - 1 - l.origin) % blockEntries)
		n := min(len(b)-at, int(to-i)+1)
		out = append(out, b[at:at+n]...)
		i += Index(n)
	}
	return out
}

// findByTerm returns the largest index up to i whose term is at most term, and
// its term. Leader and follower both use it to skip a whole term of
// conflicts per round trip instead of one entry [§5.3, end]. Below the base nothing is known:
// the answer there is a place that the log can't reach.
func (l *raftLog) findByTerm(i Index, term Term) (Index, Term) {
	i = min(i, l.last)
	for n := len(l.runs) - 1; n >= 0; n-- {
		run := l.runs[n]
		if run.first > i {
			continue
		}
		if run.term <= term {
			return i, run.term
		}
		i = run.first - 1
	}
	switch {
	case i < l.base.Index:
		return i, 0
	case l.base.Term <= term:
		return l.base.Index, l.base.Term
	}
	return l.base.Index - 1, 0
}

// completed notes that all writes up to seq are on disk.
func (l *raftLog) completed(seq WriteSeq) {
	n := 0
	for n < len(l.writes) && l.writes[n].seq <= seq {
		l.stored = max(l.stored, l.writes[n].last)
		l.unstored -= l.writes[n].bytes
		n++
	}
	l.writes = append(l.writes[:0], l.writes[n:]...)
}

func (l *raftLog) clone() raftLog {
	c := *l
	c.blocks = make([][]Entry, len(l.blocks))
	for i, b := range l.blocks {
		c.blocks[i] = append([]Entry(nil), b...) // no larger than what is in it: a search makes millions of clones
	}
	c.runs = append([]termRun(nil), l.runs...)
	c.holes = append([]hole(nil), l.holes...)
	c.fills = append([]Entry(nil), l.fills...)
	c.writes = append([]write(nil), l.writes...)
	return c
}
