package hashiraft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"
)

// What was acknowledged is on disk: a system that is measured without that would be a race against nothing.
func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	for round, reads := range []Reads{Linearizable, AsVerified} {
		round := uint64(round)
		c, err := Start(dir, reads)
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
			value, err := s.Get(t.Context(), key)
			require.NoError(t, err)
			require.NotEmpty(t, value, "a read sees what was acknowledged before")
		}
		count, _ := c.Syncs()
		require.GreaterOrEqual(t, count, 200, "one caller's 100 writes are on two disks each before they are answered")
		require.NoError(t, c.Close())
	}
}
