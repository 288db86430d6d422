package load

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A closed loop would ask nobody while a stall lasts, and count one slow operation where a thousand were late.
func TestAtAPaceWhatAStallHoldsUpCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		c := scripted(func(ctx context.Context) (bool, error) {
			if n.Add(1) == 10 {
				return true, Pause(ctx, time.Second) // one of a hundred a second
			}
			return true, nil
		})
		r, err := Run(context.Background(), []Caller{c}, Plan{Measure: 3*time.Second + time.Millisecond, Pace: 100})
		require.NoError(t, err)
		require.InDelta(t, 300, r.Ops, 2, "every operation that was due was done")
		late := 0
		for _, b := range r.Took.Bars() {
			if b.Micros > 10_000 {
				late += int(b.Count)
			}
		}
		require.InDelta(t, 100, late, 3, "those of a second")
		require.Equal(t, time.Second, r.Took.At(1).Round(20*time.Millisecond))
	})
}

func TestAPaceIsThatOfAllCallersTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var callers []Caller
		for range 7 {
			callers = append(callers, scripted(func(ctx context.Context) (bool, error) { return true, Pause(ctx, time.Millisecond) }))
		}
		r, err := Run(context.Background(), callers, Plan{Measure: 2*time.Second + time.Microsecond, Pace: 50})
		require.NoError(t, err)
		require.InDelta(t, 100, r.Ops, 1)
		require.Equal(t, []Bar{{Micros: 1024, Count: uint64(r.Ops)}}, r.Took.Bars())
	})
}
