package sim

import "time"

// storeScenes are those of a node whose log and snapshots don't keep step with each other, and of repairs that must last. Each was
// written for a planted bug that no seed found. They have a stream of their own: the other seeds keep their course.
var storeScenes = []scene{
	{play: (*generator).repairedForGood, every: [2]int64{600, 1200}},
	{shape: (*generator).busy, play: (*generator).snapshotsAhead, every: [2]int64{900, 2000}},
	{shape: (*generator).busyInSteps, play: (*generator).snapshotsAhead, every: [2]int64{900, 2000}},
	{shape: (*generator).busy, play: (*generator).lateSnapshot, every: [2]int64{900, 2000}},
	{shape: (*generator).busyForLong, play: (*generator).halfSyncedSnapshot, every: [2]int64{1200, 2500}},
}

// stores draws one of them, in some worlds without a team.
func (g *generator) stores() {
	s := g.stream(ideaStores)
	if !s.perMille(200) || g.plan.Heal < sceneMin || len(g.plan.Teammates) > 0 {
		return
	}
	g.play(&s, &storeScenes[s.below(uint64(len(storeScenes)))], 800)
}

// repairedForGood has a node lose an entry and get it back, and then its process or its machine end: what others gave it must be there
// at the next start, or it is as if nobody had.
func (g *generator) repairedForGood(s *stream) []Fault {
	who := g.member(s)
	found := sealedAfter + 10*time.Millisecond
	again := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], who, 100)
	again.At = found + 2*g.plan.Node.Heartbeat + time.Duration(s.between(100, 300))*time.Millisecond
	return []Fault{
		{Kind: Isolate, Node: who, For: found},
		{Kind: Rot, Node: who, Index: LastEntry, At: sealedAfter},
		{Kind: CrashProcess, Node: who, At: sealedAfter + 2*time.Millisecond, For: 4 * time.Millisecond},
		again,
	}
}

// busyInSteps is a busy world in which few entries are on their way to a node at once: whoever acknowledges none soon needs a
// snapshot.
func (g *generator) busyInSteps(s *stream) {
	g.busy(s)
	g.plan.Node.Inflight, g.plan.Node.Append = 1, s.between(1, 3)
}

// snapshotsAhead has a node's disk complete nothing of the log, while the snapshots that it makes of what the others have, or gets from
// them, are written well; and its power fail in the midst of that. Its log must go with one of those that are there.
func (g *generator) snapshotsAhead(s *stream) []Fault {
	ids := g.shuffled(s)
	who, first, next := Target(ids[0]), Target(ids[1]), Target(ids[2])
	long := time.Duration(s.between(700, 1000)) * time.Millisecond
	return []Fault{
		{Kind: Transfer, Node: first},
		{Kind: Stall, Node: who, File: FileLog, At: 50 * time.Millisecond, For: long},
		{Kind: Transfer, Node: next, At: long / 2}, // one that knows of nobody who reads its snapshots lets the log behind them go
		{Kind: CrashMachine, Node: who, At: long - time.Duration(s.between(1, 100))*time.Millisecond, For: 50 * time.Millisecond},
	}
}

// lateSnapshot has a node be about to write a snapshot for as long as its log is not on disk, miss so much that it needs another one's,
// and write its own just when that has taken the state's place.
func (g *generator) lateSnapshot(s *stream) []Fault {
	who := g.member(s)
	gone := 100*time.Millisecond + time.Duration(s.between(300, 500))*time.Millisecond
	return []Fault{
		{Kind: Stall, Node: who, File: FileLog, For: gone + 2*g.plan.Node.Heartbeat + time.Duration(s.between(20, 100))*time.Millisecond},
		{Kind: Isolate, Node: who, At: 100 * time.Millisecond, For: gone - 100*time.Millisecond},
		{Kind: Stall, Node: who, File: FileSnapshot, On: StageDecode, At: gone - time.Millisecond, For: 2*g.plan.Node.Heartbeat + 200*time.Millisecond},
	}
}

// busyForLong is a busy world in which one snapshot stays the newest for long enough to fall.
func (g *generator) busyForLong(s *stream) {
	g.busy(s)
	g.plan.Node.Snapshot = s.between(1000, 2500)
}
