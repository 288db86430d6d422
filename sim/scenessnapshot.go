package sim

import "time"

// Scenes of snapshots.

// lull is a world of a small state in which nobody wants anything from some time on, so that one snapshot stays the newest. It returns
// that time.
func (g *generator) lull(s *stream) time.Duration {
	g.smallState(s)
	g.allWell()
	p := g.plan
	quiet := p.Heal - time.Duration(s.between(4500, 6000))*time.Millisecond
	if quiet < 3*time.Second {
		quiet = p.Heal / 2
	}
	p.Node.Snapshot = s.between(600, 2000)
	p.Blobs = BlobPlan{}
	for i := range p.Clients {
		p.Clients[i].Until = quiet
		p.Clients[i].Lock = min(p.Clients[i].Lock, 950)
	}
	g.until(quiet - 2*time.Second)
	return quiet
}

// silentSource keeps a node away until it needs a snapshot, and cuts off who downloads it in the midst of that, for so long that
// it gives its source up. Nobody writes any more, so that it is the same snapshot that is offered again.
func (g *generator) silentSource(s *stream) {
	quiet, who := g.lull(s), g.member(s)
	p := g.plan
	back := quiet + 200*time.Millisecond
	p.Bulk = BulkPlan{Delay: time.Duration(s.between(5, 40)) * time.Millisecond}
	away := time.Duration(s.between(3000, 9000)) * time.Millisecond
	g.add(Fault{Kind: CrashProcess, Node: who, At: max(back-away, time.Second), For: min(away, back-time.Second)},
		Fault{Kind: []FaultKind{Mute, Isolate, Deaf}[s.below(3)], Node: who, On: StageDownload, At: back,
			For: time.Duration(s.between(2600, 3500)) * time.Millisecond})
}

// unreadSnapshot has the snapshots of leaders' disks not be readable any more while somebody is away who will need one. No
// newer one takes their place.
func (g *generator) unreadSnapshot(s *stream) {
	quiet, who := g.lull(s), g.member(s)
	p := g.plan
	back := quiet + 600*time.Millisecond
	leader := g.other(s, who)
	g.add(Fault{Kind: Transfer, Node: leader, At: max(quiet-1500*time.Millisecond, time.Second)})
	away := time.Duration(s.between(3000, 9000)) * time.Millisecond
	g.add(Fault{Kind: CrashProcess, Node: who, At: max(back-away, time.Second), For: min(away, back-time.Second)})
	for at := quiet + 100*time.Millisecond; at < back; at += 50 * time.Millisecond {
		g.add(Fault{Kind: ReadError, Node: leader, File: FileSnapshot, At: at})
	}
	if s.perMille(300) {
		g.until(p.Heal - time.Second)
	}
}

// smallState is a world whose state hardly grows, so that a snapshot takes few entries: locks come and go, and
// nobody says much. Many callers have much under way.
func (g *generator) smallState(s *stream) {
	p := g.plan
	p.Node.Snapshot = s.between(200, 900)
	p.Node.Uncommitted, p.Uploaders, p.Events = 0, nil, s.between(4, 40)
	for i := range p.Subscribers {
		if s.perMille(500) {
			p.Subscribers[i].Slow = time.Duration(s.between(20, 1500)) * time.Millisecond
		}
	}
	names, ttl := s.between(2, 4), time.Duration(s.between(300, 2000))*time.Millisecond
	for i := range p.Clients {
		if c := &p.Clients[i]; c.At == 0 {
			c.Lock, c.Names, c.TTL, c.Text, c.Read = 985, names, ttl, 20, 100
			c.Every, c.Pipeline, c.Nap = c.Every/3, 8+int(s.below(12)), 0
			c.Once, c.Again, c.Clash = 0, 0, 0
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

// fewSnapshots is such a world in which one snapshot stays the newest for a while.
func (g *generator) fewSnapshots(s *stream) {
	g.smallState(s)
	g.plan.Node.Snapshot = s.between(1500, 4000)
}

// halfSyncedSnapshot has a sync of a snapshot fail, or of its name, the process end there and then, and the machine lose its power when the
// log of the next one has gone on from what it found: the cache showed it, and the disk never had it.
func (g *generator) halfSyncedSnapshot(s *stream) []Fault {
	who := g.member(s)
	away := Fault{Kind: CrashProcess, Node: who, For: time.Duration(s.between(500, 900)) * time.Millisecond}
	back := away.For + time.Millisecond
	fails := Fault{Kind: []FaultKind{SyncError, DirError, DirError}[s.below(3)], Node: who, File: FileSnapshot, At: back, For: 20 * time.Millisecond}
	if fails.Kind == DirError {
		fails.After = []int64{0, 1, 1, 1, 2}[s.below(5)] // the first is for the name of the download
	}
	ends := Fault{Kind: CrashProcess, Node: who, On: StageFailure, At: back + time.Millisecond, For: 20 * time.Millisecond}
	faults := []Fault{away, fails, ends}
	for at := back + 20*time.Millisecond; len(faults) < 20; at += 20 * time.Millisecond {
		faults = append(faults, Fault{Kind: CrashMachine, Node: who, On: StageInstall, At: at, For: 50 * time.Millisecond})
	}
	return faults
}

// bigEntries is a world in which few entries fill a segment, and many snapshots are made.
func (g *generator) bigEntries(s *stream) {
	p := g.plan
	p.Node.Segment = 4 << 10
	p.Node.Snapshot = s.between(2000, 6000)
	for i := range p.Clients {
		if c := &p.Clients[i]; c.At == 0 {
			c.Text, c.Read = 1000, 100
			c.Lock, c.Names, c.TTL = 0, 0, 0
		}
	}
}

// restarts has one process after the other end and start.
func (g *generator) restarts(s *stream) []Fault {
	return []Fault{{Kind: []FaultKind{CrashProcess, CrashMachine}[s.below(2)], Node: g.member(s), For: 20 * time.Millisecond}}
}
