package load

import "fmt"

// Speed is what a run, or a stretch of one, did in its time and what an operation took: the fields that all results share.
type Speed struct {
	OpsPerS     float64 `json:"ops_per_s"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	CPUPer10k   float64 `json:"cpu_s_per_10k"`
	AllocsPerOp float64 `json:"allocs_per_op"`
}

// speed is that of a result. Without an operation it shows what the processor did for nothing.
func (r *Result) speed() Speed {
	n := max(1, float64(r.Ops))
	return Speed{
		OpsPerS: Round(float64(r.Ops)/r.Seconds, 1),
		P50:     Micros(r.Took.At(0.5)), P99: Micros(r.Took.At(0.99)), P999: Micros(r.Took.At(0.999)),
		CPUPer10k:   Round(r.CPU.Seconds()/n*10_000, 3),
		AllocsPerOp: Round(float64(r.Mallocs)/n, 1),
	}
}

// Line is what a person reads.
func (s Speed) Line() string {
	return fmt.Sprintf("%8.0f ops/s  p50 %7.0f us  p99 %7.0f us  p999 %7.0f us  %5.2f cpu s/10k  %5.1f allocs/op",
		s.OpsPerS, s.P50, s.P99, s.P999, s.CPUPer10k, s.AllocsPerOp)
}
