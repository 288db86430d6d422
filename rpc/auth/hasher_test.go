package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// cheap is a hasher whose hashes cost next to nothing.
func cheap(t testing.TB) *Hasher {
	t.Helper()
	h, err := NewHasher(bcrypt.MinCost, true)
	require.NoError(t, err)
	return h
}

func TestAPasswordFitsItsHashAndNoOther(t *testing.T) {
	h := cheap(t)
	hash, err := h.Hash(t.Context(), "an otter sings")
	require.NoError(t, err)
	for password, want := range map[string]bool{"an otter sings": true, "an otter sing": false, "An otter sings": false, "": false, "an otter sings\x00": false} {
		fits, err := h.Compare(t.Context(), hash, password)
		require.NoError(t, err)
		require.Equal(t, want, fits, "%q", password)
	}
	fits, err := h.Compare(t.Context(), nil, "an otter sings")
	require.NoError(t, err)
	require.False(t, fits)
}

// bcrypt looks at 72 bytes. What is longer must neither be cut when it is set nor fit what it begins with.
func TestAPasswordThatGoesOnAfter72BytesDoesNotFit(t *testing.T) {
	h := cheap(t)
	long := strings.Repeat("x", PasswordBytesMax)
	hash, err := h.Hash(t.Context(), long)
	require.NoError(t, err)
	require.NoError(t, bcrypt.CompareHashAndPassword(hash, []byte(long+"y")), "bcrypt itself takes it")
	fits, err := h.Compare(t.Context(), hash, long+"y")
	require.NoError(t, err)
	require.False(t, fits)
	fits, err = h.Compare(t.Context(), hash, long)
	require.NoError(t, err)
	require.True(t, fits)
	_, err = h.Hash(t.Context(), long+"y")
	requireReason(t, ReasonPasswordTooLong, err)
}

// What is at stake: the time of an answer must not tell which accounts there are. Time is cost times
// comparisons, and both are counted here.
func TestAnUnknownAccountIsTheSameWorkAsAWrongPassword(t *testing.T) {
	for _, cost := range []int{4, 5, 10, CostDefault, CostMax} {
		h, err := NewHasher(cost, true)
		require.NoError(t, err)
		var costs []int
		h.compare = func(hash, password []byte) error {
			c, err := bcrypt.Cost(hash)
			require.NoError(t, err)
			costs = append(costs, c)
			require.LessOrEqual(t, len(password), PasswordBytesMax)
			return bcrypt.ErrMismatchedHashAndPassword
		}
		known := hashOfNobody(cost)
		for _, hash := range [][]byte{known, nil} {
			for _, password := range []string{"", "wrong", strings.Repeat("x", 100)} {
				fits, err := h.Compare(t.Context(), hash, password)
				require.NoError(t, err)
				require.False(t, fits)
			}
		}
		require.Equal(t, []int{cost, cost, cost, cost, cost, cost}, costs)
	}
}

func TestTheHashOfNobodyIsAHashLikeOthers(t *testing.T) {
	hash := hashOfNobody(bcrypt.MinCost)
	real, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	require.NoError(t, err)
	require.Len(t, hash, len(real))
	require.Equal(t, real[:7], hash[:7])
	require.NotEqual(t, hash, hashOfNobody(bcrypt.MinCost))
	require.ErrorIs(t, bcrypt.CompareHashAndPassword(hash, []byte("x")), bcrypt.ErrMismatchedHashAndPassword)
}

func TestALowCostIsForLoopbackOnly(t *testing.T) {
	for _, c := range []struct {
		cost     int
		loopback bool
		want     int // 0 is refused
	}{{0, false, CostDefault}, {12, false, 12}, {10, false, 10}, {9, false, 0}, {9, true, 9}, {4, true, 4}, {4, false, 0},
		{3, true, 0}, {-1, true, 0}, {CostMax, false, CostMax}, {CostMax + 1, true, 0}} {
		h, err := NewHasher(c.cost, c.loopback)
		if c.want == 0 {
			require.ErrorContains(t, err, "bcrypt cost")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, h.Cost())
		cost, err := bcrypt.Cost(h.nobody)
		require.NoError(t, err)
		require.Equal(t, c.want, cost)
	}
}

func TestAHashOfAnotherCostIsOutdated(t *testing.T) {
	h := cheap(t)
	require.False(t, h.Outdated(hashOfNobody(4)))
	require.True(t, h.Outdated(hashOfNobody(5)))
	require.True(t, h.Outdated(nil))
}

func TestAStoredHashThatIsNoneIsAnErrorAndNoVerdict(t *testing.T) {
	_, err := cheap(t).Compare(t.Context(), []byte("$2a$04$short"), "x")
	require.ErrorIs(t, err, bcrypt.ErrHashTooShort)
	var r *Refusal
	require.False(t, errors.As(err, &r), "nothing that a caller could mend")
}

// slow makes comparisons wait for a word from the test.
func slow(h *Hasher) (let chan struct{}, running *int) {
	let, running = make(chan struct{}), new(int)
	h.compare = func([]byte, []byte) error {
		*running++ // no lock: the race detector and the test both say so if there were two
		<-let
		*running--
		return bcrypt.ErrMismatchedHashAndPassword
	}
	return let, running
}

// What is at stake: a thousand log-ins at once must cost the node one core and a bounded queue.
func TestOneHashesThirtyTwoWaitAndTheNextIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := cheap(t)
		let, running := slow(h)
		answers := make(chan error, 100)
		for range 1 + hashWaitersMax {
			go func() {
				_, err := h.Compare(t.Context(), nil, "x")
				answers <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, 1, *running)
		require.Empty(t, answers)
		for range 3 {
			_, err := h.Compare(t.Context(), nil, "x")
			r := refused(t, err)
			require.Equal(t, ReasonHasherBusy, r.Reason)
			require.Equal(t, Exhausted, r.Code)
			_, err = h.Hash(t.Context(), "an otter sings")
			requireReason(t, ReasonHasherBusy, err)
		}
		let <- struct{}{} // one is done: one may come
		synctest.Wait()
		go func() {
			_, err := h.Compare(t.Context(), nil, "x")
			answers <- err
		}()
		for range 1 + hashWaitersMax {
			let <- struct{}{}
			synctest.Wait()
			require.LessOrEqual(t, *running, 1)
		}
		require.Len(t, answers, 2+hashWaitersMax)
		for range 2 + hashWaitersMax {
			require.NoError(t, <-answers)
		}
		require.Empty(t, h.places)
		require.Empty(t, h.turn)
	})
}

func TestWhoeverStopsWaitingGivesHisPlaceToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := cheap(t)
		let, running := slow(h)
		first := make(chan error, 1)
		go func() {
			_, err := h.Compare(t.Context(), nil, "x")
			first <- err
		}()
		synctest.Wait()
		ctx, giveUp := context.WithTimeout(t.Context(), time.Second)
		defer giveUp()
		waiting := make(chan error, hashWaitersMax)
		for range hashWaitersMax {
			go func() {
				_, err := h.Compare(ctx, nil, "x")
				waiting <- err
			}()
		}
		synctest.Wait()
		_, err := h.Compare(t.Context(), nil, "x")
		requireReason(t, ReasonHasherBusy, err)
		time.Sleep(time.Second) // of the bubble's clock
		for range hashWaitersMax {
			require.ErrorIs(t, <-waiting, context.DeadlineExceeded)
		}
		require.Equal(t, 1, *running, "a hash that is under way is finished")

		next := make(chan error, 1)
		go func() {
			_, err := h.Compare(t.Context(), nil, "x")
			next <- err
		}()
		let <- struct{}{}
		let <- struct{}{}
		require.NoError(t, <-first)
		require.NoError(t, <-next)
	})
}

// Nobody waits for that answer any more: it must not take a quarter of a second from others.
func TestNothingIsHashedForACallerWhoHasGone(t *testing.T) {
	h := cheap(t)
	h.compare = func([]byte, []byte) error { panic("hashed") }
	h.generate = func([]byte, int) ([]byte, error) { panic("hashed") }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Compare(ctx, nil, "x")
	require.ErrorIs(t, err, context.Canceled)
	_, err = h.Hash(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
}

// leaving is a context that ends while its caller enters the queue: after the first look at it.
type leaving struct {
	context.Context
	looked bool
}

func (l *leaving) Err() error {
	if !l.looked {
		l.looked = true
		return nil
	}
	return l.Context.Err()
}

// Whoever leaves at the very moment of his turn has left. The runtime chooses between the two by chance, so this
// asks often enough to see both.
func TestNothingIsHashedForACallerWhoLeavesAtHisTurn(t *testing.T) {
	h := cheap(t)
	h.compare = func([]byte, []byte) error { panic("hashed") }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		_, err := h.Compare(ctx, nil, "x")
		require.ErrorIs(t, err, context.Canceled)
		_, err = h.Compare(&leaving{Context: ctx}, nil, "x")
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Empty(t, h.places)
	require.Empty(t, h.turn)
}

func TestTheProposedDelayFollowsTheCost(t *testing.T) {
	var last time.Duration
	for cost := 8; cost <= CostMax; cost++ {
		h, err := NewHasher(cost, true)
		require.NoError(t, err)
		require.GreaterOrEqual(t, h.patience(), delayMin)
		require.GreaterOrEqual(t, h.patience(), last)
		last = h.patience()
	}
	h, err := NewHasher(CostDefault, false)
	require.NoError(t, err)
	require.Equal(t, 3840*time.Millisecond, h.patience())
}

func BenchmarkCompare(b *testing.B) {
	for _, cost := range []int{4, 10, CostDefault} {
		b.Run(fmt.Sprint("cost=", cost), func(b *testing.B) {
			h, err := NewHasher(cost, true)
			require.NoError(b, err)
			for b.Loop() {
				if _, err := h.Compare(b.Context(), nil, "an otter sings"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
