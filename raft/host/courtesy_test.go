package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is at stake: batches are larger if others run first, and a heartbeat that waits behind a dozen goroutines that
// compute is a leader lost.
func TestWhoHadToWaitForLongGivesNoWayForAWhile(t *testing.T) {
	now, given, takes := time.Unix(0, 0), 0, time.Millisecond
	c := courtesy{now: func() time.Time { return now }, give: func() { given++; now = now.Add(takes) }}
	for range 100 {
		c.yield()
	}
	require.Equal(t, 100, given, "many that do a little are waited for")
	takes = 40 * time.Millisecond
	c.yield()
	require.Equal(t, 101, given)
	for begin := now; now.Sub(begin) < yieldRest*takes-time.Millisecond; now = now.Add(time.Millisecond) {
		c.yield()
	}
	require.Equal(t, 101, given)
	now = now.Add(2 * time.Millisecond)
	c.yield()
	require.Equal(t, 102, given, "and then it is tried again")
}
