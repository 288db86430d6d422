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

// A start that finds damage decides something and writes it down. It may be stopped before any
// of its operations: the next one must come to the same, whatever is left of the first.
func TestACrashAtEveryFileOperationOfADecisionComesToTheSame(t *testing.T) {
	t.Parallel()
	restless := func(testing.TB, int) *memfs.FS { return restlessLog(t).fs }
	scarred := func(testing.TB, int) *memfs.FS { return scarredLog(t).fs }
	cases := append(recoveryCases[:len(recoveryCases):len(recoveryCases)], recoveryCases[0], recoveryCases[0], recoveryCases[0])
	more := cases[len(recoveryCases):]
	more[0].name, more[0].log = "ten sectors of many terms", restless
	more[0].damage = func(t *testing.T, fs *memfs.FS) { zero(t, fs, segment1, body+1024, 10) }
	more[1].name, more[1].log = "no snapshot goes with a long log", scarred
	more[2].name, more[2].log = "many places", scarred
	more[2].snapshots = []raft.EntryID{at(5, 1), at(7, 1)}
	more[2].damage = func(t *testing.T, fs *memfs.FS) {
		zero(t, fs, segment1, body+2*1024, 1)
		zero(t, fs, "wal/0000000000000003.wal", body, 3)
	}
	opened := 0
	for _, c := range cases {
		if c.lost {
			continue
		}
		if c.log == nil {
			c.log = story
		}
		fs := c.log(t, c.sealed)
		c.damage(t, fs)
		o := small
		o.Snapshots = c.snapshots
		whole := fs.Clone()
		var want string
		ops := operations(whole, func() {
			_, was, err := wal.Open(whole, dir, o)
			require.NoError(t, err, c.name)
			want = printAll(&was)
		})
		for _, op := range ops {
			if !op.Kind.Changes() {
				continue
			}
			for _, short := range shorts(op) {
				stopped := fs.Clone()
				stopAt(stopped, op.Seq, short)
				_, _, err := wal.Open(stopped, dir, o)
				require.ErrorIs(t, err, memfs.ErrStopped)
				crashes(stopped, uint64(op.Seq), 10, func(how string, crashed *memfs.FS) {
					_, was, err := wal.Open(crashed, dir, o)
					opened++
					if err != nil || printAll(&was) != want {
						t.Fatalf("%s: stopped at operation %d (%s %s, %d bytes of it), crash of the %s: %v, %s, not %s",
							c.name, op.Seq, op.Kind, op.Name, short, how, err, printAll(&was), want)
					}
				})
			}
		}
	}
	t.Logf("%d logs opened", opened)
}

// holed opens a log of ten entries of which 3, 4 and 8 are lost, each in its own way.
func holed(t *testing.T) (fs *memfs.FS, l *wal.Log, was wal.Recovered, entries []raft.Entry) {
	fs = memfs.New(1)
	l, _ = open(t, fs)
	for i := raft.Index(1); i < 10; i += 2 {
		b := batch(1, i, i+1)
		entries = append(entries, b.Entries...)
		store(t, l, b)
	}
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	zero(t, fs, segment1, body+1024, 2)
	rotEntry(t, fs, entries[7])
	l, was = open(t, fs)
	require.Equal(t, []wal.Hole{{First: 3, Last: 4, Term: 1}, {First: 8, Last: 8, Term: 1}}, was.Holes)
	require.Equal(t, "entries 3 to 4 of term 1", was.Holes[0].String())
	require.Equal(t, "ppddpppdppa", answers(&was, 11))
	return fs, l, was, entries
}

// A hole is an entry that says what is known of it: the checksum, if the table survived.
func TestAHoleTellsWhatIsKnownOfItsEntry(t *testing.T) {
	_, _, was, entries := holed(t)
	require.Len(t, was.Entries, 10)
	for i, e := range was.Entries {
		switch i + 1 {
		case 3, 4:
			require.Equal(t, raft.Entry{Index: e.Index, Term: 1}, e)
		case 8:
			require.Equal(t, raft.Entry{Index: 8, Term: 1, Sum: entries[7].Sum}, e)
		default:
			require.Equal(t, entries[i], e)
		}
	}
}

// Fills take the place of what was lost, in any order, beside new entries; what lies behind them
// stays. A start after the last of them finds no damage, decides nothing, and goes on.
func TestAFilledHoleIsNoDamageAnyMore(t *testing.T) {
	fs, l, _, entries := holed(t)
	b := batch(2, 11, 12)
	b.Fill = []raft.Entry{entries[7]}
	store(t, l, b)
	l, was := open(t, fs)
	require.Equal(t, "ppddppppppppa", answers(&was, 13))
	store(t, l, &wal.Batch{Hard: b.Hard, Fill: entries[2:4]})
	require.NoError(t, l.Seal())
	fs.CrashMachine(memfs.DropAll)
	l, was = open(t, fs)
	require.Equal(t, append(entries, b.Entries...), was.Entries)
	require.Empty(t, was.Holes)
	require.Empty(t, was.Damage)
	require.NotEmpty(t, was.Worn, "the places are bad all the same")
	require.NoError(t, l.Close())

	// What filled the hole rots in its turn: the hole is there again.
	rotEntry(t, fs, entries[2])
	_, was = open(t, fs)
	require.Equal(t, []wal.Hole{{First: 3, Last: 3, Term: 1}}, was.Holes)
}

// The old place goes when compaction drops the segment that it lies in.
func TestADamagedPlaceGoesWithItsSegment(t *testing.T) {
	fs, l, _, entries := holed(t)
	b := &wal.Batch{Hard: raft.HardState{Term: 1}, Fill: []raft.Entry{entries[2], entries[3], entries[7]}}
	store(t, l, b)
	store(t, l, &wal.Batch{Hard: raft.HardState{Term: 1}, Base: at(10, 1)})
	done, err := l.Trim()
	require.NoError(t, err)
	require.True(t, done)
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"0000000000000002.wal", "seal"}, names)
	o := small
	o.Snapshots = []raft.EntryID{at(10, 1)}
	_, was, err := wal.Open(fs, dir, o)
	require.NoError(t, err)
	require.Empty(t, was.Worn)
	require.Equal(t, at(10, 1), was.Base)
}

// A leader's entry of another term at a hole is an ordinary conflict: it cuts the log there.
func TestATruncationEndsHoles(t *testing.T) {
	fs, l, _, entries := holed(t)
	b := batch(3, 4, 5)
	b.Truncate = 4
	store(t, l, b)
	_, was := open(t, fs)
	require.Equal(t, []wal.Hole{{First: 3, Last: 3, Term: 1}}, was.Holes)
	require.Equal(t, entries[:2], was.Entries[:2])
	require.Equal(t, b.Entries, was.Entries[3:])
}

// A snapshot from the leader takes the place of everything, holes and floor included.
func TestAnInstalledSnapshotEndsHoles(t *testing.T) {
	fs, l, _, _ := holed(t)
	b := batch(4, 31, 31)
	b.Base, b.Reset = at(30, 4), true
	store(t, l, b)
	o := small
	o.Snapshots = []raft.EntryID{at(30, 4)}
	_, was, err := wal.Open(fs, dir, o)
	require.NoError(t, err)
	require.Empty(t, was.Holes)
	require.Empty(t, was.Worn)
	require.Equal(t, at(30, 4), was.Base)
	require.Equal(t, b.Entries, was.Entries)
}

// Every promise about a fill holds at every crash: before it is acknowledged there is the hole or
// the entry, afterwards the entry; what is behind it never changes.
func TestACrashAtEveryFileOperationOfAFillLosesNothing(t *testing.T) {
	fs, l, _, entries := holed(t)
	require.NoError(t, l.Close())
	fills := [][]raft.Entry{{entries[7]}, entries[2:4]}
	holes := []int{3, 2, 0}
	perform := func(fs *memfs.FS) (acked int, err error) {
		l, _, err := wal.Open(fs, dir, small)
		for i := 0; i < len(fills) && err == nil; i++ {
			b := &wal.Batch{Hard: raft.HardState{Term: 1, Vote: raft.Ident{ID: 2, Inc: 77}}, ConfigIndex: 1, Fill: fills[i]}
			if err = errors.Join(l.Append(b), l.Sync()); err == nil {
				acked++
			}
		}
		return acked, err
	}
	whole := fs.Clone()
	ops := operations(whole, func() {
		_, err := perform(whole)
		require.NoError(t, err)
	})
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		for _, short := range shorts(op) {
			stopped := fs.Clone()
			stopAt(stopped, op.Seq, short)
			acked, err := perform(stopped)
			require.ErrorIs(t, err, memfs.ErrStopped)
			crashes(stopped, uint64(op.Seq), 100, func(how string, crashed *memfs.FS) {
				how = fmt.Sprintf("operation %d (%s, %d), crash of the %s", op.Seq, op.Kind, short, how)
				_, was, err := wal.Open(crashed, dir, small)
				require.NoError(t, err, how)
				n := 0
				for i, e := range was.Entries {
					if e.Kind == 0 {
						n++
					} else {
						require.Equal(t, entries[i], e, how)
					}
				}
				require.Len(t, was.Entries, 10, how)
				require.True(t, n == holes[acked] || acked < 2 && n == holes[acked+1], "%s: %d holes after %d fills", how, n, acked)
			})
		}
	}
}

// What is no hole is not filled, and a hole only by its own entry: anything else would put
// another entry into a log that was acknowledged.
func TestAFillThatIsNotAHolesEntryIsACallersBug(t *testing.T) {
	_, l, _, entries := holed(t)
	fill := func(e raft.Entry) func() {
		return func() { _ = l.Append(&wal.Batch{Hard: raft.HardState{Term: 1}, Fill: []raft.Entry{e}}) }
	}
	require.PanicsWithValue(t, "wal: entry 2 is no hole to be filled", fill(entries[1]))
	require.PanicsWithValue(t, "wal: entry 11 is no hole to be filled", fill(entry(11, 1, "x")))
	require.Panics(t, fill(entry(3, 2, "of another term")))
	require.Panics(t, fill(entry(8, 1, "of another checksum")))
	require.PanicsWithValue(t, "wal: entry 3 has no kind: a hole can't be written", fill(raft.Entry{Index: 3, Term: 1}))
	require.NotPanics(t, fill(entries[3]))
}

// The base is an entry of the log; only a reset leaves it.
func TestABaseThatIsNotTheLogsIsACallersBug(t *testing.T) {
	l, _ := open(t, memfs.New(1))
	store(t, l, batch(2, 1, 5))
	base := func(i raft.Index, term raft.Term, reset bool) func() {
		return func() {
			_ = errors.Join(l.Append(&wal.Batch{Hard: raft.HardState{Term: 2}, Base: at(i, term), Reset: reset}), l.Sync())
		}
	}
	require.PanicsWithValue(t, "wal: base 6 in a log from 0 to 5", base(6, 2, false))
	require.PanicsWithValue(t, "wal: base 3 of term 1, but that entry is of term 2", base(3, 1, false))
	require.NotPanics(t, base(3, 2, false))
	require.PanicsWithValue(t, "wal: base 2 in a log from 3 to 5", base(2, 2, false))
	require.PanicsWithValue(t, "wal: truncate at 3, but the log ends at 5 and begins behind 3", func() {
		_ = l.Append(&wal.Batch{Hard: raft.HardState{Term: 2}, Truncate: 3})
	})
	require.NotPanics(t, base(1, 1, true))
}
