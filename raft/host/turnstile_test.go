package host

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
)

// reader makes a subscription of no node.
func reader(t *turnstile) *Subscription {
	return newSubscription(&Host{turns: t, inbox: newInbox()}, 0)
}

// awake says whether a reader was woken, and has him notice.
func awake(s *Subscription) bool {
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}

// timeless is a turnstile to which nobody ever takes long.
func timeless() *turnstile {
	t := newTurnstile()
	t.now = func() time.Time { return time.Time{} }
	return t
}

// A message for thousands must not put thousands of goroutines in front of the loop.
func TestOnlyAFewReadersWorkAtATimeAndAllGetTheirTurnInOrder(t *testing.T) {
	turns := timeless()
	var all []*Subscription
	for range 10 * turnsMax {
		s := reader(turns)
		all = append(all, s)
		turns.want(s)
	}
	for round := range 10 {
		for i, s := range all {
			require.Equal(t, i/turnsMax == round, awake(s), "reader %d in round %d", i, round)
		}
		for _, s := range all[round*turnsMax : (round+1)*turnsMax] {
			turns.leave(s)
		}
	}
	require.Equal(t, turnsMax, turns.free)
}

// A client that reads nothing must not keep others from their messages.
func TestAReaderWhoTakesLongGivesHisTurnToTheNext(t *testing.T) {
	turns := newTurnstile()
	for range turnsMax {
		turns.want(reader(turns)) // and never leaves
	}
	next := reader(turns)
	turns.want(next)
	select {
	case <-next.wake:
	case <-time.After(10 * time.Second):
		t.Fatal("he waits for those who are stuck")
	}
}

func TestWhoIsGoneIsPassedOverAndWhoCameBackIsServed(t *testing.T) {
	turns := timeless()
	var inside []*Subscription
	for range turnsMax {
		s := reader(turns)
		inside = append(inside, s)
		turns.want(s)
	}
	gone, next := reader(turns), reader(turns)
	turns.want(gone)
	turns.want(next)
	turns.leave(gone)
	turns.leave(inside[0])
	require.False(t, awake(gone))
	require.True(t, awake(next))
	turns.want(gone)
	turns.leave(next)
	require.True(t, awake(gone))
}

// Nothing that was put is ever left lying, whoever comes between.
func TestEveryFrameThatIsPutIsReadByAReaderWhoGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		turns := newTurnstile()
		readers := rapid.IntRange(1, 3*turnsMax).Draw(t, "readers")
		frames := rapid.IntRange(1, 20).Draw(t, "frames")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		var all []*Subscription
		var run sync.WaitGroup
		late := make(chan error, readers)
		for range readers {
			s := reader(turns)
			all = append(all, s)
			run.Go(func() {
				for last := raft.Position(0); last < raft.Position(frames); {
					got, err := s.Next(ctx)
					if err != nil {
						late <- err
						return
					}
					last = got[len(got)-1].Position
				}
			})
		}
		for n := range frames {
			for _, s := range all {
				s.put(&node.Frame{Position: raft.Position(n + 1), Body: []byte{1}})
			}
		}
		run.Wait()
		require.Empty(t, late)
	})
}
