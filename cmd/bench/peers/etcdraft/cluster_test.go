package etcdraft

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"
)

// What was acknowledged is on disk: a system that is measured without that would be a race against nothing.
func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	for round := range uint64(3) {
		c, err := Start(dir)
		require.NoError(t, err)
		leader, err := c.Leader(t.Context())
		require.NoError(t, err)
		s := leader.Session()
		for key := range round * 100 {
			value, err := s.Get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, load.AppendPut(nil, key, 64)[load.KeyLen:], value)
		}
		c.ResetSyncs()
		for key := round * 100; key < round*100+100; key++ {
			require.NoError(t, s.Put(t.Context(), load.AppendPut(nil, key, 64)))
		}
		count, _ := c.Syncs()
		require.GreaterOrEqual(t, count, 200, "one caller's 100 writes are on two disks each before they are answered")
		require.NoError(t, c.Close())
	}
}

// A measurement writes millions of entries: without snapshots memory and disk would fill up.
func TestALogThatGrowsIsCompactedAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c, err := Start(dir)
	require.NoError(t, err)
	leader, err := c.Leader(t.Context())
	require.NoError(t, err)
	run(t, c, leader, 256, 1000)
	first, err := leader.disk.storage.FirstIndex()
	require.NoError(t, err)
	require.Greater(t, first, uint64(snapshotEvery-catchUp))
	require.NoError(t, c.Close())

	c, err = Start(dir)
	require.NoError(t, err)
	leader, err = c.Leader(t.Context())
	require.NoError(t, err)
	for key := range uint64(256) {
		value, err := leader.Session().Get(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, value, 64-load.KeyLen)
	}
	require.NoError(t, c.Close())
}

// run has callers write so many times each.
func run(t *testing.T, c *Cluster, n *Node, callers, times int) {
	t.Helper()
	errs := make(chan error, callers)
	for key := range uint64(callers) {
		go func() {
			s := n.Session()
			for range times {
				if err := s.Put(context.Background(), load.AppendPut(nil, key, 64)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range callers {
		require.NoError(t, <-errs)
	}
}

func TestAFollowerRefusesAndSaysSo(t *testing.T) {
	c, err := Start(t.TempDir())
	require.NoError(t, err)
	leader, err := c.Leader(t.Context())
	require.NoError(t, err)
	for _, n := range c.Nodes {
		if n != leader {
			require.ErrorIs(t, n.Session().Put(t.Context(), load.AppendPut(nil, 1, 16)), ErrNotLeader)
			_, err := n.Session().Get(t.Context(), 1)
			require.ErrorIs(t, err, ErrNotLeader)
		}
	}
	require.NoError(t, c.Close())
}
