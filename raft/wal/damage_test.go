package wal_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

const (
	segment1 = "wal/0000000000000001.wal"
	segment2 = "wal/0000000000000002.wal"
	sealFile = "wal/seal"
	body     = 8192
)

// story is a log of four batches in one segment, made to be damaged:
//
//	8192   batch 1  entries 1-2, term 1
//	9216   batch 2  entries 3-4, term 1
//	10240  batch 3  truncate 4, entries 4-5, term 2
//	11264  batch 4  entry 6, term 2
//
// Each is two sectors: header, table and payloads in the first, the trailer in the
// second. sealed is the last batch that a seal covers.
func story(t testing.TB, sealed int) *memfs.FS {
	t.Helper()
	fs := memfs.New(1)
	l, _ := open(t, fs)
	three := batch(2, 4, 5)
	three.Truncate = 4
	for i, b := range []*wal.Batch{batch(1, 1, 2), batch(1, 3, 4), three, batch(2, 6, 6)} {
		store(t, l, b)
		if i+1 == sealed {
			require.NoError(t, l.Seal())
		}
	}
	require.NoError(t, l.Close())
	return fs
}

// answers prints what a log knows about the indexes from 1 on.
func answers(was *wal.Recovered, n raft.Index) string {
	s := ""
	for i := raft.Index(1); i <= n; i++ {
		s += was.At(i).String()[:1]
	}
	return s
}

// zero makes sectors what they were before they were ever written.
func zero(t *testing.T, fs *memfs.FS, name string, off int64, sectors int) {
	require.NoError(t, fs.Overwrite(name, off, make([]byte, sectors*512)))
}

// flip damages one byte.
func flip(t *testing.T, fs *memfs.FS, name string, off int64) {
	require.NoError(t, fs.FlipBit(name, off*8))
}

// rename moves a file out of the log's sight.
func lose(t *testing.T, fs *memfs.FS, name string) {
	require.NoError(t, fs.Rename(name, name+".lost"))
}

// Each case is a row of the table in docs/storage.md, by name. The answers are one letter
// an index: present, absent, torn, damaged.
var recoveryCases = []struct {
	name    string
	sealed  int
	damage  func(t *testing.T, fs *memfs.FS)
	answers string // of indexes 1 to 8
	err     string // of a damaged log
	unsure  bool   // last index and hard state are in doubt
	worn    int
}{
	{name: "an intact sealed log is present", sealed: 4,
		damage: func(*testing.T, *memfs.FS) {}, answers: "ppppppaa"},
	{name: "an intact log without a seal is present",
		damage: func(*testing.T, *memfs.FS) {}, answers: "ppppppaa"},
	{name: "a last batch without its trailer is torn",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024+512, 1) },
		answers: "ppppptaa"},
	{name: "a last batch without its header is torn",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024, 1) },
		answers: "ppppptaa"},
	{name: "a last batch that never reached the disk is absent",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024, 2) },
		answers: "pppppaaa"},
	{name: "a sealed last batch without its trailer is damaged", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024+512, 1) },
		answers: "ppppppaa", // every entry is readable, and yet the disk lost a sector
		err:     "wal: segment 1, offset 11264: batch is cut off"},
	{name: "a sealed last batch that is gone is damaged", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024, 2) },
		answers: "pppppdaa",
		err:     "wal: segment 1, offset 11264: no batch where one should begin"},
	{name: "rot in a payload damages its entry alone",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+1024+8+144+2*20) },
		answers: "ppdpppaa",
		err:     "wal: segment 1, offset 9216: entry checksum mismatch"},
	{name: "rot in a table damages the entries of its batch",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+8+144) },
		answers: "ddppppaa",
		err:     "wal: segment 1, offset 8192: batch frame checksum mismatch"},
	{name: "rot in a header is bridged by the trailer",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+2*1024+8+40) },
		answers: "pppddpaa",
		err:     "wal: segment 1, offset 10240: batch header checksum mismatch"},
	{name: "a first sector that is gone is bridged by the trailer",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+2*1024, 1) },
		answers: "pppddpaa",
		err:     "wal: segment 1, offset 10240: first sector of the batch is missing"},
	{name: "rot in a trailer damages the batch and none of its entries",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+1024+512+8+40) },
		answers: "ppppppaa",
		err:     "wal: segment 1, offset 9216: batch trailer does not match its header"},
	{name: "a whole batch that is gone is bounded by the next batch",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+2*1024, 2) },
		answers: "pppddpaa",
		err:     "wal: segment 1, offset 10240: no batch where one should begin"},
	{name: "two batches that are gone leave every older index in doubt",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+1024, 4) },
		answers: "dddddpaa",
		err:     "wal: segment 1, offset 9216: no batch where one should begin"},
	{name: "a sector of a later batch proves that the batch before was synced",
		damage: func(t *testing.T, fs *memfs.FS) {
			zero(t, fs, segment1, body+2*1024, 3) // batch 3, and the header of batch 4
			flip(t, fs, segment1, body+3*1024+512+100)
		},
		answers: "dddddddd", unsure: true,
		err: "wal: segment 1, offset 10240: no batch where one should begin"},
	{name: "a stray sector behind the end is damage",
		damage: func(t *testing.T, fs *memfs.FS) {
			require.NoError(t, fs.Overwrite(segment1, body+12*512, []byte{9}))
		},
		answers: "dddddddd", unsure: true,
		err: "wal: segment 1, offset 12288: no batch where one should begin"},
	{name: "one bad copy of a segment header is wear",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, 30) },
		answers: "ppppppaa", worn: 1},
	{name: "two bad copies of a segment header are damage",
		damage: func(t *testing.T, fs *memfs.FS) {
			flip(t, fs, segment1, 30)
			flip(t, fs, segment1, 4096+30)
		},
		answers: "dddddddd", unsure: true,
		err: "wal: segment 1, offset 0: header checksum mismatch, in both copies"},
	{name: "one bad slot of the seal is wear", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, sealFile, 4096+30) },
		answers: "ppppppaa", worn: 1},
	{name: "two bad slots of the seal are damage", sealed: 4,
		damage: func(t *testing.T, fs *memfs.FS) {
			flip(t, fs, sealFile, 30)
			flip(t, fs, sealFile, 4096+30)
		},
		answers: "ppppppaa", worn: 2,
		err: "wal: seal, offset 0: both slots are damaged"},
	{name: "a missing seal file is damage",
		damage:  func(t *testing.T, fs *memfs.FS) { lose(t, fs, sealFile) },
		answers: "ppppppaa",
		err:     "wal: seal, offset 0: the file is missing"},
	{name: "a sealed log without segments is damage", sealed: 2,
		damage:  func(t *testing.T, fs *memfs.FS) { lose(t, fs, segment1) },
		answers: "dddddddd", unsure: true,
		err: "wal: seal, offset 0: batch 2 was sealed, but there is no segment"},
	{name: "a batch of another place is damage",
		damage: func(t *testing.T, fs *memfs.FS) {
			b, err := fs.Contents(segment1)
			require.NoError(t, err)
			require.NoError(t, fs.Overwrite(segment1, body+1024, b[body:body+1024]))
		},
		answers: "ppdpppaa", // entry 4 was replaced by batch 3
		err:     "wal: segment 1, offset 9216: no batch where one should begin"},
}

func TestRecoveryTellsPresentAbsentTornAndDamagedApart(t *testing.T) {
	for _, c := range recoveryCases {
		t.Run(c.name, func(t *testing.T) {
			fs := story(t, c.sealed)
			c.damage(t, fs)
			before := files(t, fs)
			l, was, err := wal.Open(fs, dir, small)
			require.Equal(t, c.answers, answers(&was, 8))
			require.Equal(t, !c.unsure, was.Certain)
			require.Len(t, was.Worn, c.worn)
			if c.err == "" {
				require.NoError(t, err)
				require.NoError(t, l.Close())
				return
			}
			damaged := (*wal.DamagedError)(nil)
			require.ErrorAs(t, err, &damaged)
			require.Equal(t, c.err, strings.SplitN(err.Error(), " (and", 2)[0])
			require.Equal(t, before, files(t, fs), "a damaged log is left as it is")
			if was.Certain {
				require.Equal(t, raft.Index(6), was.Last)
				require.Equal(t, raft.Term(2), was.LastTerm)
				require.Equal(t, raft.HardState{Term: 2, Vote: raft.Ident{ID: 2, Inc: 77}}, was.Hard)
			}
		})
	}
}

// files reads everything there is.
func files(t testing.TB, fs *memfs.FS) string {
	names, err := fs.List(dir)
	require.NoError(t, err)
	s := ""
	for _, name := range names {
		b, err := fs.Contents(dir + "/" + name)
		require.NoError(t, err)
		s += name + "\n" + string(b) + "\n"
	}
	return s
}

// A write that the disk lost leaves the sectors of an earlier life, whole and with
// the right numbers. The next batch names its predecessor's frame checksum, and
// that one is another.
func TestALostWriteThatLeftAnOlderBatchIsDamage(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	store(t, l, batch(1, 1, 2))
	require.NoError(t, l.Seal())
	fork := fs.Clone()
	fork.CrashProcess()
	store(t, l, batch(1, 3, 4))
	other, _ := open(t, fork)
	store(t, other, batch(2, 3, 4))
	store(t, other, batch(2, 5, 6))
	old, err := fs.Contents(segment1)
	require.NoError(t, err)
	require.NoError(t, fork.Overwrite(segment1, body+1024, old[body+1024:body+2048]))
	_, was, err := wal.Open(fork, dir, small)
	require.EqualError(t, err, "wal: segment 1, offset 10240: batch does not follow the one before")
	require.Equal(t, "dddddd", answers(&was, 6), "which of the two is left over nobody knows")
}

// A seal is written beside the last one, never over it: while a crash may tear
// the new one, the old one vouches.
func TestATornSealLeavesTheOneBefore(t *testing.T) {
	for slot, want := range map[int64]string{
		0: "ddd", // the newest seal stands: two batches are missing, and who knows what they changed
		1: "ppd", // the one before stands: batch 3 is missing
	} {
		fs := memfs.New(1)
		l, _ := open(t, fs)
		for i := raft.Index(1); i <= 4; i++ {
			store(t, l, batch(1, i, i))
			require.NoError(t, l.Seal())
		}
		flip(t, fs, sealFile, slot*4096+40)
		zero(t, fs, segment1, body+2*1024, 4)
		_, was, err := wal.Open(fs, dir, small)
		require.EqualError(t, err, "wal: segment 1, offset 10240: no batch where one should begin")
		require.Equal(t, want, answers(&was, 3))
	}
}

// The chain of segments has its own ways to break.
func TestAMissingSegmentIsDamage(t *testing.T) {
	for _, c := range []struct{ lost, err string }{
		{segment1, "wal: segment 1, offset 0: the file is missing"},
		{segment2, "wal: segment 2, offset 0: the file is missing"},
	} {
		fs := memfs.New(1)
		l, _ := open(t, fs)
		for i := raft.Index(1); i <= 20; i++ {
			store(t, l, batch(1, i, i))
		}
		lose(t, fs, c.lost)
		_, was, err := wal.Open(fs, dir, small)
		require.EqualError(t, err, c.err)
		require.Equal(t, wal.Damaged, was.At(1))
		require.Equal(t, wal.Present, was.At(20))
	}
}

// A newest segment that a seal covers can't vanish unnoticed.
func TestAMissingNewestSegmentIsDamageIfItsBatchesWereSealed(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	for i := raft.Index(1); i <= 12; i++ {
		store(t, l, batch(1, i, i))
	}
	require.NoError(t, l.Seal())
	lose(t, fs, segment2)
	_, _, err := wal.Open(fs, dir, small)
	require.ErrorAs(t, err, new(*wal.DamagedError))
}

// Rot in the last batch before its seal, and a crash: what is left looks
// exactly like a write that the crash cut off. The log takes it for that, and an
// acknowledged batch is gone. This is the one ambiguity that the format leaves; the
// seal closes it after 50 ms of idle disk.
func TestRotInTheLastBatchBeforeItsSealPassesForATornWrite(t *testing.T) {
	for _, sealed := range []int{3, 4} {
		fs := story(t, sealed)
		flip(t, fs, segment1, body+3*1024+8+144+20)
		_, was, err := wal.Open(fs, dir, small)
		if sealed == 4 {
			require.EqualError(t, err, "wal: segment 1, offset 11264: entry checksum mismatch")
			require.Equal(t, "pppppdaa", answers(&was, 8))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "ppppptaa", answers(&was, 8))
	}
}

// Every bit of a sealed log is flipped, one after the other. Either the log is
// found damaged, or it is what it was: no flip is ever taken for other contents.
func TestNoFlippedBitOfASealedLogIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	fs := memfs.New(1)
	l, was, err := wal.Open(fs, dir, tiny)
	require.NoError(t, err)
	for i := raft.Index(1); i <= 5; i++ {
		store(t, l, batch(1, i, i))
	}
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	_, was, err = wal.Open(fs.Clone(), dir, tiny)
	require.NoError(t, err)
	want := printOf(was.Hard, was.ConfigIndex, was.Entries)
	damaged, same := 0, 0
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 3, "two segments and the seal")
	for _, name := range names {
		name = dir + "/" + name
		contents, err := fs.Contents(name)
		require.NoError(t, err)
		for bit := range int64(len(contents)) * 8 {
			if at := bit / 8 % 4096; bit/8 < body && at >= 64 && name != sealFile || at >= 128 && name == sealFile {
				if bit%509 != 0 { // of what carries nothing a sample is enough
					continue
				}
			}
			require.NoError(t, fs.FlipBit(name, bit))
			c := fs.Clone()
			_, was, err := wal.Open(c, dir, tiny)
			switch {
			case errors.As(err, new(*wal.DamagedError)):
				damaged++
			case err != nil:
				t.Fatalf("%s, bit %d: %v", name, bit, err)
			default:
				same++
				require.Equal(t, want, printOf(was.Hard, was.ConfigIndex, was.Entries), "%s, bit %d", name, bit)
			}
			checkAnswers(t, &was, 5, fmt.Sprintf("%s, bit %d", name, bit))
			require.NoError(t, fs.FlipBit(name, bit))
		}
	}
	t.Logf("%d flips found as damage, %d in bytes that are there twice or carry nothing", damaged, same)
	require.Greater(t, damaged, 10_000)
}

// checkAnswers: damage never becomes absence, and what is called present is what
// was stored.
func checkAnswers(t *testing.T, was *wal.Recovered, last raft.Index, how string) {
	for i := raft.Index(1); i <= last; i++ {
		switch was.At(i) {
		case wal.Present:
			e, ok := was.Entry(i)
			require.True(t, ok, how)
			require.Equal(t, batch(1, i, i).Entries[0], e, how)
		case wal.Damaged:
		default:
			t.Fatalf("%s: entry %d is %s", how, i, was.At(i))
		}
	}
}

// A file of a later release is no damage: the way out is another binary.
func TestANewerFormatIsToldFromDamage(t *testing.T) {
	fs := story(t, 4)
	// "parleywl", version 3 and the checksum that format 3 would give them.
	newer := []byte("parleywl\x03\x00\x00\x00")
	newer = append(newer, crc(newer)...)
	require.NoError(t, fs.Overwrite(segment1, 0, newer))
	_, _, err := wal.Open(fs, dir, small)
	require.ErrorAs(t, err, new(*wal.FormatError))
	require.EqualError(t, err, "wal: 0000000000000001.wal was written by a newer Parley: format 3, this build reads up to 1")
}

func TestTheLogOfAnotherClusterIsRefused(t *testing.T) {
	fs := story(t, 4)
	_, _, err := wal.Open(fs, dir, wal.Options{Cluster: 5})
	require.ErrorAs(t, err, new(*wal.ClusterError))
	require.EqualError(t, err, "wal: seal belongs to cluster 00000000000000c1, this node to 0000000000000005")
}

// Inspect shows a damaged log without touching it.
func TestInspectReportsAndChangesNothing(t *testing.T) {
	fs := story(t, 2)
	flip(t, fs, segment1, body+1024+8+144+2*20)
	before := files(t, fs)
	r, err := wal.Inspect(fs, dir)
	require.NoError(t, err)
	require.Equal(t, before, files(t, fs))
	require.Equal(t, cluster, r.Cluster)
	require.Equal(t, uint64(2), r.Sealed)
	require.Equal(t, uint64(4), r.Last)
	require.Equal(t, []wal.SegmentReport{{Number: 1, Batches: 4, End: 12288}}, r.Segments)
	require.Len(t, r.Was.Damage, 1)
	require.Equal(t, "segment 1, offset 9216: entry checksum mismatch", r.Was.Damage[0].String())
	require.Equal(t, raft.Index(3), r.Was.Damage[0].First)
	require.Equal(t, raft.Index(3), r.Was.Damage[0].Last)
}

// The table in docs/storage.md is the promise; a case without a row, or a row without
// a case, is a promise nobody checks.
func TestEveryRecoveryCaseHasItsRowInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/storage.md")
	require.NoError(t, err)
	rows := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			rows[strings.TrimSpace(cells[3])] = true
		}
	}
	for _, c := range recoveryCases {
		require.True(t, rows[c.name], "no row for %q", c.name)
		delete(rows, c.name)
	}
	for row := range rows {
		known := strings.HasPrefix(row, "`Test") || strings.HasPrefix(row, "`Fuzz") || strings.HasPrefix(row, "Test (of") || strings.HasPrefix(row, "---")
		require.True(t, known, "no case for the row %q", row)
	}
}
