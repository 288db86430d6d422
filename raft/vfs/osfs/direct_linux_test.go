package osfs

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// directed makes a file with a direct way, where the file system of the test has one.
func directed(t *testing.T) *file {
	fs, err := New(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	f, err := fs.Create("file")
	require.NoError(t, err)
	h := f.(*file)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	h.Direct()
	if h.direct == nil {
		t.Skip("this file system has no direct writes, or does not say how")
	}
	return h
}

func holds(t *testing.T, h *file, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	_, err := h.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A log that can't be written because a file system takes O_DIRECT at open and not at a write would be a node less.
func TestAFileThatRefusesADirectWriteIsWrittenTheOrdinaryWay(t *testing.T) {
	h := directed(t)
	h.direct.sector = 1 // which no disk has
	n, err := h.WriteAt([]byte("odd"), 1)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Nil(t, h.direct, "it is not tried again")
	require.NoError(t, h.Sync())
	holds(t, h, []byte("\x00odd"))
}

func TestWholeSectorsGoTheDirectWayAndNothingElseDoes(t *testing.T) {
	h := directed(t)
	sector := make([]byte, h.direct.sector)
	require.True(t, h.direct.takes(sector, 0))
	require.True(t, h.direct.takes(sector, h.direct.sector))
	require.False(t, h.direct.takes(sector, 1))
	require.False(t, h.direct.takes(sector[1:], 0))
	require.False(t, h.direct.takes(nil, 0))
	require.False(t, h.direct.takes(make([]byte, directMax+len(sector)), 0))
	require.False(t, (*direct)(nil).takes(sector, 0))
}

// The room for aligned bytes grows; what was written before must stay.
func TestLongerAndLongerDirectWritesAllArrive(t *testing.T) {
	h := directed(t)
	var want []byte
	for n := 1; n <= directMax/int(h.direct.sector); n *= 4 {
		p := bytes.Repeat([]byte{byte(n)}, n*int(h.direct.sector))
		_, err := h.WriteAt(p, int64(len(want)))
		require.NoError(t, err)
		require.NotNil(t, h.direct)
		want = append(want, p...)
	}
	require.NoError(t, h.Sync())
	holds(t, h, want)
}

// By the time a segment is opened a second time, its name may be another file's.
func TestAnotherFileOfTheSameNameIsNotWritten(t *testing.T) {
	fs, err := New(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	f, err := fs.Create("file")
	require.NoError(t, err)
	require.NoError(t, fs.Rename("file", "moved"))
	other, err := fs.Create("file")
	require.NoError(t, err)
	f.Direct()
	_, err = f.WriteAt(make([]byte, 4096), 0)
	require.NoError(t, err)
	size, err := other.Size()
	require.NoError(t, err)
	require.Zero(t, size)
	require.NoError(t, f.Close())
	require.NoError(t, other.Close())
}
