package osfs

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
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
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			way.is(t)
			h := directed(t)
			h.direct.sector = 1 // which no disk has
			n, err := h.WriteAt([]byte("odd"), 1)
			require.NoError(t, err)
			require.Equal(t, 3, n)
			require.NoError(t, h.Sync())
			require.True(t, h.direct == nil, "it is not tried again")
			holds(t, h, []byte("\x00odd"))
		})
	}
}

// ways are the two in which the device gets what is written: begun in a queue and awaited, or at once.
var ways = []struct {
	name string
	is   func(t *testing.T)
}{
	{"in a queue", func(t *testing.T) {
		if q := takeQueue(); q == nil {
			t.Skip("this system has no queues")
		} else {
			q.release()
		}
	}},
	{"at once", func(t *testing.T) {
		queues.Lock()
		defer queues.Unlock()
		idle := queues.idle
		queues.idle, queues.refused = nil, true
		t.Cleanup(func() {
			queues.Lock()
			defer queues.Unlock()
			queues.idle, queues.refused = idle, false
		})
	}},
}

// A write may end after WriteAt has returned, but not after Sync has, and nothing else is done to the file before. What a device keeps is not
// synced again; whatever went another way is.
func TestAWriteThatHasBegunEndsBeforeAnythingElse(t *testing.T) {
	ways[0].is(t)
	h := directed(t)
	first, second := bytes.Repeat([]byte("1"), 4096), bytes.Repeat([]byte("2"), 4096)
	write := func(p []byte, off int64) {
		_, err := h.WriteAt(p, off)
		require.NoError(t, err)
	}
	require.NoError(t, h.Preallocate(16384))
	require.False(t, h.kept)
	require.NoError(t, h.Sync())
	require.True(t, h.kept)

	write(first, 0)
	require.True(t, h.direct.underWay())
	clear(first) // the caller's again
	require.NoError(t, h.Sync())
	require.False(t, h.direct.underWay())
	require.True(t, h.kept, "without a sync")
	holds(t, h, bytes.Repeat([]byte("1"), 4096))

	for name, next := range map[string]func(){
		"a read":          func() { holds(t, h, second) },
		"a write":         func() { write([]byte("odd"), 5000) },
		"the size":        func() { _, _ = h.Size() },
		"a truncation":    func() { require.NoError(t, h.Truncate(16384)) },
		"a preallocation": func() { require.NoError(t, h.Preallocate(h.must(t)+4096)) },
		"a sync":          func() { require.NoError(t, h.Sync()) },
	} {
		write(second, 0)
		require.True(t, h.direct.underWay(), name)
		next()
		require.False(t, h.direct.underWay(), name)
		holds(t, h, second)
	}

	write([]byte("odd"), 5000)
	write(second, 8192)
	require.NoError(t, h.Sync())
	require.True(t, h.kept)
	write(second, 8192) // and the file is closed
}

// must returns the size.
func (h *file) must(t *testing.T) int64 {
	n, err := h.Size()
	require.NoError(t, err)
	return n
}

// What the device has no room for, or can't write, must be heard of by the Sync at the latest.
func TestAWriteThatFailsOnItsWayIsHeardOf(t *testing.T) {
	ways[0].is(t)
	h := directed(t)
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &was))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8192, Max: was.Max}))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &was)) })
	_, err := h.WriteAt(make([]byte, 4096), 16384)
	require.Error(t, errors.Join(err, h.Sync()))
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
