package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/sim/linear"
)

// The objects of a drawn history.
const (
	channel  = 0
	channel2 = 1
	lockA    = 2
	lockB    = 3
)

var drawnObjects = []string{"#one", "#two", "lock-a", "lock-b"}

// drawing makes a small history: an honest service executes operations one after the other, each at an instant between
// its call and its answer. Everything that may happen to clients does: answers that don't come, commands
// that are refused or sent twice, reads of any age, leaders that change.
type drawing struct {
	*rand.Rand
	h      linear.History
	states []state
	past   []moment
	hidden []linear.Operation // messages that took effect and that the history doesn't say so of
	at     raft.Position
	now    raft.LogTime
}

// moment is what was true at a position.
type moment struct {
	at     raft.Position
	now    raft.LogTime
	states []state
}

func draw(seed uint64) *drawing {
	d := &drawing{Rand: rand.New(rand.NewPCG(seed, 0)), h: linear.History{Objects: drawnObjects}, states: make([]state, len(drawnObjects)), now: 1}
	d.remember()
	busy := []int64{3, 30, 120}[d.IntN(3)] // how long operations take, in tenths of the time between two
	objects := d.IntN(3)                   // one channel, one lock, all
	for n := 1 + d.IntN(8); len(d.h.Operations) < n; {
		instant := int64(100 * (len(d.h.Operations) + 1))
		o := linear.Operation{Client: int32(1 + d.IntN(3)), Call: instant - 1 - d.Int64N(10*busy), Return: instant + 1 + d.Int64N(10*busy), Outcome: linear.Done}
		o.Owner = o.Client
		switch {
		case d.IntN(12) == 0:
			d.term(&o)
		case objects == 0 || objects == 2 && d.IntN(2) == 0:
			d.chat(&o, objects)
		default:
			d.lock(&o, objects)
		}
		d.h.Operations = append(d.h.Operations, o)
		d.handOn(&o)
		d.remember()
	}
	d.uncover()
	if d.IntN(2) == 0 {
		d.Shuffle(len(d.h.Operations), func(i, j int) { ops := d.h.Operations; ops[i], ops[j] = ops[j], ops[i] })
	}
	return d
}

// uncover says where hidden messages are that no answer names: without that nobody could know what makes the
// page of another one too short.
func (d *drawing) uncover() {
	for _, is := range d.hidden {
		for i := range d.h.Operations {
			if o := &d.h.Operations[i]; o.Kind == linear.Append && o.Outcome == linear.Unknown && o.ID == is.ID && o.Call == is.Call && len(named(d.h.Operations, o)) == 0 {
				o.Position, o.Time = is.Position, is.Time
			}
		}
	}
}

func (d *drawing) remember() { d.past = append(d.past, moment{d.at, d.now, slices.Clone(d.states)}) }

// entry gives the next position and its log time.
func (d *drawing) entry(o *linear.Operation) {
	d.at += 1 + raft.Position(d.IntN(3)/2)
	d.tick()
	o.Position, o.Time = d.at, d.now
}

// tick lets log time pass, sometimes up to the very deadline of a lock.
func (d *drawing) tick() {
	deadline := d.states[lockA+d.IntN(2)].deadline
	if d.IntN(4) == 0 && deadline > d.now {
		d.now = deadline
		return
	}
	d.now += raft.LogTime([]int{0, 1, 10, 40}[d.IntN(4)])
}

// happens has an operation take effect.
func (d *drawing) happens(o *linear.Operation) {
	for object := range d.states {
		if o.Kind == linear.TermStart || int(o.Object) == object {
			after, ok := d.states[object].step(o)
			if !ok {
				panic("the service did what it can't: " + d.h.Question(o) + " → " + d.h.Answer(o))
			}
			d.states[object] = after
		}
	}
}

func (d *drawing) term(o *linear.Operation) {
	d.tick() // with an entry that no client sees
	before := d.now
	d.at++
	d.entry(o)
	*o = linear.Operation{Kind: linear.TermStart, Position: o.Position, Before: before, Time: o.Time, Call: o.Call}
	d.happens(o)
}

func (d *drawing) chat(o *linear.Operation, objects int) {
	if objects == 2 {
		o.Object = int32(d.IntN(2)) * channel2
	}
	fate := d.IntN(16)
	if d.IntN(2) == 0 {
		d.read(o, fate)
		return
	}
	o.Kind, o.ID = linear.Append, uint64(len(d.h.Operations)+1)
	log := d.states[o.Object].log
	if len(log) > 0 && d.IntN(5) == 0 { // sent again
		again := log[d.IntN(len(log))]
		o.ID, o.Position = again.ID, again.Position
		if fate < 3 {
			*o = unanswered(o)
		}
		return
	}
	switch fate {
	case 0: // refused
		o.Outcome = linear.Refused
		return
	case 1: // lost
		*o = unanswered(o)
		return
	}
	d.entry(o)
	if d.IntN(2) == 0 {
		o.Time = 0
	}
	d.happens(o)
	switch fate {
	case 2: // its answer is lost; the log has it
		o.Outcome, o.Return = linear.Unknown, 0
	case 3: // nobody can look into the log
		d.hidden = append(d.hidden, *o)
		*o = unanswered(o)
	}
}

// unanswered is an operation of which nobody knows anything.
func unanswered(o *linear.Operation) linear.Operation {
	return linear.Operation{Kind: o.Kind, Client: o.Client, Owner: o.Owner, Object: o.Object, Call: o.Call, ID: o.ID, After: o.After, Limit: o.Limit, TTL: o.TTL, Fence: o.Fence}
}

func (d *drawing) read(o *linear.Operation, fate int) {
	o.Kind, o.Limit = linear.Read, int32(1+d.IntN(4))
	m := d.past[len(d.past)-1]
	if o.Stale = d.IntN(6) == 0; o.Stale {
		m = d.past[d.IntN(len(d.past))]
	}
	if d.IntN(2) == 0 {
		o.After = raft.Position(d.IntN(int(d.at) + 2))
	}
	o.Position = m.at
	o.Entries, o.More = m.states[o.Object].page(o)
	if fate == 0 {
		*o = unanswered(o)
	}
}

// handOn has a lock that was given back go to somebody else with the same entry.
func (d *drawing) handOn(o *linear.Operation) {
	if back := o.Kind == linear.Release || o.Kind == linear.Break || o.Kind == linear.Ending; !back || o.Position != d.at || d.states[o.Object].fence != 0 || d.IntN(2) == 0 {
		return
	}
	next := linear.Operation{Kind: linear.HandOver, Object: o.Object, Owner: int32(1 + d.IntN(3)), TTL: time.Duration(20 + d.IntN(60)),
		Position: o.Position, Time: o.Time, Turn: o.Turn + 1, Call: o.Call}
	d.happens(&next)
	d.h.Operations = append(d.h.Operations, next)
}

// nobodys has a lock change hands though no client asks for it.
func (d *drawing) nobodys(o *linear.Operation) {
	d.entry(o)
	s := &d.states[o.Object]
	*o = linear.Operation{Kind: linear.HandOver, Object: o.Object, Owner: o.Owner, Position: o.Position, Time: o.Time, TTL: time.Duration(20 + d.IntN(60)), Call: o.Call}
	if s.fence != 0 && (o.Time < s.deadline || d.IntN(3) == 0) {
		o.Kind, o.Owner, o.TTL = linear.Ending, s.owner, 0
	}
	d.happens(o)
}

func (d *drawing) lock(o *linear.Operation, objects int) {
	o.Object = lockA
	if objects == 2 {
		o.Object += int32(d.IntN(2))
	}
	if d.IntN(6) == 0 {
		d.nobodys(o)
		return
	}
	fate := d.IntN(16)
	s := &d.states[o.Object]
	o.Kind = []linear.Kind{linear.Acquire, linear.Acquire, linear.Acquire, linear.Renew, linear.Release, linear.Break, linear.Look}[d.IntN(7)]
	if o.Kind == linear.Look {
		m := d.past[len(d.past)-1]
		if o.Stale = d.IntN(6) == 0; o.Stale {
			m = d.past[d.IntN(len(d.past))]
		}
		o.Position, o.Time = m.at, m.now
		d.answer(o, m.states[o.Object])
		if fate == 0 {
			*o = unanswered(o)
		}
		return
	}
	if o.TTL = time.Duration(20 + d.IntN(60)); o.Kind == linear.Renew && d.IntN(3) == 0 {
		o.TTL = 0
	}
	if present := o.Kind == linear.Renew || o.Kind == linear.Release || d.IntN(4) == 0; present {
		if o.Fence = s.fence; d.IntN(5) == 0 {
			o.Fence = raft.Position(1 + d.IntN(int(d.at)+1))
		}
		if s.owner != 0 && d.IntN(4) != 0 {
			o.Owner = s.owner
		}
	}
	switch fate {
	case 0:
		o.Outcome = linear.Refused
		return
	case 1:
		*o = unanswered(o)
		return
	}
	d.entry(o)
	d.answer(o, *s)
	if fate == 2 {
		o.Outcome, o.Return, o.Granted, o.Told, o.Left = linear.Unknown, 0, false, 0, 0
	}
	d.happens(o)
}

// answer finds the one answer that an operation can have.
func (d *drawing) answer(o *linear.Operation, s state) {
	for _, granted := range []bool{true, false} {
		for _, told := range []raft.Position{0, s.fence, o.Position} {
			if told != 0 && o.Kind != linear.Acquire && o.Kind != linear.Look {
				continue
			}
			o.Granted, o.Told = granted, told
			after, ok := s.step(o)
			if !ok {
				continue
			}
			if holds := granted || told != 0; holds && d.IntN(2) == 0 {
				o.Left = time.Duration(after.deadline - o.Time)
			}
			return
		}
	}
	panic("no answer to " + d.h.Question(o))
}

// mutate breaks something: an answer, an order, a claim, an interval. Not all of it makes a history wrong.
func (d *drawing) mutate() string {
	how := d.mutateOne()
	for i := range d.h.Operations { // what nobody knows the position of has no time either
		if o := &d.h.Operations[i]; o.Outcome == linear.Unknown && o.Position == 0 {
			o.Time = 0
		}
	}
	return how
}

// pick returns an operation that is so, or any if there is none.
func (d *drawing) pick(so func(o *linear.Operation) bool) *linear.Operation {
	ops := d.h.Operations
	from := d.IntN(len(ops))
	for i := range ops {
		if o := &ops[(from+i)%len(ops)]; so(o) {
			return o
		}
	}
	return &ops[from]
}

func (d *drawing) mutateOne() string {
	answered := func(o *linear.Operation) bool { return o.Outcome == linear.Done }
	page := func(o *linear.Operation) bool { return answered(o) && o.Kind == linear.Read }
	full := func(o *linear.Operation) bool { return page(o) && len(o.Entries) > 0 }
	lock := func(o *linear.Operation) bool { return answered(o) && o.Kind != linear.Read && o.Kind != linear.Append }
	switch d.IntN(15) {
	case 0:
		o, p := d.pick(answered), d.pick(answered)
		o.Position, p.Position = p.Position, o.Position
		return "swapped two positions"
	case 1:
		write := func(o *linear.Operation) bool { return o.Kind == linear.Append }
		o, p := d.pick(write), d.pick(write)
		o.ID, p.ID = p.ID, o.ID
		return "swapped two messages"
	case 2:
		o, p := d.pick(page), d.pick(page)
		o.Entries, p.Entries, o.More, p.More = p.Entries, o.Entries, p.More, o.More
		return "swapped two pages"
	case 3:
		o, p := d.pick(lock), d.pick(lock)
		o.Told, p.Told, o.Granted, p.Granted = p.Told, o.Told, p.Granted, o.Granted
		return "swapped two answers about locks"
	case 4:
		if o := d.pick(page); page(o) {
			m := d.past[d.IntN(len(d.past))]
			o.Entries, o.More = m.states[o.Object].page(o)
			if d.IntN(2) == 0 {
				o.Position = m.at
			}
		}
		return "a stale page"
	case 5:
		if o := d.pick(full); full(o) {
			n := d.IntN(len(o.Entries))
			o.Entries = slices.Delete(slices.Clone(o.Entries), n, n+1)
		}
		return "dropped a message from a page"
	case 6:
		if o := d.pick(full); full(o) {
			o.Entries = append(slices.Clone(o.Entries), o.Entries[d.IntN(len(o.Entries))])
		}
		return "doubled a message on a page"
	case 7:
		if o := d.pick(full); full(o) {
			o.Entries = slices.Clone(o.Entries)
			o.Entries[d.IntN(len(o.Entries))].Position++
		}
		return "moved a message on a page"
	case 8:
		d.pick(func(o *linear.Operation) bool { return o.Outcome != linear.Refused }).Position = raft.Position(d.IntN(int(d.at) + 2))
		return "claimed another position"
	case 9:
		o := d.pick(page)
		o.More = !o.More
		return "claimed more, or no more"
	case 10:
		o := d.pick(func(o *linear.Operation) bool { return lock(o) && o.Kind != linear.Look })
		o.Granted = !o.Granted
		return "turned an answer around"
	case 11:
		o := d.pick(lock)
		if o.Left != 0 && d.IntN(2) == 0 {
			o.Left++
			return "told of another time left"
		}
		o.Told, o.Fence = o.Fence, o.Told
		return "mixed up fences"
	case 12:
		if o := d.pick(func(o *linear.Operation) bool { return o.Time != 0 }); o.Position != 0 {
			o.Time += raft.LogTime(d.IntN(80)) - 40
		}
		return "told another log time"
	case 13:
		if o := d.pick(func(o *linear.Operation) bool { return o.Object == channel2 }); o.Object == channel2 {
			o.Object = channel
		}
		return "mixed up channels"
	}
	o, shift := d.pick(answered), d.Int64N(2000)-1000
	o.Call += shift
	o.Return += shift
	return "moved an operation in real time"
}

// tell prints a history for whoever has to find out.
func tell(h *linear.History) string {
	var b strings.Builder
	for i := range h.Operations {
		o := &h.Operations[i]
		fmt.Fprintf(&b, "%2d  client %d  %4d..%4d  %s → %s  (log time %d, left %d, owner %d, outcome %d)\n", i+1, o.Client, o.Call, o.Return, h.Question(o), h.Answer(o), o.Time, o.Left, o.Owner, o.Outcome)
	}
	return b.String()
}
