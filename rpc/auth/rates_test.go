package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachKeyHasItsRate(t *testing.T) {
	c := newClock()
	r, err := NewRates("messages", 5, time.Second, c.now)
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, r.Allow("alice", 1))
	}
	refusal := refused(t, r.Allow("alice", 1))
	require.Equal(t, ReasonRateLimited, refusal.Reason)
	require.Equal(t, time.Second, refusal.RetryAfter)
	require.Contains(t, refusal.Text, "messages")
	require.NoError(t, r.Allow("bob", 1))

	c.move(refusal.RetryAfter)
	require.NoError(t, r.Allow("alice", 1))
	require.Equal(t, 3*time.Second, refused(t, r.Allow("alice", 3)).RetryAfter)
	c.move(2 * time.Second)
	require.NoError(t, r.Allow("alice", 2), "the refusal took nothing")
	c.move(time.Hour)
	require.NoError(t, r.Allow("alice", 5))
	requireReason(t, ReasonRateLimited, r.Allow("alice", 1))
}

// To wait would be in vain, so no delay is proposed.
func TestMoreThanABucketNeverGoesThroughAndSaysSo(t *testing.T) {
	r, err := NewRates("messages", 5, time.Second, newClock().now)
	require.NoError(t, err)
	refusal := refused(t, r.Allow("alice", 6))
	require.Equal(t, Invalid, refusal.Code)
	require.Equal(t, ReasonTooLarge, refusal.Reason)
	require.Contains(t, refusal.Text, "at most 5")
	require.NoError(t, r.Allow("alice", 5))
}

func TestTheMemoryOfRatesIsBounded(t *testing.T) {
	r, err := NewRates("calls", 1, time.Second, newClock().now)
	require.NoError(t, err)
	for n := range ratesMax + 100 {
		require.NoError(t, r.Allow(fmt.Sprint("user", n), 1))
	}
	require.Len(t, r.keys.items, ratesMax)
	long := strings.Repeat("x", 1<<16)
	require.NoError(t, r.Allow(long, 1))
	requireReason(t, ReasonRateLimited, r.Allow(long, 1))
}

func TestARateThatNeverLetsAnythingThroughIsRefused(t *testing.T) {
	for _, c := range []struct {
		burst int
		every time.Duration
	}{{0, time.Second}, {-1, time.Second}, {1, 0}, {1, -time.Second}} {
		_, err := NewRates("calls", c.burst, c.every, time.Now)
		require.ErrorContains(t, err, "limit of calls")
	}
}

func BenchmarkAllow(b *testing.B) {
	r, err := NewRates("calls", 1<<30, 1, time.Now)
	require.NoError(b, err)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Allow("user_1a", 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
