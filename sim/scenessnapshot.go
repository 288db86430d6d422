package sim

import "time"

// Scenes of snapshots.

// calm is a world in which little is written, so that one snapshot stays the newest for long.
func (g *generator) calm(s *stream) {
	p := g.plan
	g.allWell()
	for i := range p.Clients {
		c := &p.Clients[i]
		if c.At == 0 {
			c.Every = time.Duration(s.between(700, 2500)) * time.Millisecond * time.Duration(len(p.Clients))
			c.Text = 1000
		}
	}
	p.Node.Snapshot = s.between(600, 3000)
	p.Uploaders = nil
}

// silentSource keeps a node away until it needs a snapshot, and cuts off who downloads it in the midst of that, for so long that
// it gives its source up. Nobody writes, so that the same snapshot is offered again.
func (g *generator) silentSource(s *stream) []Fault {
	who := g.member(s)
	away := Fault{Kind: CrashProcess, Node: who, For: time.Duration(s.between(1500, 3000)) * time.Millisecond}
	kind := []FaultKind{Isolate, Mute, Deaf}[s.below(3)]
	return []Fault{away, {Kind: kind, Node: who, On: StageDownload, At: time.Millisecond, For: time.Duration(s.between(2500, 4500)) * time.Millisecond}}
}

// unreadSnapshot has the snapshot of a leader's disk not be readable any more while somebody is away who will need it.
func (g *generator) unreadSnapshot(s *stream) []Fault {
	ids := g.shuffled(s)
	leader := Target(ids[0])
	faults := []Fault{{Kind: Transfer, Node: leader},
		{Kind: CrashProcess, Node: Target(ids[1]), At: 300 * time.Millisecond, For: time.Duration(s.between(2500, 5000)) * time.Millisecond}}
	for at := 1000 * time.Millisecond; at < 2500*time.Millisecond; at += 500 * time.Millisecond {
		faults = append(faults, Fault{Kind: ReadError, Node: leader, File: FileSnapshot, At: at})
	}
	return faults
}

// smallState is a world whose state hardly grows, so that a snapshot takes few entries: locks come and go, and
// nobody says much. Many callers have much under way.
func (g *generator) smallState(s *stream) {
	p := g.plan
	p.Node.Snapshot = s.between(200, 900)
	p.Node.Uncommitted, p.Uploaders = 0, nil
	names, ttl := s.between(2, 4), time.Duration(s.between(300, 2000))*time.Millisecond
	for i := range p.Clients {
		if c := &p.Clients[i]; c.At == 0 {
			c.Lock, c.Names, c.TTL, c.Text, c.Read = 900, names, ttl, 20, 100
			c.Every, c.Pipeline, c.Nap, c.Once = c.Every/3, 8+int(s.below(12)), 0, 0
		}
	}
}

// longTail has a leader whose clock stands still go on in a part of the network of its own. It takes whatever its callers bring, and when it
// is back the others have snapshots of less than its log, and of other entries [§7].
func (g *generator) longTail(s *stream) []Fault {
	gone := time.Duration(s.between(1500, 4500)) * time.Millisecond
	apart := Fault{Kind: Isolate, Node: NodeLeader, For: gone}
	if g.plan.Node.Lease > 0 {
		return []Fault{apart}
	}
	return []Fault{apart, {Kind: Freeze, Node: NodeLeader, For: gone}}
}

// overtakenSnapshot cuts a node off, that may just have begun a snapshot, until it needs another one's.
func (g *generator) overtakenSnapshot(s *stream) []Fault {
	who := g.member(s)
	away := Fault{Kind: []FaultKind{Isolate, Deaf}[s.below(2)], Node: who, For: time.Duration(s.between(800, 3000)) * time.Millisecond}
	again := g.lasting(s, []FaultKind{CrashProcess, CrashMachine}[s.below(2)], who, 500)
	again.At = away.For + time.Duration(s.between(100, 1000))*time.Millisecond
	return []Fault{away, again}
}

// halfSyncedSnapshot has a sync of a snapshot fail, or of its name, the process end there and then, and the machine lose its power when the
// next one has gone on from what it found: the cache showed it, and the disk never had it.
func (g *generator) halfSyncedSnapshot(s *stream) []Fault {
	who := g.member(s)
	away := Fault{Kind: CrashProcess, Node: who, For: time.Duration(s.between(800, 2500)) * time.Millisecond}
	back := away.For + time.Millisecond
	fails := Fault{Kind: []FaultKind{SyncError, SyncError, DirError}[s.below(3)], Node: who, File: FileSnapshot, At: back, For: 20 * time.Millisecond}
	ends := Fault{Kind: CrashProcess, Node: who, On: StageFailure, At: back + time.Millisecond, For: 20 * time.Millisecond}
	power := Fault{Kind: CrashMachine, Node: who, At: back + time.Duration(s.between(60, 900))*time.Millisecond, For: 50 * time.Millisecond}
	return []Fault{away, fails, ends, power}
}

// bigEntries is a world in which few entries fill a segment, and many snapshots are made.
func (g *generator) bigEntries(s *stream) {
	p := g.plan
	p.Node.Segment = 4 << 10
	p.Node.Snapshot = s.between(2000, 6000)
	for i := range p.Clients {
		if c := &p.Clients[i]; c.At == 0 {
			c.Text, c.Read, c.Lock = 1000, 100, 0
		}
	}
}

// restarts has one process after the other end and start.
func (g *generator) restarts(s *stream) []Fault {
	return []Fault{{Kind: []FaultKind{CrashProcess, CrashMachine}[s.below(2)], Node: g.member(s), For: 20 * time.Millisecond}}
}
