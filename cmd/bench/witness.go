package main

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"parley/cmd/bench/load"
)

// witness writes down what may hold writes up while they are measured: stretches of time, from the begin.
type witness struct {
	begin time.Time
	mu    sync.Mutex
	on    bool
	disks []stretches // of each node
	beats stretches   // the scheduler, or the machine, was late
	stops stretches   // the collector stopped everything
}

// stretch is a piece of time.
type stretch struct{ from, to time.Duration }

// stretches are in the order of their ends.
type stretches struct{ list []stretch }

// shortest is what is written down: what is shorter is how things are under load, and makes no write one of the slowest.
const shortest = time.Millisecond

// start begins.
func (w *witness) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin, w.on = time.Now(), true
}

// end ends, and asks the runtime what it remembers.
func (w *witness) end() {
	stops := readStops(w.begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on, w.stops.list = false, stops
}

// batch is told by node i's disk that it has just finished one.
func (w *witness) batch(i int, took time.Duration) {
	if took < shortest {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on {
		now := time.Since(w.begin)
		w.disks[i].list = append(w.disks[i].list, stretch{now - took, now})
	}
}

// beat is told when a goroutine that was due at a time ran.
func (w *witness) beat(due, now time.Duration) {
	if now-due < shortest {
		return
	}
	last := len(w.beats.list) - 1
	if last >= 0 && due <= w.beats.list[last].to { // several were due
		w.beats.list[last].to = now
		return
	}
	w.beats.list = append(w.beats.list, stretch{due, now})
}

// within is how much of a piece of time lies in the stretches. They don't overlap.
func (s *stretches) within(at stretch) (sum time.Duration) {
	i, _ := slices.BinarySearchFunc(s.list, at.from, func(s stretch, t time.Duration) int { return cmp.Compare(s.to, t) })
	for ; i < len(s.list) && s.list[i].from < at.to; i++ {
		sum += min(s.list[i].to, at.to) - max(s.list[i].from, at.from)
	}
	return sum
}

// longest is the longest of them.
func (s *stretches) longest() (d time.Duration) {
	for _, s := range s.list {
		d = max(d, s.to-s.from)
	}
	return d
}

// together are the stretches in which at least so many of several are in one of theirs.
func together(all []stretches, least int) stretches {
	type edge struct {
		at   time.Duration
		step int
	}
	var edges []edge
	for _, s := range all {
		for _, s := range s.list {
			edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	var r stretches
	n, from := 0, time.Duration(0)
	for _, e := range edges {
		was := n
		n += e.step
		switch {
		case was < least && n >= least:
			from = e.at
		case was >= least && n < least && e.at > from:
			r.list = append(r.list, stretch{from, e.at})
		}
	}
	return r
}

// explain says what slow writes waited for. A majority of the disks is what a write needs; where the collector
// stopped everything, or who was due did not run, that is the cause whatever the disks seemed to do, since nobody was there
// to see them finish. What covers less than half of a write's time does not explain it.
func (w *witness) explain(slow []burstWrite) []cause {
	w.mu.Lock()
	defer w.mu.Unlock()
	majority := together(w.disks, len(w.disks)/2+1)
	one := together(w.disks, 1)
	causes := []struct {
		cause
		in *stretches
	}{
		{cause{What: "the collector stopped all"}, &w.stops},
		{cause{What: "nobody was scheduled"}, &w.beats},
		{cause{What: "a majority of disks was slow"}, &majority},
		{cause{What: "one disk was slow"}, &one},
		{cause{What: "none of these"}, &stretches{}},
	}
	for _, s := range slow {
		at, best := stretch{s.due, s.due + s.took}, len(causes)-1
		for i := range causes[:best] {
			if 2*causes[i].in.within(at) >= s.took {
				best = i
				break
			}
		}
		causes[best].Slow++
	}
	var r []cause
	for _, c := range causes {
		c.Part = load.Round(float64(c.Slow)/float64(max(1, len(slow))), 3)
		c.Times, c.Worst = len(c.in.list), load.Micros(c.in.longest())
		r = append(r, c.cause)
	}
	return r
}

// waits are the stretches in which slow writes were under way.
func waits(slow []burstWrite) []stretch {
	var all stretches
	for _, s := range slow {
		all.list = append(all.list, stretch{s.due, s.due + s.took})
	}
	return together([]stretches{all}, 1).list
}
