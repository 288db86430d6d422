package wal_test

import (
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
func lose(t testing.TB, fs *memfs.FS, name string) {
	require.NoError(t, fs.Rename(name, name+".lost"))
}

// compacted is the story with two batches more: the base at 3, and entry 7 of term 2.
func compacted(t testing.TB, _ int) *memfs.FS {
	t.Helper()
	fs := story(t, 4)
	l, _, err := wal.Open(fs, dir, small)
	require.NoError(t, err)
	b := batch(2, 7, 7)
	b.Base = raft.EntryID{Index: 3, Term: 1}
	store(t, l, b)
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	return fs
}

// rot damages the payload of an entry.
func rot(i raft.Index, term raft.Term) func(*testing.T, *memfs.FS) {
	return func(t *testing.T, fs *memfs.FS) { rotEntry(t, fs, batch(term, i, i).Entries[0]) }
}

// at names a snapshot.
func at(i raft.Index, term raft.Term) raft.EntryID { return raft.EntryID{Index: i, Term: term} }

// Each case is a row of the table in docs/storage.md, by name. The answers are one letter
// an index: present, absent, torn, damaged, compacted.
var recoveryCases = []struct {
	name      string
	log       func(t testing.TB, sealed int) *memfs.FS // story, if there is none
	sealed    int
	snapshots []raft.EntryID
	damage    func(t *testing.T, fs *memfs.FS)
	answers   string // of indexes 1 to 8, when the log is open
	found     string // the first place that cost something
	worn      string // the first place that cost nothing
	lost      bool   // the end of the log is
	decided   wal.Decision
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
	{name: "a sealed last batch without its trailer is worn", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024+512, 1) },
		answers: "ppppppaa", worn: "segment 1, offset 11264: batch is cut off"},
	{name: "a sealed last batch that is gone is a hole", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+3*1024, 2) },
		answers: "pppppdaa", found: "segment 1, offset 11264: no batch where one should begin"},
	{name: "a torn batch beside a bad slot of the seal is a hole",
		damage: func(t *testing.T, fs *memfs.FS) {
			zero(t, fs, segment1, body+3*1024+512, 1)
			flip(t, fs, segment1, body+3*1024+8+264+20)
			flip(t, fs, sealFile, 30)
		},
		answers: "pppppdaa", found: "segment 1, offset 11264: entry checksum mismatch", worn: "seal, offset 0: slot checksum mismatch"},
	{name: "a torn batch that tells nothing beside a bad slot of the seal is the end lost",
		damage: func(t *testing.T, fs *memfs.FS) {
			flip(t, fs, segment1, body+3*1024+8+20)
			flip(t, fs, segment1, body+3*1024+512+8+20)
			flip(t, fs, sealFile, 30)
		},
		answers: "dddddddd", lost: true, found: "segment 1, offset 11264: batch header checksum mismatch", worn: "seal, offset 0: slot checksum mismatch"},
	{name: "rot in a payload damages its entry alone",
		damage:  rot(3, 1),
		answers: "ppdpppaa", found: "segment 1, offset 9216: entry checksum mismatch"},
	{name: "rot in a table damages the entries of its batch",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+8+264) },
		answers: "ddppppaa", found: "segment 1, offset 8192: batch frame checksum mismatch"},
	{name: "rot in a header is bridged by the trailer",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+2*1024+8+40) },
		answers: "pppddpaa", found: "segment 1, offset 10240: batch header checksum mismatch"},
	{name: "a first sector that is gone is bridged by the trailer",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+2*1024, 1) },
		answers: "pppddpaa", found: "segment 1, offset 10240: first sector of the batch is missing"},
	{name: "rot in a trailer is wear",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+1024+512+8+40) },
		answers: "ppppppaa", worn: "segment 1, offset 9216: batch trailer does not match its header"},
	{name: "a whole batch that is gone is bounded by the next batch",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+2*1024, 2) },
		answers: "pppddpaa", found: "segment 1, offset 10240: no batch where one should begin"},
	{name: "two batches that are gone are bounded by the next one",
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+1024, 4) },
		answers: "ppdddpaa", found: "segment 1, offset 9216: no batch where one should begin"},
	{name: "a sector of a later batch proves that the batch before was synced",
		damage: func(t *testing.T, fs *memfs.FS) {
			zero(t, fs, segment1, body+2*1024, 3) // batch 3, and the header of batch 4
			flip(t, fs, segment1, body+3*1024+512+100)
		},
		answers: "dddddddd", lost: true, found: "segment 1, offset 10240: no batch where one should begin"},
	{name: "garbage in the place of the next batch is the end lost",
		damage: func(t *testing.T, fs *memfs.FS) {
			require.NoError(t, fs.Overwrite(segment1, body+8*512, []byte{9}))
			require.NoError(t, fs.Overwrite(segment1, body+9*512, []byte{9}))
		},
		answers: "dddddddd", lost: true, found: "segment 1, offset 12288: no batch where one should begin"},
	{name: "garbage in one sector behind the end is wear", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { require.NoError(t, fs.Overwrite(segment1, body+8*512, []byte{9})) },
		answers: "ppppppaa", worn: "segment 1, offset 12288: damaged where nothing was written"},
	{name: "garbage behind a blank sector is wear",
		damage: func(t *testing.T, fs *memfs.FS) {
			for i := int64(9); i < 12; i++ {
				require.NoError(t, fs.Overwrite(segment1, body+i*512, []byte{9}))
			}
		},
		answers: "ppppppaa", worn: "segment 1, offset 12800: damaged where nothing was written"},
	{name: "a single bit behind the end is wear", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { require.NoError(t, fs.FlipBit(segment1, (body+12*512)*8+3)) },
		answers: "ppppppaa", worn: "segment 1, offset 14336: damaged where nothing was written"},
	{name: "one bad copy of a segment header is wear",
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, 30) },
		answers: "ppppppaa", worn: "segment 1, offset 0: header checksum mismatch"},
	{name: "two bad copies of a segment header are bridged by the first batch",
		damage: func(t *testing.T, fs *memfs.FS) {
			flip(t, fs, segment1, 30)
			flip(t, fs, segment1, 4096+30)
		},
		answers: "ppppppaa", worn: "segment 1, offset 0: header checksum mismatch, in both copies"},
	{name: "one bad slot of the seal is wear", sealed: 4,
		damage:  func(t *testing.T, fs *memfs.FS) { flip(t, fs, sealFile, 4096+30) },
		answers: "ppppppaa", worn: "seal, offset 4096: slot checksum mismatch"},
	{name: "two bad slots of the seal are wear if nothing is torn", sealed: 4,
		damage: func(t *testing.T, fs *memfs.FS) {
			flip(t, fs, sealFile, 30)
			flip(t, fs, sealFile, 4096+30)
		},
		answers: "ppppppaa", worn: "seal, offset 0: both slots are damaged"},
	{name: "a missing seal file is wear if nothing is torn",
		damage:  func(t *testing.T, fs *memfs.FS) { lose(t, fs, sealFile) },
		answers: "ppppppaa", worn: "seal, offset 0: the file is missing"},
	{name: "a sealed log without segments is the end lost", sealed: 2,
		damage:  func(t *testing.T, fs *memfs.FS) { lose(t, fs, segment1) },
		answers: "dddddddd", lost: true, found: "seal, offset 0: batch 2 was sealed, but there is no segment"},
	{name: "a sealed segment that was wiped is the end lost", sealed: 4, // who knows what came behind the seal
		damage:  func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, 0, 32) },
		answers: "dddddddd", lost: true, found: "segment 1, offset 0: header checksum mismatch, in both copies"},
	{name: "a batch of another place is damage",
		damage: func(t *testing.T, fs *memfs.FS) {
			b, err := fs.Contents(segment1)
			require.NoError(t, err)
			require.NoError(t, fs.Overwrite(segment1, body+1024, b[body:body+1024]))
		},
		answers: "ppdpppaa", // entry 4 was replaced by batch 3
		found:   "segment 1, offset 9216: no batch where one should begin"},

	{name: "damage that was cut since is wear",
		damage:  rot(4, 1),
		answers: "ppppppaa", worn: "segment 1, offset 9216: entry checksum mismatch"},
	{name: "damage at or below the base is wear", log: compacted, snapshots: []raft.EntryID{at(3, 1)},
		damage:  rot(2, 1),
		answers: "cccppppa", worn: "segment 1, offset 8192: entry checksum mismatch"},
	{name: "a good snapshot covers the damage", log: compacted, snapshots: []raft.EntryID{at(3, 1), at(5, 2)},
		damage:  rot(5, 2),
		answers: "cccccppa", found: "segment 1, offset 10240: entry checksum mismatch", decided: wal.Decision{Raised: at(5, 2)}},
	{name: "the older of two snapshots covers the damage", snapshots: []raft.EntryID{at(3, 1), at(5, 2)},
		damage:  rot(2, 1),
		answers: "cccpppaa", found: "segment 1, offset 8192: entry checksum mismatch", decided: wal.Decision{Raised: at(3, 1)}},
	{name: "a snapshot covers some of the damage, and the rest are holes", snapshots: []raft.EntryID{at(3, 1)},
		damage: func(t *testing.T, fs *memfs.FS) {
			rot(3, 1)(t, fs)
			rot(5, 2)(t, fs)
		},
		answers: "cccpdpaa", found: "segment 1, offset 9216: entry checksum mismatch", decided: wal.Decision{Raised: at(3, 1)}},
	{name: "damage above the newest snapshot is a hole", snapshots: []raft.EntryID{at(3, 1)},
		damage:  rot(5, 2),
		answers: "ppppdpaa", found: "segment 1, offset 10240: entry checksum mismatch"},
	{name: "a snapshot that was received and never took its place does not count", snapshots: []raft.EntryID{at(9, 2)},
		damage:  rot(5, 2),
		answers: "ppppdpaa", found: "segment 1, offset 10240: entry checksum mismatch"},
	{name: "a snapshot of other entries does not count", snapshots: []raft.EntryID{at(5, 1)},
		damage:  rot(4, 2),
		answers: "pppdppaa", found: "segment 1, offset 10240: entry checksum mismatch"},
	{name: "without a good snapshot a log with a base is given up", log: compacted,
		damage:  func(*testing.T, *memfs.FS) {},
		answers: "ddddddda", decided: wal.Decision{Reset: true}},
	{name: "a snapshot below the base does not go with it", log: compacted, snapshots: []raft.EntryID{at(2, 1)},
		damage:  func(*testing.T, *memfs.FS) {},
		answers: "ddddddda", decided: wal.Decision{Reset: true}},
}

func TestRecoveryTellsPresentAbsentTornAndDamagedApart(t *testing.T) {
	for _, c := range recoveryCases {
		t.Run(c.name, func(t *testing.T) {
			if c.log == nil {
				c.log = story
			}
			fs := c.log(t, c.sealed)
			o := small
			o.Snapshots = c.snapshots
			_, healthy, err := wal.Open(fs.Clone(), dir, wal.Options{Cluster: cluster, Snapshots: []raft.EntryID{at(3, 1)}})
			require.NoError(t, err)
			c.damage(t, fs)
			before := files(t, fs)
			_, was, err := wal.Open(fs, dir, o)
			require.Equal(t, c.answers, answers(&was, 8))
			require.Equal(t, !c.lost, was.Certain)
			require.Equal(t, c.found, first(was.Damage))
			require.Equal(t, c.worn, first(was.Worn))
			require.Equal(t, c.decided, was.Decided)
			if c.lost {
				require.ErrorAs(t, err, new(*wal.LostError))
				require.Equal(t, "wal: the end of the log is lost: "+c.found, strings.SplitN(err.Error(), " (and", 2)[0])
				require.Equal(t, before, files(t, fs), "a lost log is left as it is")
				return
			}
			require.NoError(t, err)
			if c.found != "" || c.worn != "" {
				hard := was.Hard
				hard.Floor = raft.EntryID{}
				require.Equal(t, healthy.Hard, hard)
				require.Equal(t, healthy.Last, was.Last)
				require.Equal(t, healthy.LastTerm, was.LastTerm)
			}
			if c.decided.Reset {
				require.Equal(t, at(healthy.Last, healthy.LastTerm), was.Hard.Floor)
				require.Equal(t, raft.EntryID{}, was.Base)
				require.Empty(t, was.Entries)
			}
			fs.CrashMachine(memfs.DropAll)
			_, again, err := wal.Open(fs, dir, o)
			require.NoError(t, err)
			require.Equal(t, wal.Decision{}, again.Decided, "what was decided is durable")
			require.Equal(t, printAll(&was), printAll(&again))
		})
	}
}

// first prints the first of the places.
func first(list []wal.Damage) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].String()
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
	store(t, other, batch(2, 7, 7))
	old, err := fs.Contents(segment1)
	require.NoError(t, err)
	require.NoError(t, fork.Overwrite(segment1, body+1024, old[body+1024:body+2048]))
	_, was, err := wal.Open(fork, dir, small)
	require.NoError(t, err)
	require.Equal(t, "segment 1, offset 10240: batch does not follow the one before", first(was.Damage))
	require.Equal(t, "ppddppp", answers(&was, 7), "3 and 4 are of term 2, as batch 3 says, and the older ones of term 1")
	require.Equal(t, []wal.Hole{{First: 3, Last: 4, Term: 2}}, was.Holes)
}

// If it is the last batch that is left over, nothing behind it tells which of the two it is.
func TestALastBatchThatDoesNotFollowTheOneBeforeIsTheEndLost(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	store(t, l, batch(1, 1, 2))
	require.NoError(t, l.Seal())
	fork := fs.Clone()
	fork.CrashProcess()
	store(t, l, batch(1, 3, 4))
	store(t, l, batch(1, 5, 6))
	other, _ := open(t, fork)
	store(t, other, batch(2, 3, 4))
	store(t, other, batch(2, 5, 6))
	old, err := fs.Contents(segment1)
	require.NoError(t, err)
	require.NoError(t, fork.Overwrite(segment1, body+2*1024, old[body+2*1024:body+3*1024]))
	_, _, err = wal.Open(fork, dir, small)
	require.EqualError(t, err, "wal: the end of the log is lost: segment 1, offset 10240: batch does not follow the one before")
}

// A seal is written beside the last one, never over it: while a crash may tear
// the new one, the old one vouches.
func TestATornSealLeavesTheOneBefore(t *testing.T) {
	for bad, want := range map[int64]string{
		1: "pppppdda", // the newest seal tells how the log stood at its end
		0: "pppppda",  // the one before tells of batch 6; that there was a batch 7 nothing tells
	} {
		fs := memfs.New(1)
		l, _ := open(t, fs)
		for i := raft.Index(1); i <= 7; i++ {
			store(t, l, batch(1, i, i))
			require.NoError(t, l.Seal())
		}
		flip(t, fs, sealFile, bad*4096+40)
		_, healthy, err := wal.Open(fs.Clone(), dir, small)
		require.NoError(t, err)
		require.Equal(t, "pppppppa", answers(&healthy, 8))

		zero(t, fs, segment1, body+5*1024, 4)
		_, was, err := wal.Open(fs, dir, small)
		require.NoError(t, err)
		require.Equal(t, "segment 1, offset 13312: no batch where one should begin", first(was.Damage))
		require.Equal(t, want, answers(&was, raft.Index(len(want))))
	}
}

// The chain of segments has its own ways to break. What is behind the break tells what was
// lost in it: the entries of the segment that is gone, and no others.
func TestAMissingSegmentIsItsEntriesLost(t *testing.T) {
	for lost, want := range map[string]string{
		segment1: "ddddddddpppppppppppp",
		segment2: "ppppppppddddddddpppp",
	} {
		fs := memfs.New(1)
		l, _ := open(t, fs)
		for i := raft.Index(1); i <= 20; i++ {
			store(t, l, batch(1, i, i))
		}
		lose(t, fs, lost)
		_, was, err := wal.Open(fs, dir, small)
		require.NoError(t, err)
		require.Regexp(t, "the file is missing", first(was.Damage))
		require.Equal(t, want, answers(&was, 20))
	}
}

// Both copies of a header in the middle of the chain: the segment's batches tell what it was.
func TestASegmentWithoutAReadableHeaderIsReadAllTheSame(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	for i := raft.Index(1); i <= 20; i++ {
		store(t, l, batch(1, i, i))
	}
	flip(t, fs, segment2, 30)
	flip(t, fs, segment2, 4096+30)
	_, was, err := wal.Open(fs, dir, small)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("p", 20), answers(&was, 20))
	require.Equal(t, "segment 2, offset 0: header checksum mismatch, in both copies", first(was.Worn))
}

// A newest segment that a seal covers can't vanish unnoticed; whether there were batches behind
// the seal nobody knows.
func TestAMissingNewestSegmentIsTheEndLostIfItsBatchesWereSealed(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	for i := raft.Index(1); i <= 12; i++ {
		store(t, l, batch(1, i, i))
	}
	require.NoError(t, l.Seal())
	lose(t, fs, segment2)
	_, _, err := wal.Open(fs, dir, small)
	require.ErrorAs(t, err, new(*wal.LostError))
}

// A segment that waits for its removal, and one that is gone although the directory was never
// synced, are of no interest.
func TestDamageInSegmentsThatMatterNoMoreIsNotEvenWear(t *testing.T) {
	for _, damage := range []func(t *testing.T, fs *memfs.FS){
		func(t *testing.T, fs *memfs.FS) { lose(t, fs, segment1) },
		func(t *testing.T, fs *memfs.FS) { lose(t, fs, segment2) },
		func(t *testing.T, fs *memfs.FS) { flip(t, fs, segment1, body+512) },
		func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment2, 0, 24) },
	} {
		fs := memfs.New(1)
		l, _ := open(t, fs)
		for i := raft.Index(1); i <= 20; i++ {
			store(t, l, batch(1, i, i))
		}
		b := batch(1, 21, 21)
		b.Base = at(18, 1)
		store(t, l, b)
		damage(t, fs)
		o := small
		o.Snapshots = []raft.EntryID{at(18, 1)}
		_, was, err := wal.Open(fs, dir, o)
		require.NoError(t, err)
		require.Empty(t, was.Damage)
		require.Empty(t, was.Worn)
		require.Equal(t, wal.Decision{}, was.Decided)
		require.Equal(t, "ccppp", answers(&was, 21)[16:])
	}
}

// Terms that nobody tells: more of them were lost in a row than a claim repeats. The log ends
// before them, and the floor says where it did end.
func TestEntriesOfUnknownTermsAreCutAndAFloorStandsForThem(t *testing.T) {
	s := restlessLog(t)
	zero(t, s.fs, segment1, body+1024, 10) // batches 2 to 6
	_, was, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	require.Equal(t, wal.Decision{Cut: 3}, was.Decided)
	require.Equal(t, "the log was cut at 3: the terms of the entries lost there are not known", was.Decided.String())
	require.Equal(t, s.last(), was.Hard.Floor)
	require.Equal(t, raft.Index(2), was.Last)
	require.Equal(t, "pp"+strings.Repeat("d", 22)+"a", answers(&was, 25), "what the floor stands for is damaged for good")
}

// A log with more holes than fetching one by one makes sense is cut as well.
func TestMoreHolesThanCanBeFilledAreCut(t *testing.T) {
	fs := memfs.New(1)
	o := wal.Options{Cluster: cluster, SegmentBytes: 32 << 20}
	l, _, err := wal.Open(fs, dir, o)
	require.NoError(t, err)
	b := &wal.Batch{Hard: raft.HardState{Term: 1}}
	for i := raft.Index(1); i <= wal.HolesMax+5; i++ {
		e := raft.Entry{Index: i, Term: 1, Kind: raft.EntryNoop}
		e.Sum = raft.EntrySum(cluster, &e)
		b.Entries = append(b.Entries, e)
	}
	store(t, l, b)
	store(t, l, batch(1, wal.HolesMax+6, wal.HolesMax+6))
	flip(t, fs, segment1, body+5000)
	_, was, err := wal.Open(fs, dir, o)
	require.NoError(t, err)
	require.Equal(t, wal.Decision{Cut: wal.HolesMax + 1}, was.Decided)
	require.Equal(t, at(wal.HolesMax+6, 1), was.Hard.Floor)
	require.Len(t, was.Entries, wal.HolesMax)
}

// Rot in the last batch before its seal, and a crash: what is left looks
// exactly like a write that the crash cut off. The log takes it for that, and an
// acknowledged batch is gone. This is the one ambiguity that the format leaves; the
// seal closes it after 50 ms of idle disk.
func TestRotInTheLastBatchBeforeItsSealPassesForATornWrite(t *testing.T) {
	for _, sealed := range []int{3, 4} {
		fs := story(t, sealed)
		flip(t, fs, segment1, body+3*1024+8+264+20)
		_, was, err := wal.Open(fs, dir, small)
		require.NoError(t, err)
		if sealed == 4 {
			require.Equal(t, "segment 1, offset 11264: entry checksum mismatch", first(was.Damage))
			require.Equal(t, "pppppdaa", answers(&was, 8))
			continue
		}
		require.Equal(t, "ppppptaa", answers(&was, 8))
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
	require.EqualError(t, err, "wal: 0000000000000001.wal was written by a newer Parley: format 3, this build reads up to 2")
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
	rot(3, 1)(t, fs)
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
		if cells := strings.Split(line, "|"); len(cells) == 7 {
			rows[strings.TrimSpace(cells[5])] = true
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
