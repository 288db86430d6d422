package wal_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// model is a log as a slice: what the log on disk must be equal to.
type model struct {
	base    raft.EntryID
	hard    raft.HardState
	config  raft.Index
	entries []raft.Entry
}

func (m *model) apply(b *wal.Batch) {
	switch {
	case b.Reset:
		m.base, m.entries = b.Base, nil
	case b.Base.Index != 0:
		m.entries = m.entries[b.Base.Index-m.base.Index:]
		m.base = b.Base
	}
	if b.Truncate != 0 {
		n := b.Truncate - m.base.Index - 1
		m.entries = m.entries[:n:n]
	}
	m.entries = append(m.entries, b.Entries...)
	m.hard, m.config = b.Hard, b.ConfigIndex
}

func (m *model) print() string { return string(printOf(m.base, m.hard, m.config, m.entries)) }

// last returns the last entry, or the base.
func (m *model) last() raft.EntryID {
	if n := len(m.entries); n > 0 {
		return id(m.entries[n-1])
	}
	return m.base
}

func (m *model) clone() model {
	c := *m
	c.entries = append([]raft.Entry(nil), m.entries...)
	return c
}

// drawBatch makes any batch that may follow.
func (m *model) drawBatch(t *rapid.T) *wal.Batch {
	b := &wal.Batch{ConfigIndex: raft.Index(rapid.IntRange(0, 3).Draw(t, "config"))}
	base, last, term := m.base.Index, m.last().Index, m.hard.Term
	switch rapid.IntRange(0, 9).Draw(t, "base?") {
	case 0, 1:
		if len(m.entries) > 0 {
			b.Base = id(m.entries[rapid.IntRange(0, len(m.entries)-1).Draw(t, "base")])
			base = b.Base.Index
		}
	case 2:
		term++
		base = last + raft.Index(rapid.IntRange(1, 100).Draw(t, "install"))
		b.Base, b.Reset, last = raft.EntryID{Index: base, Term: term}, true, base
	}
	if last > base && rapid.IntRange(0, 4).Draw(t, "truncate?") == 0 {
		b.Truncate = raft.Index(rapid.Uint64Range(uint64(base)+1, uint64(last)).Draw(t, "truncate"))
		last = b.Truncate - 1
		term++
	}
	term = max(term, 1)
	for range rapid.IntRange(0, 6).Draw(t, "entries") {
		term += raft.Term(rapid.IntRange(0, 8).Draw(t, "term") / 8)
		last++
		size := rapid.SampledFrom([]int{0, 1, 20, 300, 504, 505, 2000}).Draw(t, "size")
		b.Entries = append(b.Entries, entry(last, term, string(make([]byte, size))))
	}
	b.Hard = raft.HardState{Term: term, Vote: raft.Ident{ID: raft.NodeID(rapid.IntRange(0, 3).Draw(t, "vote"))}}
	return b
}

// The log against the model: any batches, seals, preparations, removals, clean restarts and
// both crashes, in any order, with any size of segment, which may be another at every start.
func TestTheLogIsWhatItsBatchesAddUpTo(t *testing.T) {
	t.Parallel()
	reused := 0
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.Int64Range(1, 32<<10)
		options := wal.Options{Cluster: cluster, SegmentBytes: segment.Draw(t, "segment")}
		fs := memfs.New(1)
		fs.SetHook(func(op memfs.Op) error {
			if op.Kind == memfs.OpRename && op.To == dir+"/next.tmp" {
				reused++
			}
			return nil
		})
		l, _, err := wal.Open(fs, dir, options)
		require.NoError(t, err)
		var m, flying model
		unsynced := false
		reopen := func() {
			if rapid.Bool().Draw(t, "another size") {
				options.SegmentBytes = segment.Draw(t, "segment")
			}
			var was wal.Recovered
			l, was, err = wal.Open(fs, dir, options)
			require.NoError(t, err)
			require.Empty(t, was.Damage)
			require.Empty(t, was.Worn, "a crash is no wear")
			got := printOf(was.Base, was.Hard, was.ConfigIndex, was.Entries)
			if unsynced && string(got) == flying.print() {
				m = flying
			}
			unsynced = false
			require.Equal(t, m.print(), string(got))
			require.Equal(t, m.last(), raft.EntryID{Index: was.Last, Term: was.LastTerm})
		}
		sync := func() {
			require.NoError(t, l.Sync())
			if unsynced {
				m, unsynced = flying, false
			}
		}
		write := func(t *rapid.T) {
			sync()
			flying = m.clone()
			b := flying.drawBatch(t)
			require.NoError(t, l.Append(b))
			flying.apply(b)
			if b.Base.Index != 0 && b.Base != m.base {
				options.Snapshots = append(options.Snapshots, b.Base)
				slices.SortFunc(options.Snapshots, func(a, b raft.EntryID) int { return cmp.Compare(a.Index, b.Index) })
			}
			unsynced = true
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": write,
			"grow": func(t *rapid.T) { // and be compacted: so segments are used again
				for range rapid.IntRange(8, 32).Draw(t, "batches") {
					write(t)
					if rapid.Bool().Draw(t, "prepare") {
						_, err := l.Prepare()
						require.NoError(t, err)
					}
				}
			},
			"sync": func(*rapid.T) { sync() },
			"seal": func(*rapid.T) {
				sync()
				require.NoError(t, l.Seal())
			},
			"prepare": func(*rapid.T) {
				_, err := l.Prepare()
				require.NoError(t, err)
			},
			"trim": func(*rapid.T) {
				_, err := l.Trim()
				require.NoError(t, err)
			},
			"restart": func(*rapid.T) {
				sync()
				require.NoError(t, l.Close())
				reopen()
			},
			"crash of the process": func(*rapid.T) {
				fs.CrashProcess()
				reopen()
			},
			"crash of the machine": func(t *rapid.T) {
				fs.CrashMachine(memfs.Chance(rapid.Uint64().Draw(t, "chance")))
				reopen()
			},
		})
	})
	require.NotZero(t, reused, "segments are used again")
}

// The hot path is one write and one sync; it makes no garbage.
func TestAppendOfManyEntriesIsOneWriteAndNoAllocation(t *testing.T) {
	fs := memfs.New(1)
	l, _, err := wal.Open(fs, dir, wal.Options{Cluster: cluster, SegmentBytes: 64 << 20})
	require.NoError(t, err)
	b := &wal.Batch{Hard: raft.HardState{Term: 1}}
	last := raft.Index(0)
	fill := func() {
		b.Entries = b.Entries[:0]
		for range 200 {
			last++
			e := raft.Entry{Index: last, Term: 1, Kind: raft.EntryCommand, Payload: payload[:]}
			e.Sum = raft.EntrySum(cluster, &e)
			b.Entries = append(b.Entries, e)
		}
	}
	fill()
	store(t, l, b)
	fill()
	ops := operations(fs, func() { store(t, l, b) })
	require.Equal(t, "write sync", fmt.Sprint(ops[0].Kind, " ", ops[1].Kind))
	require.Len(t, ops, 2)
	// Truncating what was just written lets the same batch be written again.
	b.Truncate = b.Entries[0].Index
	store(t, l, b)
	allocs := testing.AllocsPerRun(100, func() {
		if l.Append(b) != nil || l.Sync() != nil {
			t.Fatal("append failed")
		}
	})
	// The file in memory makes a page of 1 KiB where none was; the log adds nothing.
	pages := float64(ops[0].Len)/1024 + 2
	require.LessOrEqual(t, allocs, pages)
}

var payload [128]byte
