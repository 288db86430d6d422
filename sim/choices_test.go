package sim

import (
	"slices"
	"time"

	"parley/raft"
)

// A run as a string of choices, for a fuzzer that goes by coverage. Its bytes are those of a small plan:
//
//	1kkkkkkk 0vvvvvvv 0vvvvvvv …  1kkkkkkk 0vvvvvvv …
//	└ record ┴ its fields         └ the next record
//
// What lets it climb is that a small change of the bytes is a small change of the run. So a plan and no stream of
// draws, in which a byte more or less would move all draws behind it. So records that find their beginnings by
// themselves, as UTF-8 does: whatever is put in, taken out or turned over changes the record it is in. So fields that
// mean something whatever they hold: what is missing is zero, what is too much is passed over. And as draws are keyed
// by what they are for, a fault more moves none of those that chance still decides.
//
// The world is small and its time short, to see many of them: three nodes, one that waits to be added, two seconds.

// The records. Fault kinds follow behind recordFault.
const (
	recordWorld = iota
	recordScheduler
	recordFault // plus the kind
)

const (
	choicesHeal   = 2 * time.Second
	choicesUnit   = 120 * time.Microsecond // of a fault's time: 14 bits are as long as the trouble
	choicesFaults = 40                     // more are passed over, so that every run is short
)

// The tables that fields choose from. They only grow at their ends.
var (
	choiceElection = []time.Duration{250 * time.Millisecond, 150 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond}
	choiceLoop     = []time.Duration{0, 100 * time.Microsecond, time.Millisecond, 5 * time.Millisecond}
	choiceTold     = []int64{0, 1000, 500, 800}
	choiceDelay    = []time.Duration{100 * time.Microsecond, 500 * time.Microsecond, 2 * time.Millisecond, 8 * time.Millisecond}
	choiceSync     = []time.Duration{200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}
	choiceEvery    = []time.Duration{100 * time.Millisecond, 40 * time.Millisecond, 15 * time.Millisecond, 250 * time.Millisecond}
	choiceTargets  = []Target{1, 2, 3, NodeLeader, NodeFollower, NodeMajority, NodeAll, 4}
	choiceSides    = [][]raft.NodeID{{1}, {2}, {3}, {1, 2}, {1, 3}, {2, 3}}
	choicePairs    = [][2]raft.NodeID{{1, 2}, {2, 1}, {1, 3}, {3, 1}, {2, 3}, {3, 2}, {1, 4}, {4, 1}}
)

// fields reads or writes the fields of one record: one function for both ways, so that they can't part.
type fields struct {
	bytes   []byte
	writing bool
}

// number passes a field of 7 bits.
func (f *fields) number(n *int64) {
	if f.writing {
		f.bytes = append(f.bytes, byte(min(max(*n, 0), 127)))
		return
	}
	*n = 0
	if len(f.bytes) > 0 {
		*n, f.bytes = int64(f.bytes[0]), f.bytes[1:]
	}
}

// long passes a field of 14 bits.
func (f *fields) long(n *int64) {
	hi, lo := *n>>7, *n&127
	if *n >= 1<<14 {
		hi, lo = 127, 127
	}
	f.number(&hi)
	f.number(&lo)
	*n = hi<<7 | lo
}

// scaled passes a number in steps of a unit.
func scaled[N ~int64](f *fields, n *N, unit N) {
	steps := int64(*n / unit)
	f.number(&steps)
	*n = N(steps) * unit
}

// oneOf passes a choice from a table; what is not in it becomes the first.
func oneOf[T any](f *fields, v *T, table []T, same func(a, b T) bool) {
	i := int64(max(slices.IndexFunc(table, func(t T) bool { return same(t, *v) }), 0))
	f.number(&i)
	*v = table[i%int64(len(table))]
}

func choose[T comparable](f *fields, v *T, table []T) {
	oneOf(f, v, table, func(a, b T) bool { return a == b })
}

// flag passes a yes or no.
func (f *fields) flag(b *bool) { choose(f, b, []bool{false, true}) }

// span passes a duration from 100 µs to 6 s, in steps of up to an eighth of it.
func (f *fields) span(d *time.Duration) {
	table := make([]time.Duration, 0, 128)
	for e := range 16 {
		for m := range 8 {
			table = append(table, 100*time.Microsecond*time.Duration(8+m)<<e/8)
		}
	}
	i := int64(0)
	for ; i < 127 && table[i] < *d; i++ {
	}
	f.number(&i)
	*d = table[i]
}

// ids passes a set of the first three nodes.
func (f *fields) ids(ids *[]raft.NodeID) {
	set := int64(0)
	for _, id := range *ids {
		set |= 1 << (id - 1)
	}
	f.number(&set)
	*ids = nil
	for id := raft.NodeID(1); id <= 3; id++ {
		if set>>(id-1)&1 != 0 {
			*ids = append(*ids, id)
		}
	}
}

// world passes what a plan says of nodes, links, disks and clients.
func (f *fields) world(p *Plan) {
	seed := int64(p.Seed)
	f.long(&seed)
	p.Seed = uint64(seed)
	n, l, d, c := &p.Node, &p.Link, &p.Disk, &p.Clients[0]
	choose(f, &n.Election, choiceElection)
	choose(f, &n.Loop, choiceLoop)
	f.flag(&l.FIFO)
	choose(f, &l.Told, choiceTold)
	choose(f, &l.Delay, choiceDelay)
	choose(f, &l.Spread, choiceDelay)
	f.number(&l.Loss)
	f.number(&l.Duplicate)
	f.number(&l.Tail)
	choose(f, &d.SyncMin, choiceSync)
	f.number(&d.Slow)
	choose(f, &c.Every, choiceEvery)
	scaled(f, &c.Read, 8)
	f.number(&c.Quit)
	f.number(&c.Close)
	scaled(f, &c.Once, 8)
	f.number(&n.Append)
	f.number(&n.Inflight)
	f.number(&n.Deliver)
	scaled(f, &n.Snapshot, 100)
	scaled(f, &n.Segment, 4<<10)
	f.ids(&p.Old)
	uploads := len(p.Uploaders) > 0
	f.flag(&uploads)
	p.Uploaders = nil
	if uploads {
		p.Uploaders = []UploaderPlan{{Every: 200 * time.Millisecond, Bytes: 900, Piece: 300, Read: 400, Patience: time.Second, Timeout: 1500 * time.Millisecond}}
	}
}

// scheduler passes who decides what comes next.
func (f *fields) scheduler(s *SchedulerPlan) {
	choose(f, &s.Kind, []SchedulerKind{SchedulerUniform, SchedulerPriority, SchedulerDelays})
	f.number(&s.Points)
	f.long(&s.Within)
	s.Within = max(s.Within, 1)
	scaled(f, &s.Window, 100*time.Microsecond)
	f.span(&s.Wait)
	if s.Kind == SchedulerUniform {
		*s = SchedulerPlan{}
	}
}

// fault passes one line of trouble. Each kind has the fields that it uses.
func (f *fields) fault(t *Fault) {
	at := int64(t.At / choicesUnit)
	f.long(&at)
	t.At = time.Duration(at) * choicesUnit
	switch t.Kind {
	case Split:
		oneOf(f, &t.Side, choiceSides, slices.Equal)
		f.span(&t.For)
	case OneWay:
		pair := [2]raft.NodeID{t.From, t.To}
		choose(f, &pair, choicePairs)
		t.From, t.To = pair[0], pair[1]
		f.span(&t.For)
	case Loss:
		f.span(&t.For)
		scaled(f, &t.Rate, 7)
	case Slow:
		f.span(&t.For)
		f.number(&t.Factor)
	case CrashProcess, CrashMachine:
		choose(f, &t.Node, choiceTargets)
		f.span(&t.For)
		choose(f, &t.On, []Stage{StageNow, StageSubmit, StageWrite, StageSync, StageOperation, StageVote, StageElected, StageCommit, StageRecovery})
		f.number(&t.After)
		if t.On != StageOperation && t.On != StageRecovery {
			t.After = 0
		}
	case Isolate, Deaf, Mute:
		choose(f, &t.Node, choiceTargets)
		f.span(&t.For)
		choose(f, &t.On, []Stage{StageNow, StageElected, StageTransfer})
	case Pause, Freeze, Stall, WriteError, SyncError, Full, Wipe, DiskError:
		choose(f, &t.Node, choiceTargets)
		f.span(&t.For)
	case Drift:
		choose(f, &t.Node, choiceTargets)
		fast := t.PPM + 32_000
		scaled(f, &fast, 500)
		t.PPM = min(fast-32_000, 30_000)
	case Jump:
		choose(f, &t.Node, choiceTargets)
		ahead := t.By + 64*time.Second
		scaled(f, &ahead, time.Second)
		t.By = ahead - 64*time.Second
	case Upgrade:
		choose(f, &t.Node, choiceTargets[:3])
		f.span(&t.For)
	case AddNode:
		t.Node = 4
		choose(f, &t.From, []raft.NodeID{0, 1, 2, 3})
	case PromoteNode:
		t.Node = 4
	case RemoveNode, Transfer:
		choose(f, &t.Node, []Target{1, 2, 3, 4})
	case Rot, LostWrite, Misdirect, ReadError:
		choose(f, &t.Node, choiceTargets)
		choose(f, &t.File, []FileKind{0, FileLog, FileSeal, FileIdentity, FileSnapshot, FileBlob})
		switch t.Kind {
		case Rot:
			choose(f, &t.Bits, []int64{0, 1, 2, 3})
		case ReadError:
			f.span(&t.For)
		}
	}
}

// fuzzed reports whether runs may have faults of a kind: those whose fields fault knows. A state that rots is left out: two
// of them would leave no majority that is right, and then nobody can say who is.
func fuzzed(k FaultKind) bool { return CrashProcess <= k && k <= Wipe && k != CorruptState }

// emptyChoices is the plan of no bytes at all.
func emptyChoices() *Plan {
	p := &Plan{
		Nodes: 3, Spares: 1, Heal: choicesHeal, Duration: choicesHeal + livenessMin, Core: []raft.NodeID{1, 2, 3},
		Clients: []ClientPlan{{Pipeline: 2, Stale: 200, Text: 60, Patience: time.Second, Timeout: 300 * time.Millisecond}},
		Blobs:   BlobPlan{Chunk: 256, Pin: 5 * time.Second, Grace: time.Second},
	}
	(&fields{}).world(p)
	p.complete()
	return p
}

// complete fills in what follows from the rest.
func (p *Plan) complete() {
	p.Node.Heartbeat = p.Node.Election / 5
	if p.Node.Segment == 0 {
		p.Node.Segment = 16 << 10
	}
	p.Link.TailMax = 0
	if p.Link.Tail > 0 {
		p.Link.TailMax = 300 * time.Millisecond
	}
	p.Disk.WriteMin, p.Disk.WriteMax, p.Disk.SyncMax = 10*time.Microsecond, 60*time.Microsecond, 2*p.Disk.SyncMin
	p.Disk.SlowMax = 0
	if p.Disk.Slow > 0 {
		p.Disk.SlowMax = 200 * time.Millisecond
	}
	c := p.Clients[0]
	c.Again, c.Clash = 0, 0
	if c.Once > 0 {
		c.Again, c.Clash = 300, 200
	}
	p.Clients = []ClientPlan{c, c}
	p.Clients[1].Anywhere = true
	for id := raft.NodeID(1); int(id) <= p.Nodes; id++ { // each node has somebody who asks nobody else
		p.Clients = append(p.Clients, ClientPlan{Every: 40 * time.Millisecond, Pipeline: 2, Read: 1000, Text: 20,
			Patience: time.Second, Timeout: 200 * time.Millisecond, Anywhere: true, At: id})
	}
	p.Subscribers = []SubscriberPlan{{Stay: time.Second}}
}

// planOfChoices makes a plan of any bytes.
func planOfChoices(b []byte) *Plan {
	p := emptyChoices()
	for len(b) > 0 {
		kind := int(b[0]) - 0x80
		b = b[1:]
		if kind < 0 {
			continue // a field of no record
		}
		n := 0
		for n < len(b) && b[n] < 0x80 {
			n++
		}
		f := &fields{bytes: b[:n]}
		b = b[n:]
		switch {
		case kind == recordWorld:
			f.world(p)
		case kind == recordScheduler:
			f.scheduler(&p.Scheduler)
		case fuzzed(FaultKind(kind-recordFault)) && len(p.Faults) < choicesFaults:
			fault := Fault{Kind: FaultKind(kind - recordFault)}
			f.fault(&fault)
			p.Faults = append(p.Faults, fault)
		}
	}
	p.complete()
	return p
}

// choicesOf is the way back. What bytes can't say is left out, or said as near as may be.
func choicesOf(p *Plan) []byte {
	copied := *p
	f := &fields{writing: true, bytes: []byte{0x80 + recordWorld}}
	copied.Clients = slices.Clone(p.Clients)
	f.world(&copied)
	if p.Scheduler.Kind != SchedulerUniform {
		f.bytes = append(f.bytes, 0x80+recordScheduler)
		s := p.Scheduler
		f.scheduler(&s)
	}
	for _, t := range p.Faults {
		if fuzzed(t.Kind) {
			f.bytes = append(f.bytes, byte(0x80+recordFault+int(t.Kind)))
			f.fault(&t)
		}
	}
	return f.bytes
}
