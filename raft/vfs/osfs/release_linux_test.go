package osfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
)

const long = 8 << 20

// written makes a file of eight MiB, and a look at it from outside that outlives its name.
func written(t *testing.T, fs vfs.FS, dir, name string) (vfs.File, *os.File) {
	f, err := fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("text"), long/4), 0)
	require.NoError(t, err)
	look, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, look.Close()) })
	return f, look
}

func size(t *testing.T, look *os.File) int64 {
	info, err := look.Stat()
	require.NoError(t, err)
	return info.Size()
}

// The last piece goes with the file itself.
func shrinks(t *testing.T, look *os.File) {
	require.Eventually(t, func() bool { return size(t, look) <= 1<<20 }, time.Minute, time.Millisecond)
}

func TestALongFileThatIsRemovedGivesItsSpaceBackInPieces(t *testing.T) {
	dir := t.TempDir()
	fs, err := osfs.New(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	f, look := written(t, fs, dir, "file")
	require.NoError(t, f.Close())
	require.NoError(t, fs.Remove("file"))
	_, err = fs.Open("file")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	shrinks(t, look)
}

// A snapshot is still read when a newer one has replaced it.
func TestARemovedFileIsWholeForThoseWhoHaveItOpen(t *testing.T) {
	dir := t.TempDir()
	fs, err := osfs.New(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	other, err := osfs.New(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	f, look := written(t, fs, dir, "file")
	again, err := other.Open("file")
	require.NoError(t, err)
	require.NoError(t, fs.Remove("file"))
	require.NoError(t, f.Close())

	next, seen := written(t, fs, dir, "next") // whatever is released is so before this one
	require.NoError(t, next.Close())
	require.NoError(t, fs.Remove("next"))
	shrinks(t, seen)
	require.EqualValues(t, long, size(t, look))
	p := make([]byte, 4)
	_, err = again.ReadAt(p, long-4)
	require.NoError(t, err)
	require.Equal(t, "text", string(p))

	require.NoError(t, again.Close())
	shrinks(t, look)
}

// A name more, made by whoever backs a directory up, keeps the contents.
func TestAFileOfTwoNamesIsNotCut(t *testing.T) {
	dir := t.TempDir()
	fs, err := osfs.New(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	f, look := written(t, fs, dir, "file")
	require.NoError(t, f.Close())
	require.NoError(t, os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "copy")))
	require.NoError(t, fs.Remove("file"))
	next, seen := written(t, fs, dir, "next")
	require.NoError(t, next.Close())
	require.NoError(t, fs.Remove("next"))
	shrinks(t, seen)
	require.EqualValues(t, long, size(t, look))
}

// A disk that is full has room again as soon as something was removed.
func TestAFullDiskHasRoomAtOnceForWhatTakesThePlaceOfARemovedFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("parley-test", dir, "tmpfs", 0, "size=10m"); err != nil {
		t.Skip("mounting needs root: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	fs, err := osfs.New(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	for range 20 {
		f, err := fs.Create("file")
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, long), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, fs.Remove("file"))

		f, err = fs.Create("reserved")
		require.NoError(t, err)
		require.NoError(t, f.Preallocate(long))
		require.NoError(t, f.Close())
		require.NoError(t, fs.Remove("reserved"))
	}
	f, err := fs.Create("file")
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 11<<20), 0)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.NoError(t, f.Close())
}
