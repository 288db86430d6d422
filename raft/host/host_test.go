package host_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// bubble runs a test of a cluster with a clock of its own.
func bubble(t *testing.T, nodes int, test func(t *testing.T, c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nodes)
		test(t, c)
		c.stopAll()
	})
}

func TestThreeHostsElectAndEveryoneAppliesWhatWasAnswered(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		for i := range 20 {
			a := c.put(fmt.Sprint("w", i))
			require.NotZero(t, a.Position)
		}
		all := c.words()
		require.True(t, strings.HasPrefix(all, "w0 w1 ") && strings.HasSuffix(all, " w19"), all)
		for _, id := range c.ids {
			c.await(func() bool { return c.stale(id) == all })
		}
	})
}

// What is at stake: the first promise of the whole project.
func TestWhatWasAnsweredSurvivesTheLeaderAndARestartOfEverybody(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("before")
		former := c.leader()
		c.stop(former)
		c.put("without")
		c.start(former)
		c.await(func() bool { return c.stale(former) == "before without" })
		c.stopAll()
		c.startAll()
		c.put("after")
		require.Equal(t, "before without after", c.words())
	})
}

func TestALeaderThatStopsHandsOverFirst(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("before")
		former := c.leader()
		term := c.hosts[former].Status().Term
		silent := time.Now()
		c.stop(former)
		c.put("after")
		require.Less(t, time.Since(silent), raft.DefaultElectionTimeout, "nobody had to wait for silence")
		require.Equal(t, term+1, c.hosts[c.leader()].Status().Term, "one election, and it succeeded")
		require.Equal(t, "before after", c.words())
	})
}

func TestACutOffLeaderAnswersNothingAndTheOthersGoOn(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		former := c.leader()
		for _, id := range c.ids {
			if id != former {
				c.net.Cut(former, id)
			}
		}
		a, err := c.hosts[former].Do(context.Background(), c.command(c.seq+1, "two"))
		require.NoError(t, err)
		require.NotEqual(t, node.Done, a.Outcome, "a leader without a majority commits nothing")
		c.put("two")
		for _, id := range c.ids {
			c.net.Heal(former, id)
		}
		c.await(func() bool { return c.stale(former) == "one two" })
	})
}

// What is at stake: after a failed sync nobody knows what is on the disk, and a
// second sync that succeeds proves nothing.
func TestAFailedSyncStopsTheHostAndSaysWhy(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		victim := c.leader()
		// The disk is idle now: its hook may be set, and its goroutine sees it with the next store.
		synctest.Wait()
		c.disks[victim].SetHook(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync {
				return vfs.ErrIO
			}
			return nil
		})
		a, err := c.hosts[victim].Do(context.Background(), c.command(c.seq+1, "two"))
		require.NoError(t, err)
		require.Contains(t, []node.Outcome{node.Unknown, node.Done}, a.Outcome)
		<-c.hosts[victim].Done()
		require.ErrorIs(t, c.hosts[victim].Err(), vfs.ErrIO)
		require.ErrorContains(t, c.hosts[victim].Err(), "sync")
		require.ErrorIs(t, c.hosts[victim].Stop(context.Background()), vfs.ErrIO)
		a, err = c.hosts[victim].Do(context.Background(), c.command(c.seq+1, "two"))
		require.NoError(t, err)
		require.Equal(t, node.CodeStopping, a.Code)
		delete(c.hosts, victim)

		c.put("two")
		require.Equal(t, "one two", c.words())
	})
}

func TestADirectoryInUseIsRefusedAndFreeAfterAStop(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		synctest.Wait() // memfs is for one goroutine at a time
		_, err := c.tryStart(1)
		require.ErrorIs(t, err, vfs.ErrLocked)
		c.stop(1)
		c.start(1)
		c.put("one")
	})
}

func TestAStartThatFailsFreesDirectoryAndTransport(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.disks[1].SetHook(func(op memfs.Op) error {
			if op.Kind == memfs.OpCreate {
				return vfs.ErrNoSpace
			}
			return nil
		})
		_, err := c.tryStart(1)
		require.ErrorIs(t, err, vfs.ErrNoSpace)
		c.disks[1].SetHook(nil)
		c.start(1)
		c.put("one")
	})
}

func TestStopAnswersWhoWaits(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		leader := c.leader()
		h := c.hosts[leader]
		for _, id := range c.ids {
			if id != leader {
				c.net.Cut(leader, id)
			}
		}
		answers := make(chan node.Answer, 1)
		go func() {
			a, _ := h.Do(context.Background(), c.command(c.seq+1, "two"))
			answers <- a
		}()
		synctest.Wait() // it is appended and can't commit
		c.stop(leader)
		a := <-answers
		require.Equal(t, node.Unknown, a.Outcome)
		// It tries to hand over for as long as check-quorum lets it lead.
		require.Contains(t, []node.Code{node.CodeStopping, node.CodeLeaderLost}, a.Code)
		for _, id := range c.ids {
			c.net.Heal(leader, id)
		}
		c.start(leader)
		c.put("two") // the same request again: applied once, whatever became of the first
		require.Equal(t, "one two", c.words())
	})
}

func TestACallerWhoGivesUpIsToldThatTheOutcomeIsUnknown(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		leader := c.leader()
		for _, id := range c.ids {
			if id != leader {
				c.net.Cut(leader, id)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		a, err := c.hosts[leader].Do(ctx, c.command(c.seq+1, "two"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, node.Unknown, a.Outcome)
		a, err = c.hosts[leader].Do(ctx, node.Event{Kind: node.EventQuery})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, node.Refused, a.Outcome, "a query without an answer changed nothing")
		for _, id := range c.ids {
			c.net.Heal(leader, id)
		}
		require.Equal(t, "one", strings.TrimSuffix(c.words(), " two"))
	})
}

// What is at stake: a node that can't keep up must say so at once, not let its callers
// time out in a queue.
func TestAFullInboxAnswersBusy(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		const capacity, more = 4096, 100
		c.startAll()
		c.put("one")
		synctest.Wait()
		gate, held := make(chan struct{}), make(chan struct{})
		var once sync.Once
		c.onNotes = func(raft.NodeID, []raft.Note) { // on the loop, which stands still meanwhile
			once.Do(func() { close(held) })
			<-gate
		}
		go c.hosts[1].Do(context.Background(), c.command(2, "two"))
		<-held

		var mu sync.Mutex
		codes := make(map[node.Code]int)
		var callers sync.WaitGroup
		for range capacity + more {
			callers.Go(func() {
				a, _ := c.hosts[1].Do(context.Background(), node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: node.Stale}})
				mu.Lock()
				defer mu.Unlock()
				codes[a.Code]++
			})
		}
		synctest.Wait()
		mu.Lock()
		require.Equal(t, map[node.Code]int{node.CodeBusy: more}, codes)
		mu.Unlock()
		close(gate)
		callers.Wait()
		require.Equal(t, map[node.Code]int{node.CodeBusy: more, node.CodeNone: capacity}, codes)
	})
}

func TestASubscriberGetsEveryFrameOnceAndResumes(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		s, err := c.hosts[1].Subscribe(context.Background(), 0)
		require.NoError(t, err)
		c.put("two")
		c.put("three")
		got, last := takeFrames(t, s, 3)
		require.Equal(t, []string{"one", "two", "three"}, got)
		s.Close()
		_, err = s.Next(context.Background())
		require.ErrorContains(t, err, "resume from position")

		c.put("four")
		s, err = c.hosts[1].Subscribe(context.Background(), last)
		require.NoError(t, err)
		got, _ = takeFrames(t, s, 1)
		require.Equal(t, []string{"four"}, got)
		s.Close()
	})
}

// What is at stake: one phone with a dead radio must cost a node neither memory nor
// the others' frames.
func TestASlowSubscriberIsCutOffAndToldWhereToResume(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.settings.Limits.SubscriberFramesMax = 8
		c.startAll()
		c.put("first")
		s, err := c.hosts[1].Subscribe(context.Background(), 0)
		require.NoError(t, err)
		_, inHand := takeFrames(t, s, 1)
		for i := range 20 {
			c.put(fmt.Sprint("w", i))
		}
		c.await(func() bool { return c.hosts[1].Status().Subscribers == 0 })
		<-s.Done()
		ended := endOf(t, s)
		require.Equal(t, node.CodeTooSlow, ended.Code)
		require.Less(t, ended.Position, inHand, "who knows what became of those")

		s, err = c.hosts[1].Subscribe(context.Background(), ended.Position)
		require.NoError(t, err)
		got, _ := takeFrames(t, s, 21)
		require.Equal(t, "first", got[0])
		require.Equal(t, "w19", got[20])
		s.Close()
	})
}

func TestStopEndsSubscriptions(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		s, err := c.hosts[1].Subscribe(context.Background(), 0)
		require.NoError(t, err)
		takeFrames(t, s, 1)
		h := c.hosts[1]
		c.stop(1)
		require.Equal(t, node.CodeStopping, endOf(t, s).Code)
		s, err = h.Subscribe(context.Background(), 0)
		require.NoError(t, err)
		require.Equal(t, node.CodeStopping, endOf(t, s).Code)
		require.Equal(t, raft.NodeID(1), h.Status().Self.ID, "a stopped host still says how it ended")
	})
}
