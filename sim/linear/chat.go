package linear

import "parley/raft"

// Page says which messages of a log a read shows: of those from its place from on and before its
// place to, the first limit, or with newest the last. It returns where the page begins and ends,
// and whether the limit left something out.
func Page(from, to, limit int, newest bool) (first, behind int, more bool) {
	from = min(from, to)
	switch {
	case to-from <= limit:
		return from, to, false
	case newest:
		return to - limit, to, true
	}
	return from, from + limit, true
}

// chat is one channel's log, as far as the replay has come.
type chat struct {
	log []Entry
}

// page returns what a read has to show, and whether there is more.
func (c *chat) page(after raft.Position, limit int) ([]Entry, bool) {
	first, behind, more := Page(c.behind(after), len(c.log), limit, after == 0)
	return c.log[first:behind], more
}

// behind returns the place of the first message behind a position.
func (c *chat) behind(at raft.Position) int {
	lo, hi := 0, len(c.log)
	for lo < hi {
		if mid := (lo + hi) / 2; c.log[mid].Position <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
