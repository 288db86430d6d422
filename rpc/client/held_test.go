package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// resource is something that a lock protects, and that checks fences: see docs/locks.md.
type resource struct {
	sync.Mutex
	fence uint64 // the highest that was shown
	text  string
}

func (r *resource) write(fence uint64, text string) error {
	r.Lock()
	defer r.Unlock()
	if fence < r.fence {
		return fmt.Errorf("fence %d is stale: %d was here", fence, r.fence)
	}
	r.fence, r.text = fence, text
	return nil
}

// lostBecause waits until a lock is lost, and returns why.
func lostBecause(t *testing.T, h *HeldLock) *LostError {
	t.Helper()
	<-h.Context().Done()
	lost, ok := errors.AsType[*LostError](context.Cause(h.Context()))
	require.True(t, ok, "%v", context.Cause(h.Context()))
	return lost
}

func TestALockIsKeptBeyondItsTimeUntilItIsReleased(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	ctx := t.Context()
	alice, bob := c.as("alice", Config{}), c.as("bob", Config{})
	held, err := alice.Lock(ctx, "deploy", LockOptions{TTL: time.Second})
	require.NoError(t, err)
	_, err = bob.Lock(ctx, "deploy", LockOptions{})
	e, ok := errors.AsType[*HeldError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, []any{"alice", held.Fence}, []any{e.Lock.GetHolder(), e.Lock.GetFence()})
	_, err = bob.Lock(ctx, "deploy", LockOptions{Wait: 3 * time.Second})
	_, ok = errors.AsType[*HeldError](err)
	require.True(t, ok, "three times as long as its time it was not to be had: %v", err)
	require.NoError(t, held.Context().Err())

	var next *HeldLock
	var waiting sync.WaitGroup
	waiting.Go(func() { next, err = bob.Lock(ctx, "deploy", LockOptions{Wait: time.Minute}) })
	require.Eventually(t, func() bool {
		got, err := alice.GetLock(ctx, &pb.GetLockRequest{Name: "deploy"})
		return err == nil && got.GetLock().GetWaiting() == 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, held.Release(ctx))
	require.ErrorIs(t, context.Cause(held.Context()), context.Canceled)
	waiting.Wait()
	require.NoError(t, err)
	require.Greater(t, next.Fence, held.Fence)
	require.NoError(t, next.Release(ctx))
}

func TestWhoGivesUpWaitingLeavesTheLine(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.as("alice", Config{}), c.as("bob", Config{})
	held, err := alice.Lock(t.Context(), "deploy", LockOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() { _, err = bob.Lock(ctx, "deploy", LockOptions{Wait: time.Minute}) })
	stands := func(n uint32) func() bool {
		return func() bool {
			got, err := alice.GetLock(t.Context(), &pb.GetLockRequest{Name: "deploy"})
			return err == nil && got.GetLock().GetWaiting() == n
		}
	}
	require.Eventually(t, stands(1), time.Minute, 10*time.Millisecond)
	cancel()
	waiting.Wait()
	require.Error(t, err)
	require.True(t, stands(0)(), "when Lock returns, the place is given up")
	require.NoError(t, held.Release(t.Context()))
}

// What is at stake: what the next holder wrote. Who lost the lock is told, but he may have written before he hears it.
func TestAResourceThatChecksTheFenceRefusesWhoLostTheLock(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	ctx := t.Context()
	alice, other, bob := c.as("alice", Config{}), c.as("alice", Config{}), c.as("bob", Config{})
	held, err := alice.Lock(ctx, "deploy", LockOptions{TTL: time.Second})
	require.NoError(t, err)
	var r resource
	require.NoError(t, r.write(held.Fence, "alice's"))
	_, err = other.BreakLock(ctx, "deploy", held.Fence)
	require.NoError(t, err)
	next, err := bob.Lock(ctx, "deploy", LockOptions{})
	require.NoError(t, err)
	require.NoError(t, r.write(next.Fence, "bob's"))
	require.ErrorContains(t, r.write(held.Fence, "alice's again"), "stale")
	require.Equal(t, "bob's", r.text)

	lost := lostBecause(t, held)
	require.Equal(t, "deploy", lost.Name)
	e, ok := errors.AsType[*Error](lost)
	require.True(t, ok)
	require.Contains(t, []string{"STALE_FENCE", "LOCK_NOT_HELD"}, e.Reason)
	require.ErrorAs(t, held.Release(ctx), &lost, "there is nothing to release")
	require.NoError(t, next.Release(ctx))
}

func TestALockThatNobodyCanRenewIsLostInTime(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	held, err := c.as("alice", Config{}).Lock(t.Context(), "deploy", LockOptions{TTL: time.Second})
	require.NoError(t, err)
	for i := range c.hosts {
		c.stop(i)
	}
	require.ErrorIs(t, lostBecause(t, held), errTooLate)
}
