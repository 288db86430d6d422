package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// window is the latencies of an open loop in a stretch of time.
type window struct {
	Writes   int     `json:"writes"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpus"`       // processors in use by this process
	OtherCPU float64 `json:"other_cpus"` // and by everything else on the machine, as far as it can be told
}

// String is what a person reads.
func (w window) String() string {
	return fmt.Sprintf("%5.1f s  %6d writes  p50 %6.0f us  p99 %6.0f us  p99.9 %6.0f us  max %6.0f us  %.2f processors, others %.2f",
		w.Seconds, w.Writes, w.P50, w.P99, w.P999, w.Max, w.CPU, w.OtherCPU)
}

// between looks at the samples that were due between two moments.
func between(samples []sample, from, to meter) window {
	var took []time.Duration
	for _, s := range samples {
		if !s.due.Before(from.at) && s.due.Before(to.at) {
			took = append(took, s.took)
		}
	}
	w := window{Writes: len(took), Seconds: seconds(from.at, to.at)}
	if len(took) == 0 {
		return w
	}
	slices.Sort(took)
	at := func(part float64) float64 { return micros(took[min(len(took)-1, int(part*float64(len(took))))]) }
	w.P50, w.P99, w.P999, w.Max = at(0.5), at(0.99), at(0.999), micros(took[len(took)-1])
	if from.own > 0 && w.Seconds > 0 {
		w.CPU = roundTo((to.own-from.own).Seconds()/w.Seconds, 2)
		w.OtherCPU = roundTo(to.others(from), 2)
	}
	return w
}

// meter is a moment, and what the processors had done until then.
type meter struct {
	at  time.Time
	own time.Duration // by this process
	all time.Duration // by all; zero where nobody tells
}

func read() meter {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails only for a bad argument
	return meter{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano()), machineCPU()}
}

// others is how many processors everything else on the machine used since an earlier moment.
func (m meter) others(since meter) float64 {
	return max(0, ((m.all-since.all)-(m.own-since.own)).Seconds()/m.at.Sub(since.at).Seconds())
}

// quietBelow is what an idle machine uses for itself.
const quietBelow = 0.15

// awaitQuiet waits until nothing else has run for two seconds, or for as long as the patience lasts: who else
// uses the machine stands beside the figures.
func awaitQuiet(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		before := read()
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		if read().others(before) < quietBelow {
			break
		}
	}
	return nil
}

// machineCPU adds up what Linux says in /proc/stat: user, nice, system, irq, softirq and steal, in hundredths of
// a second.
func machineCPU() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	total := time.Duration(0)
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		if i < len(fields) {
			ticks, _ := strconv.ParseInt(fields[i], 10, 64) // what is no number counts nothing
			total += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return total
}
