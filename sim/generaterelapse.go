package sim

import (
	"cmp"
	"slices"
	"time"
)

// absences draws nodes that are away for long where snapshots are frequent, while another node begins to
// lead: when they are back, the leader knows nothing of their logs, and its own begins behind what they have.
func (g *generator) absences() {
	s := g.stream(ideaAbsences)
	if g.plan.Node.Snapshot == 0 || !s.perMille(150) {
		return
	}
	for at := s.between(1500, 4000); ; at += s.between(2000, 9000) {
		away := Fault{Kind: []FaultKind{Isolate, Isolate, Mute, CrashProcess, CrashMachine}[s.below(5)], Node: g.member(&s),
			At: time.Duration(at) * time.Millisecond, For: time.Duration(s.between(3000, 12_000)) * time.Millisecond}
		falls := g.lasting(&s, CrashProcess, NodeLeader, 1500)
		falls.At = away.At + time.Duration(s.between(100, 1500))*time.Millisecond
		if falls.At >= g.lastTrouble() {
			return
		}
		g.add(away, falls)
	}
}

// relapses draws nodes whose process dies and whose machine crashes when they are hardly back: what the first process
// had written and not synced its successor sees, and takes for stored if it is careless.
func (g *generator) relapses() {
	s := g.stream(ideaRelapses)
	if !s.perMille(120) {
		return
	}
	gap := s.between(200, 2000)
	for at := s.between(1500, 4000); ; at += s.between(gap/2, 2*gap) {
		dies := Fault{Kind: CrashProcess, Node: g.member(&s), On: StageOperation, After: s.between(1, 6),
			At: time.Duration(at) * time.Millisecond, For: time.Duration(s.between(1, 20)) * time.Millisecond}
		again := Fault{Kind: CrashMachine, Node: dies.Node, On: []Stage{StageSubmit, StageWrite, StageWrite, StageOperation}[s.below(4)],
			At: dies.At + time.Duration(s.between(5, 200))*time.Millisecond, For: time.Duration(s.between(20, 800)) * time.Millisecond}
		if again.At >= g.lastTrouble() {
			return
		}
		g.add(dies, again)
	}
}

// upheavals takes the leader away just after an operator wished for a change: while its configuration is joint, or in
// its log alone.
func (g *generator) upheavals() {
	s := g.stream(ideaUpheavals)
	for _, f := range slices.Clone(g.plan.Faults) {
		if k := f.Kind; k != AddNode && k != RemoveNode && k != PromoteNode || !s.perMille(500) {
			continue
		}
		kind := []FaultKind{CrashProcess, CrashMachine, Isolate, Mute}[s.below(4)]
		away := g.lasting(&s, kind, NodeLeader, 3000)
		if away.At = f.At + time.Duration(s.exponential(15))*time.Millisecond; away.At < g.lastTrouble() {
			g.add(away)
		}
	}
}

// member draws a founding member.
func (g *generator) member(s *stream) Target { return Target(1 + s.below(uint64(g.plan.Nodes))) }

// add puts faults among the others.
func (g *generator) add(faults ...Fault) {
	g.plan.Faults = append(g.plan.Faults, faults...)
	slices.SortStableFunc(g.plan.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}
