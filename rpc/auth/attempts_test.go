package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// try begins an attempt and fails it. It reports whether it was let through.
func try(t require.TestingT, a *Attempts, username, addr string) bool {
	attempt, err := a.Begin(username, addr)
	if err != nil {
		requireReason(t, ReasonLoginLimited, err)
		return false
	}
	attempt.Failed()
	return true
}

// ended ends an attempt that must be let through.
func ended(t require.TestingT, a *Attempts, username, addr string, end func(*Attempt)) {
	attempt, err := a.Begin(username, addr)
	require.NoError(t, err)
	end(attempt)
}

// What is at stake: the owner of an account gets in on any day, whoever guesses at it.
func TestAnOwnerGetsInWhileSomebodyGuessesWithoutPause(t *testing.T) {
	c := newClock()
	a := NewAttempts(c.now)
	guess := func() {
		for range 5 {
			try(t, a, "alice", "203.0.113.7:4711")
		}
	}
	for range 2000 { // 200 s
		guess()
		c.move(100 * time.Millisecond)
	}
	// From an address that the account has never seen, with a few mistakes, at once.
	for range 4 {
		require.True(t, try(t, a, "alice", "198.51.100.1:99"))
		guess()
	}
	ended(t, a, "alice", "198.51.100.1:98", (*Attempt).Succeeded)
	// And from there again and again, the guesser being at it all the time.
	for range 300 {
		guess()
		ended(t, a, "alice", "198.51.100.1:97", (*Attempt).Succeeded)
		c.move(time.Second)
	}
}

// With a thousand addresses somebody can use up what newcomers have, but not what the owner has at home.
func TestAnOwnerAtHomeGetsInWhileAThousandAddressesGuess(t *testing.T) {
	c := newClock()
	a := NewAttempts(c.now)
	ended(t, a, "alice", "198.51.100.1", (*Attempt).Succeeded)
	let := 0
	for second := range 600 {
		for n := range 20 {
			if try(t, a, "alice", fmt.Sprintf("10.0.%d.%d", (second*20+n)%1000/250, (second*20+n)%250)) {
				let++
			}
		}
		ended(t, a, "alice", "198.51.100.1", (*Attempt).Succeeded)
		c.move(time.Second)
	}
	require.LessOrEqual(t, let, 100)
	// A newcomer gets in as soon as there is a token, which is never more than newcomersEvery away.
	for n := 0; try(t, a, "alice", fmt.Sprintf("10.9.0.%d", n)); n++ {
	}
	_, err := a.Begin("alice", "192.0.2.77")
	d := refused(t, err).RetryAfter
	require.LessOrEqual(t, d, newcomersEvery)
	c.move(d)
	ended(t, a, "alice", "192.0.2.77", (*Attempt).Succeeded)
}

func TestNoDelayExceedsAMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		a := NewAttempts(c.now)
		var open []*Attempt
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "name")
			addr := rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}).Draw(t, "address")
			attempt, err := a.Begin(name, addr)
			if err != nil {
				r := refused(t, err)
				require.Equal(t, Exhausted, r.Code)
				require.LessOrEqual(t, r.RetryAfter, delayMax)
			} else {
				open = append(open, attempt)
			}
			if len(open) > 0 {
				switch end, last := rapid.IntRange(0, 9).Draw(t, "end"), open[len(open)-1]; {
				case end < 6:
					last.Failed()
					open = open[:len(open)-1]
				case end == 6:
					last.Succeeded()
					open = open[:len(open)-1]
				case end == 7:
					last.Abandoned()
					open = open[:len(open)-1]
				}
			}
			c.move(time.Duration(rapid.IntRange(0, 3).Draw(t, "s")) * time.Second)
		}
		for _, attempt := range open {
			attempt.Failed()
		}
		for _, l := range a.addresses.items {
			require.Zero(t, l.value.trying)
		}
		for _, l := range a.accounts.items {
			require.Zero(t, l.value.trying)
		}
		// Whoever waits as long as he was told gets through, if nobody else tries meanwhile.
		if _, err := a.Begin("alice", "192.0.2.1"); err != nil {
			c.move(refused(t, err).RetryAfter)
			if _, err = a.Begin("alice", "192.0.2.1"); err != nil { // the address was in the way, and behind it the account
				c.move(refused(t, err).RetryAfter)
				_, err = a.Begin("alice", "192.0.2.1")
			}
			require.NoError(t, err)
		}
	})
}

// Many at once are no way around the limit: each counts from its beginning.
func TestAttemptsAtOnceAreCountedBeforeTheyEnd(t *testing.T) {
	a := NewAttempts(newClock().now)
	var open []*Attempt
	for range 1000 {
		if attempt, err := a.Begin("alice", "192.0.2.1"); err == nil {
			open = append(open, attempt)
		} else {
			require.LessOrEqual(t, refused(t, err).RetryAfter, delayMin, "theirs may be taken back")
		}
	}
	require.Len(t, open, freeFailures+1)
	for _, attempt := range open {
		attempt.Failed()
	}
	require.False(t, try(t, a, "alice", "192.0.2.1"))
}

// A house at nine o'clock: whoever comes too many waits a second for those before him, not for the bucket to fill.
func TestWhoIsRefusedWhileOthersAreAtItComesAgainSoon(t *testing.T) {
	a := NewAttempts(newClock().now)
	var open []*Attempt
	for n := range addressBurst {
		attempt, err := a.Begin(fmt.Sprint("user", n), "192.0.2.1")
		require.NoError(t, err)
		open = append(open, attempt)
	}
	_, err := a.Begin("alice", "192.0.2.1")
	require.Equal(t, delayMin, refused(t, err).RetryAfter)
	for _, attempt := range open {
		attempt.Failed()
	}
	_, err = a.Begin("alice", "192.0.2.1")
	require.Equal(t, addressEvery, refused(t, err).RetryAfter)
}

func TestASuccessIsTakenBackAndALotOfThemAreFree(t *testing.T) {
	a := NewAttempts(newClock().now)
	for n := range 1000 { // one house, many people, one moment
		ended(t, a, fmt.Sprint("user", n%50), "192.0.2.1", (*Attempt).Succeeded)
	}
	require.True(t, try(t, a, "alice", "192.0.2.1"))
}

// As many as may wait for the hasher log in from one address in the same moment, each to his account.
func TestTheHasherIsFullBeforeAnAddressIs(t *testing.T) {
	a := NewAttempts(newClock().now)
	for n := range 1 + hashWaitersMax {
		_, err := a.Begin(fmt.Sprint("user", n), "127.0.0.1")
		require.NoError(t, err)
	}
}

// An attempt that never came to a comparison leaves everything as it was, on every lane.
func TestAnAbandonedAttemptIsNone(t *testing.T) {
	prepare := map[string]func(a *Attempts, c *clock){
		"newcomer": func(*Attempts, *clock) {},
		"stranger": func(a *Attempts, c *clock) {
			for range freeFailures + 5 {
				try(t, a, "alice", "192.0.2.1")
				c.move(delayMax)
			}
		},
		"home": func(a *Attempts, c *clock) {
			ended(t, a, "alice", "192.0.2.1", (*Attempt).Succeeded)
			for range freeFailures + 3 {
				try(t, a, "alice", "192.0.2.1")
				c.move(delayMax)
			}
		},
	}
	for name, prepare := range prepare {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			a := NewAttempts(c.now)
			prepare(a, c)
			for range 1000 {
				ended(t, a, "alice", "192.0.2.1", (*Attempt).Abandoned)
			}
			require.True(t, try(t, a, "alice", "192.0.2.1"))
		})
	}
}

// Two attempts overlap, one is abandoned: the other one's delay stays.
func TestAbandoningDoesNotTakeBackWhatOthersFailed(t *testing.T) {
	c := newClock()
	a := NewAttempts(c.now)
	for range freeFailures + 3 {
		try(t, a, "alice", "192.0.2.1")
		c.move(delayMax)
	}
	first, err := a.Begin("alice", "192.0.2.1")
	require.NoError(t, err)
	c.move(delayMax)
	ended(t, a, "alice", "192.0.2.1", (*Attempt).Failed)
	first.Abandoned()
	require.False(t, try(t, a, "alice", "192.0.2.1"))

	// And the abandoned one itself is taken back, though it was not the last.
	first, err = a.Begin("bob", "192.0.2.1")
	require.NoError(t, err)
	require.True(t, try(t, a, "bob", "192.0.2.1"))
	first.Abandoned()
	require.Equal(t, 1, a.pairs.get(pair{"bob", "192.0.2.1"}).failed.failures)
}

func TestAnAttemptEndsOnce(t *testing.T) {
	a := NewAttempts(newClock().now)
	for range 100 { // what succeeds once must not give back twice
		ended(t, a, "alice", "192.0.2.1", func(x *Attempt) { x.Succeeded(); x.Succeeded(); x.Abandoned() })
	}
	let := 0
	for range 100 {
		attempt, err := a.Begin("alice", "192.0.2.1")
		if err != nil {
			break
		}
		attempt.Failed()
		attempt.Succeeded()
		attempt.Abandoned()
		let++
	}
	require.Equal(t, freeFailures+1, let)
}

func TestNamesAreFoldedAndCutAndAddressesLoseTheirPort(t *testing.T) {
	a := NewAttempts(newClock().now)
	for n := range freeFailures + 1 {
		require.True(t, try(t, a, []string{"Alice", "ALICE", "alice"}[n%3], fmt.Sprintf("192.0.2.1:%d", 1000+n)))
	}
	require.False(t, try(t, a, "aLICE", "192.0.2.1:2"))
	huge := strings.Repeat("x", 1<<20)
	require.True(t, try(t, a, huge, huge))
	for key := range a.pairs.items {
		require.LessOrEqual(t, len(key.account), keyBytesMax)
		require.LessOrEqual(t, len(key.address), keyBytesMax)
	}
}

func TestAnAddressStandsForItsNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":                "192.0.2.1",
		"192.0.2.1:443":            "192.0.2.1",
		"::ffff:192.0.2.1":         "192.0.2.1",
		"[::ffff:192.0.2.1]:443":   "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:50051":  "2001:db8:1:2::/64",
		"[fe80::1%eth0]:50051":     "fe80::/64",
		"::1":                      "::/64",
		"bufconn":                  "bufconn",
		"@":                        "@",
		"":                         "",
		"192.0.2.1:port":           "192.0.2.1:port",
		strings.Repeat("long", 99): strings.Repeat("long", 16),
	} {
		require.Equal(t, want, AddressKey(addr), addr)
	}
}

// Whoever tries a hundred thousand names from as many addresses fills the tables and no more.
func TestTheMemoryOfAttemptsIsBounded(t *testing.T) {
	a := NewAttempts(newClock().now)
	for n := range 100_000 {
		try(t, a, fmt.Sprint("user", n), fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255))
	}
	require.Len(t, a.addresses.items, addressesMax)
	require.Len(t, a.accounts.items, accountsMax)
	require.Len(t, a.pairs.items, pairsMax)
}

func BenchmarkBegin(b *testing.B) {
	a := NewAttempts(time.Now)
	for b.Loop() {
		attempt, err := a.Begin("alice", "192.0.2.1:4711")
		if err != nil {
			b.Fatal(err)
		}
		attempt.Succeeded()
	}
}
