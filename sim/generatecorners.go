package sim

import "time"

// corners draws what leads to places that chance alone hardly finds, as sim cover showed: in some worlds, and of the
// scenes below often one alone, again and again.
func (g *generator) corners() {
	s := g.stream(ideaCorners)
	if !s.perMille(300) {
		return
	}
	scenes := []func(*stream) []Fault{g.successors, g.exile}
	if g.plan.Node.Snapshot > 0 {
		scenes = append(scenes, g.interrupted, g.interrupted)
	}
	scene := scenes[s.below(uint64(len(scenes)))]
	for at := s.between(1500, 4000); ; at += s.between(3000, 10_000) {
		faults := scene(&s)
		for i := range faults {
			faults[i].At = (faults[i].At + time.Duration(at)*time.Millisecond).Truncate(time.Microsecond)
			if faults[i].At >= g.lastTrouble() {
				return
			}
		}
		g.add(faults...)
	}
}

// successors lets one leader after another stand still, so that each goes on believing that it leads while the next is
// elected: several lead at once, and none of the old ones may commit or answer anything.
func (g *generator) successors(s *stream) []Fault {
	var faults []Fault
	at := time.Duration(0)
	for range 2 + s.below(2) {
		faults = append(faults, Fault{Kind: Pause, Node: NodeLeader, At: at, For: g.plan.Node.Election * time.Duration(s.between(4, 12))})
		at += g.plan.Node.Election * time.Duration(s.between(10, 35)) / 10
	}
	return faults
}

// exile has a new leader reach nobody, for so long that what it appended is contradicted by what the others have
// compacted meanwhile.
func (g *generator) exile(s *stream) []Fault {
	return []Fault{{Kind: []FaultKind{Mute, Isolate}[s.below(2)], Node: NodeAll, On: StageElected, For: time.Duration(s.between(3000, 10_000)) * time.Millisecond},
		{Kind: CrashProcess, Node: NodeLeader, At: 10 * time.Millisecond, For: time.Duration(s.between(100, 1500)) * time.Millisecond}}
}

// interrupted keeps a node away until it needs a snapshot, and then lets its process or its machine end in the middle
// of the download, or its disk be full.
func (g *generator) interrupted(s *stream) []Fault {
	away := Fault{Kind: []FaultKind{Isolate, CrashProcess}[s.below(2)], Node: g.member(s), For: time.Duration(s.between(2000, 7000)) * time.Millisecond}
	back := away.For - time.Duration(s.between(1, 50))*time.Millisecond
	if away.Kind == CrashProcess {
		back = away.For + time.Duration(s.between(1, 30))*time.Millisecond
	}
	if s.perMille(200) {
		full := g.lasting(s, Full, away.Node, 2000)
		full.At, full.On = back, StageDownload
		return []Fault{away, full}
	}
	ends := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], away.Node, 1500)
	ends.At, ends.On = back, StageDownload
	if s.perMille(500) {
		ends.After = s.between(1, 8)
	}
	return []Fault{away, ends}
}
