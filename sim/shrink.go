package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Shrinking makes of a plan that breaks an invariant the smallest that it can find that breaks the
// same one. It only proposes plans; runs decide.
//
//	truncate      the run heals just behind the violation, or sooner
//	configure     fewer nodes, bounds and swarm settings as in production, nothing lost or slow
//	take out      lines, by delta debugging
//	straighten    constant delays, rounded times, short faults
//	rename        nodes by their role, or numbered in the order of the lines
//
// These come again until a whole round changes nothing. As each is a step down (fewer lines, smaller
// numbers, plainer words), that ends; and as the last round tried to take out every line of the
// plan that is left, that plan is 1-minimal: without any one line the violation is gone.

// Trial runs plans, one after another or side by side, and returns the place and the result of the first in
// their order whose result is wanted; -1 if none is. A run ends after the event stopAt, if that is not zero.
type Trial func(plans []*Plan, stopAt uint64, wanted func(*Result) bool) (first int, r *Result)

// ShrinkOptions says how, and for how long, a plan is shrunk. All may be zero.
type ShrinkOptions struct {
	Try      Trial         // nil: one Run after another
	Runs     int           // the most runs that may be made; zero: as many as it takes
	Over     func() bool   // asked now and then whether to stop; nil: never
	Progress func(*Shrunk) // told of every smaller plan; nil: nobody
}

// Shrunk is what became of a plan.
type Shrunk struct {
	Was, Plan     *Plan
	Before, After *Result // of their runs
	Runs          int     // made; what a trial ran beside is not counted
	Minimal       bool    // false: it ended before it could not go on
}

// Lines returns how many lines the plan had and has, comments apart.
func (s *Shrunk) Lines() (before, after int) {
	return strings.Count(s.Was.Format(), "\n"), strings.Count(s.Plan.Format(), "\n")
}

// ErrNothingBreaks means that there is nothing to shrink.
var ErrNothingBreaks = errors.New("no judge speaks in this plan: there is nothing to shrink")

// ErrOver means that the time was over before the first run was.
var ErrOver = errors.New("the time was over before the plan had run once")

// Shrink looks for a smaller plan that breaks the same invariant. The answer is a function of the plan and
// the code, however many plans a trial runs side by side, unless Over says when to stop.
func Shrink(p *Plan, o ShrinkOptions) (*Shrunk, error) {
	if o.Try == nil {
		o.Try = TryInOrder
	}
	text := p.Format()
	p, err := Parse(text)
	if err != nil {
		return nil, err
	}
	first, before := o.Try([]*Plan{p}, 0, func(r *Result) bool { return r.Violation != nil })
	switch {
	case first < 0 && o.Over != nil && o.Over():
		return nil, ErrOver
	case first < 0:
		return nil, ErrNothingBreaks
	}
	s := &shrinker{
		Shrunk: Shrunk{Was: p, Plan: p, Before: before, After: before, Runs: 1}, o: o,
		text: text, failed: make(map[string]bool),
	}
	s.judgeFairness()
	for s.rounds(); !s.ended && !s.confirm(); {
		s.rounds()
	}
	s.Minimal = !s.ended
	return &s.Shrunk, nil
}

// rounds goes through the passes until a whole round changes nothing. A pass may move the violation; the run
// ends behind it again before the next one, which is that much faster.
func (s *shrinker) rounds() {
	for round := ""; round != s.text && !s.ended; {
		round = s.text
		configure := func() { s.apply(s.configurations()) }
		for _, pass := range []func(){configure, s.takeOut, s.straighten, s.rename} {
			s.truncate()
			pass()
		}
	}
}

// confirm tries once more to take lines out, and lets runs take as long as they like: what was taken for
// sound on the way down may only have been slow to break. It reports whether every line is needed.
func (s *shrinker) confirm() bool {
	text := s.text
	s.patient, s.failed = true, make(map[string]bool)
	s.takeOut()
	s.patient = false
	return s.text == text
}

// TryInOrder runs plans one after another: the plainest Trial.
func TryInOrder(plans []*Plan, stopAt uint64, wanted func(*Result) bool) (int, *Result) {
	for i, p := range plans {
		if r := Run(p, Options{StopAt: stopAt}); wanted(r) {
			return i, r
		}
	}
	return -1, nil
}

// shrinker is a plan on its way down.
type shrinker struct {
	Shrunk
	o      ShrinkOptions
	text   string          // of Plan
	failed map[string]bool // texts that will not do: asked again and again in the last rounds
	ended  bool            // by a bound

	patient bool // runs may take as long as they like

	room   time.Duration // how long the liveness phase must be
	late   int           // faults that begin in the liveness phase
	beyond bool          // something is lost for good because a fault goes beyond what can be recovered
}

// batchMax bounds how many plans are made at a time: enough for any number of processors,
// and few enough to be thrown away when the first of them will do.
const batchMax = 16

// consider tries n plans in order, takes the first that will do and returns its place; -1 if none does.
// Those that are nothing new, or no fair plans, are passed over.
func (s *shrinker) consider(n int, candidate func(i int) *Plan) int {
	for i := 0; i < n && !s.over(); {
		var plans []*Plan
		var texts []string
		var places []int
		most := batchMax
		if s.o.Runs > 0 {
			most = min(most, s.o.Runs-s.Runs)
		}
		for ; i < n && len(plans) < most; i++ {
			text, p := s.proposal(candidate(i))
			if p != nil {
				plans, texts, places = append(plans, p), append(texts, text), append(places, i)
			}
		}
		if len(plans) == 0 {
			break
		}
		first, r := s.o.Try(plans, s.stopAt(), s.sameAs)
		if first < 0 {
			if s.over() {
				break // it may not have run them all
			}
			first = len(plans)
		}
		for _, text := range texts[:first] {
			s.failed[text] = true
		}
		s.Runs += min(first+1, len(plans))
		if first < len(plans) {
			s.Plan, s.After, s.text = plans[first], r, texts[first]
			if s.o.Progress != nil {
				s.o.Progress(&s.Shrunk)
			}
			return places[first]
		}
	}
	return -1
}

// proposal returns a plan as it would be read from its text; nil if it is not worth a run.
func (s *shrinker) proposal(p *Plan) (string, *Plan) {
	if p == nil {
		return "", nil
	}
	text := p.Format()
	if text == s.text || s.failed[text] {
		return "", nil
	}
	p, err := Parse(text)
	if err != nil || !s.fair(p) {
		return "", nil
	}
	return text, p
}

// over reports whether a bound was reached, and remembers it.
func (s *shrinker) over() bool {
	s.ended = s.ended || s.o.Runs > 0 && s.Runs >= s.o.Runs || s.o.Over != nil && s.o.Over()
	return s.ended
}

// stopAt bounds a run: most plans on the way are sound, and would go on to their ends. One that breaks so much
// later than the best is no smaller for a person who reads the trace.
func (s *shrinker) stopAt() uint64 {
	if s.patient || s.Before.Violation.Invariant == Runaway {
		return 0
	}
	return 2*s.After.Events + 5_000
}

// sameAs reports whether a run breaks what the first one broke. A panic is the same if it says the same, and
// so is whatever a plan that expects a loss ends with; numbers don't count.
func (s *shrinker) sameAs(r *Result) bool {
	v, was := r.Violation, s.Before.Violation
	if v == nil || v.Invariant != was.Invariant {
		return false
	}
	return v.Invariant != Panicked && !s.Was.Lost || wordsOnly(v.Reason) == wordsOnly(was.Reason)
}

// wordsOnly returns a sentence without its numbers.
func wordsOnly(sentence string) string {
	return strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return -1
		}
		return c
	}, sentence)
}

// judgeFairness notes what the plan grants the nodes. A smaller one that grants them less would accuse
// them of what nobody can do.
func (s *shrinker) judgeFairness() {
	p := s.Was
	s.late, s.beyond = p.late(), p.goesBeyond()
	s.room = min(p.Duration-p.Heal, livenessMin)
}

// fair reports whether a plan grants the nodes what the first one did: time to finish; in good times no
// faults; a majority of good states; and where a loss is expected, something that loses.
func (s *shrinker) fair(p *Plan) bool {
	rotten := 0
	for i := range p.Faults {
		if p.Faults[i].Kind == CorruptState {
			rotten++
		}
	}
	switch {
	case p.Duration-p.Heal < s.room, p.late() > s.late, s.beyond && !p.goesBeyond():
		return false
	case rotten > 0 && p.Nodes != s.Was.Nodes && 2*rotten >= p.Nodes:
		return false
	}
	return true
}

// late counts the faults that begin in the liveness phase.
func (p *Plan) late() (n int) {
	for i := range p.Faults {
		if at := p.Faults[i].At; p.Heal <= at && at < p.Duration {
			n++
		}
	}
	return n
}

// goesBeyond reports whether some fault destroys more than the cluster can recover from.
func (p *Plan) goesBeyond() bool {
	for i := range p.Faults {
		if p.Faults[i].Beyond {
			return true
		}
	}
	return false
}

// takeOut is delta debugging over the lines of the plan.
func (s *shrinker) takeOut() {
	lines := strings.Split(strings.TrimSpace(s.text), "\n")
	var places []int // of the lines that may go
	for i, line := range lines {
		if !frame(line) {
			places = append(places, i)
		}
	}
	ddmin(places, func(lists [][]int) int {
		return s.consider(len(lists), func(i int) *Plan {
			p, err := Parse(withLines(lines, lists[i]))
			if err != nil {
				return nil
			}
			return p
		})
	})
}

// frame reports whether a line belongs to every plan, or to what is asked of it.
func frame(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	switch word {
	case "parley", "nodes", "duration", "heal", "node", "expect":
		return true
	}
	return false
}

// withLines joins the frame and the lines at these places.
func withLines(lines []string, places []int) string {
	var b strings.Builder
	for i, line := range lines {
		if len(places) > 0 && places[0] == i {
			places = places[1:]
		} else if !frame(line) {
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// Format writes the plan with a comment before it: what it breaks, and what was cut.
func (s *Shrunk) Format() string {
	var b strings.Builder
	v := s.After.Violation
	comment := func(format string, args ...any) {
		text := strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n", "\n#   ")
		fmt.Fprintf(&b, "# %s\n", text)
	}
	comment("Breaks %s: %s", v.Invariant, Sentence(v.Invariant))
	comment("At %s, event %d: %s", formatClock(int64(v.At)), v.Event, v.Reason)
	lines, left := s.Lines()
	comment("Shrunk in %d runs from %d lines to %d, from %d deliveries to %d, from seed %d.",
		s.Runs, lines, left, s.Before.Deliveries, s.After.Deliveries, s.Was.Seed)
	if cut := s.describeCut(); cut != "" {
		comment("Cut: %s.", cut)
	}
	if s.Minimal {
		comment("Without any one of its lines it breaks this no more.")
	} else {
		comment("It ended before it was done: perhaps some line could still go.")
	}
	return b.String() + s.Plan.Format()
}

// describeCut says what a plan lost on its way down.
func (s *Shrunk) describeCut() string {
	var parts []string
	was, is := s.Was, s.Plan
	for _, c := range []struct {
		before, after int
		what          string
	}{
		{len(was.Faults), len(is.Faults), "faults"},
		{len(was.Clients), len(is.Clients), "clients"},
		{len(was.Subscribers), len(is.Subscribers), "subscribers"},
		{len(was.Teammates), len(is.Teammates), "teammates"},
		{was.servers(), is.servers(), "nodes"},
		{len(was.Clocks), len(is.Clocks), "wrong clocks"},
		{len(was.Old), len(is.Old), "nodes of the release before"},
	} {
		if c.after < c.before {
			parts = append(parts, fmt.Sprintf("%d of %d %s", c.before-c.after, c.before, c.what))
		}
	}
	if d := was.Duration - is.Duration; d > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", formatDuration(d), formatDuration(was.Duration)))
	}
	if was.Node.Lease > 0 && is.Node.Lease == 0 {
		parts = append(parts, "leases")
	}
	if was.Requests != (RequestPlan{}) && is.Requests == (RequestPlan{}) {
		parts = append(parts, "what bounds request ids")
	}
	if was.Scheduler != (SchedulerPlan{}) && is.Scheduler == (SchedulerPlan{}) {
		parts = append(parts, "the scheduler")
	}
	if was.Link != (LinkPlan{}) && is.Link == (LinkPlan{}) {
		parts = append(parts, "all delays of the network")
	}
	if was.Disk != (DiskPlan{}) && is.Disk == (DiskPlan{}) {
		parts = append(parts, "all delays of disks")
	}
	return strings.Join(parts, ", ")
}
