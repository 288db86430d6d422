package wal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// randomLog is a log with any history, sealed at its end: appends, truncations, compactions, installed snapshots, clean and unclean
// starts, segments that are used again and such that are too long for it.
func randomLog(t testing.TB, seed uint64) *scarred {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &scarred{fs: memfs.New(seed), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 512*(4+r.Int64N(16))}}
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	for range 30 + r.IntN(60) {
		s.put(t, l, s.drawBatch(r))
		s.options.Snapshots = s.snapshots
		switch r.IntN(12) {
		case 0:
			require.NoError(t, l.Seal())
		case 1, 2, 3, 4:
			_, err = l.Prepare()
		case 5, 6:
			_, err = l.Trim()
		case 7:
			if r.IntN(3) > 0 {
				break
			}
			if r.IntN(2) == 0 {
				require.NoError(t, l.Seal())
			}
			s.fs.CrashMachine(memfs.DropAll)
			l, _, err = wal.Open(s.fs, dir, s.options)
		}
		require.NoError(t, err)
	}
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	s.settleSnapshots()
	return s
}

// drawBatch makes a batch that follows, and the snapshot that a base stands for.
func (s *scarred) drawBatch(r *rand.Rand) *wal.Batch {
	last, term := raft.Index(len(s.entries)), max(s.hard.Term, 1)
	b := &wal.Batch{ConfigIndex: s.config}
	above := last - s.base.Index
	switch r.IntN(6) {
	case 0, 1:
		if above > 0 {
			b.Base = id(s.entries[s.base.Index+raft.Index(r.Uint64N(uint64(above)))])
			s.snapshots = append(s.snapshots, b.Base)
		}
	case 2:
		if above > 1 {
			term++
			b.Truncate = last - raft.Index(r.Uint64N(uint64(min(above, 4))))
			last = b.Truncate - 1
		}
	case 3:
		if r.IntN(8) == 0 {
			term++
			for range 1 + r.IntN(9) {
				last++
				s.entries = append(s.entries, entry(last, term, "installed"))
			}
			b.Base, b.Reset = raft.EntryID{Index: last, Term: term}, true
			s.snapshots = append(s.snapshots, b.Base)
		}
	}
	for range r.IntN(4) {
		if r.IntN(8) == 0 {
			term++
		}
		last++
		b.Entries = append(b.Entries, entry(last, term, strings.Repeat(fmt.Sprintf("entry %d of %d ", last, term), 1+r.IntN(30)/(1+r.IntN(30)))))
	}
	b.Hard = raft.HardState{Term: term, Vote: raft.Ident{ID: raft.NodeID(r.IntN(4)), Inc: 7}}
	return b
}

// faultIn does one thing to one place, of sectors that are written: which bytes of which file, and in words.
func (s *scarred) faultIn(t testing.TB, fs *memfs.FS, r *rand.Rand, written []sector) (where memfs.Place, how string) {
	at := written[r.IntN(len(written))]
	b, what := slices.Clone(at.text), ""
	switch kind := r.IntN(8); kind {
	case 0:
		clear(b)
		what = "zeroed"
	case 1:
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		what = "garbage"
	case 2, 3:
		bit := r.IntN(len(b) * 8)
		if kind == 3 { // where sectors are told apart
			bit %= 64
		}
		b[bit/8] ^= 1 << (bit % 8)
		what = fmt.Sprintf("bit %d flipped", bit)
	case 4:
		from := written[r.IntN(len(written))]
		b = from.text
		what = fmt.Sprintf("what belongs to %s at %d", from.name, from.off)
	case 5:
		at.off = at.off / 4096 * 4096
		b = make([]byte, 4096)
		what = "a block of zeros"
	case 6:
		n := r.IntN(len(s.history))
		old, err := s.history[n].Contents(at.name)
		if end := at.off + 512*(1+r.Int64N(4)); err == nil && end <= int64(len(old)) {
			b = old[at.off:end]
		}
		what = fmt.Sprintf("%d bytes as they were after %d batches", len(b), n+1)
	case 7:
		n := r.IntN(len(s.history))
		if old, err := s.history[n].Contents(at.name); err == nil {
			at.off, b = 0, old
		}
		what = fmt.Sprintf("the file as it was after %d batches", n+1)
	}
	contents, err := fs.Contents(at.name)
	require.NoError(t, err)
	b = b[:min(int64(len(b)), int64(len(contents))-at.off)]
	require.NoError(t, fs.Overwrite(at.name, at.off, b))
	return memfs.Place{Name: at.name, Off: at.off, Len: int64(len(b))}, fmt.Sprintf("%s at %d: %s", at.name, at.off, what)
}

// notIn leaves out the sectors of a file.
func notIn(name string, all []sector) []sector {
	return slices.DeleteFunc(slices.Clone(all), func(a sector) bool { return a.name == name })
}

// Any log, and one fault or more anywhere in it: nothing is taken for another, and one fault makes the log be refused only where that
// ends.
func TestNoDamageOfAnyLogIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	var one, more outcomes
	for seed := range uint64(50) {
		s := randomLog(t, seed)
		all := s.written(t)
		batches := notIn(sealFile, all)
		newest, end, _ := s.newest(t)
		s.judge(t, s.fs.Clone(), &one, func() string { return fmt.Sprintf("log %d", seed) })
		for k := range uint64(120) {
			r := rand.New(rand.NewPCG(seed, 2+k))
			fs := s.fs.Clone()
			how := fmt.Sprintf("log %d, %d: ", seed, k)
			if k%2 == 0 {
				where, what := s.faultIn(t, fs, r, all)
				refused := one.lost
				s.judge(t, fs, &one, func() string { return how + what })
				if one.lost > refused {
					require.Equal(t, newest, where.Name, how+what)
					require.GreaterOrEqual(t, where.Off+where.Len, end, how+what)
					require.NotContains(t, what, "flipped", how)
				}
				continue
			}
			for range 2 + r.IntN(3) {
				_, what := s.faultIn(t, fs, r, batches)
				how += what + "; "
			}
			s.judge(t, fs, &more, func() string { return how })
		}
	}
	t.Logf("one fault: %v; more: %v", &one, &more)
	require.NotZero(t, min(one.same, one.worn, one.holes, one.raised, one.lost, more.same, more.worn, more.holes, more.raised, more.lost))
}

// The machine crashes while a batch is written, and before the last one that was acknowledged something is wrong as well, and nothing is
// sealed for long: still nothing is taken for another, and the log ends where it did.
func TestNoDamageBeforeATornBatchIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	var o outcomes
	for seed := range uint64(120) {
		s := randomLog(t, seed)
		r := rand.New(rand.NewPCG(seed, 1<<32))
		l, _, err := wal.Open(s.fs, dir, s.options)
		require.NoError(t, err)
		var file string // where the last but one ends
		var end int64
		for range 2 + r.IntN(12) {
			file, end, _ = s.newest(t)
			s.put(t, l, s.drawBatch(r))
			_, err := l.Prepare()
			require.NoError(t, err)
		}
		with := *s
		with.entries, with.snapshots = slices.Clone(s.entries), slices.Clone(s.snapshots)
		b := with.drawBatch(r)
		with.note(b)
		require.NoError(t, l.Append(b))
		s.settleSnapshots()
		with.settleSnapshots()
		for k := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 2+k))
			crashed := *s
			crashed.fs = s.fs.Clone()
			crashed.fs.CrashMachine(memfs.Chance(raft.Mix(seed, k)))
			found, err := wal.Inspect(crashed.fs, dir)
			require.NoError(t, err)
			if found.Was.Hard == with.hard && found.Was.Last == with.last().Index && found.Was.Base == with.base {
				fs := crashed.fs
				crashed = with
				crashed.fs = fs
			}
			fs := crashed.fs.Clone()
			where, what := crashed.faultIn(t, fs, r, notIn(sealFile, crashed.written(t)))
			if where.Name == file && where.Off+where.Len > end || where.Name > file && where.Off+where.Len > body {
				continue // the last batch, whose rot passes for a torn write, or behind it
			}
			refused := o.lost
			crashed.judge(t, fs, &o, func() string { return fmt.Sprintf("log %d, %d: %s", seed, k, what) })
			require.Equal(t, refused, o.lost, "log %d, %d: %s", seed, k, what)
		}
	}
	t.Log(&o)
	require.NotZero(t, min(o.same, o.worn, o.holes, o.raised))
}

// settleSnapshots adds one between the base and the end, and hands all to the next start.
func (s *scarred) settleSnapshots() {
	if above := s.last().Index - s.base.Index; above > 1 {
		s.snapshots = append(s.snapshots, id(s.entries[s.base.Index+above/2]))
	}
	s.options.Snapshots = s.snapshots
}
