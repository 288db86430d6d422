package wal_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// reusedLog is a log whose newest segment was used twice before. It holds two batches, and behind them stand those of
// its earlier lives, good to look at.
func reusedLog(t testing.TB) *scarred {
	s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*512}}
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	reused := 0
	s.fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpRename && strings.HasSuffix(op.Name, ".wal") {
			reused++
		}
		return nil
	})
	for i := raft.Index(1); reused < 8; i++ {
		b := batch(1+raft.Term(i/20), i, i)
		if i%4 == 0 {
			b.Base = id(s.entries[i-4])
		}
		s.put(t, l, b)
		_, err := l.Prepare()
		require.NoError(t, err)
	}
	s.fs.SetHook(nil)
	for _, end, _ := s.newest(t); end != body+2*1024; _, end, _ = s.newest(t) {
		s.put(t, l, batch(3, s.last().Index+1, s.last().Index+1))
	}
	s.snapshots = []raft.EntryID{s.base, id(s.entries[s.base.Index+1])}
	s.options.Snapshots = s.snapshots
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	return s
}

// newest is the newest segment's name, where its last batch ends, and what it holds.
func (s *scarred) newest(t testing.TB) (name string, end int64, contents []byte) {
	r, err := wal.Inspect(s.fs, dir)
	require.NoError(t, err)
	g := r.Segments[len(r.Segments)-1]
	names, all := s.files(t)
	for i := range names {
		if strings.HasSuffix(names[i], ".wal") {
			name, contents = names[i], all[i]
		}
	}
	return name, g.End, contents
}

// Batches of an earlier life behind the end are as good as zeros: a log that was sealed goes on before them and over them.
func TestALogGoesOnOverBatchesOfAnEarlierLife(t *testing.T) {
	s := reusedLog(t)
	name, end, contents := s.newest(t)
	require.Less(t, end, int64(len(contents)))
	require.False(t, allZero(contents[end:end+512]), "an earlier life's batch stands behind the end")
	ops := operations(s.fs, func() {
		l, was, err := wal.Open(s.fs, dir, s.options)
		require.NoError(t, err)
		require.Empty(t, was.Damage)
		require.Empty(t, was.Worn)
		require.Nil(t, was.Torn)
		s.put(t, l, batch(4, s.last().Index+1, s.last().Index+1))
		require.NoError(t, l.Close())
	})
	for _, op := range ops {
		require.NotEqual(t, memfs.OpCreate, op.Kind, "it goes on in the segment that it has")
	}
	_, _, now := s.newest(t)
	require.NotEqual(t, contents[end:end+1024], now[end:end+1024], "and over what stood there")
	s.fs.CrashMachine(memfs.DropAll)
	var o outcomes
	s.judge(t, s.fs, &o, func() string { return name })
	require.Equal(t, 1, o.same)
}

// A batch that a crash tears over batches of an earlier life is torn, wherever it tears, even within a batch number; and what
// comes next is found again.
func TestABatchTornOverAnEarlierLifeIsTorn(t *testing.T) {
	const sector = 512
	s := reusedLog(t)
	name, end, before := s.newest(t)
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	b := batch(4, s.last().Index+1, s.last().Index+1)
	require.NoError(t, l.Append(b))
	_, _, whole := s.newest(t)
	for torn := range int64(2) {
		for kept := range int64(sector) {
			if kept > 20 && kept%61 != 0 {
				continue
			}
			for _, other := range []bool{false, true} { // whether the other sector arrived
				fs := s.fs.Clone()
				fs.CrashMachine(memfs.KeepAll)
				at := end + torn*sector
				require.NoError(t, fs.Overwrite(name, at+kept, before[at+kept:at+sector]))
				if !other {
					at := end + (1-torn)*sector
					require.NoError(t, fs.Overwrite(name, at, before[at:at+sector]))
				}
				if now, err := fs.Contents(name); err == nil && bytes.Equal(now[end:end+2*sector], whole[end:end+2*sector]) {
					continue // what is missing was there before
				}
				again, was, err := wal.Open(fs, dir, s.options)
				require.NoError(t, err)
				require.Empty(t, was.Damage)
				require.Equal(t, s.last().Index, was.Last, "sector %d keeps %d bytes, the other arrived: %v", torn, kept, other)
				store(t, again, b)
				fs.CrashMachine(memfs.DropAll)
				_, was, err = wal.Open(fs, dir, s.options)
				require.NoError(t, err)
				require.Equal(t, b.Entries[0].Index, was.Last)
			}
		}
	}
}

// A later batch's sector behind one that is bad proves that the bad one was synced, among batches of an earlier life as among zeros;
// and an older one of this life at a wrong place is none of an earlier life.
func TestASectorOfThisLifeBehindTheEndIsTheEndLost(t *testing.T) {
	s := reusedLog(t)
	name, end, before := s.newest(t)
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	last := s.last().Index
	store(t, l, batch(4, last+1, last+1))
	store(t, l, batch(4, last+2, last+2))
	for what, sector := range map[string]int64{"the first of the next batch": end + 1024, "the last of it": end + 1536, "of an older batch": end - 512} {
		fs := s.fs.Clone()
		text, err := fs.Contents(name)
		require.NoError(t, err)
		moved := append([]byte(nil), text[sector:sector+512]...)
		require.NoError(t, fs.Overwrite(name, end, before[end:end+2048]))
		require.NoError(t, fs.Overwrite(name, end+1536, moved))
		_, _, err = wal.Open(fs, dir, s.options)
		require.ErrorAs(t, err, new(*wal.LostError), what)
	}
}

// What rots while nothing in it matters is still there when the segment is used again: behind the end it is no sign of a batch. But where a batch may
// have been that was synced, and nothing but garbage is left of it, the end is lost.
func TestRotInASegmentFromBeforeItWasUsedAgainIsWear(t *testing.T) {
	s := reusedLog(t)
	name, end, before := s.newest(t)
	for _, length := range []int64{2, 475, 504} { // one batch number, or the end of one and the beginning of the next
		for at := end; at+length <= int64(len(before)); at += 167 {
			fs := s.fs.Clone()
			rotten := slices.Clone(before[at : at+length])
			for i := range rotten {
				rotten[i] ^= 0xa5
			}
			require.NoError(t, fs.Overwrite(name, at, rotten))
			fs.CrashMachine(memfs.DropAll)
			var o outcomes
			s.judge(t, fs, &o, func() string { return fmt.Sprintf("%d bytes at %d", length, at) })
			require.Equal(t, 1, o.same+o.worn, "%d bytes at %d: %v", length, at, &o)
		}
	}
	fs := s.fs.Clone()
	require.NoError(t, fs.Overwrite(name, end, []byte("garbage")))
	require.NoError(t, fs.Overwrite(name, end+512, []byte("garbage")))
	_, _, err := wal.Open(fs, dir, s.options)
	require.ErrorAs(t, err, new(*wal.LostError))
}

// A log that is compacted as fast as it grows writes no zeros after a while, and takes no more room.
func TestALogThatIsCompactedMakesNoMoreFiles(t *testing.T) {
	fs := memfs.New(1)
	options := wal.Options{Cluster: cluster, SegmentBytes: 8192 + 10*512}
	l, _, err := wal.Open(fs, dir, options)
	require.NoError(t, err)
	most, next := int64(0), raft.Index(1)
	run := func(batches raft.Index) {
		for range batches {
			b := batch(1, next, next)
			if next > 8 && next%7 == 0 {
				b.Base = raft.EntryID{Index: next - 7, Term: 1}
			}
			store(t, l, b)
			_, err := l.Prepare()
			require.NoError(t, err)
			most, next = max(most, bytesIn(t, fs)), next+1
		}
	}
	run(60)
	settled := most
	for _, op := range operations(fs, func() { run(300) }) {
		require.NotEqual(t, memfs.OpCreate, op.Kind)
		require.NotEqual(t, memfs.OpPreallocate, op.Kind)
		require.NotEqual(t, memfs.OpRemove, op.Kind)
	}
	require.Equal(t, settled, most)
}

// A start reads what matters, and once: not the segments that wait to be used again, and nothing twice because one before them is
// gone. The seal tells where the log begins, even if all was compacted after the newest segment began.
func TestAStartReadsEachSegmentThatMattersOnce(t *testing.T) {
	for _, until := range []raft.Index{30, 31, 32, 33} { // the last segment holds so much more
		s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*512}}
		l, _, err := wal.Open(s.fs, dir, s.options)
		require.NoError(t, err)
		for i := raft.Index(1); i <= until; i++ { // four to a segment
			s.put(t, l, batch(1, i, i))
		}
		compact := batch(1, until+1, until+1)
		compact.Base = at(until-6, 1)
		s.options.Snapshots = []raft.EntryID{compact.Base}
		s.put(t, l, compact)
		for done := false; !done; { // an old one is the next, two wait, and the others are gone
			done, err = l.Prepare()
			require.NoError(t, err)
		}
		require.NoError(t, l.Seal())
		require.NoError(t, l.Close())
		report, err := wal.Inspect(s.fs, dir)
		require.NoError(t, err)
		require.Len(t, report.Left, 2, "two wait")
		reads := map[string]int{}
		for _, op := range operations(s.fs, func() {
			_, was, err := wal.Open(s.fs, dir, s.options)
			require.NoError(t, err)
			require.Equal(t, until+1, was.Last)
			require.Empty(t, was.Worn)
		}) {
			if op.Kind == memfs.OpRead {
				reads[op.Name]++
			}
		}
		require.Len(t, reads, len(report.Segments)+1, "of segments only those that matter, and the seal")
		for name, n := range reads {
			require.LessOrEqual(t, n, 2, "%s: header and contents", name)
		}
	}
}

// One batch number in 65,536 has a tag that is the same in both formats. It must not make a segment of format 2 whose header is lost
// one of format 1, in which the tags of all other batches are garbage.
func TestATagThatIsTheSameInBothFormatsTellsNone(t *testing.T) {
	const ambiguous = 0x11021 // the first number whose check is zero: the polynomial itself
	require.Equal(t, uint64(ambiguous), wal.TagsAfter(0).Of(ambiguous))
	s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 100*512}}
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	for range ambiguous - 10 {
		store(t, l, &wal.Batch{Hard: raft.HardState{Term: 1}})
		_, err := l.Prepare()
		require.NoError(t, err)
	}
	for i := raft.Index(1); i <= 20; i++ {
		s.put(t, l, batch(1, i, i))
	}
	name, _, _ := s.newest(t)
	flip(t, s.fs, name, 30)
	flip(t, s.fs, name, 4096+30)
	_, was, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("p", 20), answers(&was, 20))
}

// What is left of a sealed batch proves that the fault did not reach behind it, even where no header tells which numbers are of
// an earlier life: the seal's own is none of them.
func TestTheRestOfASealedBatchIsNoEarlierLifes(t *testing.T) {
	for _, used := range []bool{false, true} {
		s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*512}}
		l, _, err := wal.Open(s.fs, dir, s.options)
		require.NoError(t, err)
		for i := raft.Index(1); i <= 33; i++ { // four to a segment
			b := batch(1, i, i)
			if used && i%4 == 0 {
				b.Base = at(i-1, 1)
				s.snapshots = append(s.snapshots, b.Base)
			}
			s.put(t, l, b)
		}
		s.options.Snapshots = s.snapshots
		require.NoError(t, l.Seal())
		name, end, contents := s.newest(t)
		require.Equal(t, int64(body+1024), end)
		require.Equal(t, used, !allZero(contents[end:]))
		zero(t, s.fs, name, 0, body/512+1) // both copies of the header, and the first sector of the only batch
		_, was, err := wal.Open(s.fs, dir, s.options)
		require.NoError(t, err)
		require.Equal(t, []wal.Hole{{First: 33, Last: 33, Term: 1}}, was.Holes)
	}
}
