package auth

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a wall clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// refused returns the refusal that an error is, and checks that a person and a program can use it.
func refused(t require.TestingT, err error) *Refusal {
	var r *Refusal
	require.ErrorAs(t, err, &r)
	require.NotEmpty(t, r.Reason)
	require.Regexp(t, `^[A-Z].*\.\)?$`, r.Text)
	require.Equal(t, r.Code == Exhausted || r.Code == Unavailable, r.RetryAfter > 0, "a delay with %s", r.Code)
	return r
}

func requireReason(t require.TestingT, reason string, err error) {
	require.Equal(t, reason, refused(t, err).Reason)
}
