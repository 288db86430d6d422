package sim

import (
	"cmp"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Generate makes the plan of a seed. It is swarm testing: every seed draws
// which kinds of faults exist in its world and how hard they strike, and turns
// others off. A world that always has a little of everything never gets into
// the corners that a world of nothing but machine crashes, or of one asymmetric
// partition after another, lives in.
func Generate(seed uint64, duration time.Duration) *Plan {
	g := &generator{chance: chance{seed}, plan: &Plan{Seed: seed, Duration: duration}}
	g.cluster()
	g.bounds()
	g.links()
	g.disks()
	g.clocks()
	g.workload()
	g.closing()
	g.trouble()
	g.members()
	g.snapshots()
	g.readers()
	g.leases()
	g.requests()
	g.releases()
	g.rot()
	g.naps()
	g.devices()
	g.absences()
	g.relapses()
	g.upheavals()
	g.blobs()
	g.corners()
	g.locks()
	g.bulkLanes()
	g.corruption()
	g.substitution()
	g.bends()
	g.shapes()
	g.scheduler()
	g.stuckDisks()
	g.scenes()
	g.team()
	g.desk()
	g.backups()
	g.rare()
	g.stores()
	g.teamScenes()
	g.seldom()
	g.retention()
	g.leaseScene()
	g.sealScene()
	g.room()
	return g.plan
}

type generator struct {
	chance chance
	plan   *Plan
}

// Streams of the generator: one an idea, so that a change of one leaves the
// others of the same seed alone.
const (
	ideaCluster uint64 = iota + 1
	ideaLinks
	ideaDisks
	ideaClocks
	ideaWorkload
	ideaSwarm
	ideaFaults
	ideaStorms
	ideaBounds
	ideaMembers
	ideaClosing
	ideaSnapshots
	ideaReaders
	ideaLeases
	ideaRequests
	ideaReleases
	ideaRot
	ideaNaps
	ideaDevices
	ideaAbsences
	ideaRelapses
	ideaUpheavals
	ideaBlobs
	ideaCorners
	ideaLocks
	ideaBulkLanes
	ideaCorruption
	ideaSubstitution
	ideaBends
	ideaShapes
	ideaScheduler
	ideaStuckDisks
	ideaScenes
	ideaTeam
	ideaDesk
	ideaBackups
	ideaRare
	ideaStores
	ideaTeamScenes
	ideaSeldom
	ideaRetention
	ideaLeaseScenes
	ideaSealScene
)

func (g *generator) stream(idea uint64) stream { return g.chance.stream(purposePlan, idea) }

// cluster draws size, timeouts and who is healed at the end.
func (g *generator) cluster() {
	s := g.stream(ideaCluster)
	p := g.plan
	p.Nodes = 3
	if s.perMille(400) {
		p.Nodes = 5
	}
	p.Node.Election = []time.Duration{150, 250, 250, 500}[s.below(4)] * time.Millisecond
	p.Node.Heartbeat = p.Node.Election / 5
	p.Node.Segment = []int64{4 << 10, 16 << 10, 64 << 10}[s.below(3)]

	if s.perMille(500) {
		p.Node.Loop = time.Duration(s.between(50, 2000)) * time.Microsecond
	}

	if s.perMille(300) {
		p.Node.Append = s.between(1, 4)
	}
	if s.perMille(300) {
		p.Node.Inflight = s.between(1, 4)
	}
	if s.perMille(200) {
		p.Node.Uncommitted = s.between(100, 3000)
	}
	if s.perMille(200) {
		p.Node.Idle = time.Duration(s.between(500, 5000)) * time.Millisecond
	}

	// A quarter of the time is the liveness phase, but no less than it takes to elect a
	// leader, replace a node and see that a stream went quiet.
	p.Heal = p.Duration - max(p.Duration/4, min(p.Duration/2, livenessMin))
	ids := g.shuffled(&s)
	core := p.Nodes/2 + 1
	if s.perMille(300) {
		core = p.Nodes
	}
	p.Core = slices.Clone(ids[:core])
	slices.Sort(p.Core)
	rest := slices.Clone(ids[core:])
	slices.Sort(rest)
	for _, id := range rest {
		p.Rest = append(p.Rest, Rest{Node: id, Kind: RestKind(1 + s.below(5))})
	}
}

// livenessMin is the shortest liveness phase of a run that has twice the time.
const livenessMin = 5 * time.Second

// bounds draws how much a node does at a time.
func (g *generator) bounds() {
	s := g.stream(ideaBounds)
	n := &g.plan.Node
	if s.perMille(300) {
		n.Deliver = s.between(1, 5)
	}
	if s.perMille(300) {
		n.Push = s.between(1, 3)
	}
	if s.perMille(300) {
		n.Frames = s.between(1, 8)
	}
}

// snapshots draws how often a snapshot is made: most of the time so often that a follower that was
// away needs one.
func (g *generator) snapshots() {
	s := g.stream(ideaSnapshots)
	if s.perMille(750) {
		g.plan.Node.Snapshot = s.between(1, 16) * s.between(200, 2000)
	}
}

// shuffled returns the node ids in random order.
func (g *generator) shuffled(s *stream) []raft.NodeID {
	ids := make([]raft.NodeID, g.plan.Nodes)
	for i := range ids {
		j := int(s.below(uint64(i + 1)))
		ids[i] = ids[j]
		ids[j] = raft.NodeID(i + 1)
	}
	return ids
}

// links draws a network between one rack's and a bad one's.
func (g *generator) links() {
	s := g.stream(ideaLinks)
	l := &g.plan.Link
	l.Delay = time.Duration(s.between(50, 1000)) * time.Microsecond
	l.Spread = time.Duration(s.between(20, 1500)) * time.Microsecond
	l.FIFO = s.perMille(500)
	l.Told = []int64{0, 500, 1000}[s.below(3)]
	if s.perMille(500) {
		l.Tail = s.between(1, 20)
		l.TailMax = time.Duration(s.between(5, 400)) * time.Millisecond
	}
	if s.perMille(500) {
		l.Loss = s.between(1, 100)
	}
	if s.perMille(500) {
		l.Duplicate = s.between(1, 50)
	}
}

// disks draws disks between a good one and a shared spinning one.
func (g *generator) disks() {
	s := g.stream(ideaDisks)
	d := &g.plan.Disk
	d.WriteMin = time.Duration(s.between(5, 30)) * time.Microsecond
	d.WriteMax = d.WriteMin * time.Duration(s.between(1, 8))
	d.SyncMin = time.Duration(s.between(80, 800)) * time.Microsecond
	d.SyncMax = d.SyncMin * time.Duration(s.between(1, 10))
	if s.perMille(500) {
		d.Slow = s.between(1, 20)
		d.SlowMax = time.Duration(s.between(10, 300)) * time.Millisecond
	}
}

// clocks draws how wrong each node's clocks are.
func (g *generator) clocks() {
	s := g.stream(ideaClocks)
	worst := []int64{0, 200, 20_000}[s.below(3)]
	for id := 1; id <= g.plan.Nodes; id++ {
		g.plan.Clocks = append(g.plan.Clocks, ClockPlan{
			Node: raft.NodeID(id),
			PPM:  s.between(-worst, worst),
			Wall: time.Duration(s.between(-10_000, 10_000)) * time.Millisecond,
		})
	}
}

// workload draws clients and subscribers.
func (g *generator) workload() {
	s := g.stream(ideaWorkload)
	clients := 2 + int(s.below(3))
	mean := s.between(30, 200) // of all clients together, so that seeds cost alike
	for range clients {
		g.plan.Clients = append(g.plan.Clients, ClientPlan{
			Every:    time.Duration(mean*int64(clients)) * time.Millisecond / 2,
			Pipeline: 1 + int(s.below(4)),
			Read:     s.between(100, 600),
			Stale:    s.between(0, 400),
			Text:     []int64{20, 100, 1000}[s.below(3)],
			Patience: time.Duration(s.between(1000, 8000)) * time.Millisecond,
			Timeout:  time.Duration(s.between(300, 1500)) * time.Millisecond,
			Quit:     s.between(0, 60),
		})
	}
	for range 1 + s.below(2) {
		g.plan.Subscribers = append(g.plan.Subscribers, SubscriberPlan{Stay: time.Duration(s.between(2, 20)) * time.Second})
	}
}

// closing draws which clients close their sessions, whatever is under way.
func (g *generator) closing() {
	s := g.stream(ideaClosing)
	for i := range g.plan.Clients {
		if s.perMille(300) {
			g.plan.Clients[i].Close = s.between(10, 100)
		}
	}
}

// trouble draws the swarm, which kinds of faults this world has and how often
// each, and then their times.
func (g *generator) trouble() {
	s := g.stream(ideaSwarm)
	if s.perMille(40) {
		return // a quiet world: nothing may go wrong in it either
	}
	var weights [len(faultWeights)]int64
	total := int64(0)
	for i, w := range faultWeights {
		if s.perMille(500) {
			weights[i] = w.weight * s.between(1, 4)
			total += weights[i]
		}
	}
	if total == 0 {
		weights[0], total = 1, 1
	}
	gap := time.Duration(s.between(250, 3000)) * time.Millisecond
	first := time.Duration(s.between(1000, 3000)) * time.Millisecond
	if s.perMille(150) {
		first = 0 // trouble before the cluster is formed
	}
	g.plan.Faults = g.storms()
	f := g.stream(ideaFaults)
	for at := first; ; at += time.Duration(f.exponential(int64(gap))) {
		at = at.Truncate(time.Microsecond)
		if at >= g.lastTrouble() {
			break
		}
		pick := int64(f.below(uint64(total)))
		for i, w := range faultWeights {
			if pick -= weights[i]; pick < 0 {
				fault := w.make(g, &f)
				fault.At = at
				g.plan.Faults = append(g.plan.Faults, fault)
				break
			}
		}
	}
	slices.SortStableFunc(g.plan.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// lastTrouble is when the last fault may begin.
func (g *generator) lastTrouble() time.Duration { return g.plan.Heal - 100*time.Millisecond }

// storms draws stretches of several faults that belong together: scattered
// ones never come in the order that the worst cases need.
func (g *generator) storms() []Fault {
	s := g.stream(ideaStorms)
	if s.perMille(500) {
		return nil
	}
	var faults []Fault
	kind := s.below(3)
	gap := s.between(2000, 8000)
	for at := time.Duration(s.between(1000, 4000)) * time.Millisecond; ; at += time.Duration(s.between(gap/2, gap)) * time.Millisecond {
		storm := g.figure8
		if kind == 0 || kind == 1 && s.perMille(500) {
			storm = g.voteStorm
		}
		for _, f := range storm(&s) {
			if f.At = (f.At + at).Truncate(time.Microsecond); f.At < g.lastTrouble() {
				faults = append(faults, f)
			}
		}
		if at >= g.lastTrouble() {
			return faults
		}
	}
}

// voteStorm makes messages slow, so that campaigns overlap, takes the leader away, and
// crashes voters just after they voted: they are back before the term is over, and
// must not vote again [§5.2].
func (g *generator) voteStorm(s *stream) []Fault {
	slow := Fault{Kind: Slow, Factor: s.between(5, 60), For: time.Duration(s.between(1000, 4000)) * time.Millisecond}
	gone := g.lasting(s, Isolate, NodeLeader, 3000)
	gone.At = 10 * time.Millisecond
	faults := []Fault{slow, gone}
	for range 1 + s.below(4) {
		f := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], []Target{NodeAll, NodeMajority, NodeFollower}[s.below(3)], 1)
		f.On = StageVote
		f.For = time.Duration(s.between(1, 80)) * time.Millisecond
		f.At = time.Duration(s.between(100, 2000)) * time.Millisecond
		faults = append(faults, f)
	}
	return faults
}

// figure8 makes a succession of leaders that append what reaches nobody, come back
// later, and crash as soon as they commit: the scenes of Figure 8.
func (g *generator) figure8(s *stream) []Fault {
	var faults []Fault
	at := time.Duration(0)
	for range 3 + s.below(6) {
		var f Fault
		switch s.below(4) {
		case 0:
			f = g.lasting(s, Mute, NodeAll, 1500)
			f.On = StageElected
		case 1:
			f = g.lasting(s, CrashProcess, NodeAll, 1500)
			f.On = StageCommit
		case 2:
			f = g.lasting(s, CrashProcess, NodeLeader, 1500)
		case 3:
			f = g.lasting(s, Isolate, NodeLeader, 1500)
		}
		f.At = at
		faults = append(faults, f)
		at += time.Duration(s.exponential(300)) * time.Millisecond
	}
	return faults
}

// faultWeights is the swarm's menu: how often a kind is drawn if all are on, and
// what one looks like. Crashes come in two sizes: one node, and all at once (a power
// failure), which is the only one that shows a write acknowledged by a majority of
// page caches.
var faultWeights = [...]struct {
	weight int64
	make   func(*generator, *stream) Fault
}{
	{4, func(g *generator, s *stream) Fault { return g.crash(s, CrashProcess, g.anyone(s)) }},
	{4, func(g *generator, s *stream) Fault { return g.crash(s, CrashMachine, g.anyone(s)) }},
	{2, func(g *generator, s *stream) Fault { return g.crash(s, CrashMachine, NodeAll) }},
	{2, func(g *generator, s *stream) Fault { return g.crash(s, CrashMachine, NodeMajority) }},
	{2, func(g *generator, s *stream) Fault { return g.crash(s, CrashMachine, NodeLeader) }},
	{5, func(g *generator, s *stream) Fault { return g.upset(s) }},
	{3, func(g *generator, s *stream) Fault { return g.lasting(s, Isolate, NodeLeader, 4000) }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, Isolate, g.anyone(s), 4000) }},
	{3, func(g *generator, s *stream) Fault { return g.split(s) }},
	{3, func(g *generator, s *stream) Fault { return g.oneWay(s) }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, Deaf, g.anyone(s), 4000) }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, Mute, g.anyone(s), 4000) }},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, Pause, g.anyone(s), 3000) }},
	{1, func(g *generator, s *stream) Fault { return g.lasting(s, Freeze, g.anyone(s), 2000) }},
	{1, func(g *generator, s *stream) Fault {
		return Fault{Kind: Drift, Node: g.anyone(s), PPM: s.between(-30_000, 30_000)}
	}},
	{1, func(g *generator, s *stream) Fault {
		return Fault{Kind: Jump, Node: g.anyone(s), By: time.Duration(s.between(-86_400, 86_400)) * time.Second}
	}},
	{2, func(g *generator, s *stream) Fault {
		f := g.lasting(s, Loss, 0, 3000)
		f.Rate = s.between(50, 700)
		return f
	}},
	{2, func(g *generator, s *stream) Fault {
		f := g.lasting(s, Slow, 0, 3000)
		f.Factor = s.between(3, 100)
		return f
	}},
	{2, func(g *generator, s *stream) Fault { return g.lasting(s, Stall, g.anyone(s), 2500) }},
	{1, func(g *generator, s *stream) Fault { return g.lasting(s, DiskError, g.anyone(s), 2000) }},
}

// anyone draws a node: often the leader, else any.
func (g *generator) anyone(s *stream) Target {
	if s.perMille(350) {
		return NodeLeader
	}
	return Target(1 + s.below(uint64(g.plan.Nodes)))
}

func (g *generator) crash(s *stream, kind FaultKind, who Target) Fault {
	f := g.lasting(s, kind, who, 2500)
	if s.perMille(600) {
		f.On = []Stage{StageSubmit, StageWrite, StageSync, StageOperation, StageRecovery}[s.below(5)]
	}
	return f
}

// upset draws a crash in the midst of an election or right after a commit, of one node or
// of all as each gets there, and mostly a short one: whoever comes back while the
// others still argue must remember what it promised [§5.2, Figure 8].
func (g *generator) upset(s *stream) Fault {
	f := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], g.anyone(s), 1500)
	f.On = []Stage{StageVote, StageVote, StageElected, StageElected, StageCommit}[s.below(5)]
	switch {
	case f.On == StageVote:
		f.For = time.Duration(s.between(1, 60)) * time.Millisecond
		f.Node = []Target{NodeAll, NodeMajority, f.Node}[s.below(3)]
	case f.On == StageElected:
		f.Node = []Target{NodeAll, NodeMajority, f.Node}[s.below(3)]
	}
	return f
}

// lasting draws a fault that lasts up to so many milliseconds; short ones are
// more likely.
func (g *generator) lasting(s *stream, kind FaultKind, who Target, most int64) Fault {
	d := min(20+s.exponential(most/4), most)
	return Fault{Kind: kind, Node: who, For: time.Duration(d) * time.Millisecond}
}

// split draws two sides of any sizes.
func (g *generator) split(s *stream) Fault {
	f := g.lasting(s, Split, 0, 4000)
	ids := g.shuffled(s)
	f.Side = ids[:1+s.below(uint64(g.plan.Nodes-1))]
	slices.Sort(f.Side)
	return f
}

func (g *generator) oneWay(s *stream) Fault {
	f := g.lasting(s, OneWay, 0, 5000)
	ids := g.shuffled(s)
	f.From, f.To = ids[0], ids[1]
	return f
}

// members draws what operators do to the membership in the midst of all that. In such a world
// every node is well in the liveness phase, because any may be needed for a majority.
func (g *generator) members() {
	s := g.stream(ideaMembers)
	if !s.perMille(300) {
		return
	}
	p := g.plan
	p.Core, p.Rest = nil, nil
	for id := 1; id <= p.Nodes; id++ {
		p.Core = append(p.Core, raft.NodeID(id))
	}
	p.Spares = int(s.below(3))
	wish := func(f Fault) {
		f.At = time.Duration(s.between(1500, int64((p.Heal-100*time.Millisecond)/time.Millisecond))) * time.Millisecond
		p.Faults = append(p.Faults, f)
	}
	for id := p.Nodes + 1; id <= p.servers(); id++ {
		f := Fault{Kind: AddNode, Node: Target(id)}
		if s.perMille(300) {
			f.From = raft.NodeID(1 + s.below(uint64(p.Nodes)))
		}
		wish(f)
		if s.perMille(200) {
			wish(Fault{Kind: PromoteNode, Node: Target(id)})
		}
		if s.perMille(200) {
			wish(Fault{Kind: RemoveNode, Node: Target(id)})
		}
	}
	for range 1 + s.below(2) {
		wish(Fault{Kind: RemoveNode, Node: g.anyone(&s)})
	}
	for range s.below(4) {
		wish(Fault{Kind: Transfer, Node: Target(1 + s.below(uint64(p.servers())))})
	}
}

// releases draws nodes that run an older release at first, and who upgrades them when: one after
// another, while everything else goes on. Some stay behind.
func (g *generator) releases() {
	s := g.stream(ideaReleases)
	if !s.perMille(250) {
		return
	}
	p := g.plan
	for id := 1; id <= p.Nodes; id++ {
		if s.perMille(600) {
			p.Old = append(p.Old, raft.NodeID(id))
		}
	}
	all := s.perMille(800)
	latest := int64(p.Heal/time.Millisecond) - 100
	for _, id := range p.Old {
		if all || s.perMille(500) {
			f := g.lasting(&s, Upgrade, Target(id), 1000)
			f.At = time.Duration(s.between(500, latest)) * time.Millisecond
			p.Faults = append(p.Faults, f)
		}
	}
	if len(p.Old) > 0 {
		p.OldLevel = s.between(1, node.LevelMax-1)
	}
}

// naps draws clients that fall asleep with a request under way, in worlds where sessions often
// expire before they wake.
func (g *generator) naps() {
	s := g.stream(ideaNaps)
	if !s.perMille(250) {
		return
	}
	p := g.plan
	for i := range p.Clients {
		p.Clients[i].Nap = s.between(10, 100)
	}
	if p.Node.Idle == 0 && s.perMille(700) {
		p.Node.Idle = time.Duration(s.between(500, 3000)) * time.Millisecond
	}
}
