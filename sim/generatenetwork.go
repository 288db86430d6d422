package sim

import (
	"slices"
	"time"
)

// What links do beside losing and delaying is drawn here, an idea each: so a seed that had other troubles
// before keeps them.

// bulkLanes draws bulk lanes that are slower than the others and may be narrow.
func (g *generator) bulkLanes() {
	s := g.stream(ideaBulkLanes)
	if !s.perMille(400) {
		return
	}
	b := &g.plan.Bulk
	b.Delay = time.Duration(s.between(500, 20_000)) * time.Microsecond
	b.Spread = time.Duration(s.between(0, 5000)) * time.Microsecond
	if s.perMille(600) {
		b.Capacity = s.between(1, 12)
	}
}

// corruption draws stretches in which bits turn on the way.
func (g *generator) corruption() {
	s := g.stream(ideaCorruption)
	if !s.perMille(300) {
		return
	}
	g.scatter(&s, s.between(800, 5000), func() []Fault {
		f := g.lasting(&s, Corrupt, 0, 4000)
		f.Rate = s.between(5, 300)
		f.Bits = s.between(0, flipsMax)
		g.someLinks(&s, &f)
		return []Fault{f}
	})
}

// substitution draws stretches in which earlier messages come back.
func (g *generator) substitution() {
	s := g.stream(ideaSubstitution)
	if !s.perMille(250) {
		return
	}
	g.scatter(&s, s.between(800, 5000), func() []Fault {
		f := g.lasting(&s, Substitute, 0, 10_000)
		f.Rate = s.between(10, 400)
		g.someLinks(&s, &f)
		return []Fault{f}
	})
}

// bends draws links that are clogged, slow, lossy, narrow or loose, in some worlds, and there by swarm.
func (g *generator) bends() {
	s := g.stream(ideaBends)
	if !s.perMille(350) {
		return
	}
	kinds := []func() []Fault{
		func() []Fault { return g.bend(&s, Clog, 3000) },
		func() []Fault { return g.swizzle(&s) },
		func() []Fault { return g.bend(&s, Slow, 4000) },
		func() []Fault { return g.bend(&s, Loss, 4000) },
		func() []Fault { return g.bend(&s, Capacity, 4000) },
		func() []Fault { return g.bend(&s, Flap, 5000) },
	}
	kinds = slices.DeleteFunc(kinds, func(func() []Fault) bool { return s.perMille(500) })
	if len(kinds) == 0 {
		return
	}
	g.scatter(&s, s.between(500, 4000), func() []Fault { return kinds[s.below(uint64(len(kinds)))]() })
}

// bend draws one such fault of some links.
func (g *generator) bend(s *stream, kind FaultKind, most int64) []Fault {
	f := g.lasting(s, kind, 0, most)
	g.someLinks(s, &f)
	switch kind {
	case Slow:
		f.Factor = s.between(3, 100)
	case Loss:
		f.Rate = s.between(50, 900)
	case Capacity:
		f.Packets = s.between(1, 10)
	case Flap:
		f.Period = time.Duration(s.between(2, 20)*s.between(1, 50)) * time.Millisecond
	}
	return []Fault{f}
}

// swizzle clogs some nodes one after the other and frees them in another order: each gets its past when the
// others are elsewhere.
func (g *generator) swizzle(s *stream) []Fault {
	ids := g.shuffled(s)
	ids = ids[:1+s.below(uint64(len(ids)))]
	step := s.between(10, 400)
	var faults []Fault
	for i, id := range ids {
		ends := int64(len(ids)) + int64(s.below(uint64(len(ids))))
		faults = append(faults, Fault{Kind: Clog, Node: Target(id),
			At: time.Duration(int64(i)*step) * time.Millisecond, For: time.Duration((ends-int64(i))*step) * time.Millisecond})
	}
	return faults
}

// shapes draws partitions that are no two sides, and ones that are of equal size or go one way.
func (g *generator) shapes() {
	s := g.stream(ideaShapes)
	if !s.perMille(300) {
		return
	}
	g.scatter(&s, s.between(1000, 6000), func() []Fault {
		ids := g.shuffled(&s)
		half := slices.Clone(ids[:len(ids)/2])
		slices.Sort(half)
		kind := s.below(4)
		switch {
		case kind == 0 && len(ids) >= ringMin:
			f := g.lasting(&s, Ring, 0, 6000)
			f.Side = ids
			return []Fault{f}
		case kind == 1:
			f := g.lasting(&s, Split, 0, 4000)
			f.Side = half
			return []Fault{f}
		case kind == 2:
			f := g.lasting(&s, OneWay, 0, 4000)
			f.Side = half
			return []Fault{f}
		}
		f := g.lasting(&s, Bridge, Target(ids[len(ids)-1]), 6000)
		f.Side = half
		if s.perMille(300) {
			f.Node = []Target{NodeLeader, NodeFollower}[s.below(2)]
		}
		return []Fault{f}
	})
}

// someLinks draws which links a fault is about: of one node, one link, all that lead to a node, or the network.
func (g *generator) someLinks(s *stream, f *Fault) {
	ids := g.shuffled(s)
	switch s.below(5) {
	case 0:
		f.Node = g.anyone(s)
	case 1:
		f.From, f.To = ids[0], ids[1]
	case 2:
		f.To = ids[0]
	case 3:
		f.Side = slices.Clone(ids[:1+s.below(uint64(len(ids)-1))])
		slices.Sort(f.Side)
	}
}

// scatter puts groups of faults among the others, so many milliseconds apart in the mean.
func (g *generator) scatter(s *stream, gap int64, draw func() []Fault) {
	for at := time.Duration(s.between(500, 3000)) * time.Millisecond; at < g.lastTrouble(); at += time.Duration(s.exponential(gap)+1) * time.Millisecond {
		for _, f := range draw() {
			if f.At += at; f.At < g.lastTrouble() {
				g.add(f)
			}
		}
	}
}
