package wal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// FuzzRecovery: whatever bytes stand in the files of a log, opening it never
// panics. It gives a log that opens again to the same contents and can be
// written, or an error with a type.
func FuzzRecovery(f *testing.F) {
	add := func(fs *memfs.FS) {
		var parts [3][]byte
		for i, name := range []string{segment1, segment2, sealFile} {
			if b, err := fs.Contents(name); err == nil {
				parts[i] = b
			}
		}
		f.Add(parts[0], parts[1], parts[2])
	}
	add(story(f, 2))
	add(story(f, 4))
	add(compacted(f, 4))
	rolled := memfs.New(1)
	l, _, err := wal.Open(rolled, dir, tiny)
	require.NoError(f, err)
	for i := raft.Index(1); i <= 4; i++ {
		store(f, l, batch(1, i, i))
	}
	add(rolled)
	f.Add([]byte{}, []byte{}, []byte{})

	f.Fuzz(func(t *testing.T, one, two, seal []byte) {
		if len(one)+len(two)+len(seal) > 1<<18 {
			return
		}
		fs := memfs.New(1)
		require.NoError(t, fs.MkdirAll(dir))
		for i, b := range [][]byte{one, two, seal} {
			if len(b) == 0 {
				continue
			}
			file, err := fs.Create([]string{segment1, segment2, sealFile}[i])
			require.NoError(t, err)
			_, err = file.WriteAt(b, 0)
			require.NoError(t, err)
		}
		_, err := wal.Inspect(fs, dir)
		typed(t, err)
		_, was, err := wal.Open(fs, dir, small)
		typed(t, err)
		if err != nil {
			return
		}
		want := brief(&was)
		next := batch(was.LastTerm+1, was.Last+1, was.Last+1)
		fs.CrashProcess()
		l, was, err = wal.Open(fs, dir, small)
		require.NoError(t, err)
		require.Equal(t, want, brief(&was))
		store(t, l, next)
	})
}

// brief prints what a start must find again. What claims say behind good checksums may be a
// million holes; their number and the ends will do.
func brief(was *wal.Recovered) string {
	if n := len(was.Entries); n > 1000 {
		short := *was
		short.Entries = append(was.Entries[:100:100], was.Entries[n-100:]...)
		return fmt.Sprint(n, printAll(&short))
	}
	return printAll(was)
}

// typed checks that an error is one that the node can explain.
func typed(t *testing.T, err error) {
	if err == nil {
		return
	}
	known := errors.As(err, new(*wal.LostError)) || errors.As(err, new(*wal.FormatError)) || errors.As(err, new(*wal.ClusterError))
	require.True(t, known, "%v", err)
}

// FuzzRecoveryBehindTheChecksums edits a log and then makes all checksums right
// again: what random bytes never reach is the code that trusts them.
func FuzzRecoveryBehindTheChecksums(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x40, 0x00, 9, 0x01, 0x58, 3})
	for at := range byte(16) {
		f.Add([]byte{0, 120 + at*8, 1 << at % 8})
	}
	f.Fuzz(func(t *testing.T, edits []byte) {
		fs := compacted(t, 3)
		o := small
		o.Snapshots = []raft.EntryID{at(2, 1), at(3, 1)}
		for ; len(edits) >= 3; edits = edits[3:] {
			name, at := segment1, int64(edits[0])<<8|int64(edits[1])
			if at >= 4096 {
				name, at = sealFile, at%8192
			} else {
				at += body
			}
			require.NoError(t, fs.Overwrite(name, at, edits[2:3]))
		}
		for _, name := range []string{segment1, sealFile} {
			b, err := fs.Contents(name)
			require.NoError(t, err)
			wal.Resum(b, cluster)
			require.NoError(t, fs.Overwrite(name, 0, b))
		}
		_, was, err := wal.Open(fs, dir, o)
		typed(t, err)
		for i := raft.Index(0); i < 10; i++ {
			_, present := was.Entry(i)
			require.Equal(t, present || i == 0, was.At(i) == wal.Present)
		}
		if err != nil {
			return
		}
		fs.CrashProcess()
		_, again, err := wal.Open(fs, dir, o)
		require.NoError(t, err)
		require.Equal(t, brief(&was), brief(&again))
	})
}
