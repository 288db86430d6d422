package sim

import (
	"testing"
	"time"
)

// BenchmarkRun runs the first plans with five nodes, faults, judges and all: the time of a run, and of an event.
func BenchmarkRun(b *testing.B) {
	var plans []*Plan
	for seed := uint64(1); len(plans) < 10; seed++ {
		if p := Generate(seed, 10*time.Second); p.Nodes == 5 {
			plans = append(plans, p)
		}
	}
	b.ReportAllocs()
	events := uint64(0)
	for i := 0; b.Loop(); i++ {
		events += Run(plans[i%len(plans)], Options{}).Events
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}
