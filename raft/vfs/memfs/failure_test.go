package memfs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// A failure that is meant for one directory leaves the others alone, and one that is to come later lets those before it go well:
// otherwise a plan could not say what it hits.
func TestAFailureHitsItsDirectoryAndItsTurnOnly(t *testing.T) {
	fs := memfs.New(1)
	for _, dir := range []string{"a", "b"} {
		require.NoError(t, fs.MkdirAll(dir))
	}
	fs.Arrange(memfs.Failure{Kind: memfs.OpSyncDir, Under: "a", Skip: 1, Times: 1, Err: vfs.ErrIO})
	require.NoError(t, fs.SyncDir("b"))
	require.NoError(t, fs.SyncDir("a"), "the first goes well")
	require.NoError(t, fs.SyncDir("b"), "those of others don't count")
	require.Zero(t, fs.Struck())
	require.ErrorIs(t, fs.SyncDir("a"), vfs.ErrIO)
	require.Equal(t, 1, fs.Struck())
	require.NoError(t, fs.SyncDir("a"), "and once is enough")
}

// A disk that lies says yes and stores nothing: neither bytes nor names are there when the power is back.
func TestALyingDiskReportsSuccessAndStoresNothing(t *testing.T) {
	for _, lying := range []bool{false, true} {
		fs := memfs.New(1)
		require.NoError(t, fs.MkdirAll("a"))
		require.NoError(t, fs.SyncDir("."))
		fs.SetLying(lying)
		f, err := fs.Create("a/x")
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("promised"), 0)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, fs.SyncDir("a"))
		fs.SetLying(false)
		fs.CrashMachine(memfs.DropAll)
		_, err = fs.Contents("a/x")
		require.Equal(t, lying, err != nil)
	}
}
