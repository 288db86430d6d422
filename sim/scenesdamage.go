package sim

import "time"

// Scenes of damaged logs.

// sealedAfter is the time after which an idle log is sealed, and its last entry may be hit.
const sealedAfter = sealAfter + 15*time.Millisecond

// lossAtTheEnd has a follower lose some of its log and find out, just before the good times. The leader stays who it is: it is
// the one that must give back what it was told is there.
func (g *generator) lossAtTheEnd(s *stream) {
	p := g.plan
	g.allWell()
	g.until(p.Heal - 3*time.Second)
	who := g.member(s)
	leader := Target(uint64(who)%uint64(p.Nodes) + 1)
	at := p.Heal - time.Duration(s.between(400, 1200))*time.Millisecond
	g.add(Fault{Kind: Transfer, Node: leader, At: p.Heal - 2800*time.Millisecond})
	for range s.between(2, 5) {
		g.add(Fault{Kind: Rot, Node: who, File: FileLog, At: at})
		at += time.Millisecond
	}
	g.add(Fault{Kind: CrashProcess, Node: who, At: at + time.Millisecond, For: time.Duration(s.between(5, 100)) * time.Millisecond})
}

// lostTwice cuts the leader off and has two others lose their last entry and find out, before one of them can
// be elected. Each asks the other for it, who must not say that it never had it.
func (g *generator) lostTwice(s *stream) []Fault {
	ids := g.shuffled(s)
	leader, election := Target(ids[0]), g.plan.Node.Election
	at := 600 * time.Millisecond
	faults := []Fault{{Kind: Transfer, Node: leader},
		{Kind: Isolate, Node: leader, At: at, For: election * time.Duration(s.between(4, 9))}}
	for _, id := range ids[1:] {
		faults = append(faults,
			Fault{Kind: Rot, Node: Target(id), Index: LastEntry, At: at + sealedAfter + time.Duration(s.between(0, 20))*time.Millisecond},
			Fault{Kind: CrashProcess, Node: Target(id), At: at + sealedAfter + 25*time.Millisecond, For: 5 * time.Millisecond})
	}
	return faults
}

// four adds a fourth node: with an even number of voters one that lost something may be needed by
// all who could lead.
func (g *generator) four(s *stream) {
	p := g.plan
	g.alone()
	g.allWell()
	if p.Nodes == 3 {
		p.Spares = max(p.Spares, 1)
		g.add(Fault{Kind: AddNode, Node: 4, At: time.Second})
	} else {
		g.add(Fault{Kind: RemoveNode, Node: 5, At: time.Second})
	}
}

// doubtfulEntry has a leader append what one other node alone stores, and crash; and that one lose it. The two others know nothing
// of it, and none of them can lead without the word of the one that lost it: in the end it must be given up [docs/consensus.md].
func (g *generator) doubtfulEntry(s *stream) []Fault {
	ids := g.shuffledOf(s, 4)
	leader, keeper := ids[0], ids[1]
	apart := 800 * time.Millisecond
	falls := apart + time.Duration(s.between(20, int64(g.plan.Node.Election/time.Millisecond)*2/3))*time.Millisecond
	rots := falls + sealedAfter + 10*time.Millisecond
	return []Fault{
		{Kind: Transfer, Node: Target(leader)},
		{Kind: Split, Side: sorted(leader, keeper), At: apart, For: rots + 8*time.Millisecond - apart},
		{Kind: CrashProcess, Node: Target(leader), At: falls, For: 3500 * time.Millisecond},
		{Kind: Rot, Node: Target(keeper), Index: LastEntry, At: rots},
		{Kind: CrashProcess, Node: Target(keeper), At: rots + 2*time.Millisecond, For: 4 * time.Millisecond},
	}
}

// someSnapshots is a world in which logs begin behind snapshots.
func (g *generator) someSnapshots(s *stream) {
	if g.plan.Node.Snapshot == 0 {
		g.plan.Node.Snapshot = s.between(1000, 8000)
	}
}

// lostEnd has a node lose much of its log, or the snapshots that it begins behind, and start twice before anybody can give it back.
func (g *generator) lostEnd(s *stream) []Fault {
	who := g.member(s)
	file := []FileKind{FileLog, FileSnapshot}[s.below(2)]
	faults := []Fault{{Kind: Isolate, Node: who, For: 900 * time.Millisecond}}
	at := sealedAfter
	for range s.between(4, 10) {
		faults = append(faults, Fault{Kind: []FaultKind{Rot, Rot, Rot, LostWrite, Misdirect}[s.below(5)], Node: who, File: file, At: at})
		at += time.Millisecond
	}
	for range 3 {
		faults = append(faults, Fault{Kind: []FaultKind{CrashProcess, CrashMachine}[s.below(2)], Node: who, At: at, For: 20 * time.Millisecond})
		at += time.Duration(s.between(60, 200)) * time.Millisecond
	}
	return faults
}

// unreadStart has a disk that does not read for a moment just when a node starts.
func (g *generator) unreadStart(s *stream) []Fault {
	who := g.member(s)
	return []Fault{{Kind: []FaultKind{CrashProcess, CrashMachine}[s.below(2)], Node: who, For: 100 * time.Millisecond},
		{Kind: ReadError, Node: who, File: FileLog, At: 50 * time.Millisecond, For: time.Duration(s.between(60, 400)) * time.Millisecond}}
}

// tornHeaders hits what stands on a log's first pages, which everything behind it hangs on.
func (g *generator) tornHeaders(s *stream) []Fault {
	who := g.member(s)
	faults := []Fault{{Kind: Rot, Node: who, File: FileLog, Off: s.between(1, 200) + s.between(0, 1)*headerAgain, Bits: s.between(1, 3)}}
	for i := range s.between(10, 24) {
		off := 2*headerAgain + 512*s.between(0, 3) + s.between(8, 200)
		faults = append(faults, Fault{Kind: Rot, Node: who, File: FileLog, Off: off, At: time.Duration(i+1) * time.Millisecond})
	}
	return append(faults, Fault{Kind: CrashProcess, Node: who, At: 50 * time.Millisecond, For: 50 * time.Millisecond})
}
