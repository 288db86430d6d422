package load

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted is a caller that answers what its function says.
type scripted func(ctx context.Context) (bool, error)

func (s scripted) Do(ctx context.Context) (bool, error) { return s(ctx) }

func short() Plan { return Plan{Warm: time.Millisecond, Measure: 20 * time.Millisecond} }

// What is refused must not count as done, or a system that refuses everything would be the fastest.
func TestAnOperationThatIsNotDoneCountsAsAnErrorAndHasNoLatency(t *testing.T) {
	n := 0
	r, err := Run(context.Background(), []Caller{scripted(func(context.Context) (bool, error) {
		n++
		return n%2 == 0, nil
	})}, short())
	require.NoError(t, err)
	require.Positive(t, r.Ops)
	require.InDelta(t, r.Ops, r.Errors, 1)
	require.Equal(t, r.Ops, r.Took.Count())
}

// Loops that ended early would leave a figure of those that are left.
func TestAnErrorOfOneCallerIsTheErrorOfTheRun(t *testing.T) {
	broken := errors.New("broken")
	_, err := Run(context.Background(), []Caller{
		scripted(func(context.Context) (bool, error) { return true, nil }),
		scripted(func(context.Context) (bool, error) { return false, broken }),
	}, short())
	require.ErrorIs(t, err, broken)
}

func TestWhatTheEndOfTheRunCutsOffIsNoError(t *testing.T) {
	r, err := Run(context.Background(), []Caller{scripted(func(ctx context.Context) (bool, error) {
		<-ctx.Done()
		return false, ctx.Err()
	})}, short())
	require.NoError(t, err)
	require.Zero(t, r.Ops)
	require.Zero(t, r.Errors)
}

func TestARunThatIsInterruptedIsNoResult(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, []Caller{scripted(func(context.Context) (bool, error) {
		cancel()
		return true, nil
	})}, short())
	require.ErrorIs(t, err, context.Canceled)
}

// Begin and end stand around what is measured, so that what they count is of the same stretch.
func TestThePlansBeginAndEndAreCalledOnceAroundWhatIsMeasured(t *testing.T) {
	var calls []string
	p := short()
	p.Begin = func() (func(), error) {
		calls = append(calls, "begin")
		return func() { calls = append(calls, "end") }, nil
	}
	_, err := Run(context.Background(), nil, p)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "end"}, calls)
}

func TestAPointCountsPerOperation(t *testing.T) {
	var p Point
	r := Result{Ops: 20_000, Errors: 3, Seconds: 2, CPU: 4 * time.Second, Mallocs: 60_000, Others: 0.126}
	r.Took.Add(time.Millisecond)
	p.Take(r)
	require.Equal(t, 10_000.0, p.OpsPerS)
	require.Equal(t, 2.0, p.CPUPer10k)
	require.Equal(t, 3.0, p.AllocsPerOp)
	require.Equal(t, 0.13, p.OtherCPU)
	require.Equal(t, 3, p.Errors)
	require.InDelta(t, 1_000, p.P50, 16)
}

func TestACommandIsAsLongAsAsked(t *testing.T) {
	require.Len(t, AppendPut(nil, 7, 128), 128)
	require.Equal(t, []byte{7, 0, 0, 0, 0, 0, 0, 0}, AppendPut(nil, 7, KeyLen))
}

// restful is a caller that has something to do between two operations.
type restful struct {
	scripted
	rest func() error
}

func (r restful) Rest(context.Context) error { return r.rest() }

// What is not done between two operations is done in one of them, and counts.
func TestACallerRestsBehindEveryOperationAndItsErrorIsFinal(t *testing.T) {
	done, rested := 0, 0
	tired := errors.New("tired")
	_, err := Run(context.Background(), []Caller{restful{
		func(context.Context) (bool, error) {
			require.Equal(t, done, rested)
			done++
			return true, nil
		},
		func() error {
			if rested++; rested == 3 {
				return tired
			}
			return nil
		},
	}}, short())
	require.ErrorIs(t, err, tired)
	require.Equal(t, 3, done)
}
