package sim

import (
	"cmp"
	"slices"
	"time"

	"parley/raft"
)

// readers draws which clients read wherever they are answered.
func (g *generator) readers() {
	s := g.stream(ideaReaders)
	for i := range g.plan.Clients {
		g.plan.Clients[i].Anywhere = s.perMille(400)
	}
}

// leases draws whether leaders hold leases. Their bound is above whatever the clocks of this world
// do, so that no judge may speak; and what makes a lease wrong in other worlds is wrong
// in this one, too: leaders that are cut off, hand over, or are forgotten by voters
// that restart, while each node has a reader who asks nobody else.
func (g *generator) leases() {
	s := g.stream(ideaLeases)
	if !s.perMille(400) {
		return
	}
	p := g.plan
	extra := s.between(10_000, 100_000)
	p.Node.LeasePPM = g.worstDrift() + extra
	p.Node.Lease = raft.LeaseMax(p.Node.Election, p.Node.LeasePPM)
	if s.perMille(200) {
		p.Node.Lease = p.Node.Lease * time.Duration(s.between(300, 900)) / 1000
	}
	p.Node.Lease = p.Node.Lease.Truncate(time.Microsecond)
	if s.perMille(150) {
		p.Node.LeaseLess = []raft.NodeID{raft.NodeID(1 + s.below(uint64(p.Nodes)))}
	}
	if s.perMille(500) { // a world of readers: who hears nothing for a moment misses no entry
		for i := range p.Clients {
			p.Clients[i].Read = max(p.Clients[i].Read, s.between(850, 980))
		}
	}
	every := time.Duration(s.between(20, 80)) * time.Millisecond
	for id := 1; id <= p.Nodes; id++ {
		p.Clients = append(p.Clients, ClientPlan{
			Every: every, Pipeline: 2, Read: 1000, Text: 20, Anywhere: true, At: raft.NodeID(id),
			Patience: 2 * time.Second, Timeout: time.Duration(s.between(100, 400)) * time.Millisecond,
		})
	}
	g.shortFreezes(p.Node.Lease * time.Duration(extra) / 1_000_000)
	storms := []func(*stream) []Fault{g.forgetfulVoters, g.silentHandOver, g.lostLeader}
	if s.perMille(600) {
		only := s.below(3)
		storms = storms[only : only+1]
	}
	gap := s.between(2000, 6000)
	for at := time.Duration(s.between(1500, 4000)) * time.Millisecond; at < g.lastTrouble(); at += time.Duration(s.between(gap/2, gap)) * time.Millisecond {
		for _, f := range storms[s.below(uint64(len(storms)))](&s) {
			if f.At = (f.At + at).Truncate(time.Microsecond); f.At < g.lastTrouble() {
				p.Faults = append(p.Faults, f)
			}
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// worstDrift is how wrong any clock of the plan ever runs.
func (g *generator) worstDrift() int64 {
	worst := int64(0)
	for _, c := range g.plan.Clocks {
		worst = max(worst, c.PPM, -c.PPM)
	}
	for i := range g.plan.Faults {
		if f := &g.plan.Faults[i]; f.Kind == Drift {
			worst = max(worst, f.PPM, -f.PPM)
		}
	}
	return worst
}

// shortFreezes keeps clocks from standing still for longer than a lease allows: one freeze at
// a time, and none within two election timeouts of the one before.
func (g *generator) shortFreezes(most time.Duration) {
	next := time.Duration(0)
	kept := g.plan.Faults[:0]
	for _, f := range g.plan.Faults {
		if f.Kind == Freeze {
			if f.At < next {
				continue
			}
			f.For = min(f.For, most.Truncate(time.Microsecond))
			next = f.At + f.For + 2*g.plan.Node.Election
		}
		kept = append(kept, f)
	}
	g.plan.Faults = kept
}

// forgetfulVoters makes one node lead, has another hear nothing more of it, and soon after, in
// one moment, cuts the leader off and restarts all others: if one of them has forgotten its
// word, and nothing was written meanwhile that the second node lacks, that is elected while
// the first still holds its lease [T§6.4.1].
func (g *generator) forgetfulVoters(s *stream) []Fault {
	ids, election := g.shuffled(s), g.plan.Node.Election
	leader, rival := ids[0], ids[1]
	cut := 600*time.Millisecond + election*time.Duration(s.between(200, 1200))/1000
	faults := []Fault{
		{Kind: Transfer, Node: Target(leader)},
		{Kind: OneWay, At: 600 * time.Millisecond, From: leader, To: rival, For: 5 * election},
		{Kind: Isolate, At: cut, Node: Target(leader), For: 2 * election},
	}
	for _, id := range ids[2:] {
		faults = append(faults, Fault{Kind: CrashProcess, At: cut, Node: Target(id), For: time.Duration(s.between(1, 20)) * time.Millisecond})
	}
	return faults
}

// leaseScenes are worlds in which nothing else happens: among other trouble somebody else leads when it begins, or a rival lacks an entry.
var leaseScenes = []scene{
	{shape: (*generator).leasedAndWell, play: (*generator).forgetfulVoters, every: [2]int64{2500, 4000}},
	{shape: (*generator).leasedOnBadClocks, play: (*generator).slowLeader, every: [2]int64{1000, 1500}},
}

// leaseScene draws one of them, in some worlds without a team.
func (g *generator) leaseScene() {
	s := g.stream(ideaLeaseScenes)
	if len(g.plan.Teammates) > 0 || g.plan.Heal < sceneMin || !s.perMille(100) {
		return
	}
	g.play(&s, &leaseScenes[s.below(uint64(len(leaseScenes)))], 1000)
}

// leasedAndWell is a world of leases in which any node may lead, and there are moments in which nobody writes.
func (g *generator) leasedAndWell(s *stream) {
	g.leasedAndSteady(s)
	g.allWell()
	seldom := time.Duration(s.between(1000, 3000)) * time.Millisecond
	for i := range g.plan.Clients {
		if c := &g.plan.Clients[i]; c.At == 0 {
			c.Every = max(c.Every, seldom)
		}
	}
	for i := range g.plan.Uploaders {
		g.plan.Uploaders[i].Every = max(g.plan.Uploaders[i].Every, seldom)
	}
}

// leasedOnBadClocks is a world of leases in which clocks are as wrong as they may be, and leases as long: who is to lead has a slow one, and
// all others fast ones.
func (g *generator) leasedOnBadClocks(s *stream) {
	g.leasedAndWell(s)
	p, slow := g.plan, raft.NodeID(g.member(s))
	p.Clocks = nil
	for id := raft.NodeID(1); id <= raft.NodeID(p.Nodes); id++ {
		c := ClockPlan{Node: id, PPM: ppmMax}
		if id == slow {
			c.PPM = -ppmMax
		}
		p.Clocks = append(p.Clocks, c)
	}
	p.Node.LeasePPM = ppmMax + 1
	p.Node.Lease = raft.LeaseMax(p.Node.Election, p.Node.LeasePPM).Truncate(time.Microsecond)
}

// slowLeader has the node with the slowest clock lead, and then nobody hear it any more.
func (g *generator) slowLeader(s *stream) []Fault {
	slow := slices.MinFunc(g.plan.Clocks, func(a, b ClockPlan) int { return cmp.Compare(a.PPM, b.PPM) }).Node
	return []Fault{
		{Kind: Transfer, Node: Target(slow)},
		{Kind: Mute, At: time.Duration(s.between(250, 350)) * time.Millisecond, Node: Target(slow), For: 2 * g.plan.Node.Election},
	}
}

// silentHandOver has a leader hand over and hear nothing of it.
func (g *generator) silentHandOver(s *stream) []Fault {
	ids, election := g.shuffled(s), g.plan.Node.Election
	return []Fault{
		{Kind: Deaf, Node: NodeAll, On: StageTransfer, For: election * time.Duration(s.between(500, 2000)) / 1000},
		{Kind: Transfer, At: time.Millisecond, Node: Target(ids[0])},
	}
}

// lostLeader cuts a leader off for about as long as its lease may last.
func (g *generator) lostLeader(s *stream) []Fault {
	return []Fault{{Kind: []FaultKind{Isolate, Deaf, Mute}[s.below(3)], Node: NodeLeader,
		For: g.plan.Node.Election * time.Duration(s.between(800, 3000)) / 1000}}
}
