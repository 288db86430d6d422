package sim

import "parley/raft"

// ample returns the first node behind a place whose moves are enough in a state: what the others do may wait until it has moved. It
// returns -1 if there is none.
//
// Its moves are a persistent set (Godefroid 1996, chapter 4): nothing that others do, however much, adds a move to it, takes one
// from it, or ends otherwise for coming before it. So every way on contains one of its moves or is as good with one in front, and what
// comes behind stays the same. That is so if every link to the node holds a
// message, which nothing overtakes or takes away, or begins at a node that has no reason to say something to it. Of the allowances
// that moves share only duplicates may be left: the others' moves can use them up, but what the node can do behind these it could
// do before them, and to deliver a message remains (the set is a weakly stubborn one of Valmari 1998). The moves must
// show the judges nothing: they look at nodes side by side, and would else miss how the node was beside what others became
// (condition C2 of Peled 1993; the caller sees to it). Every move that is made alone takes a message for good or uses up a duplicate, and
// both come to an end: no move waits for ever (condition C3).
func (s *searchState) ample(parts *searchParts, after int) int {
	l := &s.left
	shared := l[allowCrash] + l[allowLoss] + l[allowSlowWrite] + l[allowOvertake] + l[allowBeat]
	if !parts.ordered || shared > 0 {
		return -1
	}
	var busy [searchNodes][searchNodes]bool
	for _, p := range s.flight {
		if p.m.Kind == raft.MsgTimeoutNow {
			return -1 // whoever gets it campaigns
		}
		busy[p.from][p.to] = true
	}
	for b, n := range s.nodes {
		if b <= after || len(n.pending) > 0 || n.leads && l[allowCommand] > 0 || !n.leads && l[allowElection] > 0 {
			continue // it does things by itself
		}
		can, may := false, true
		for c, o := range s.nodes {
			if c == b {
				continue
			}
			can = can || busy[c][b]
			silent := l[allowElection] == 0 && o.r.Role() == raft.Follower && len(o.pending) == 0 && !busy[b][c]
			may = may && (busy[c][b] || silent)
		}
		if can && may {
			return b
		}
	}
	return -1
}
