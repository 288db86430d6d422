package sim

import "time"

// unsyncedSeals is a world in which nothing else happens to disks, so that it is known when one is idle and seals its log.
var unsyncedSeals = scene{shape: (*generator).quietDisks, play: (*generator).unsyncedSeal, every: [2]int64{900, 1500}}

// sealScene draws it, in some worlds without a team.
func (g *generator) sealScene() {
	s := g.stream(ideaSealScene)
	if len(g.plan.Teammates) == 0 && g.plan.Heal >= sceneMin && s.perMille(40) {
		g.play(&s, &unsyncedSeals, 1000)
	}
}

// quietDisks has small writes all the time, on disks that write as soon as they are asked, and on them nothing but the log.
func (g *generator) quietDisks(s *stream) {
	p := g.plan
	g.steady(s)
	g.allWell()
	p.Link.Delay = time.Duration(s.between(500, 3000)) * time.Microsecond
	p.Node.Snapshot = 0
	p.Uploaders = nil
	for i := range p.Clients {
		p.Clients[i].Every = min(p.Clients[i].Every, 20*time.Millisecond)
	}
}

// unsyncedSeal has a follower die between the write of its seal and the sync, and lose its power as it writes the first batch behind
// that. What was not synced may be lost, torn besides, and beside a batch that the same crash tears, a seal that is bad
// would look as if it had vouched for that batch: so who starts over a seal that he can read must write it again.
//
//	follower  writes | hears nobody, idle | seals: written ✗ | starts | hears them, writes ✗ | starts
//	                 cut                    cut + 50 ms               cut + 100 ms
func (g *generator) unsyncedSeal(s *stream) []Fault {
	ids := g.shuffled(s)
	leader, falls := ids[0], Target(ids[1])
	const cut = 400 * time.Millisecond
	return []Fault{
		{Kind: Transfer, Node: Target(leader)},
		{Kind: Isolate, At: cut, Node: falls, For: 110 * time.Millisecond},
		{Kind: CrashProcess, At: cut + 2*time.Millisecond, Node: falls, On: StageOperation, After: 2, For: 5 * time.Millisecond},
		{Kind: CrashMachine, At: cut + 100*time.Millisecond, Node: falls, On: StageWrite, For: time.Duration(s.between(5, 50)) * time.Millisecond},
	}
}
