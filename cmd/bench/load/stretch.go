package load

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Stretch is a part of a run: what it did, and what the process holds at its end.
type Stretch struct {
	Bench   string  `json:"bench"`   // "stretch"
	Seconds float64 `json:"seconds"` // since the measurement began
	Speed
	LiveMB     float64 `json:"live_mb"`     // of the heap, as the last collection found it, in 10^6 bytes
	ResidentMB float64 `json:"resident_mb"` // of the process; zero where nobody tells
	Goroutines int     `json:"goroutines"`
}

// Line is what a person reads.
func (s Stretch) Line() string {
	return fmt.Sprintf("%6.0f s  %s  heap %6.1f MB  resident %6.1f MB  %d goroutines",
		s.Seconds, s.Speed.Line(), s.LiveMB, s.ResidentMB, s.Goroutines)
}

// stretches looks at a run again and again.
type stretches struct {
	all    *tally
	begin  time.Time
	before Usage
	took   Histogram // until before
}

// next ends a stretch and begins another.
func (s *stretches) next() Stretch {
	now, took := TakeUsage(), s.all.copy()
	part := took
	part.subtract(&s.took)
	done := Result{
		Ops: int(part.Count()), Took: part, Seconds: now.At.Sub(s.before.At).Seconds(),
		CPU: now.CPU - s.before.CPU, Mallocs: now.Mallocs - s.before.Mallocs,
	}
	live, goroutines := heldNow()
	out := Stretch{
		Bench: "stretch", Seconds: Round(now.At.Sub(s.begin).Seconds(), 1), Speed: done.speed(),
		LiveMB: Round(float64(live)/1e6, 1), ResidentMB: Round(float64(resident())/1e6, 1), Goroutines: goroutines,
	}
	s.before, s.took = now, took
	return out
}

// pauseInStretches waits as Pause does, and tells of every stretch meanwhile.
func (p *Plan) pauseInStretches(ctx context.Context, s *stretches) error {
	if p.Every == 0 {
		return Pause(ctx, p.Measure)
	}
	for end := s.begin.Add(p.Measure); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := Pause(ctx, min(left, p.Every)); err != nil {
			return err
		}
		p.Stretch(s.next())
	}
}

// heldNow is what the last collection left, in bytes, and how many goroutines there are.
func heldNow() (live uint64, goroutines int) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(s)
	return s[0].Value.Uint64(), int(s[1].Value.Uint64())
}

// resident is the memory of the process, in bytes, as Linux counts it.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // what is no number counts nothing
	return pages * int64(os.Getpagesize())
}
