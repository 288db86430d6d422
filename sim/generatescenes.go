package sim

import (
	"slices"
	"time"

	"parley/raft"
)

// scene is a world in which one thing happens again and again that needs several in a row to go wrong, in an order that
// chance hardly ever brings about. Each was written for a planted bug that no seed found before.
type scene struct {
	shape func(*generator, *stream)         // what the world must be like
	play  func(*generator, *stream) []Fault // what happens in it, by times from the scene's beginning; nil: shape says all
	every [2]int64                          // milliseconds from one to the next
}

var scenes = []scene{
	{shape: (*generator).metronome},
	{shape: (*generator).silentSource},
	{shape: (*generator).unreadSnapshot},
	{shape: (*generator).lossAtTheEnd},
	{shape: (*generator).pair},
	{shape: (*generator).four, play: (*generator).doubtfulEntry, every: [2]int64{5000, 7000}},
	{play: (*generator).lostTwice, every: [2]int64{3000, 6000}},
	{shape: (*generator).someSnapshots, play: (*generator).lostEnd, every: [2]int64{2000, 5000}},
	{play: (*generator).unreadStart, every: [2]int64{1500, 4000}},
	{shape: (*generator).someSnapshots, play: (*generator).tornHeaders, every: [2]int64{700, 1500}},
	{shape: (*generator).smallState, play: (*generator).longTail, every: [2]int64{4000, 8000}},
	{shape: (*generator).smallState, play: (*generator).overtakenSnapshot, every: [2]int64{3000, 6000}},
	{shape: (*generator).fewSnapshots, play: (*generator).halfSyncedSnapshot, every: [2]int64{4000, 7000}},
	{shape: (*generator).bigEntries, play: (*generator).restarts, every: [2]int64{400, 1500}},
	{shape: (*generator).turnover, play: (*generator).unfinishedRemoval, every: [2]int64{3000, 6000}},
	{shape: (*generator).files, play: (*generator).latePin, every: [2]int64{2500, 5000}},
	{shape: (*generator).turnoverOfFiles, play: (*generator).jointPin, every: [2]int64{1500, 4000}},
	{shape: (*generator).sameFiles},
	{play: (*generator).longPause, every: [2]int64{2500, 6000}},
	{shape: (*generator).turnover, play: (*generator).twoOperators, every: [2]int64{2500, 6000}},
	{play: (*generator).slowLoops, every: [2]int64{1500, 5000}},
	{shape: (*generator).crowd},
	{shape: (*generator).slowReaders},
	{shape: (*generator).faithless, play: (*generator).forgetfulStranger, every: [2]int64{2000, 3500}},
}

// scenes draws one of them, in half of the worlds; and there half of the time nothing else happens.
func (g *generator) scenes() {
	s := g.stream(ideaScenes)
	if !s.perMille(500) || g.plan.Heal < sceneMin {
		return
	}
	g.play(&s, &scenes[s.below(uint64(len(scenes)))], 600)
}

// play shapes the world for a scene and plays it again and again; in most worlds, so many of 1,000, nothing else happens.
func (g *generator) play(s *stream, what *scene, alone int64) {
	if s.perMille(alone) {
		g.alone()
	}
	if what.shape != nil {
		what.shape(g, s)
	}
	if what.play == nil {
		return
	}
	for at := s.between(2500, 4000); ; at += s.between(what.every[0], what.every[1]) {
		faults := what.play(g, s)
		for i := range faults {
			faults[i].At = (faults[i].At + time.Duration(at)*time.Millisecond).Truncate(time.Microsecond)
			if faults[i].At >= g.lastTrouble() {
				return
			}
		}
		g.add(faults...)
	}
}

// sceneMin is for how long faults must strike in a run that has a scene: in shorter ones none would come to its end.
const sceneMin = 4 * time.Second

// alone takes all faults away.
func (g *generator) alone() { g.plan.Faults = nil }

// allWell has every founding member well in the good times: any may be needed.
func (g *generator) allWell() {
	p := g.plan
	p.Core, p.Rest = nil, nil
	for id := 1; id <= p.Nodes; id++ {
		p.Core = append(p.Core, raft.NodeID(id))
	}
}

// until takes the faults away that begin from a time on.
func (g *generator) until(at time.Duration) {
	g.plan.Faults = slices.DeleteFunc(g.plan.Faults, func(f Fault) bool { return f.At >= at })
}

// steady makes a network that delays all alike, and disks that do.
func (g *generator) steady(s *stream) {
	p := g.plan
	delay := time.Duration(s.between(1000, 15_000)) * time.Microsecond
	p.Link = LinkPlan{Delay: delay, FIFO: true}
	p.Bulk = BulkPlan{}
	p.Disk = DiskPlan{WriteMin: 20 * time.Microsecond, WriteMax: 20 * time.Microsecond, SyncMin: 200 * time.Microsecond, SyncMax: 200 * time.Microsecond}
	p.Node.Loop, p.Scheduler = 0, SchedulerPlan{}
}

// metronome is a world in which nothing differs from node to node, and all of them lose their power together just before the
// good times: they wake at one instant, and only the draw of their election timeouts lets one be the first [§5.2].
func (g *generator) metronome(s *stream) {
	p := g.plan
	g.steady(s)
	g.allWell()
	p.Clocks = nil
	g.until(p.Heal - time.Second)
	for range s.between(1, 3) {
		g.add(Fault{Kind: CrashProcess, Node: NodeAll, At: p.Heal - time.Duration(s.between(100, 900))*time.Millisecond, For: forLong})
	}
}

// forLong is beyond the end of what is left of the bad times.
const forLong = 5 * time.Second
