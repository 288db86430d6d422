package wal_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/vfs/osfs"
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

// What recovery concludes from a sector of a later batch holds only if nobody ever
// writes one early.
func TestTwoBatchesAreNeverUnsyncedAtATime(t *testing.T) {
	l, _ := open(t, memfs.New(1))
	require.NoError(t, l.Append(batch(1, 1, 1)))
	require.PanicsWithValue(t, "wal: append of a batch while batch 1 is not synced", func() { _ = l.Append(batch(1, 2, 2)) })
	require.PanicsWithValue(t, "wal: seal while batch 1 is not synced", func() { _ = l.Seal() })
	require.NoError(t, l.Sync())
	require.NoError(t, l.Seal())
}

func TestEntriesThatDoNotFollowTheLogAreACallersBug(t *testing.T) {
	l, _ := open(t, memfs.New(1))
	store(t, l, batch(2, 1, 3))
	require.PanicsWithValue(t, "wal: entry 5 appended behind 3", func() { _ = l.Append(batch(2, 5, 5)) })
	require.PanicsWithValue(t, "wal: entry 4 of term 1 follows term 2", func() { _ = l.Append(batch(1, 4, 4)) })
	require.PanicsWithValue(t, "wal: truncate at 5, but the log ends at 3 and begins behind 0", func() { _ = l.Append(&wal.Batch{Truncate: 5}) })
}

// The leader's checksum is checked before anything is written: what memory or the
// network changed must not be acknowledged.
func TestAnEntryThatChangedOnItsWayIsNotWritten(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	b := batch(1, 1, 2)
	b.Entries[1].Payload[3] ^= 1
	ops := operations(fs, func() {
		err := l.Append(b)
		require.ErrorAs(t, err, new(*wal.SumError))
		require.Equal(t, err, l.Sync(), "the log is failed for good")
	})
	require.Empty(t, ops)
}

// Preparing in pieces spares Append the whole cost of a new segment.
func TestAPreparedSegmentIsRolledToWithoutPreallocation(t *testing.T) {
	fs := memfs.New(1)
	l, _, err := wal.Open(fs, dir, wal.Options{Cluster: cluster, SegmentBytes: 3 << 20})
	require.NoError(t, err)
	pieces := 0
	for done := false; !done; pieces++ {
		done, err = l.Prepare()
		require.NoError(t, err)
	}
	require.Equal(t, 3, pieces)
	require.Empty(t, operations(fs, func() {
		done, err := l.Prepare()
		require.NoError(t, err)
		require.True(t, done)
	}))
	b := batch(1, 1, 1)
	b.Entries[0].Payload = make([]byte, 2<<20)
	b.Entries[0].Sum = raft.EntrySum(cluster, &b.Entries[0])
	store(t, l, b)
	b.Entries[0].Index = 2
	b.Entries[0].Sum = raft.EntrySum(cluster, &b.Entries[0])
	for _, op := range operations(fs, func() { store(t, l, b) }) {
		require.NotEqual(t, memfs.OpPreallocate, op.Kind)
	}
	_, was, err := wal.Open(fs, dir, wal.Options{Cluster: cluster, SegmentBytes: 3 << 20})
	require.NoError(t, err)
	require.Len(t, was.Entries, 2)
}

func TestTheLogWorksOnTheRealFileSystem(t *testing.T) {
	fs, err := osfs.New(t.TempDir())
	require.NoError(t, err)
	for start := range raft.Index(3) {
		l, was := open(t, fs)
		require.Len(t, was.Entries, int(start)*30)
		for i := start*30 + 1; i <= start*30+30; i++ {
			store(t, l, batch(1, i, i))
		}
		if start == 1 {
			require.NoError(t, l.Seal())
		}
		require.NoError(t, l.Close())
	}
	require.NoError(t, fs.Close())
}

// Segments that are used again are written past the page cache, then under another name through it (the header), then past it again:
// what is read must be what was written last, whichever way.
func TestSegmentsAreUsedAgainOnTheRealFileSystem(t *testing.T) {
	fs, err := osfs.New(t.TempDir())
	require.NoError(t, err)
	o, last := small, raft.Index(0)
	for start := range 4 {
		l, was, err := wal.Open(fs, dir, o)
		require.NoError(t, err)
		require.Empty(t, was.Worn)
		require.Empty(t, was.Damage)
		require.Equal(t, last, was.Last)
		for range 60 {
			last++
			b := batch(1, last, last)
			if last%8 == 0 {
				b.Base = raft.EntryID{Index: last - 6, Term: 1}
				o.Snapshots = append(o.Snapshots, b.Base)
			}
			store(t, l, b)
			_, err := l.Prepare()
			require.NoError(t, err)
			r, err := wal.Inspect(fs, dir)
			require.NoError(t, err)
			require.True(t, r.Was.Certain)
			require.Equal(t, last, r.Was.Last)
			require.Empty(t, r.Was.Holes)
		}
		if start%2 == 1 {
			require.NoError(t, l.Seal())
		}
		require.NoError(t, l.Close())
	}
	require.NoError(t, fs.Close())
}

// A batch that is longer than a segment may be the first that a fresh one was to hold. The next segment continues from one without a
// batch, and that is no damage.
func TestASegmentThatStaysEmptyIsNoWear(t *testing.T) {
	long := func(i raft.Index, term raft.Term) *wal.Batch {
		return &wal.Batch{Hard: raft.HardState{Term: term}, Entries: []raft.Entry{entry(i, term, strings.Repeat("long ", 4000))}}
	}
	fs := memfs.New(1)
	l, _ := open(t, fs)
	store(t, l, long(1, 1))
	l, was := open(t, fs)
	require.Empty(t, was.Worn)
	store(t, l, batch(1, 2, 3))
	b := batch(2, 3, 3)
	b.Truncate = 3
	store(t, l, b)
	require.NoError(t, l.Seal())
	require.NoError(t, l.Append(batch(2, 4, 4)))
	fs.CrashMachine(func(int, memfs.Item) memfs.Choice { return memfs.Tear })
	l, was = open(t, fs) // in a fresh segment, as a torn batch stands behind the sealed one
	require.NotNil(t, was.Torn)
	store(t, l, long(4, 2))
	_, was = open(t, fs)
	require.Empty(t, was.Worn)
	require.Empty(t, was.Damage)
	require.Len(t, was.Entries, 4)
}

// crc is the checksum of the format, in the bytes of the file.
func crc(p []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
}
