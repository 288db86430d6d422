package main

import (
	"fmt"
	"slices"
	"time"

	"parley/cmd/bench/load"
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
func between(samples []sample, from, to load.Meter) window {
	var took []time.Duration
	for _, s := range samples {
		if !s.due.Before(from.At) && s.due.Before(to.At) {
			took = append(took, s.took)
		}
	}
	w := window{Writes: len(took), Seconds: seconds(from.At, to.At)}
	if len(took) == 0 {
		return w
	}
	slices.Sort(took)
	at := func(part float64) float64 { return load.Micros(took[min(len(took)-1, int(part*float64(len(took))))]) }
	w.P50, w.P99, w.P999, w.Max = at(0.5), at(0.99), at(0.999), load.Micros(took[len(took)-1])
	if from.Own > 0 && w.Seconds > 0 {
		w.CPU = load.Round((to.Own-from.Own).Seconds()/w.Seconds, 2)
		w.OtherCPU = load.Round(to.Others(from), 2)
	}
	return w
}
