package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A count that is filled step by step says what the one moment of a bucket must say.
func TestABucketIsACountThatFillsAtItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rate{burst: rapid.IntRange(1, 8).Draw(t, "burst"), every: time.Duration(rapid.IntRange(1, 5).Draw(t, "every")) * time.Second}
		var b bucket
		now := newClock().at
		// In units of a token's share of a second: count is exact.
		full := time.Duration(r.burst) * r.every
		level := full
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			passed := time.Duration(rapid.IntRange(0, 7000).Draw(t, "ms")) * time.Millisecond
			now = now.Add(passed)
			level = min(full, level+passed)
			n := rapid.IntRange(1, r.burst).Draw(t, "n")
			need := time.Duration(n) * r.every
			require.Equal(t, max(0, need-level), b.wait(r, n, now))
			if level >= need {
				b.take(r, n, now)
				level -= need
				if rapid.IntRange(0, 3).Draw(t, "give back") == 0 {
					b.put(r, n)
					level += need
				}
			}
		}
	})
}

func TestABucketOutlivesAClockThatIsSet(t *testing.T) {
	r := rate{3, time.Second}
	var b bucket
	now := newClock().at
	b.take(r, 3, now)
	require.Equal(t, time.Second, b.wait(r, 1, now))
	require.Equal(t, time.Second, b.wait(r, 1, now.Add(-time.Hour)), "back: empty, and no emptier")
	require.Zero(t, b.wait(r, 3, now.Add(time.Hour)))
}

func TestADelayDoublesToAMinuteAndIsForgotten(t *testing.T) {
	var b backoff
	c := newClock()
	var waits []time.Duration
	for range 10 {
		b.fail(2, c.now())
		waits = append(waits, b.wait(c.now()))
		c.move(waits[len(waits)-1])
	}
	s := time.Second
	require.Equal(t, []time.Duration{0, 0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, delayMax, delayMax}, waits)
	for range 1000 { // nothing overflows
		b.fail(2, c.now())
	}
	require.Equal(t, delayMax, b.wait(c.now()))
	b.fail(2, c.now())
	require.Equal(t, delayMax/2, b.wait(c.now().Add(delayMax/2)), "counted from the failure, not from the question")
	require.Equal(t, delayMax, b.wait(c.now().Add(-time.Hour)), "a clock that is set back adds nothing")
	b.fail(2, c.now())
	c.move(forgetAfter)
	require.Zero(t, b.wait(c.now()))
	b.fail(2, c.now())
	require.Greater(t, b.failures, 1000, "after exactly an hour it is remembered")
	c.move(forgetAfter + time.Nanosecond)
	b.fail(2, c.now())
	require.Equal(t, 1, b.failures)
}
