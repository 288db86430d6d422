package etcdserver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"

	"parley/cmd/bench/load"
)

// What was acknowledged is on disk: a system that is measured without that would be a race against nothing.
// Members cannot come back under other ports, so that their logs are read instead.
func TestWhatWasAcknowledgedIsInTheLogsOfAMajority(t *testing.T) {
	dir := t.TempDir()
	c, err := Start(dir)
	require.NoError(t, err)
	client, err := c.Dial(t.Context(), 1)
	require.NoError(t, err)
	s := client.Session(0)
	c.ResetSyncs()
	for key := range uint64(100) {
		require.NoError(t, s.Put(t.Context(), load.AppendPut(nil, key, 64)))
		value, err := s.Get(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, load.AppendPut(nil, key, 64)[load.KeyLen:], value)
	}
	count, _ := c.Syncs()
	require.GreaterOrEqual(t, count, 200, "one caller's 100 writes are on two disks each before they are answered")
	locker, err := client.Locker(0, 0)
	require.NoError(t, err)
	for range 3 {
		done, err := locker.Do(t.Context())
		require.NoError(t, err)
		require.True(t, done)
	}
	require.NoError(t, client.Close())
	require.NoError(t, c.Close())

	holding := 0
	for _, m := range c.members {
		w, err := wal.OpenForRead(zap.NewNop(), m.Config().Dir+"/member/wal", walpb.Snapshot{})
		require.NoError(t, err)
		_, _, entries, err := w.ReadAll() // and closes what it read
		require.NoError(t, err)
		if len(entries) >= 100 {
			holding++
		}
	}
	require.GreaterOrEqual(t, holding, 2)
}
