package main

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
		var a, b histogram
		all := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Minute)), 1, 500).Draw(t, "durations")
		for i, v := range all {
			h := &a
			if i%2 == 1 {
				h = &b
			}
			h.add(time.Duration(v))
		}
		a.merge(&b)
		slices.Sort(all)
		for _, part := range []float64{0, 0.5, 0.99, 1} {
			rank := max(1, min(len(all), int(part*float64(len(all))+0.5)))
			exact := float64(all[rank-1])
			require.GreaterOrEqual(t, float64(a.at(part)), exact)
			require.LessOrEqual(t, float64(a.at(part)), exact*(1+1.0/sub))
		}
	})
}

func TestAnEmptyHistogramAnswersZero(t *testing.T) {
	var h histogram
	require.Zero(t, h.at(0.5))
	h.add(1000 * time.Hour)
	require.Positive(t, h.at(0.5), "what is beyond the range counts as its end")
}
