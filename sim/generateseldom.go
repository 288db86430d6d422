package sim

import (
	"time"

	"parley/raft"
)

// seldomScenes lead again to what a seed or two of a thousand reached: where few seeds get, few planted bugs of that place are found early, and any
// change of the plans may take the last one away. They have a stream of their own: the other seeds keep their course.
var seldomScenes = []scene{
	{shape: (*generator).busyAndWell, play: (*generator).hiddenHole, every: [2]int64{1800, 3000}},
	{shape: (*generator).turnover, play: (*generator).removedUnawares, every: [2]int64{2500, 4000}},
	{shape: (*generator).turnover, play: (*generator).learnerFalls, every: [2]int64{1200, 2500}},
	{shape: (*generator).five, play: (*generator).threeLeaders, every: [2]int64{4500, 7000}},
	{shape: (*generator).busyAndRagged, play: (*generator).offerAmongCampaigns, every: [2]int64{2500, 4500}},
	{shape: (*generator).someSnapshots, play: (*generator).lostEnd, every: [2]int64{1500, 3000}},
	{play: (*generator).lostWord, every: [2]int64{700, 1500}},
	{shape: (*generator).leasedAndSteady, play: (*generator).lateAnswers, every: [2]int64{2000, 3500}},
}

// seldomTeamScenes are those of worlds with a team.
var seldomTeamScenes = []scene{
	{shape: (*generator).shutOut},
	{shape: (*generator).comingsAndGoings},
	{shape: (*generator).staleLogins, play: (*generator).apart, every: [2]int64{1500, 3000}},
}

// seldom draws one of them, in some worlds.
func (g *generator) seldom() {
	s := g.stream(ideaSeldom)
	if !s.perMille(120) || g.plan.Heal < sceneMin {
		return
	}
	from := seldomScenes
	if len(g.plan.Teammates) > 0 {
		from = seldomTeamScenes
	}
	g.play(&s, &from[s.below(uint64(len(from)))], 800)
}

// busyAndWell is a busy world in which any node may lose something, as none is left out in the good times.
func (g *generator) busyAndWell(s *stream) {
	g.allWell()
	g.busy(s)
}

// hiddenHole has a node lose entries that it needs, as its last snapshot is older than the others', and that the others have compacted when it
// finds out. It needs a snapshot, and has what comes behind it.
//
//	its snapshots ── stand still ──────────┐
//	its log       ── … x x … goes on ──────┤ dies, finds the holes
//	the others    ── snapshot, snapshot ───┘ have compacted what it asks for
func (g *generator) hiddenHole(s *stream) []Fault {
	who := g.member(s)
	long := time.Duration(s.between(1000, 1500)) * time.Millisecond
	faults := []Fault{
		{Kind: Transfer, Node: g.other(s, who)},
		{Kind: Stall, Node: who, File: FileSnapshot, At: 200 * time.Millisecond, For: long},
	}
	at := long
	for range s.between(4, 8) {
		faults = append(faults, Fault{Kind: Rot, Node: who, File: FileLog, At: at})
		at += time.Millisecond
	}
	return append(faults, Fault{Kind: CrashProcess, Node: who, At: at, For: 4 * time.Millisecond})
}

// removedUnawares has a member be removed while it hears nothing. It asks for votes when it is back [§6].
func (g *generator) removedUnawares(s *stream) []Fault {
	who := g.member(s)
	spare := Target(g.plan.Nodes + 1 + int(s.below(uint64(g.plan.Spares))))
	return []Fault{
		{Kind: Transfer, Node: g.other(s, who)},
		{Kind: AddNode, Node: spare, At: 50 * time.Millisecond},
		{Kind: Isolate, Node: who, At: 300 * time.Millisecond, For: time.Duration(s.between(1000, 1800)) * time.Millisecond},
		{Kind: RemoveNode, Node: who, At: 350 * time.Millisecond},
	}
}

// learnerFalls has somebody who is being added crash, again and again, before he has caught up over slow links.
func (g *generator) learnerFalls(s *stream) []Fault {
	who := Target(g.plan.Nodes + 1 + int(s.below(uint64(g.plan.Spares))))
	faults := []Fault{
		{Kind: RemoveNode, Node: who},
		{Kind: Slow, Factor: s.between(10, 40), At: 200 * time.Millisecond, For: time.Duration(s.between(600, 1200)) * time.Millisecond},
		{Kind: AddNode, Node: who, At: 250 * time.Millisecond},
	}
	for at := int64(270); len(faults) < 6; at += s.between(20, 200) {
		crash := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], who, 200)
		crash.At = time.Duration(at) * time.Millisecond
		faults = append(faults, crash)
	}
	return faults
}

// five makes a cluster of five, of whom all are needed for what happens.
func (g *generator) five(*stream) {
	g.alone()
	g.plan.Nodes, g.plan.Spares = 5, 0
	g.allWell()
}

// threeLeaders lets one leader stand still, and the next: each goes on believing that it leads, and the three who are left elect another.
func (g *generator) threeLeaders(s *stream) []Fault {
	election := g.plan.Node.Election
	next := election * time.Duration(s.between(25, 40)) / 10
	return []Fault{
		{Kind: Pause, Node: NodeLeader, For: 3 * next},
		{Kind: Pause, Node: NodeLeader, At: next, For: 2 * next},
	}
}

// busyAndRagged is a busy world in which one message of seven is late, some by more than an election takes.
func (g *generator) busyAndRagged(s *stream) {
	g.busy(s)
	p := g.plan
	p.Node.Election, p.Node.Heartbeat = 150*time.Millisecond, 30*time.Millisecond
	p.Link.FIFO, p.Link.Tail, p.Link.TailMax = false, 150, 400*time.Millisecond
}

// offerAmongCampaigns keeps a node away until it needs a snapshot, and has it miss most of what is said when it is back: it campaigns, and
// is offered one.
func (g *generator) offerAmongCampaigns(s *stream) []Fault {
	who := g.member(s)
	long := time.Duration(s.between(1000, 1500)) * time.Millisecond
	return []Fault{
		{Kind: Transfer, Node: g.other(s, who)},
		{Kind: Isolate, Node: who, At: 100 * time.Millisecond, For: long},
		{Kind: Loss, To: raft.NodeID(who), Rate: s.between(700, 900), At: long, For: time.Second},
	}
}

// lostWord has the word to take over get lost, or who gets it end: the one who said it must not wait for that [T§3.10].
func (g *generator) lostWord(s *stream) []Fault {
	who := g.member(s)
	ends := Fault{Kind: Loss, To: raft.NodeID(who), Rate: s.between(500, 900), For: 150 * time.Millisecond}
	if s.perMille(300) {
		ends = Fault{Kind: CrashProcess, Node: who, At: time.Duration(s.between(10, 20)) * time.Millisecond, For: 20 * time.Millisecond}
	}
	return []Fault{ends, {Kind: Transfer, Node: who, At: 10 * time.Millisecond}}
}

// leasedAndSteady is a world of leases in which messages take equally long.
func (g *generator) leasedAndSteady(s *stream) {
	g.leased(s)
	g.steady(s)
	g.plan.Link.Delay = 2 * time.Millisecond
}

// lateAnswers has what the leader hears come late, and then nobody hear it any more: answers to its rounds reach it when those who gave them are
// about to be free of their word [T§6.4.1].
func (g *generator) lateAnswers(s *stream) []Fault {
	election, who := g.plan.Node.Election, g.member(s)
	late := int64(election/g.plan.Link.Delay) * s.between(5, 9) / 10
	return []Fault{
		{Kind: Transfer, Node: who},
		{Kind: Slow, To: raft.NodeID(who), Factor: late, At: 500 * time.Millisecond, For: 4 * election},
		{Kind: Mute, Node: who, At: 500*time.Millisecond + election*time.Duration(s.between(15, 20))/10, For: 2 * election},
	}
}

// comingsAndGoings is a world in which people are let into places and put out of them all the time, and frames take long.
func (g *generator) comingsAndGoings(s *stream) {
	p := g.plan
	p.Team.Users = min(p.Team.Users, 4)
	for i := range p.Teammates {
		m := &p.Teammates[i]
		m.User = 1 + int64(i)%p.Team.Users
		m.Govern, m.Read, m.Account, m.Locks, m.Docs = 600, min(m.Read, 100), min(m.Account, 20), 0, 0
		m.Every = min(m.Every, 100*time.Millisecond)
		m.Stay = time.Duration(s.between(5000, 15_000)) * time.Millisecond
	}
	g.steady(s)
	p.Link.Delay = p.Node.Election / 10
	p.Node.Deliver, p.Node.Push = 0, 1
}

// staleLogins is a world of logins that end in which people ask any node for what it has, whether it keeps up or not, and in which few events
// are kept.
func (g *generator) staleLogins(s *stream) {
	g.endingLogins(s)
	g.plan.Events = s.between(20, 60)
	for i := range g.plan.Teammates {
		m := &g.plan.Teammates[i]
		m.Read, m.Stale, m.Anywhere = 600, 900, true
		if i%2 == 0 {
			m.Stay = 0 // without a stream nobody tells him that his login has ended
		}
	}
}

// apart has a follower hear nothing for a while. People still reach it.
func (g *generator) apart(s *stream) []Fault {
	return []Fault{{Kind: Isolate, Node: NodeFollower, For: time.Duration(s.between(800, 2000)) * time.Millisecond}}
}
