package wal_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

const (
	dir     = "wal"
	cluster = raft.ClusterID(0xc1)
)

// small makes segments that hold a handful of batches.
var small = wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*1024}

// entry makes an entry as a leader would.
func entry(i raft.Index, term raft.Term, payload string) raft.Entry {
	e := raft.Entry{Index: i, Term: term, Time: raft.LogTime(i) * 10, Kind: raft.EntryCommand}
	if payload != "" {
		e.Payload = []byte(payload)
	}
	e.Sum = raft.EntrySum(cluster, &e)
	return e
}

// batch makes a batch of entries of one term.
func batch(term raft.Term, first, last raft.Index) *wal.Batch {
	b := &wal.Batch{Hard: raft.HardState{Term: term, Vote: raft.Ident{ID: 2, Inc: 77}}, ConfigIndex: 1}
	for i := first; i <= last; i++ {
		b.Entries = append(b.Entries, entry(i, term, fmt.Sprintf("entry %d of term %d", i, term)))
	}
	return b
}

func open(t testing.TB, fs vfs.FS) (*wal.Log, wal.Recovered) {
	t.Helper()
	l, was, err := wal.Open(fs, dir, small)
	require.NoError(t, err)
	return l, was
}

func store(t testing.TB, l *wal.Log, b *wal.Batch) {
	t.Helper()
	require.NoError(t, l.Append(b))
	require.NoError(t, l.Sync())
}

// terms prints a log as its terms: "1 1 2".
func terms(was wal.Recovered) string {
	s := ""
	for i, e := range was.Entries {
		if i > 0 {
			s += " "
		}
		s += fmt.Sprint(uint64(e.Term))
	}
	return s
}

func TestAnEmptyLogIsEmptyAgainAndAgain(t *testing.T) {
	fs := memfs.New(1)
	for range 3 {
		l, was := open(t, fs)
		require.Empty(t, was.Entries)
		require.Equal(t, raft.HardState{}, was.Hard)
		require.Equal(t, wal.Absent, was.At(1))
		require.NoError(t, l.Close())
	}
}

func TestWhatWasSyncedIsThereAfterTheMachineCrashed(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	for i := raft.Index(1); i <= 40; i++ {
		store(t, l, batch(3, i, i))
	}
	fs.CrashMachine(memfs.DropAll)
	_, was := open(t, fs)
	require.Len(t, was.Entries, 40)
	for i, e := range was.Entries {
		require.Equal(t, batch(3, raft.Index(i+1), raft.Index(i+1)).Entries[0], e)
	}
	require.Equal(t, raft.HardState{Term: 3, Vote: raft.Ident{ID: 2, Inc: 77}}, was.Hard)
	require.Equal(t, raft.Index(1), was.ConfigIndex)
	require.Equal(t, raft.Term(3), was.LastTerm)
}

func TestTruncationIsReplayed(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	store(t, l, batch(1, 1, 5))
	b := batch(2, 3, 4)
	b.Truncate = 3
	store(t, l, b)
	store(t, l, &wal.Batch{Hard: raft.HardState{Term: 4}, Truncate: 4})
	_, was := open(t, fs)
	require.Equal(t, "1 1 2", terms(was))
	require.Equal(t, raft.HardState{Term: 4}, was.Hard)
	require.Equal(t, wal.Absent, was.At(4))
}

// crc is the checksum of the format, in the bytes of the file.
func crc(p []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
}
