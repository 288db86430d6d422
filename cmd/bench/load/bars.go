package load

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Bar is how many latencies lay in a power of two of microseconds: above half of Micros, or from zero for the first, up to it.
type Bar struct {
	Micros uint64 `json:"to_us"`
	Count  uint64 `json:"count"`
}

// Bars draws a histogram coarsely, from the first bar that has something to the last.
func (h *Histogram) Bars() (bars []Bar) {
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		us := max(1, (upperOf(i)+999)/1000)
		to := uint64(1) << bits.Len64(us-1)
		for len(bars) > 0 && bars[len(bars)-1].Micros < to/2 {
			bars = append(bars, Bar{Micros: bars[len(bars)-1].Micros * 2})
		}
		if len(bars) == 0 || bars[len(bars)-1].Micros < to {
			bars = append(bars, Bar{Micros: to})
		}
		bars[len(bars)-1].Count += n
	}
	return bars
}

// AddBars adds up what two runs counted.
func AddBars(a, b []Bar) []Bar {
	if len(a) == 0 || len(b) == 0 {
		return append(append([]Bar(nil), a...), b...)
	}
	var sum []Bar
	for us := min(a[0].Micros, b[0].Micros); us <= max(a[len(a)-1].Micros, b[len(b)-1].Micros); us *= 2 {
		sum = append(sum, Bar{us, countOf(a, us) + countOf(b, us)})
	}
	return sum
}

func countOf(bars []Bar, us uint64) (n uint64) {
	for _, b := range bars {
		if b.Micros == us {
			n += b.Count
		}
	}
	return n
}

// barWidth is the longest bar, in characters.
const barWidth = 50

// DrawBars is what a person sees: a line a bar, with its part of all.
func DrawBars(bars []Bar) string {
	var total, most uint64
	for _, b := range bars {
		total, most = total+b.Count, max(most, b.Count)
	}
	var s strings.Builder
	for _, b := range bars {
		fmt.Fprintf(&s, "  to %9v %8.4f %%  %s\n", time.Duration(b.Micros)*time.Microsecond,
			100*float64(b.Count)/float64(max(1, total)), strings.Repeat("#", int((b.Count*barWidth+most-1)/max(1, most))))
	}
	return s.String()
}
