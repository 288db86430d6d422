package sim

import (
	"slices"
	"time"

	"parley/raft"
)

// rareScenes lead to what sim cover showed that seeds reached hardly ever, or never: each to one of the rare situations of
// situations.go. They are drawn beside the other scenes, so that a seed that is left out here keeps its course.
var rareScenes = []scene{
	{shape: (*generator).busy, play: (*generator).brokenDownload, every: [2]int64{1500, 4000}},
	{shape: (*generator).patientCallers, play: (*generator).tailOfItsOwn, every: [2]int64{4000, 6000}},
	{shape: (*generator).busy, play: (*generator).twiceAway, every: [2]int64{4000, 6000}},
	{shape: (*generator).changingMembers, play: (*generator).slowChange, every: [2]int64{700, 1600}},
	{shape: (*generator).oneLeftOut, play: (*generator).lostByAll, every: [2]int64{3500, 5500}},
	{shape: (*generator).turnover, play: (*generator).oldWords, every: [2]int64{2000, 3000}},
}

// rareTeamScenes are those of worlds with a team.
var rareTeamScenes = []scene{
	{shape: (*generator).endingLogins, play: (*generator).stalledStreams, every: [2]int64{6000, 9000}},
	{shape: (*generator).shutOut},
}

// rare draws one of them, in some worlds.
func (g *generator) rare() {
	s := g.stream(ideaRare)
	if !s.perMille(200) || g.plan.Heal < sceneMin {
		return
	}
	from := rareScenes
	if len(g.plan.Teammates) > 0 {
		from = rareTeamScenes
	}
	g.play(&s, &from[s.below(uint64(len(from)))], 800)
}

// brokenDownload keeps a node away until it needs a snapshot. Then its disk is full in the midst of the download, or its
// process or machine ends when all of it is there and is decoded.
func (g *generator) brokenDownload(s *stream) []Fault {
	who := g.member(s)
	away := Fault{Kind: Isolate, Node: who, For: time.Duration(s.between(1500, 4000)) * time.Millisecond}
	then := g.lasting(s, []FaultKind{Full, CrashProcess, CrashMachine}[s.below(3)], who, 1500)
	then.At, then.On = away.For-time.Millisecond, StageDownload
	if then.Kind != Full {
		then.After = downloadPiecesMax
	}
	return []Fault{away, then}
}

// downloadPiecesMax is more than a download has pieces: a crash that waits for that one comes when it is decoded.
const downloadPiecesMax = 10_000

// busy is a world of a small state in which entries come so fast that a snapshot is made, and the log behind the one before it
// forgotten, several times within a second.
func (g *generator) busy(s *stream) {
	g.smallState(s)
	g.steady(s)
	p := g.plan
	p.Link.Delay = time.Duration(s.between(200, 2000)) * time.Microsecond
	p.Node.Lease, p.Node.LeasePPM, p.Node.LeaseLess = 0, 0, nil
	p.Node.Snapshot, p.Blobs = s.between(150, 300), BlobPlan{}
	p.Clients, p.Events = p.Clients[:2], s.between(4, 10) // sessions, and the backlog of events, are the state then
	for i := range p.Clients {
		c := &p.Clients[i]
		c.Every, c.Pipeline, c.Close, c.Names = time.Duration(s.between(8, 14))*time.Millisecond, 64, 0, 2
	}
}

// patientCallers is such a world whose callers wait for long: a leader that nobody hears is told a lot before they turn to
// another one.
func (g *generator) patientCallers(s *stream) {
	g.busy(s)
	p := g.plan
	for i := range p.Clients {
		p.Clients[i].Timeout = patientTimeout
	}
	if p.Requests.Age > 0 { // what is on its way for so long must not outlive it
		p.Requests.Age = max(p.Requests.Age, 4*patientTimeout)
	}
}

// patientTimeout is for how long such a caller waits.
const patientTimeout = 1200 * time.Millisecond

// tailOfItsOwn cuts a leader off whose clock stands still, until its callers have turned to another leader for just so long
// that this one has compacted less than the first has appended [§7].
func (g *generator) tailOfItsOwn(s *stream) []Fault {
	gone := patientTimeout + time.Duration(s.between(50, 800))*time.Millisecond
	return []Fault{{Kind: Isolate, Node: NodeLeader, For: gone}, {Kind: Freeze, Node: NodeLeader, For: gone}}
}

// twiceAway has somebody be cut off until he needs a snapshot, and again as soon as he has it. Another node leads by then: one of
// which somebody asked for a snapshot keeps the log behind it for a while.
func (g *generator) twiceAway(s *stream) []Fault {
	who := g.member(s)
	next := g.other(s, who)
	long := time.Duration(s.between(900, 1200)) * time.Millisecond
	again := long + time.Duration(s.between(150, 400))*time.Millisecond
	return []Fault{
		{Kind: Transfer, Node: g.other(s, who)},
		{Kind: Isolate, Node: who, At: 100 * time.Millisecond, For: long},
		{Kind: Isolate, Node: who, At: again, For: long},
		{Kind: Transfer, Node: next, At: again + time.Millisecond},
		{Kind: CrashProcess, Node: NodeLeader, At: again + 2*time.Millisecond, For: 50 * time.Millisecond},
	}
}

// changingMembers is a world of many small snapshots, with spares to put in the place of members.
func (g *generator) changingMembers(s *stream) {
	g.allWell()
	g.plan.Spares = nodesMax - g.plan.Nodes
	g.busy(s)
}

// slowChange has the membership change over slow links, so that the change takes long, while somebody is away who needs a
// snapshot when he is back.
func (g *generator) slowChange(s *stream) []Fault {
	who := g.member(s)
	long := time.Duration(s.between(600, 1500)) * time.Millisecond
	change := Fault{Kind: AddNode, Node: Target(g.plan.Nodes + 1 + int(s.below(uint64(g.plan.Spares)))), At: 50 * time.Millisecond}
	switch s.below(4) {
	case 0:
		change.Kind, change.Node = RemoveNode, who
	case 1:
		change.From = raft.NodeID(who)
	}
	faults := []Fault{{Kind: Slow, Factor: s.between(10, 40), For: long}, change}
	if s.perMille(500) {
		faults = append(faults, Fault{Kind: Isolate, Node: g.other(s, who), For: long - 300*time.Millisecond})
	}
	return faults
}

// oneLeftOut is a world in which no configuration counts on one of the nodes: it may lose what it alone has. Entries come fast, and
// an election does too.
func (g *generator) oneLeftOut(s *stream) {
	g.alone()
	g.allWell()
	g.steady(s)
	p := g.plan
	left := raft.NodeID(g.member(s))
	p.Core = slices.DeleteFunc(p.Core, func(id raft.NodeID) bool { return id == left })
	p.Rest = []Rest{{Node: left, Kind: RestWell}}
	p.Link.Delay = time.Duration(s.between(200, 2000)) * time.Microsecond
	p.Node.Election, p.Node.Heartbeat = 150*time.Millisecond, 30*time.Millisecond
	p.Node.Lease, p.Node.LeasePPM, p.Node.LeaseLess = 0, 0, nil
	p.Node.Snapshot = 0
	for i := range p.Clients {
		p.Clients[i].Every = min(p.Clients[i].Every, 40*time.Millisecond)
	}
}

// lostByAll has a leader that nobody hears append what nobody else gets, and lose it. It alone reaches all others then, and
// asks: those who lost an entry before it can't say that they never had it, the rest say that they don't, and these are too few to
// show that it was never committed.
//
//	leader    ...| appends, steps down   loses its last, asks in vain until its term is higher | asks all
//	some      ...| lose their last, which the rest have, and are down                          | start
//	the rest  ...| reach neither the leader nor those                                          | reach the leader
//	             falls                                                                         opens
func (g *generator) lostByAll(s *stream) []Fault {
	left, election := g.plan.Rest[0].Node, g.plan.Node.Election
	some := g.shuffledOf(s, g.plan.Nodes)
	some = slices.DeleteFunc(some, func(id raft.NodeID) bool { return id == left })[:g.plan.Nodes/2]
	slices.Sort(some)
	falls := 700 * time.Millisecond
	rots := falls + 2*election + sealedAfter + 10*time.Millisecond
	opens := rots + 8*election + 30*time.Millisecond
	faults := []Fault{
		{Kind: Transfer, Node: Target(left)},
		{Kind: Bridge, Node: Target(left), Side: some, At: falls, For: opens + 4*election - falls},
		{Kind: Isolate, Node: Target(left), At: falls, For: opens - falls},
		{Kind: Rot, Node: Target(left), Index: LastEntry, At: rots},
		{Kind: CrashProcess, Node: Target(left), At: rots + 2*time.Millisecond, For: 4 * time.Millisecond},
	}
	for _, id := range some {
		at := falls + sealedAfter + 10*time.Millisecond
		faults = append(faults,
			Fault{Kind: Rot, Node: Target(id), Index: LastEntry, At: at},
			Fault{Kind: CrashProcess, Node: Target(id), At: at + 2*time.Millisecond, For: opens - at - 2*time.Millisecond})
	}
	return faults
}

// oldWords has leadership go round, somebody be removed, and what was said of it before arrive again in the place of other
// messages: words to take over, and requests for votes.
func (g *generator) oldWords(s *stream) []Fault {
	ids := g.shuffled(s)
	faults := []Fault{{Kind: Substitute, Rate: s.between(300, 600), At: 300 * time.Millisecond, For: 1500 * time.Millisecond}}
	for i := range 5 {
		faults = append(faults, Fault{Kind: Transfer, Node: Target(ids[i%3]), At: time.Duration(i) * 250 * time.Millisecond})
	}
	if s.perMille(400) {
		faults = append(faults, Fault{Kind: RemoveNode, Node: Target(ids[2]), At: 600 * time.Millisecond})
	}
	return faults
}

// endingLogins is a world in which people log in and out, and end each other's logins, all the time, and few entries are on
// their way to a node at once.
func (g *generator) endingLogins(s *stream) {
	p := g.plan
	p.Node.Snapshot, p.Node.Inflight, p.Node.Append = s.between(200, 500), 1, s.between(1, 3)
	p.Team.Logins, p.Uploaders, p.Blobs = 2, nil, BlobPlan{}
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.Every = time.Duration(25*len(p.Teammates)) * time.Millisecond
		m.Account, m.Guess, m.Nap, m.Share = 800, min(m.Guess, 50), 0, false
		m.Locks, m.Docs, m.Read = m.Locks/8, 0, min(m.Read, 100)
		m.Stay = time.Duration(s.between(10_000, 20_000)) * time.Millisecond
	}
	p.Link.Loss, p.Disk.Slow = 0, 0
	g.allWell()
}

// stalledStreams has a follower's disk complete nothing, for so long that the others compact what it lacks. It hears its
// leader, so that nobody leaves it who has a stream with it. Logins end meanwhile: no entry tells it which, but the snapshot
// that it gets.
func (g *generator) stalledStreams(s *stream) []Fault {
	return []Fault{{Kind: Stall, Node: NodeFollower, For: time.Duration(s.between(5000, 8000)) * time.Millisecond}}
}

// shutOut is a world in which documents are shared and unshared all the time, often with who has their lock just then, and in
// which frames take their time.
func (g *generator) shutOut(s *stream) {
	p := g.plan
	p.Team.Shut = s.between(300, 700)
	p.Team.Grants, p.Team.Revisions, p.Team.Kept = 0, 0, 0
	p.Team.TTL, p.Team.Names, p.Team.Wait = time.Duration(s.between(6000, 12_000))*time.Millisecond, 1, time.Second
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.Locks, m.Docs, m.Read, m.Account = 350, 700, min(m.Read, 150), min(m.Account, 30)
		m.Stay = time.Duration(s.between(5000, 15_000)) * time.Millisecond
		m.Every = min(m.Every, 100*time.Millisecond)
	}
	p.Node.Deliver, p.Node.Push = 0, 1
}
