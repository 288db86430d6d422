package host

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is at stake: batches are larger if others run first, and a heartbeat that waits behind a dozen goroutines that
// compute is a leader lost.
func TestWhoHadToWaitForLongGivesNoWayForAWhile(t *testing.T) {
	now, given, takes, waits := time.Unix(0, 0), 0, time.Millisecond, 0
	c := courtesy{
		now:     func() time.Time { return now },
		give:    func() { given++; waits++; now = now.Add(takes) },
		waiting: func() int { return waits },
	}
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

// A lone caller whom nothing will ever join need not wait for it; and when others come it is noticed.
func TestWhoGivesWayInVainDoesSoNowAndThenOnly(t *testing.T) {
	now, given, waits, come := time.Unix(0, 0), 0, 0, 0
	c := courtesy{
		now:     func() time.Time { return now },
		give:    func() { given++; waits += come; now = now.Add(yieldMore) }, // one turn each time
		waiting: func() int { return waits },
	}
	for range yieldVain {
		c.yield()
	}
	require.Equal(t, yieldVain, given)
	given = 0
	for range 10 * yieldTry {
		c.yield()
	}
	require.Equal(t, 10, given)
	come = 1
	for given = 0; given == 0; {
		c.yield()
	}
	for range 100 {
		c.yield()
	}
	require.Equal(t, 101, given, "one that brought something, and all from then on")
}

// What is at stake: of hundreds who were just answered, the first few would have a batch of their own, and all others
// stand behind it.
func TestWhoGivesWayWaitsForAllWhoCome(t *testing.T) {
	now, given, waits := time.Unix(0, 0), 0, 0
	var come []int
	c := courtesy{
		now: func() time.Time { return now },
		give: func() {
			given++
			now = now.Add(50 * time.Microsecond)
			if len(come) > 0 {
				waits, come = waits+come[0], come[1:]
			}
		},
		waiting: func() int { return waits },
		few:     1,
	}
	come = []int{60, 60, 60, 20}
	c.yield()
	require.Equal(t, 200, waits)
	require.Equal(t, 5, given, "until a turn brings nobody")

	given, come = 0, []int{1, 1}
	c.yield()
	require.Equal(t, 1, given, "one who comes alone is not the first of many")

	given, come = 0, slices.Repeat([]int{9}, 1000)
	c.yield()
	require.Equal(t, int(yieldMore/(50*time.Microsecond)), given, "and nobody waits for good")
}
