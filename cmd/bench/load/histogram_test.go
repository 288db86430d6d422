package load

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEveryDurationIsInTheBucketThatEndsAtOrAboveIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64Range(0, 1<<rangeBits-1).Draw(t, "nanoseconds")
		b := bucketOf(v)
		require.GreaterOrEqual(t, upperOf(b), v)
		require.LessOrEqual(t, float64(upperOf(b)), float64(v)*(1+1.0/sub), "no bucket is wider than a sub-part of its value")
		if b > 0 {
			require.Less(t, upperOf(b-1), v, "and it is the first such bucket")
		}
	})
}

func TestPercentilesAreThoseOfTheSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a, b Histogram
		all := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Minute)), 1, 500).Draw(t, "durations")
		for i, v := range all {
			h := &a
			if i%2 == 1 {
				h = &b
			}
			h.Add(time.Duration(v))
		}
		a.Merge(&b)
		slices.Sort(all)
		for _, part := range []float64{0, 0.5, 0.99, 1} {
			rank := max(1, min(len(all), int(part*float64(len(all))+0.5)))
			exact := float64(all[rank-1])
			require.GreaterOrEqual(t, float64(a.At(part)), exact)
			require.LessOrEqual(t, float64(a.At(part)), exact*(1+1.0/sub))
		}
	})
}

func TestAnEmptyHistogramAnswersZero(t *testing.T) {
	var h Histogram
	require.Zero(t, h.At(0.5))
	h.Add(1000 * time.Hour)
	require.Positive(t, h.At(0.5), "what is beyond the range counts as its end")
}
