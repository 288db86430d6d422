package load

import (
	"fmt"
	"strings"
)

// Point is one line of results: what was measured, of whom, and what came out. Scripts read its fields.
type Point struct {
	Bench   string `json:"bench"`
	Peer    string `json:"peer,omitempty"` // whom of several
	Op      string `json:"op"`
	Callers int    `json:"callers"`
	Payload int    `json:"payload"`
	Speed
	Sync      string  `json:"sync"`
	SyncP50   float64 `json:"disk_sync_p50_us"` // of the leader's log
	SyncsPerS float64 `json:"syncs_per_s"`      // of all nodes' logs
	Errors    int     `json:"errors"`
	Nodes     int     `json:"nodes"`
	Transport string  `json:"transport"`
	Elections int     `json:"elections"`
	Seconds   float64 `json:"seconds"`
	OtherCPU  float64 `json:"other_cpus"`           // processors that everything else on the machine used
	Pace      int     `json:"pace_per_s,omitempty"` // latencies count from when an operation was due
	Bars      []Bar   `json:"histogram,omitempty"`  // if it was asked for
}

// Take fills in what a run says about itself.
func (p *Point) Take(r Result) {
	p.Speed = r.speed()
	p.Errors, p.Seconds, p.OtherCPU = r.Errors, Round(r.Seconds, 2), Round(r.Others, 2)
}

// Line is what a person reads, with the histogram below if there is one.
func (p *Point) Line() string {
	line := fmt.Sprintf("%-4s  %4d callers  %4d bytes  %s  sync %s %.0f us, %.0f/s  errors %d  elections %d  others %.2f",
		p.Op, p.Callers, p.Payload, p.Speed.Line(), p.Sync, p.SyncP50, p.SyncsPerS, p.Errors, p.Elections, p.OtherCPU)
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
