package sim

import (
	"cmp"
	"slices"
	"time"

	"parley/raft"
)

// An edit makes a plan a little simpler, or leaves it as it is. It only ever goes down: numbers get smaller or
// one fixed number, names plainer. So no two edits undo each other for ever.
type edit func(p *Plan)

// apply tries edits in order. Each that will do stays; so the boldest come first.
func (s *shrinker) apply(edits []edit) {
	for len(edits) > 0 {
		first := s.consider(len(edits), func(i int) *Plan { return s.edited(edits[i]) })
		if first < 0 {
			return
		}
		edits = edits[first+1:]
	}
}

// edited returns a copy of the plan with one edit.
func (s *shrinker) edited(e edit) *Plan {
	p, err := Parse(s.text)
	if err != nil {
		return nil
	}
	e(p)
	return p
}

// truncate lets the run heal just behind its violation, or sooner if that came later. The time to finish stays,
// although the violation ends the run: so the plan is fair, and passes once its bug is repaired.
func (s *shrinker) truncate() {
	const grid = 10 * time.Millisecond
	if at := s.After.Violation.At; at < s.Plan.Heal {
		heal := min(at.Truncate(grid)+grid, s.Plan.Heal)
		s.apply([]edit{func(p *Plan) { p.healAt(heal, s.room) }})
		return
	}
	var edits []edit
	for _, room := range []time.Duration{s.room, s.Plan.Duration - s.Plan.Heal} {
		for _, part := range []time.Duration{1, 2, 4, 8, 12, 14, 15, 16} {
			edits = append(edits, func(p *Plan) {
				p.healAt((p.Heal * part / 16).Truncate(time.Millisecond), min(room, p.Duration-p.Heal))
			})
		}
	}
	s.apply(edits)
}

// healAt sets when the run heals, and how long it goes on; what would strike later is dropped.
func (p *Plan) healAt(heal, room time.Duration) {
	p.Heal, p.Duration = heal, heal+room
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.At >= heal })
}

// configurations are the edits that make the world plainer: fewer nodes, everything as in production or off.
func (s *shrinker) configurations() []edit {
	edits := []edit{
		func(p *Plan) { // all founding nodes are healed
			p.Core, p.Rest = nil, nil
			for id := raft.NodeID(1); int(id) <= p.Nodes; id++ {
				p.Core = append(p.Core, id)
			}
		},
		func(p *Plan) { p.Node.Append, p.Node.Inflight, p.Node.Uncommitted, p.Node.Idle = 0, 0, 0, 0 },
		func(p *Plan) { p.Node.Deliver, p.Node.Push, p.Node.Frames, p.Node.Snapshot = 0, 0, 0, 0 },
		func(p *Plan) { p.Link = LinkPlan{Delay: p.Link.Delay} },
		func(p *Plan) { p.Link.Loss, p.Link.Duplicate, p.Link.Told = 0, 0, 0 },
		func(p *Plan) { p.Bulk = BulkPlan{} },
		func(p *Plan) { p.Disk.Slow, p.Disk.SlowMax = 0, 0 },
	}
	for n := 1; n < s.Plan.servers(); n++ {
		edits = append(edits, func(p *Plan) {
			for p.servers() > n {
				p.removeNode(raft.NodeID(p.servers()))
			}
		})
	}
	for id := raft.NodeID(s.Plan.servers()); id >= 1; id-- {
		edits = append(edits, func(p *Plan) { p.removeNode(id) })
	}
	for _, field := range []func(p *Plan) *int64{
		func(p *Plan) *int64 { return &p.Node.Append },
		func(p *Plan) *int64 { return &p.Node.Inflight },
		func(p *Plan) *int64 { return &p.Node.Uncommitted },
		func(p *Plan) *int64 { return (*int64)(&p.Node.Idle) },
		func(p *Plan) *int64 { return &p.Node.Deliver },
		func(p *Plan) *int64 { return &p.Node.Push },
		func(p *Plan) *int64 { return &p.Node.Frames },
		func(p *Plan) *int64 { return &p.Node.Snapshot },
		func(p *Plan) *int64 { return (*int64)(&p.Node.Loop) },
		func(p *Plan) *int64 { return &p.Link.Loss },
		func(p *Plan) *int64 { return &p.Link.Duplicate },
		func(p *Plan) *int64 { return &p.Link.Told },
		func(p *Plan) *int64 { return &p.Bulk.Capacity },
		func(p *Plan) *int64 { return &p.Requests.Max },
		func(p *Plan) *int64 { return &p.Locks.Expiries },
		func(p *Plan) *int64 { return &p.Locks.Max },
	} {
		edits = append(edits, func(p *Plan) { *field(p) = 0 })
	}
	edits = append(edits,
		func(p *Plan) { p.Node.LeaseLess = nil },
		func(p *Plan) { p.OldLevel = 0 },
		func(p *Plan) { p.Node.Election, p.Node.Heartbeat = electionPlain, electionPlain/5 },
		func(p *Plan) { p.Node.Segment = segmentPlain },
		func(p *Plan) { p.Link.FIFO = false },
		func(p *Plan) { p.Scheduler = SchedulerPlan{} },
		func(p *Plan) { p.Scheduler.Points = 0 },
		func(p *Plan) { p.Scheduler.Points /= 2 },
		func(p *Plan) { p.Scheduler.Window = 0 },
	)
	edits = append(edits, s.plainTeam()...)
	return append(edits, s.plainClients()...)
}

// What a plain node is like.
const (
	electionPlain = 250 * time.Millisecond
	segmentPlain  = 64 << 10
)

// plainClients are the edits that make clients do one thing at a time, and to the end.
func (s *shrinker) plainClients() (edits []edit) {
	for i := range s.Plan.Clients {
		edits = append(edits, func(p *Plan) {
			c := &p.Clients[i]
			*c = ClientPlan{Every: c.Every, Pipeline: 1, Text: c.Text, Patience: c.Patience, Timeout: c.Timeout}
		})
		for _, field := range []func(c *ClientPlan) *int64{
			func(c *ClientPlan) *int64 { return &c.Stale },
			func(c *ClientPlan) *int64 { return &c.Quit },
			func(c *ClientPlan) *int64 { return &c.Close },
			func(c *ClientPlan) *int64 { return &c.Nap },
			func(c *ClientPlan) *int64 { return &c.Clash },
			func(c *ClientPlan) *int64 { return &c.Again },
			func(c *ClientPlan) *int64 { return &c.Read },
			func(c *ClientPlan) *int64 { return &c.User },
		} {
			edits = append(edits, func(p *Plan) { *field(&p.Clients[i]) = 0 })
		}
		edits = append(edits,
			func(p *Plan) { p.Clients[i].Once, p.Clients[i].Again, p.Clients[i].Clash = 0, 0, 0 },
			func(p *Plan) { p.Clients[i].Lock, p.Clients[i].Names, p.Clients[i].TTL = 0, 0, 0 },
			func(p *Plan) { p.Clients[i].Names = min(p.Clients[i].Names, 1) },
			func(p *Plan) { p.Clients[i].TTL = leading(p.Clients[i].TTL) },
			func(p *Plan) { p.Clients[i].At = 0 },
			func(p *Plan) { p.Clients[i].At, p.Clients[i].Anywhere = 0, false },
			func(p *Plan) { p.Clients[i].Pipeline = 1 },
			func(p *Plan) { p.Clients[i].Text = min(p.Clients[i].Text, 10) },
			func(p *Plan) { p.Clients[i].Patience = 2 * time.Second },
			func(p *Plan) { p.Clients[i].Timeout = time.Second / 2 })
	}
	for i := range s.Plan.Subscribers {
		edits = append(edits, func(p *Plan) { p.Subscribers[i].Stay = 5 * time.Second })
	}
	return edits
}

// straighten makes delays constant, faults short and few in kind, and times round.
func (s *shrinker) straighten() {
	s.apply([]edit{
		func(p *Plan) { p.Link.Tail, p.Link.TailMax = 0, 0 },
		func(p *Plan) { p.Link.Spread = 0 },
		func(p *Plan) { p.Link.Delay = leading(p.Link.Delay) },
		func(p *Plan) { p.Link.Spread = leading(p.Link.Spread) },
		func(p *Plan) { p.Bulk.Spread = 0 },
		func(p *Plan) { p.Bulk.Delay = leading(p.Bulk.Delay) },
		func(p *Plan) { p.Disk.WriteMin, p.Disk.WriteMax = 0, 0 },
		func(p *Plan) { p.Disk.SyncMin, p.Disk.SyncMax = 0, 0 },
		func(p *Plan) { p.Disk.WriteMax = p.Disk.WriteMin },
		func(p *Plan) { p.Disk.SyncMax = p.Disk.SyncMin },
		func(p *Plan) { p.Disk.WriteMin, p.Disk.SyncMin = leading(p.Disk.WriteMin), leading(p.Disk.SyncMin) },
		func(p *Plan) { p.Disk.WriteMax, p.Disk.SyncMax = leading(p.Disk.WriteMax), leading(p.Disk.SyncMax) },
		func(p *Plan) { p.Node.Loop, p.Node.Idle = leading(p.Node.Loop), leading(p.Node.Idle) },
		func(p *Plan) {
			p.Node.Uncommitted, p.Node.Snapshot = leading(p.Node.Uncommitted), leading(p.Node.Snapshot)
		},
		func(p *Plan) { p.Node.Lease = leading(p.Node.Lease) },
		func(p *Plan) {
			p.Scheduler.Window, p.Scheduler.Wait = leading(p.Scheduler.Window), leading(p.Scheduler.Wait)
		},
		func(p *Plan) { p.Scheduler.Within = leading(p.Scheduler.Within) },
	})
	for i := range s.Plan.Clients {
		s.apply(slowClient(i))
		s.apply([]edit{
			func(p *Plan) { c := &p.Clients[i]; c.Read, c.Stale = leading(c.Read), leading(c.Stale) },
			func(p *Plan) {
				c := &p.Clients[i]
				c.Quit, c.Close, c.Nap = leading(c.Quit), leading(c.Close), leading(c.Nap)
			},
			func(p *Plan) {
				c := &p.Clients[i]
				c.Once, c.Again, c.Clash = leading(c.Once), leading(c.Again), leading(c.Clash)
			},
		})
	}
	for i := range s.Plan.Clocks {
		s.apply([]edit{
			func(p *Plan) { p.Clocks[i].PPM = 0 },
			func(p *Plan) { p.Clocks[i].Wall = 0 },
			func(p *Plan) { p.Clocks[i].PPM, p.Clocks[i].Wall = leading(p.Clocks[i].PPM), leading(p.Clocks[i].Wall) },
		})
	}
	for i := range s.Plan.Faults {
		s.apply(plainFault(i))
	}
	s.apply(s.closeGaps())
	for _, grid := range grids {
		s.apply([]edit{func(p *Plan) {
			for i := range p.Faults {
				p.Faults[i].At = p.Faults[i].At.Truncate(grid)
			}
		}})
		for i := range s.Plan.Faults {
			s.apply([]edit{func(p *Plan) { p.Faults[i].At = p.Faults[i].At.Truncate(grid) }})
		}
	}
}

// grids are what times are rounded to, the coarsest first.
var grids = []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond}

// plainFault are the edits of one fault apart from its time and its target.
func plainFault(i int) []edit {
	edits := []edit{
		func(p *Plan) { p.Faults[i].On = StageNow },
		func(p *Plan) { p.Faults[i].After = 0 },
		func(p *Plan) {
			if f := &p.Faults[i]; f.Kind == CrashMachine {
				f.Kind = CrashProcess
			}
		},
		func(p *Plan) {
			if f := &p.Faults[i]; f.Kind == Split && len(f.Side) == 1 {
				f.Kind, f.Node, f.Side = Isolate, Target(f.Side[0]), nil
			}
		},
		func(p *Plan) { p.Faults[i].plainLinks() },
		func(p *Plan) { p.Faults[i].Beyond = false },
		func(p *Plan) { p.Faults[i].Bits = min(p.Faults[i].Bits, 1) },
	}
	for _, d := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		edits = append(edits, func(p *Plan) { p.Faults[i].For = min(p.Faults[i].For, d) })
	}
	return append(edits,
		func(p *Plan) {
			if f := &p.Faults[i]; f.For >= 2*time.Millisecond {
				f.For = leading(f.For / 2)
			}
		},
		func(p *Plan) { p.Faults[i].For = leading(p.Faults[i].For) },
		func(p *Plan) { p.Faults[i].By = leading(p.Faults[i].By) },
		func(p *Plan) { p.Faults[i].Rate = leading(p.Faults[i].Rate) },
		func(p *Plan) { p.Faults[i].Factor = leading(p.Faults[i].Factor) },
		func(p *Plan) { p.Faults[i].PPM = leading(p.Faults[i].PPM) },
		func(p *Plan) { p.Faults[i].Packets = leading(p.Faults[i].Packets) },
		func(p *Plan) { p.Faults[i].Period = leading(p.Faults[i].Period) },
	)
}

// slowClient are the edits that let a client want things seldom. They come behind the taking out of lines: where each of two
// clients wants next to nothing, neither can be spared.
func slowClient(i int) (edits []edit) {
	for _, factor := range []time.Duration{16, 4, 2} {
		edits = append(edits, func(p *Plan) {
			if every := leading(p.Clients[i].Every * factor); every <= p.Duration {
				p.Clients[i].Every = every
			}
		})
	}
	return append(edits, func(p *Plan) { p.Clients[i].Every = leading(p.Clients[i].Every) })
}

// plainLinks makes a fault of links one that everybody knows: what holds back, drops or lets through now and then becomes
// what cuts, a bridge two sides, turned bits losses.
func (f *Fault) plainLinks() {
	switch f.Kind {
	case Corrupt:
		f.Kind, f.Bits = Loss, 0
	case Capacity:
		f.Kind, f.Packets, f.Rate = Loss, 0, 500
	case Bridge:
		f.Kind, f.Node = Split, 0
	case Clog, Flap:
		switch {
		case f.Node != 0:
			f.Kind, f.Period = Isolate, 0
		case len(f.Side) > 0 || f.From != 0 && f.To != 0:
			f.Kind, f.Period = OneWay, 0
		}
	}
}

// closeGaps are the edits that let a fault, and all behind it, come sooner.
func (s *shrinker) closeGaps() (edits []edit) {
	for i := range s.Plan.Faults {
		for _, gap := range []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, -1} {
			edits = append(edits, func(p *Plan) {
				before := time.Duration(0)
				if i > 0 {
					before = p.Faults[i-1].At
				}
				left := p.Faults[i].At - before
				to := gap
				if to < 0 {
					to = leading(left / 2)
				}
				if to >= left {
					return
				}
				for j := i; j < len(p.Faults); j++ {
					p.Faults[j].At = max(p.Faults[j].At-(left-to), 0)
				}
			})
		}
	}
	return edits
}

// leading keeps a number's first digit: 437 becomes 400.
func leading[N ~int64](n N) N {
	unit := N(1)
	for n/unit >= 10 || n/unit <= -10 {
		unit *= 10
	}
	return n / unit * unit
}

// rename says who is meant by role instead of by number where that will do, and then numbers the nodes in the
// order in which the faults name them.
func (s *shrinker) rename() {
	var edits []edit
	for i := range s.Plan.Faults {
		for _, t := range []Target{NodeLeader, NodeFollower, 1} {
			edits = append(edits, func(p *Plan) {
				if f := &p.Faults[i]; f.Node != 0 && rank(t) < rank(f.Node) {
					f.Node = t
				}
			})
		}
	}
	s.apply(append(edits, (*Plan).renumber))
}

// rank orders targets by how plain they are.
func rank(t Target) int {
	switch {
	case t > 0:
		return 2
	case t == NodeLeader:
		return 0
	case t == NodeFollower:
		return 1
	}
	return 3
}

// renumber gives the nodes that faults name first the lowest numbers. Founding nodes stay founding nodes.
func (p *Plan) renumber() {
	var order []raft.NodeID
	meet := func(id raft.NodeID) {
		if id > 0 && !contains(order, id) {
			order = append(order, id)
		}
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		meet(raft.NodeID(max(f.Node, 0)))
		meet(f.From)
		meet(f.To)
		for _, id := range f.Side {
			meet(id)
		}
	}
	for id := raft.NodeID(1); int(id) <= p.servers(); id++ {
		meet(id)
	}
	var founding, spare []raft.NodeID
	for _, id := range order {
		if int(id) <= p.Nodes {
			founding = append(founding, id)
		} else {
			spare = append(spare, id)
		}
	}
	order = append(founding, spare...)
	p.mapNodes(func(id raft.NodeID) raft.NodeID { return raft.NodeID(slices.Index(order, id) + 1) })
}

// removeNode takes out a node and what is said of it; those behind it move up.
func (p *Plan) removeNode(gone raft.NodeID) {
	p.mapNodes(func(id raft.NodeID) raft.NodeID {
		switch {
		case id == gone:
			return 0
		case id > gone:
			return id - 1
		}
		return id
	})
	switch {
	case int(gone) <= p.Nodes:
		p.Nodes--
	case int(gone) <= p.servers():
		p.Spares--
	}
}

// mapNodes gives nodes other numbers. What concerns only a node that becomes zero is dropped.
func (p *Plan) mapNodes(to func(raft.NodeID) raft.NodeID) {
	inOrder := func(list []raft.NodeID) (mapped []raft.NodeID) {
		for _, id := range list {
			if id = to(id); id != 0 {
				mapped = append(mapped, id)
			}
		}
		return mapped
	}
	ids := func(list []raft.NodeID) []raft.NodeID {
		mapped := inOrder(list)
		slices.Sort(mapped)
		return mapped
	}
	p.Core, p.Old, p.Node.LeaseLess = ids(p.Core), ids(p.Old), ids(p.Node.LeaseLess)
	for i := range p.Rest {
		p.Rest[i].Node = to(p.Rest[i].Node)
	}
	p.Rest = slices.DeleteFunc(p.Rest, func(r Rest) bool { return r.Node == 0 })
	slices.SortStableFunc(p.Rest, func(a, b Rest) int { return cmp.Compare(a.Node, b.Node) })
	for i := range p.Clocks {
		p.Clocks[i].Node = to(p.Clocks[i].Node)
	}
	p.Clocks = slices.DeleteFunc(p.Clocks, func(c ClockPlan) bool { return c.Node == 0 })
	slices.SortStableFunc(p.Clocks, func(a, b ClockPlan) int { return cmp.Compare(a.Node, b.Node) })
	for i := range p.Clients {
		if at := p.Clients[i].At; at != 0 {
			p.Clients[i].At = to(at)
		}
	}
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool {
		return f.Node > 0 && to(raft.NodeID(f.Node)) == 0 || len(f.Side) > 0 && len(ids(f.Side)) == 0 ||
			f.choosesLinks() && (f.From != 0 && to(f.From) == 0 || f.To != 0 && to(f.To) == 0) ||
			f.Kind == Ring && len(ids(f.Side)) < ringMin
	})
	for i := range p.Faults {
		f := &p.Faults[i]
		if f.Kind == Ring {
			f.Side = inOrder(f.Side) // of which each has its neighbours
		} else {
			f.Side = ids(f.Side)
		}
		if f.Node > 0 {
			f.Node = Target(to(raft.NodeID(f.Node)))
		}
		if f.From != 0 {
			f.From = to(f.From)
		}
		if f.To != 0 {
			f.To = to(f.To)
		}
	}
}
