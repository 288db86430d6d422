package host

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// watched is a table of calls that is watched until the test ends.
func watched(t *testing.T) (*calls, *patience) {
	c := newCalls(new(atomic.Int32))
	p := newPatience(c)
	go p.run()
	t.Cleanup(p.close)
	return c, p
}

// What is at stake: who gives up must get away, whatever became of the loop that was to answer him.
func TestAReadWhoseContextEndsIsWaitedForNoLonger(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "while it is patient": time.Millisecond, "later": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := watched(t)
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				w, ticket, _ := c.open(true)
				begin := time.Now()
				_, answered := p.wait(ctx, w, ticket)
				require.False(t, answered)
				require.LessOrEqual(t, time.Since(begin), max(after, 2*patienceTurn), "the bubble's time, not the machine's")
				require.Zero(t, w.patient.Load())
				require.Empty(t, w.answer)
			})
		})
	}
}

// What is at stake: a word of the watch that is taken for an answer, or an answer that nobody takes, which the slot's next
// user would get.
func TestEveryReadGetsItsOwnAnswerWhateverTheWatchDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := watched(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var run sync.WaitGroup
		for i := range uint64(32) {
			chance := rand.New(rand.NewPCG(1, i))
			run.Go(func() {
				for range 200 {
					w, ticket, ok := c.open(true)
					require.True(t, ok)
					// At the very moment of a look as well, and in the sleep of the watch.
					took := time.Duration(chance.IntN(13)) * time.Millisecond
					run.Go(func() {
						time.Sleep(took)
						c.complete(&node.Answer{Ticket: ticket, Outcome: node.Done, Position: raft.Position(ticket)})
					})
					a, answered := p.wait(ctx, w, ticket)
					require.True(t, answered)
					require.EqualValues(t, ticket, a.Position)
					require.Empty(t, w.answer)
					c.close(ticket)
				}
			})
		}
		run.Wait()
	})
}

// A host that nobody reads from must be left to sleep.
func TestTheWatchSleepsWhileNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := watched(t)
		for range 3 {
			time.Sleep(time.Minute)
			synctest.Wait()
			require.True(t, c.unwatched.Load())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			w, ticket, _ := c.open(true)
			_, answered := p.wait(ctx, w, ticket)
			require.False(t, answered)
			c.close(ticket)
			cancel()
		}
	})
}
