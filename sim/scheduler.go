package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Who comes next. By itself the world is a uniform scheduler: every delay is drawn alone, and the order of what
// happens follows. That hardly ever starves anybody, and hardly ever lets just one thing come late. Two other
// schedulers do nothing else, and a seed draws which of the three its world has.
//
//	agenda ──event of a──▶ a's turn? ──yes──▶ it happens
//	                          │no
//	                          ▼
//	                       a's queue ──turn──▶ all of it, in order
//
// Whoever is put off keeps what comes for him in a queue, and to all others is a slow machine, link or client. Time
// never goes back, what came in order stays in order, and in the liveness phase nobody is put off any more.
//
// *Priorities* are PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs, ASPLOS 2010): actors have random priorities, the highest that can go on does, and at
// some random steps the actor of the moment falls below all that never fell. What differs: threads are nodes, links,
// clients, subscribers and uploaders. Who can go on is whoever is due within a window of simulated time, for in a
// world of clocks everybody is at some time. And nobody waits for longer than a bound, or no timeout would mean
// anything. So the paper's probability of finding a bug does not carry over.
//
// *Delays* are delay-bounded scheduling (Emmi, Qadeer, Rakamarić: Delay-Bounded Scheduling, POPL 2011): the order is
// deterministic, but for at most k times that something due goes behind others. What differs: the order is that
// in which things were caused, since all messages and all writes take equally long; and the places of the k delays are
// drawn, not enumerated. Where links don't keep order one message is delayed, else all that happens to its link.

// SchedulerKind says who decides what comes next.
type SchedulerKind uint8

// The schedulers.
const (
	SchedulerUniform  SchedulerKind = iota // every delay is drawn by itself
	SchedulerPriority                      // the actor of the highest priority goes first
	SchedulerDelays                        // first come, first served, with a bounded number of delays
)

// SchedulerPlan configures the scheduler. The uniform one needs nothing.
type SchedulerPlan struct {
	Kind   SchedulerKind
	Points int64         // at so many turns a priority falls, or something is delayed
	Within int64         // they are among so many first turns
	Window time.Duration // of priorities: whoever is due within it goes first if his is higher
	Wait   time.Duration // nobody is put off for longer
}

// check refuses what a world could not follow.
func (s *SchedulerPlan) check() error {
	switch {
	case s.Kind == SchedulerUniform && *s != (SchedulerPlan{}):
		return errors.New("plan: the uniform scheduler needs nothing else")
	case s.Points < 0 || s.Points > pointsMax || s.Points > 0 && s.Within <= 0:
		return fmt.Errorf("plan: scheduler points=%d within=%d: want 0 to %d points, and within= how many turns they are", s.Points, s.Within, pointsMax)
	case s.Kind != SchedulerUniform && (s.Wait <= 0 || s.Wait > delayMax || s.Window < 0):
		return fmt.Errorf("plan: scheduler: want wait= of up to %s", formatDuration(delayMax))
	}
	return nil
}

// pointsMax bounds the points of a plan: where everything is delayed nothing is.
const pointsMax = 1000

// scheduler is what decides if not chance alone does.
type scheduler struct {
	plan   SchedulerPlan
	actors []actor // by placeOf
	points []point // those that are still to come
	passed uint64  // how many are not
	fallen int64   // the priority that the last one gives
	turns  uint64
	waits  []waits // who is put off, in the order of their turns: mostly a handful
}

// actor is somebody to whom things happen one after another.
type actor struct {
	priority int64
	queue    []event // what was put off, in order
	since    int64   // when the first of it was due
	free     int64   // what happens at this instant is not put off: it waited

	turns   uint64 // how much happened to it
	waited  uint64 // and how much of that was put off
	longest int64  // for how long at most
}

// point is a turn at which something changes.
type point struct {
	turn     uint64
	priority int64
}

// schedule sets up the scheduler. Priorities are drawn by place and points by number: with a point less the others
// are where they were.
func (w *World) schedule() {
	s := &w.scheduler
	s.plan = w.plan.Scheduler
	if s.plan.Kind == SchedulerUniform {
		return
	}
	p, n := w.plan, w.plan.servers()
	s.actors = make([]actor, n+n*n+len(w.clients)+len(w.subscribers)+len(w.uploaders))
	for i := range s.actors {
		s.actors[i].priority = pointsMax + int64(w.chance.draw(purposeScheduler, uint64(i), 0)>>2)
		s.actors[i].free = -1
	}
	for i := range uint64(s.plan.Points) {
		turn := 1 + below(w.chance.draw(purposeScheduler, i, 1), uint64(s.plan.Within))
		s.points = append(s.points, point{turn, int64(i)})
	}
	slices.SortStableFunc(s.points, func(a, b point) int { return cmp.Compare(a.turn, b.turn) })
	if s.plan.Kind == SchedulerDelays {
		w.plan = p.steady()
		w.net.plan, w.net.bulk = &w.plan.Link, &w.plan.Bulk
	}
}

// steady returns the plan with all messages equally long under way, and all writes.
func (p *Plan) steady() *Plan {
	same := *p
	same.Link.Spread, same.Link.Tail, same.Link.TailMax, same.Bulk.Spread = 0, 0, 0, 0
	same.Disk = DiskPlan{WriteMin: p.Disk.WriteMin, WriteMax: p.Disk.WriteMin, SyncMin: p.Disk.SyncMin, SyncMax: p.Disk.SyncMin}
	return &same
}

// placeOf returns the place of the actor to whom an event happens: of a message the link that it takes. Faults,
// operators and the starts of processes are nobody's, -1, and never put off.
func (w *World) placeOf(e *event) int {
	n := w.plan.servers()
	clients := n + n*n
	subscribers := clients + len(w.clients)
	uploaders := subscribers + len(w.subscribers)
	switch e.kind {
	case eventMessage:
		p := &w.net.packets[e.arg]
		return n*int(p.from) + int(p.to) - 1
	case eventPeerLost, eventWake, eventWrite, eventSync, eventStored, eventSeal, eventTask, eventBlob, eventStep,
		eventRequest, eventFileRequest, eventTaken, eventCancel:
		return int(e.who) - 1
	case eventOperation, eventAnswer, eventLost, eventCaller, eventQuit:
		return clients + int(e.who) - 1
	case eventFrame, eventSubscribe:
		return subscribers + int(e.who) - 1
	case eventUploader, eventFileAnswer:
		return uploaders + int(e.who) - 1
	}
	return -1
}

// actorOf returns the same, and looks it up once: searches for rivals pass by the same events again and again.
func (w *World) actorOf(e *event) int {
	if e.place == 0 {
		e.place = int16(w.placeOf(e)) + 2 // from 1
	}
	return int(e.place) - 2
}

// putsOff asks the scheduler whether an event that is due has to wait, and keeps it if so.
func (w *World) putsOff(e *event) bool {
	place := w.actorOf(e)
	if place < 0 {
		return false
	}
	s := &w.scheduler
	a := &s.actors[place]
	switch {
	case len(a.queue) > 0: // behind what waits already
		a.queue = append(a.queue, *e)
		return true
	case w.healed || a.free == w.now:
	case s.plan.Kind == SchedulerDelays:
		if s.passes() {
			w.delay(place, e)
			return true
		}
	default:
		if at, ok := w.rival(a.priority); ok {
			w.keep(place, e, min(at, w.now+int64(s.plan.Wait)))
			w.cover.PutOff++
			return true
		}
	}
	a.turns++
	s.turns++
	if s.plan.Kind == SchedulerPriority && s.passes() {
		a.priority = s.fallen
	}
	return false
}

// passes reports whether a point is reached. With two on one turn the second is the next turn's.
func (s *scheduler) passes() bool {
	if len(s.points) == 0 || s.turns < s.points[0].turn {
		return false
	}
	s.fallen, s.points = s.points[0].priority, s.points[1:]
	s.passed++
	return true
}

// delay puts an event behind what comes within a time that is drawn: a message alone if others may overtake it, else all
// that happens to its actor.
func (w *World) delay(place int, e *event) {
	s := &w.scheduler
	until := w.now + 1 + int64(below(w.chance.draw(purposeScheduler, s.passed, 2), uint64(s.plan.Wait)))
	w.cover.Delayed++
	if e.kind != eventMessage || w.net.plan.FIFO {
		w.keep(place, e, until)
		return
	}
	later := *e
	later.at = until
	w.agenda.push(later)
}

// keep keeps an event for its actor's turn.
func (w *World) keep(place int, e *event, until int64) {
	a := &w.scheduler.actors[place]
	a.since = w.now
	a.queue = append(a.queue, *e)
	s := &w.scheduler
	s.waits = append(s.waits, waits{})
	s.wait(len(s.waits)-1, waits{until, a.priority, place})
}

// waits is an actor who is put off, and until when: then it is his turn, behind all else that happens at that instant.
type waits struct {
	until    int64
	priority int64 // the actor's, which changes only when something happens to him
	place    int
}

// wait enters somebody into the list of those who wait, which is in the order of their turns, behind those whose turn is at the same time. A
// place of the list is free for him.
func (s *scheduler) wait(free int, who waits) {
	list := s.waits
	for ; free > 0 && list[free-1].until > who.until; free-- {
		list[free] = list[free-1]
	}
	for ; free+1 < len(list) && list[free+1].until <= who.until; free++ {
		list[free] = list[free+1]
	}
	list[free] = who
}

// turnComes reports whether somebody who waits has his turn before anything else happens, by the end.
func (w *World) turnComes(end int64) bool {
	list := w.scheduler.waits
	return len(list) > 0 && list[0].until <= end && (w.agenda.empty() || list[0].until < w.agenda.next())
}

// turn lets happen what waits for an actor, all of it now; unless another one still goes before it, and it can wait.
func (w *World) turn() {
	s := &w.scheduler
	first := s.waits[0]
	w.now = first.until
	a := &s.actors[first.place]
	if latest := a.since + int64(s.plan.Wait); s.plan.Kind == SchedulerPriority && !w.healed && w.now < latest {
		if at, ok := w.rival(a.priority); ok { // none of them is himself
			s.wait(0, waits{min(at, latest), first.priority, first.place})
			return
		}
	}
	s.waits = slices.Delete(s.waits, 0, 1)
	a.free = w.now
	a.waited += uint64(len(a.queue))
	a.longest = max(a.longest, w.now-a.since)
	for i := range a.queue {
		a.queue[i].at = w.now
		w.agenda.push(a.queue[i])
	}
	a.queue = a.queue[:0]
}

// rival returns when the first comes who has a higher priority, if that is within the window: one who waits, or to whom an event
// will happen.
func (w *World) rival(priority int64) (at int64, found bool) {
	s := &w.scheduler
	latest := w.now + int64(s.plan.Window)
	for i := range s.waits {
		t := &s.waits[i]
		if t.until > latest {
			break
		}
		if t.priority > priority {
			latest, found = t.until, true
			break
		}
	}
	keys := w.agenda.keys
	for i := len(keys) - 1; i >= 0 && int64(keys[i].at) <= latest; i-- {
		if place := w.actorOf(&w.agenda.slots[keys[i].slot()]); place >= 0 && s.actors[place].priority > priority {
			return int64(keys[i].at), true
		}
	}
	return latest, found
}
