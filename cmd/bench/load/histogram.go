package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is a fixed part of their
// value, as HdrHistogram does: every power of two is cut into 64, so that a
// percentile is off by less than 1.6 %, whether it is a microsecond or a minute.
// The zero value is ready.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
}

const (
	subBits = 6
	sub     = 1 << subBits
	// Durations up to 2^40 ns, 18 minutes; what is longer counts as that.
	rangeBits = 40
	buckets   = (rangeBits - subBits + 1) * sub
)

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.total++
}

// bucketOf: values below sub have a bucket each; above, the top subBits+1 bits
// choose it.
func bucketOf(v uint64) int {
	v = min(v, 1<<rangeBits-1)
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift*sub + int(v>>shift)
}

// upperOf is the largest value in a bucket.
func upperOf(bucket int) uint64 {
	if bucket < 2*sub {
		return uint64(bucket)
	}
	shift := bucket/sub - 1
	return uint64(bucket%sub+sub+1)<<shift - 1
}

// Merge adds what another one counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
}

// subtract takes away what was counted until an earlier moment.
func (h *Histogram) subtract(earlier *Histogram) {
	for i, n := range earlier.counts {
		h.counts[i] -= n
	}
	h.total -= earlier.total
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int { return int(h.total) }

// At returns the duration below or at which the given part of all lies, 0 to 1.
func (h *Histogram) At(part float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(1, uint64(part*float64(h.total)+0.5))
	for i, n := range h.counts {
		if rank <= n {
			return time.Duration(upperOf(i))
		}
		rank -= n
	}
	return time.Duration(upperOf(buckets - 1))
}

// Micros is a duration in microseconds, with one digit behind the point.
func Micros(d time.Duration) float64 {
	return float64(d.Nanoseconds()/100) / 10
}
