package wal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// bytesIn is the length of all files of a log.
func bytesIn(t *testing.T, fs *memfs.FS) (sum int64) {
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		f, err := fs.Open(dir + "/" + name)
		require.NoError(t, err)
		size, err := f.Size()
		require.NoError(t, err)
		sum += size
		require.NoError(t, f.Close())
	}
	return sum
}

// A segment is zeroed to its full length ahead of time. A node that is killed again and
// again must not leave one behind each time: the disk would be full before the
// log has anything in it.
func TestProcessesThatAreKilledDoNotFillTheDisk(t *testing.T) {
	const segment = 1 << 20
	for _, prepared := range []bool{false, true} {
		for _, machine := range []bool{false, true} {
			t.Run(fmt.Sprintf("next segment prepared %t, machine crashed %t", prepared, machine), func(t *testing.T) {
				fs := memfs.New(1)
				for kill := range 50 {
					l, was, err := wal.Open(fs, dir, wal.Options{Cluster: cluster, SegmentBytes: segment})
					require.NoError(t, err)
					require.Len(t, was.Entries, 2*kill)
					for i := range 2 {
						e := entry(was.Last+1+raft.Index(i), 1, "x")
						require.NoError(t, l.Append(&wal.Batch{Hard: raft.HardState{Term: 1}, Entries: []raft.Entry{e}}))
						require.NoError(t, l.Sync())
					}
					for done := !prepared; !done; {
						done, err = l.Prepare()
						require.NoError(t, err)
					}
					if machine { // which brings back whatever was freed and not synced
						fs.CrashMachine(memfs.DropAll)
					} else {
						fs.CrashProcess()
					}
					require.Less(t, bytesIn(t, fs), int64(5*segment), "after %d kills", kill+1)
				}
			})
		}
	}
}

// A start that dies after its fresh segment counts and before it freed the one before
// leaves that to the next start, whichever way that goes on.
func TestWhatACrashKeptFromBeingFreedTheNextStartFrees(t *testing.T) {
	for _, seal := range []bool{false, true} {
		fs := memfs.New(1)
		options := wal.Options{Cluster: cluster, SegmentBytes: 1 << 20}
		l, _, err := wal.Open(fs, dir, options)
		require.NoError(t, err)
		require.NoError(t, l.Append(batch(1, 1, 1)))
		require.NoError(t, l.Sync())
		require.NoError(t, l.Append(batch(1, 2, 2)))
		require.NoError(t, l.Sync())
		fs.CrashProcess()
		stopAtFirst(fs, memfs.OpTruncate)
		_, _, err = wal.Open(fs, dir, options)
		require.ErrorIs(t, err, memfs.ErrStopped)
		fs.SetHook(nil)
		fs.CrashProcess()
		require.Greater(t, bytesIn(t, fs), int64(2<<20), "the first segment is as long as it was")

		if seal { // what the stopped start wrote is sealed by the next
			stopAtFirst(fs, memfs.OpTruncate)
			_, _, err = wal.Open(fs, dir, options)
			require.ErrorIs(t, err, memfs.ErrStopped)
			fs.SetHook(nil)
			fs.CrashProcess()
		}
		l, was, err := wal.Open(fs, dir, options)
		require.NoError(t, err)
		require.Len(t, was.Entries, 2)
		require.NoError(t, l.Seal())
		require.NoError(t, l.Close())
		require.Less(t, bytesIn(t, fs), int64(2<<20))

		l, was, err = wal.Open(fs, dir, options) // and goes on in that segment
		require.NoError(t, err)
		require.Len(t, was.Entries, 2)
		require.NoError(t, l.Close())
		require.Less(t, bytesIn(t, fs), int64(2<<20))
	}
}

// stopAtFirst ends the process before its first operation of a kind.
func stopAtFirst(fs *memfs.FS, kind memfs.OpKind) {
	stopped := false
	fs.SetHook(func(op memfs.Op) error {
		if stopped = stopped || op.Kind == kind; stopped {
			return memfs.ErrStopped
		}
		return nil
	})
}
