package linear

import (
	"cmp"
	"fmt"
	"slices"

	"parley/raft"
)

// Rule is what a violation breaks.
type Rule uint8

// The rules, in the order in which Check looks at them.
const (
	Complete  Rule = iota + 1 // an answer says where it took effect, and comes after its call
	Once                      // what took effect did so once, at a position of its own, and was not refused
	Explained                 // in the claimed order every answer is the one that the object would give
	InTime                    // the claimed order respects real time
)

// String says the rule in a few words.
func (r Rule) String() string {
	switch r {
	case Complete:
		return "an answer says where it took effect"
	case Once:
		return "what took effect did so once"
	case Explained:
		return "the claimed order explains every answer"
	case InTime:
		return "the claimed order respects real time"
	}
	return fmt.Sprintf("rule%d", uint8(r))
}

// Violation says why a history is not linearizable in the order that it claims.
type Violation struct {
	Rule      Rule
	Operation int // its place in History.Operations
	Other     int // the one that it contradicts; -1: the history as a whole
	Reason    string
}

// Error returns the reason.
func (v *Violation) Error() string { return v.Reason }

// Check returns nil if the history is linearizable in the order that its positions claim, and what
// contradicts it if not. See the package's comment for why nil is a proof. It takes the time of
// three sorts and one walk: O(n log n), and O(1) more for every message in a page.
func Check(h *History) *Violation {
	c := &checker{h: h}
	if v := c.complete(); v != nil {
		return v
	}
	c.findUnanswered()
	c.arrange()
	if v := c.replay(); v != nil {
		return v
	}
	return c.sweep()
}

type checker struct {
	h       *History
	objects int
	found   map[message]raft.Position // what has no answer and no position, and is named elsewhere
	order   []stand
	again   []bool // by operation: a command that was sent before, in the same place
}

// stand is an operation in the claimed order.
type stand struct {
	place  Place
	turn   int8
	called int64
	op     int32
}

// message names an entry of a log by whose it is and which.
type message struct {
	object int32
	id     uint64
}

func (c *checker) violation(r Rule, op, other int, format string, args ...any) *Violation {
	return &Violation{Rule: r, Operation: op, Other: other, Reason: fmt.Sprintf(format, args...)}
}

// complete checks each operation by itself.
func (c *checker) complete() *Violation {
	for i := range c.h.Operations {
		o := &c.h.Operations[i]
		c.objects = max(c.objects, int(o.Object)+1)
		switch {
		case o.Kind < Append || o.Kind > Ending || o.Object < 0 || o.Limit < 0:
			return c.violation(Complete, i, -1, "%s makes no sense.", c.h.Name(i))
		case o.Outcome == Refused && o.Kind.writes() && o.Position != 0:
			return c.violation(Once, i, -1, "%s was refused and took effect at position %d.", c.h.Name(i), o.Position)
		case o.Outcome != Done:
		case o.Return < o.Call:
			return c.violation(Complete, i, -1, "%s has its answer before its call.", c.h.Name(i))
		case o.Kind.writes() && o.Position == 0:
			return c.violation(Complete, i, -1, "%s has an answer without a position.", c.h.Name(i))
		}
	}
	return nil
}

// findUnanswered looks for messages of which nobody knows whether they took effect, on all pages and among
// the commands that were sent again. Where one is named, it did.
func (c *checker) findUnanswered() {
	var lost map[message]bool
	for i := range c.h.Operations {
		if o := &c.h.Operations[i]; o.Kind == Append && o.Outcome == Unknown && o.Position == 0 {
			if lost == nil {
				lost = make(map[message]bool)
			}
			lost[message{o.Object, o.ID}] = true
		}
	}
	if lost == nil {
		return
	}
	c.found = make(map[message]raft.Position)
	for i := range c.h.Operations {
		switch o := &c.h.Operations[i]; {
		case o.Outcome != Done:
		case o.Kind == Append:
			c.find(lost, message{o.Object, o.ID}, o.Position)
		case o.Kind == Read:
			for _, e := range o.Entries {
				c.find(lost, message{o.Object, e.ID}, e.Position)
			}
		}
	}
}

func (c *checker) find(lost map[message]bool, m message, at raft.Position) {
	if lost[m] && c.found[m] == 0 {
		c.found[m] = at
	}
}

// position returns where an operation claims to have taken effect; zero: nowhere, or at the very beginning.
func (c *checker) position(o *Operation) raft.Position {
	if c.found != nil && o.Kind == Append && o.Outcome == Unknown && o.Position == 0 {
		return c.found[message{o.Object, o.ID}]
	}
	return o.Position
}

// arrange puts the operations into the claimed order. Of two in one place whose turn is first comes first, and else the one
// that was called first.
func (c *checker) arrange() {
	c.order = make([]stand, 0, len(c.h.Operations))
	for i := range c.h.Operations {
		o := &c.h.Operations[i]
		at := c.position(o)
		if !o.placed(at) {
			continue
		}
		place := PlaceOfRead(at)
		if o.Kind.writes() {
			place = PlaceOfWrite(at)
		}
		c.order = append(c.order, stand{place, o.Turn, o.Call, int32(i)})
	}
	slices.SortFunc(c.order, func(a, b stand) int {
		if a.place != b.place {
			return cmp.Compare(a.place, b.place)
		}
		if a.turn != b.turn {
			return cmp.Compare(a.turn, b.turn)
		}
		if a.called != b.called {
			return cmp.Compare(a.called, b.called)
		}
		return cmp.Compare(a.op, b.op)
	})
}

// replay lets each object live through the claimed order and compares every answer with what
// the object would say.
func (c *checker) replay() *Violation {
	c.again = make([]bool, len(c.h.Operations))
	r := replay{
		checker: c,
		chats:   make([]chat, c.objects),
		locks:   make([]lock, c.objects),
		sent:    make(map[message]raft.Position),
	}
	for k := range c.order {
		if v := r.step(k); v != nil {
			return v
		}
	}
	return nil
}

type replay struct {
	*checker
	chats []chat
	locks []lock
	terms []term
	sent  map[message]raft.Position
	now   raft.LogTime  // the last that an operation had
	at    raft.Position // and its position
	timed bool          // there was one
}

// step takes the operation at place k of the order.
func (r *replay) step(k int) *Violation {
	i := int(r.order[k].op)
	o := &r.h.Operations[i]
	at := r.order[k].place.Position()
	if v := r.tick(i, o, at); v != nil {
		return v
	}
	if k > 0 && o.Kind.writes() && r.order[k-1].place == r.order[k].place && r.order[k-1].turn == r.order[k].turn {
		before := int(r.order[k-1].op)
		if first := &r.h.Operations[before]; o.Kind != Append || first.Kind != Append || first.Object != o.Object || first.ID != o.ID {
			return r.violation(Once, i, before, "%s and %s both took effect at position %d.", r.h.Name(before), r.h.Name(i), at)
		}
		r.again[i] = true
		return nil
	}
	switch o.Kind {
	case Append:
		return r.append(i, o, at)
	case Read:
		return r.read(i, o, at)
	case TermStart:
		r.terms = append(r.terms, term{o.Before, o.Time})
		return nil
	}
	return r.lock(i, o, at)
}

// tick moves log time on. Each position has one, and it never falls.
func (r *replay) tick(i int, o *Operation, at raft.Position) *Violation {
	if o.Time == 0 && !o.Kind.timed() {
		return nil
	}
	if o.Kind == TermStart && (o.Before < r.now || o.Before > o.Time) {
		return r.violation(Explained, i, -1, "%s at position %d is of log time %d behind %d, and position %d was of log time %d.", r.h.Name(i), at, o.Time, o.Before, r.at, r.now)
	}
	if o.Time < r.now || o.Time != r.now && at == r.at && r.timed {
		return r.violation(Explained, i, -1, "%s at position %d is of log time %d, and position %d was of log time %d.", r.h.Name(i), at, o.Time, r.at, r.now)
	}
	r.now, r.at, r.timed = o.Time, at, true
	return nil
}

func (r *replay) append(i int, o *Operation, at raft.Position) *Violation {
	m := message{o.Object, o.ID}
	if before, known := r.sent[m]; known {
		return r.violation(Once, i, -1, "%s took effect at position %d and again at position %d.", r.h.Name(i), before, at)
	}
	r.sent[m] = at
	r.chats[o.Object].log = append(r.chats[o.Object].log, Entry{at, o.ID})
	return nil
}

func (r *replay) read(i int, o *Operation, at raft.Position) *Violation {
	want, more := r.chats[o.Object].page(o.After, int(o.Limit))
	if more == o.More && slices.Equal(want, o.Entries) {
		return nil
	}
	return r.violation(Explained, i, -1, "%s at position %d shows %s, and the log has %s.", r.h.Name(i), at, pageText(o.Entries, o.More), pageText(want, more))
}

func (r *replay) lock(i int, o *Operation, at raft.Position) *Violation {
	l := &r.locks[o.Object]
	l.catchUp(r.terms)
	want := l.step(o, at)
	l.terms = len(r.terms)
	if o.Kind.apart() {
		if want.granted {
			return nil
		}
		return r.violation(Explained, i, -1, "%s at position %d, and it was %s.", r.h.Name(i), at, want.text(Look))
	}
	if o.Outcome != Done || want.matches(o) {
		return nil
	}
	return r.violation(Explained, i, -1, "%s at position %d is told %s, and it was %s.", r.h.Name(i), at,
		lockAnswer{o.Granted, o.Told, o.Left}.text(o.Kind), want.text(o.Kind))
}

// instant is a call or an answer on the way through real time.
type instant struct {
	at int64
	op int32
}

// sweep goes through real time and has the witness check the claimed order against it. What was
// sent before under the same ID and has its answer stands anywhere behind the first: as soon as
// its own floor allows, and so at no risk.
func (c *checker) sweep() *Violation {
	calls, returns := make([]instant, 0, len(c.order)), make([]instant, 0, len(c.order))
	places := make([]Place, len(c.h.Operations))
	for _, s := range c.order {
		o := &c.h.Operations[s.op]
		places[s.op] = s.place
		if !o.Stale && !c.again[s.op] {
			calls = append(calls, instant{o.Call, s.op})
		}
		if o.ordered() {
			returns = append(returns, instant{o.Return, s.op})
		}
	}
	byTime := func(a, b instant) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(a.op, b.op)
	}
	slices.SortFunc(calls, byTime)
	slices.SortFunc(returns, byTime)
	var w Witness
	next, highest := 0, int32(-1)
	for _, call := range calls {
		for ; next < len(returns) && returns[next].at < call.at; next++ {
			op := returns[next].op
			if places[op] > w.Called() {
				highest = op
			}
			w.Answered(places[op])
		}
		if !w.Fits(places[call.op], w.Called()) {
			i, j := int(call.op), int(highest)
			return c.violation(InTime, i, j, "%s took effect at position %d; when it was called, %s had been answered, of position %d.",
				c.h.Name(i), places[i].Position(), c.h.Name(j), places[j].Position())
		}
	}
	return nil
}
