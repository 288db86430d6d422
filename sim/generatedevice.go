package sim

import (
	"slices"
	"time"

	"parley/raft"
)

// devices draws what disks do that lie, fail or are taken away: in some worlds, and there
// again by swarm. Operators replace lost nodes in them, so that mostly every node is
// well in the liveness phase.
func (g *generator) devices() {
	s := g.stream(ideaDevices)
	if !s.perMille(350) {
		return
	}
	var weights [len(deviceWeights)]int64
	total := int64(0)
	for i, w := range deviceWeights {
		if s.perMille(500) {
			weights[i] = w.weight * s.between(1, 4)
			total += weights[i]
		}
	}
	if total == 0 {
		weights[0], total = 1, 1
	}
	if s.perMille(700) {
		g.plan.Core, g.plan.Rest = nil, nil
		for id := 1; id <= g.plan.Nodes; id++ {
			g.plan.Core = append(g.plan.Core, raft.NodeID(id))
		}
	}
	gap := s.between(300, 2500)
	var faults []Fault
	for at := time.Duration(s.between(1000, 3000)) * time.Millisecond; ; at += time.Duration(s.exponential(gap)) * time.Millisecond {
		if at >= g.lastTrouble() {
			break
		}
		pick := int64(s.below(uint64(total)))
		for i, w := range deviceWeights {
			if pick -= weights[i]; pick < 0 {
				f := w.make(g, &s)
				f.At = at
				faults = append(faults, f)
				break
			}
		}
	}
	g.plan.Faults = append(g.plan.Faults, faults...)
	slices.SortStableFunc(g.plan.Faults, func(a, b Fault) int { return int(min(max(a.At-b.At, -1), 1)) })
}

// deviceWeights is the menu. Rot comes often, because most of it hits what nobody reads
// before the next start; a directory is emptied seldom, because it costs a node.
var deviceWeights = [...]struct {
	weight int64
	make   func(*generator, *stream) Fault
}{
	{6, func(g *generator, s *stream) Fault {
		f := Fault{Kind: Rot, Node: g.anyone(s)}
		if s.perMille(500) {
			f.Bits = s.between(1, 3)
		}
		if s.perMille(300) {
			f.File = FileKind(s.between(int64(FileLog), int64(FileIdentity)))
		}
		return f
	}},
	{3, func(g *generator, s *stream) Fault { return Fault{Kind: LostWrite, Node: g.anyone(s)} }},
	{3, func(g *generator, s *stream) Fault { return Fault{Kind: Misdirect, Node: g.anyone(s)} }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, ReadError, g.anyone(s), 3000) }},
	{1, func(g *generator, s *stream) Fault { return Fault{Kind: ReadError, Node: g.anyone(s)} }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, WriteError, g.anyone(s), 2000) }},
	{3, func(g *generator, s *stream) Fault { return g.lasting(s, SyncError, g.anyone(s), 2000) }},
	{3, func(g *generator, s *stream) Fault { return g.lasting(s, Full, g.anyone(s), 3000) }},
	{1, func(g *generator, s *stream) Fault { return g.lasting(s, Wipe, g.anyone(s), 1000) }},
}
