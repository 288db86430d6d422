package load

import (
	"fmt"
	"strings"
)

// Point is one line of results: what was measured, of whom, and what came out. Scripts read its fields.
type Point struct {
	Bench       string  `json:"bench"`
	Peer        string  `json:"peer,omitempty"` // whom of several
	Op          string  `json:"op"`
	Callers     int     `json:"callers"`
	Payload     int     `json:"payload"`
	OpsPerS     float64 `json:"ops_per_s"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	CPUPer10k   float64 `json:"cpu_s_per_10k"`
	AllocsPerOp float64 `json:"allocs_per_op"`
	Sync        string  `json:"sync"`
	SyncP50     float64 `json:"disk_sync_p50_us"` // of the leader's log
	SyncsPerS   float64 `json:"syncs_per_s"`      // of all nodes' logs
	Errors      int     `json:"errors"`
	Nodes       int     `json:"nodes"`
	Transport   string  `json:"transport"`
	Elections   int     `json:"elections"`
	Seconds     float64 `json:"seconds"`
	OtherCPU    float64 `json:"other_cpus"`           // processors that everything else on the machine used
	Pace        int     `json:"pace_per_s,omitempty"` // latencies count from when an operation was due
	Bars        []Bar   `json:"histogram,omitempty"`  // if it was asked for
}

// Take fills in what a run says about itself.
func (p *Point) Take(r Result) {
	n := max(1, float64(r.Ops))
	p.OpsPerS = Round(float64(r.Ops)/r.Seconds, 1)
	p.P50, p.P99, p.P999 = Micros(r.Took.At(0.5)), Micros(r.Took.At(0.99)), Micros(r.Took.At(0.999))
	p.CPUPer10k = Round(r.CPU.Seconds()/n*10_000, 3)
	p.AllocsPerOp = Round(float64(r.Mallocs)/n, 1)
	p.Errors, p.Seconds, p.OtherCPU = r.Errors, Round(r.Seconds, 2), Round(r.Others, 2)
}

// Line is what a person reads, with the histogram below if there is one.
func (p *Point) Line() string {
	line := fmt.Sprintf("%-4s  %4d callers  %4d bytes  %8.0f ops/s  p50 %7.0f us  p99 %7.0f us  p999 %7.0f us  %5.2f cpu s/10k  %5.1f allocs/op  sync %s %.0f us, %.0f/s  errors %d  elections %d  others %.2f",
		p.Op, p.Callers, p.Payload, p.OpsPerS, p.P50, p.P99, p.P999, p.CPUPer10k, p.AllocsPerOp, p.Sync, p.SyncP50, p.SyncsPerS, p.Errors, p.Elections, p.OtherCPU)
	if len(p.Bars) > 0 {
		line += "\n" + strings.TrimRight(DrawBars(p.Bars), "\n")
	}
	return line
}

// Round keeps some digits behind the point.
func Round(v float64, digits int) float64 {
	scale := 1.0
	for range digits {
		scale *= 10
	}
	return float64(int64(v*scale+0.5)) / scale
}
