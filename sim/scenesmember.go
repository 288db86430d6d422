package sim

import (
	"slices"
	"time"

	"parley/raft"
)

// Scenes of changes of the membership, and of who may be believed.

// turnover is a world with spares, so that there are always some to add, and some to remove.
func (g *generator) turnover(*stream) {
	g.allWell()
	g.plan.Spares = max(g.plan.Spares, 2)
}

// unfinishedRemoval has the leader fall when it has just told the others of a configuration without some node, which is not committed.
// That node hears from nobody, and asks.
func (g *generator) unfinishedRemoval(s *stream) []Fault {
	who := g.member(s)
	ends := Fault{Kind: []FaultKind{CrashProcess, CrashMachine}[s.below(2)], Node: NodeAll, On: StageLeave, For: time.Duration(s.between(300, 2500)) * time.Millisecond}
	faults := []Fault{ends, {Kind: RemoveNode, Node: who, At: time.Millisecond}}
	if s.perMille(500) { // who was cut off before asks at once
		faults = append(faults, Fault{Kind: OneWay, To: raft.NodeID(who), From: raft.NodeID(g.other(s, who)), At: 0, For: time.Second})
	}
	if s.perMille(500) && g.plan.servers() > g.plan.Nodes {
		faults[1] = Fault{Kind: AddNode, Node: Target(g.plan.Nodes + 1 + int(s.below(uint64(g.plan.servers()-g.plan.Nodes)))), From: raft.NodeID(who), At: time.Millisecond}
	}
	return faults
}

// twoOperators has two of them wish at once, for what goes together or doesn't: one adds and one removes, both remove, or one moves
// leadership to whom the other takes away.
func (g *generator) twoOperators(s *stream) []Fault {
	who := g.member(s)
	wish := func() Fault {
		spare := Target(g.plan.Nodes + 1 + int(s.below(uint64(g.plan.Spares))))
		at := time.Duration(s.between(0, 20)) * time.Millisecond
		switch s.below(5) {
		case 0:
			return Fault{Kind: AddNode, Node: spare, At: at}
		case 1:
			return Fault{Kind: AddNode, Node: spare, From: raft.NodeID(g.member(s)), At: at}
		case 2:
			return Fault{Kind: PromoteNode, Node: spare, At: at}
		case 3:
			return Fault{Kind: RemoveNode, Node: []Target{who, spare}[s.below(2)], At: at}
		}
		return Fault{Kind: Transfer, Node: []Target{who, g.member(s), spare}[s.below(3)], At: at}
	}
	return []Fault{wish(), wish()}
}

// other draws another founding member.
func (g *generator) other(s *stream, who Target) Target {
	return Target((uint64(who)+s.below(uint64(g.plan.Nodes-1)))%uint64(g.plan.Nodes) + 1)
}

// pair is a world in which two voters are left, and the state of one rots. Neither is right by majority: both must stop, and each must
// have told the other why. Elections take long, so that whoever starts again hears from the other first.
func (g *generator) pair(s *stream) {
	p := g.plan
	if p.Duration-p.Heal < noticeMax+2*time.Second {
		return
	}
	g.alone()
	g.allWell()
	p.Spares = 0
	p.Node.Election, p.Node.Heartbeat = 500*time.Millisecond, 100*time.Millisecond
	p.Node.LeasePPM, p.Node.LeaseLess = g.worstDrift()+50_000, nil
	p.Node.Lease = raft.LeaseMax(p.Node.Election, p.Node.LeasePPM).Truncate(time.Microsecond)
	ids := g.shuffled(s)
	for i, id := range ids[2:] {
		g.add(Fault{Kind: RemoveNode, Node: Target(id), At: time.Duration(2+i) * time.Second})
	}
	for at := 6 * time.Second; at < g.lastTrouble(); at += time.Duration(s.between(8000, 12_000)) * time.Millisecond {
		g.add(Fault{Kind: CorruptState, Node: Target(ids[0]), At: at},
			Fault{Kind: Loss, From: ids[1], To: ids[0], Rate: s.between(300, 700), At: at, For: 6 * time.Second})
	}
}

// leased is a world of leases, in which no clock is worse than they allow.
func (g *generator) leased(s *stream) {
	p := g.plan
	if p.Node.Lease == 0 {
		p.Node.LeasePPM = g.worstDrift() + s.between(10_000, 100_000)
		p.Node.Lease = raft.LeaseMax(p.Node.Election, p.Node.LeasePPM).Truncate(time.Microsecond)
		for id := 1; id <= p.Nodes; id++ {
			p.Clients = append(p.Clients, ClientPlan{
				Every: 40 * time.Millisecond, Pipeline: 2, Read: 1000, Text: 20, Anywhere: true, At: raft.NodeID(id),
				Patience: 2 * time.Second, Timeout: 200 * time.Millisecond,
			})
		}
	}
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.Kind == Freeze || f.Kind == Drift })
	p.Node.LeaseLess = nil
}

// faithless is a world of leases in which only two nodes keep their word.
func (g *generator) faithless(s *stream) {
	g.leased(s)
	p := g.plan
	for id := 3; id <= p.Nodes; id++ {
		p.Node.LeaseLess = append(p.Node.LeaseLess, raft.NodeID(id))
	}
}

// forgetfulStranger is forgetfulVoters where those who restart never gave their word: no lease may rest on them.
func (g *generator) forgetfulStranger(s *stream) []Fault {
	election := g.plan.Node.Election
	leader := raft.NodeID(1 + s.below(2))
	rival := 3 - leader
	cut := 600*time.Millisecond + election*time.Duration(s.between(1050, 1400))/1000
	faults := []Fault{
		{Kind: Transfer, Node: Target(leader)},
		{Kind: OneWay, At: 600 * time.Millisecond, From: leader, To: rival, For: 5 * election},
		{Kind: Isolate, At: cut, Node: Target(leader), For: 2 * election},
	}
	for id := 3; id <= g.plan.Nodes; id++ {
		faults = append(faults, Fault{Kind: CrashProcess, At: cut, Node: Target(id), For: time.Duration(s.between(1, 10)) * time.Millisecond})
	}
	return faults
}

// shuffledOf returns the first so many ids in random order.
func (g *generator) shuffledOf(s *stream, n int) []raft.NodeID {
	ids := make([]raft.NodeID, n)
	for i := range ids {
		j := int(s.below(uint64(i + 1)))
		ids[i], ids[j] = ids[j], raft.NodeID(i+1)
	}
	return ids
}

func sorted(ids ...raft.NodeID) []raft.NodeID {
	slices.Sort(ids)
	return ids
}
