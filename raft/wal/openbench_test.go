package wal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
)

// What a start takes whose segments were made of zeros, and one whose segments were used before, so that batches of earlier lives lie
// behind the end. Both hold the same: entries in two segments of 64 MiB and in a third of the next, in batches of 64. The third log
// was compacted after its newest segment began.
func BenchmarkOpen(b *testing.B) {
	for _, payload := range []int{128, 1024} {
		for _, c := range []struct {
			name string
			log  grown
		}{
			{"zeros", grown{last: 3}},
			{"used", grown{last: 9, keep: 3}},
			{"used and compacted", grown{last: 9, keep: 5, late: true}},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, payload), func(b *testing.B) {
				root := b.TempDir()
				fs, err := osfs.New(root)
				require.NoError(b, err)
				o := c.log.write(b, fs, make([]byte, payload))
				removeLeft(b, fs, root)
				for b.Loop() {
					l, was, err := wal.Open(fs, dir, o)
					require.NoError(b, err)
					require.Empty(b, was.Damage)
					require.NoError(b, l.Close())
				}
			})
		}
	}
}

// grown is a log that was compacted while it grew.
type grown struct {
	last uint64 // the newest segment, of which a third is written
	keep uint64 // zero: all; otherwise the base is raised at each roll, so that so many segments matter
	late bool   // the base is raised again when all is written, so that three segments matter
}

// write makes the log, sealed.
func (g grown) write(b *testing.B, disk vfs.FS, payload []byte) (o wal.Options) {
	o.Cluster = cluster
	fs := &careless{FS: disk}
	l, _, err := wal.Open(fs, dir, o)
	require.NoError(b, err)
	var next raft.Index
	var before []raft.Index // each segment, of the entries
	compact := func(keep uint64) {
		base := raft.EntryID{Index: before[uint64(len(before))-keep], Term: 1}
		o.Snapshots = []raft.EntryID{base}
		store(b, l, &wal.Batch{Hard: raft.HardState{Term: 1}, Base: base})
	}
	for fs.rolls < g.last || fs.end < 64<<20/3 {
		batch := &wal.Batch{Hard: raft.HardState{Term: 1}}
		for i := range raft.Index(64) {
			e := raft.Entry{Index: next + i + 1, Term: 1, Kind: raft.EntryCommand, Payload: payload}
			e.Sum = raft.EntrySum(cluster, &e)
			batch.Entries = append(batch.Entries, e)
		}
		store(b, l, batch)
		if n := uint64(len(before)); n < fs.rolls {
			if before = append(before, next); g.keep > 0 && n >= g.keep {
				compact(g.keep)
			}
		}
		next += 64
		_, err := l.Prepare()
		require.NoError(b, err)
	}
	if g.late {
		compact(3)
	}
	require.NoError(b, l.Seal())
	require.NoError(b, l.Close())
	require.NoError(b, fs.settle())
	return o
}

// removeLeft removes what the first start would, which osfs does bit by bit, beside the starts that are measured.
func removeLeft(b *testing.B, fs vfs.FS, root string) {
	report, err := wal.Inspect(fs, dir)
	require.NoError(b, err)
	for _, number := range report.Left {
		require.NoError(b, os.Remove(filepath.Join(root, dir, fmt.Sprintf("%016d.wal", number))))
	}
	if err := os.Remove(filepath.Join(root, dir, "next.tmp")); !errors.Is(err, os.ErrNotExist) {
		require.NoError(b, err)
	}
}

// careless is a file system that does not sync, so that a log is made quickly, and counts.
type careless struct {
	vfs.FS
	rolls uint64 // segments that the log went on in
	end   int64  // of the newest one's last batch
}

func (f *careless) Open(name string) (vfs.File, error)   { return f.file(f.FS.Open(name)) }
func (f *careless) Create(name string) (vfs.File, error) { return f.file(f.FS.Create(name)) }

func (f *careless) file(file vfs.File, err error) (vfs.File, error) {
	return &carelessFile{file, f}, err
}

func (f *careless) Rename(from, to string) error {
	if strings.HasSuffix(to, ".wal") {
		f.rolls, f.end = f.rolls+1, 0
	}
	return f.FS.Rename(from, to)
}

// settle syncs all files, so that nothing is written while the start is measured.
func (f *careless) settle() error {
	names, err := f.List(dir)
	for _, name := range names {
		file, opened := f.FS.Open(dir + "/" + name)
		if err = errors.Join(err, opened); opened == nil {
			err = errors.Join(err, file.Sync(), file.Close())
		}
	}
	return err
}

type carelessFile struct {
	vfs.File
	fs *careless
}

func (f *carelessFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.end = max(f.fs.end, off+int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f *carelessFile) Sync() error { return nil }
func (f *carelessFile) Direct()     {}
