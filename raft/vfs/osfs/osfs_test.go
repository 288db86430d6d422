package osfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/raft/vfs/vfstest"
)

func open(t *testing.T) vfs.FS {
	fs, err := osfs.New(filepath.Join(t.TempDir(), "data"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	return fs
}

func TestTheRealFileSystemConforms(t *testing.T) { vfstest.Run(t, open) }

// Other users of the machine must not read messages out of the log.
func TestFilesAndDirectoriesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	fs, err := osfs.New(dir)
	require.NoError(t, err)
	require.NoError(t, fs.MkdirAll("sub"))
	f, err := fs.Create("sub/file")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	l, err := fs.Lock("lock")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for name, mode := range map[string]os.FileMode{"": 0o700, "sub": 0o700, "sub/file": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), "%q", name)
	}
	require.NoError(t, fs.Close())
}

// A name from a damaged file or a bug must not reach what lies elsewhere.
func TestNamesCannotLeaveTheDirectory(t *testing.T) {
	fs := open(t)
	_, err := fs.Create("../escaped")
	require.Error(t, err)
	_, err = fs.Open("/etc/hostname")
	require.Error(t, err)
}
