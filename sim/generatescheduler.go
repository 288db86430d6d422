package sim

import "time"

// GenerateFor makes the plan of a seed with this scheduler, whatever the seed draws: to compare them.
func GenerateFor(seed uint64, duration time.Duration, kind SchedulerKind) *Plan {
	p := Generate(seed, duration)
	g := &generator{chance: chance{seed}, plan: p}
	g.schedulerOf(kind)
	return p
}

// scheduler draws who decides what comes next: half of the time chance alone.
func (g *generator) scheduler() {
	s := g.stream(ideaScheduler)
	g.schedulerOf([]SchedulerKind{SchedulerUniform, SchedulerUniform, SchedulerPriority, SchedulerDelays}[s.below(4)])
}

// schedulerOf draws a scheduler of a kind. Points lie in the time in which faults strike, as far as that can be
// known: a busy world has some 600 turns a second.
func (g *generator) schedulerOf(kind SchedulerKind) {
	s := g.stream(ideaScheduler | uint64(kind)<<32)
	p := g.plan
	seconds := max(int64(p.Heal/time.Second), 1)
	switch p.Scheduler = (SchedulerPlan{Kind: kind}); kind {
	case SchedulerPriority:
		p.Scheduler.Window = time.Duration(s.between(100, 5000)) * time.Microsecond
		p.Scheduler.Wait = p.Node.Election * time.Duration(s.between(20, 1000)) / 1000
	case SchedulerDelays:
		p.Scheduler.Wait = p.Node.Election * time.Duration(s.between(20, 2000)) / 1000
	default:
		return
	}
	p.Scheduler.Points = s.between(1, 6) // as few as the papers want
	if s.perMille(700) {
		p.Scheduler.Points = min(seconds*s.between(1, 8), pointsMax) // or as many as make a minute of several short runs
	}
	p.Scheduler.Within = 600 * seconds
}

// SchedulerNamed returns the scheduler that plans call so.
func SchedulerNamed(name string) (kind SchedulerKind, ok bool) {
	i, ok := valueOf(schedulerNames, name)
	return SchedulerKind(i), ok
}

// SchedulerNames are the names of all schedulers.
func SchedulerNames() []string { return append([]string(nil), schedulerNames...) }
