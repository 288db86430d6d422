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
	Bench       string  `json:"bench"`   // "stretch"
	Seconds     float64 `json:"seconds"` // since the measurement began
	OpsPerS     float64 `json:"ops_per_s"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	CPUPer10k   float64 `json:"cpu_s_per_10k"`
	AllocsPerOp float64 `json:"allocs_per_op"`
	LiveMB      float64 `json:"live_mb"`     // of the heap, as the last collection found it, in 10^6 bytes
	ResidentMB  float64 `json:"resident_mb"` // of the process; zero where nobody tells
	Goroutines  int     `json:"goroutines"`
}

// Line is what a person reads.
func (s Stretch) Line() string {
	return fmt.Sprintf("%6.0f s  %8.0f ops/s  p50 %7.0f us  p99 %7.0f us  p999 %7.0f us  %5.2f cpu s/10k  %5.1f allocs/op  heap %6.1f MB  resident %6.1f MB  %d goroutines",
		s.Seconds, s.OpsPerS, s.P50, s.P99, s.P999, s.CPUPer10k, s.AllocsPerOp, s.LiveMB, s.ResidentMB, s.Goroutines)
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
	n := max(1, float64(part.Count()))
	live, goroutines := heldNow()
	out := Stretch{
		Bench: "stretch", Seconds: Round(now.At.Sub(s.begin).Seconds(), 1),
		OpsPerS: Round(float64(part.Count())/now.At.Sub(s.before.At).Seconds(), 1),
		P50:     Micros(part.At(0.5)), P99: Micros(part.At(0.99)), P999: Micros(part.At(0.999)),
		CPUPer10k:   Round((now.CPU-s.before.CPU).Seconds()/n*10_000, 3),
		AllocsPerOp: Round(float64(now.Mallocs-s.before.Mallocs)/n, 1),
		LiveMB:      Round(float64(live)/1e6, 1), ResidentMB: Round(float64(resident())/1e6, 1), Goroutines: goroutines,
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
