package sim

import "slices"

// Nothing in the protocol asks which number a node has: a cluster whose nodes swap their names does the same under the
// other names. So of the states that differ in nothing but names, one is searched.
//
// Renaming the inside of a node would have to know all that is in it. Instead a node that is needed
// under another name is brought about under that name: from the renamed cluster at rest, by the renamed
// step behind every step that brought about the node.

// renaming says which place the node at each place has in the image.
type renaming [searchNodes]int8

// searchRenamings is how many there are.
const searchRenamings = 6

// renamings begins with the one that changes nothing.
func renamings(i int) renaming {
	return [searchRenamings]renaming{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}[i]
}

// compose returns the renaming that does first one and then another.
func compose(first, then int) int {
	one, two := renamings(first), renamings(then)
	for i := range searchRenamings {
		if both := renamings(i); both[0] == two[one[0]] && both[1] == two[one[1]] {
			return i
		}
	}
	panic("renamings are a group")
}

// origin says how a node came about first: as an ending of a move of another node, or, without one, at rest
// under a renaming.
type origin struct {
	of     *searchNode
	cause  cause
	ending int
	rest   int
}

// image returns the node under a renaming.
func (p *searchParts) image(n *searchNode, as int) *searchNode {
	if as == 0 {
		return n
	}
	if n.images[as] == nil {
		if of := n.origin.of; of == nil {
			n.images[as] = p.rest[compose(n.origin.rest, as)][renamings(as)[n.at]]
		} else {
			c := n.origin.cause
			if c.kind == moveTold {
				c.peer = renamings(as)[c.peer]
			}
			if c.message != nil {
				c.message = p.imageOfParcel(c.message, as)
			}
			n.images[as] = p.stepsOf(p.image(of, as), c)[n.origin.ending].node
		}
	}
	return n.images[as]
}

// imageOfParcel returns the message under a renaming. Nothing in it names a node but its ends.
func (p *searchParts) imageOfParcel(m *parcel, as int) *parcel {
	if as == 0 {
		return m
	}
	if m.images[as] == nil {
		c, to := *m.m, renamings(as)
		c.From, c.To = searchIdent(int(to[m.from])), searchIdent(int(to[m.to]))
		m.images[as] = p.parcel(&c)
	}
	return m.images[as]
}

// imageOfPast returns what judges remember under a renaming.
func (p *searchParts) imageOfPast(s *searchPast, as int) *searchPast {
	if as == 0 {
		return s
	}
	if s.images[as] == nil {
		c, to := searchPast{leaders: slices.Clone(s.leaders), committed: s.committed}, renamings(as)
		for i, l := range c.leaders {
			if l != 0 {
				c.leaders[i] = int(to[l-1]) + 1
			}
		}
		s.images[as] = p.past(&c)
	}
	return s.images[as]
}

// view is a hash of what judges see of a cluster, the same for clusters that differ in names alone. Two searches
// whose sets of views are the same have shown their judges the same.
func (s *searchState) view(p *searchParts) uint64 {
	var best uint64
	past := p.remembered(s)
	for as := range searchRenamings {
		h := p.imageOfPast(past, as).key.lane(0)
		for _, n := range s.nodes {
			h += p.image(n, as).view
		}
		best = max(best, h)
	}
	return best
}

// view is a hash of what judges see of the node at a place.
func (f *face) view(at int) uint64 {
	b := appendFlag([]byte{byte(at)}, f.leads)
	if f.leads {
		b = append(b, byte(f.term))
	}
	b = appendEntries(appendEntries(b, f.log), f.entries)
	k := keyOf(b)
	return k.lane(0)
}
