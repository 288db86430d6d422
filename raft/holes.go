package raft

// Holes in the log: entries that the disk stored and lost. Their index and term are known, so that
// nothing about the log's shape is in doubt; what is missing is what the entries say.

// noHole is where the first hole is if there is none.
const noHole = ^Index(0)

// firstHole returns the first lost entry. What stands before it is all there.
func (l *raftLog) firstHole() Index {
	if len(l.holes) == 0 {
		return noHole
	}
	return l.holes[0].first
}

// nextHole returns the first lost entry from i on.
func (l *raftLog) nextHole(i Index) Index {
	for _, h := range l.holes {
		if h.last >= i {
			return max(h.first, i)
		}
	}
	return noHole
}

// dig marks the entry at i, which is the last of the log, as lost.
func (l *raftLog) dig(i Index) {
	if n := len(l.holes); n > 0 && l.holes[n-1].last+1 == i {
		l.holes[n-1].last = i
		return
	}
	l.holes = append(l.holes, hole{i, i})
}

// isHole reports whether the entry at i is lost.
func (l *raftLog) isHole(i Index) bool {
	for _, h := range l.holes {
		if h.first <= i && i <= h.last {
			return true
		}
	}
	return false
}

// fill puts an entry where the same one was lost. It reports whether it is the same, as far as is known.
func (l *raftLog) fill(e *Entry) bool {
	lost := l.entry(e.Index)
	if e.Term != lost.Term || lost.Sum != 0 && e.Sum != lost.Sum {
		return false
	}
	for n, h := range l.holes {
		if e.Index < h.first || e.Index > h.last {
			continue
		}
		rest := append([]hole(nil), l.holes[n+1:]...)
		l.holes = l.holes[:n]
		if h.first < e.Index {
			l.holes = append(l.holes, hole{h.first, e.Index - 1})
		}
		if e.Index < h.last {
			l.holes = append(l.holes, hole{e.Index + 1, h.last})
		}
		l.holes = append(l.holes, rest...)
		break
	}
	*lost = *e
	// The disk takes them in their order. Answers come in any: one of them may be to a question of the process before.
	at := len(l.fills)
	for at > 0 && l.fills[at-1].Index > e.Index {
		at--
	}
	l.fills = append(l.fills, Entry{})
	copy(l.fills[at+1:], l.fills[at:])
	l.fills[at] = *e
	return true
}

// cutHoles forgets the holes and the fills from i on: the entries are gone.
func (l *raftLog) cutHoles(i Index) {
	for n := len(l.holes); n > 0 && l.holes[n-1].last >= i; n = len(l.holes) {
		if l.holes[n-1].first < i {
			l.holes[n-1].last = i - 1
			break
		}
		l.holes = l.holes[:n-1]
	}
	kept := l.fills[:0]
	for _, e := range l.fills {
		if e.Index < i {
			kept = append(kept, e)
		}
	}
	l.fills = kept
}

// holesBehind forgets the holes and the fills up to i: a snapshot covers them.
func (l *raftLog) holesBehind(i Index) {
	n := 0
	for n < len(l.holes) && l.holes[n].last <= i {
		n++
	}
	l.holes = append(l.holes[:0], l.holes[n:]...)
	if len(l.holes) > 0 {
		l.holes[0].first = max(l.holes[0].first, i+1)
	}
	kept := l.fills[:0]
	for _, e := range l.fills {
		if e.Index > i {
			kept = append(kept, e)
		}
	}
	l.fills = kept
}
