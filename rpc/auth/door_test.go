package auth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// house is a door with one account behind it, and counts what is hashed.
type house struct {
	*clock
	door   *Door
	hashes int
}

const rightPassword = "an otter sings"

func newHouse(t testing.TB) (*house, func(username string) func(context.Context) ([]byte, error)) {
	t.Helper()
	h := &house{clock: newClock()}
	hasher := cheap(t)
	alice, err := hasher.Hash(t.Context(), rightPassword)
	require.NoError(t, err)
	hasher.compare = func(hash, password []byte) error {
		h.hashes++
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	h.door = &Door{Attempts: NewAttempts(h.now), Hasher: hasher}
	return h, func(username string) func(context.Context) ([]byte, error) {
		return func(context.Context) ([]byte, error) {
			if username == "alice" {
				return alice, nil
			}
			return nil, nil
		}
	}
}

// What is at stake: neither the passwords nor the processor of a node may be had by trying. Each way of spending
// 10,000 wrong passwords on ten minutes costs at most 100 hashes.
func TestTenThousandWrongPasswordsInTenMinutesCostAtMostAHundredHashes(t *testing.T) {
	for name, who := range map[string]func(n int) (username, addr string){
		"one account, one address":        func(int) (string, string) { return "alice", "203.0.113.7:1" },
		"no account, one address":         func(int) (string, string) { return "nobody", "203.0.113.7:1" },
		"many accounts, one address":      func(n int) (string, string) { return fmt.Sprint("user", n), "203.0.113.7:1" },
		"one account, many addresses":     func(n int) (string, string) { return "alice", fmt.Sprintf("10.1.%d.%d", n/250, n%250) },
		"one account, twenty addresses":   func(n int) (string, string) { return "alice", fmt.Sprintf("10.1.0.%d", n%20) },
		"one account, one IPv6 network":   func(n int) (string, string) { return "alice", fmt.Sprintf("[2001:db8::%x]:1", n) },
		"many accounts, one IPv6 network": func(n int) (string, string) { return fmt.Sprint("user", n), fmt.Sprintf("[2001:db8::%x]:1", n) },
		"one account in many spellings":   func(n int) (string, string) { return []string{"alice", "Alice", "aLiCe"}[n%3], "203.0.113.7:1" },
		"the owner's address": func(n int) (string, string) {
			if n%2 == 0 {
				return "alice", "198.51.100.1:1"
			}
			return "alice", fmt.Sprintf("10.1.%d.%d", n/250, n%250)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, hashOf := newHouse(t)
			if name == "the owner's address" {
				require.NoError(t, h.door.Check(t.Context(), "alice", "198.51.100.1:1", rightPassword, hashOf("alice")))
				h.hashes = 0
			}
			for n := range 10_000 {
				username, addr := who(n)
				err := h.door.Check(t.Context(), username, addr, "wrong", hashOf(username))
				require.Error(t, err)
				h.move(10 * time.Minute / 10_000)
			}
			require.LessOrEqual(t, h.hashes, 100)
			require.Greater(t, h.hashes, 10, "and it is no lock")
			t.Logf("%d hashes", h.hashes)
			// The owner, at an address that nobody knows: he waits for the turn of one newcomer at most.
			err := h.door.Check(t.Context(), "alice", "192.0.2.50:1", rightPassword, hashOf("alice"))
			if err != nil {
				h.move(refused(t, err).RetryAfter)
				err = h.door.Check(t.Context(), "alice", "192.0.2.50:1", rightPassword, hashOf("alice"))
			}
			require.NoError(t, err)
		})
	}
}

func TestAWrongPasswordAndAnUnknownAccountAreTheSameAnswerAfterTheSameWork(t *testing.T) {
	answers := func(username string) (list []string, hashes int) {
		h, hashOf := newHouse(t)
		for range 40 {
			err := h.door.Check(t.Context(), username, "203.0.113.7:1", "wrong", hashOf(username))
			r := refused(t, err)
			list = append(list, fmt.Sprintf("%s %s %s %v", r.Code, r.Reason, r.Error(), r.RetryAfter))
			h.move(time.Second)
		}
		return list, h.hashes
	}
	known, work := answers("alice")
	unknown, sameWork := answers("nobody")
	require.Equal(t, known, unknown)
	require.Equal(t, work, sameWork)
	require.Contains(t, known[0], ReasonCredentials)
}

func TestTheLimitAnswersBeforeAnythingIsReadOrHashed(t *testing.T) {
	h, hashOf := newHouse(t)
	reads := 0
	var err error
	for range 100 {
		err = h.door.Check(t.Context(), "alice", "203.0.113.7:1", "wrong", func(ctx context.Context) ([]byte, error) {
			reads++
			return hashOf("alice")(ctx)
		})
	}
	requireReason(t, ReasonLoginLimited, err)
	require.Equal(t, freeFailures+1, reads)
	require.Equal(t, reads, h.hashes)
	// The right password is refused too, at this address and for now: otherwise guessing would go on.
	requireReason(t, ReasonLoginLimited, h.door.Check(t.Context(), "alice", "203.0.113.7:1", rightPassword, hashOf("alice")))
}

// A node that can't read its state, a caller who hangs up and a full queue are nobody's wrong password.
func TestWhatIsNotComparedIsNotCounted(t *testing.T) {
	h, hashOf := newHouse(t)
	broken := errors.New("no leader")
	for range 200 {
		err := h.door.Check(t.Context(), "alice", "203.0.113.7:1", "wrong", func(context.Context) ([]byte, error) { return nil, broken })
		require.ErrorIs(t, err, broken)
		ctx, hangUp := context.WithCancel(t.Context())
		err = h.door.Check(ctx, "alice", "203.0.113.7:1", "wrong", func(ctx context.Context) ([]byte, error) {
			hangUp()
			return hashOf("alice")(ctx)
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Panics(t, func() {
			_ = h.door.Check(t.Context(), "alice", "203.0.113.7:1", "wrong", func(context.Context) ([]byte, error) { panic("a handler's mistake") })
		})
	}
	require.Zero(t, h.hashes)
	require.NoError(t, h.door.Check(t.Context(), "alice", "203.0.113.7:1", rightPassword, hashOf("alice")))
}

// A morning: 300 people of one house log in at the same moment, each asks again when he was told to, all get in.
func TestAWholeHouseLogsInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hasher := cheap(t)
		hasher.compare = func([]byte, []byte) error {
			time.Sleep(236 * time.Millisecond) // of the bubble's clock
			return nil
		}
		door := &Door{Attempts: NewAttempts(time.Now), Hasher: hasher}
		in := make(chan string, 300)
		for n := range cap(in) {
			go func() {
				username := fmt.Sprint("user", n)
				for {
					err := door.Check(t.Context(), username, "192.0.2.1:1", rightPassword, func(context.Context) ([]byte, error) { return []byte("x"), nil })
					if err == nil {
						in <- username
						return
					}
					time.Sleep(refused(t, err).RetryAfter)
				}
			}()
		}
		start := time.Now()
		seen := map[string]bool{}
		for range cap(in) {
			seen[<-in] = true
		}
		require.Len(t, seen, cap(in))
		require.Less(t, time.Since(start), 3*time.Minute, "in the bubble's time, which is exact: 71 s of hashing and some waiting")
	})
}
