package wal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// The central test of the log. A workload that rolls segments, truncates, compacts, installs,
// removes old segments, seals and prepares is stopped before every single file operation. Then the process
// crashes, or the machine does, with every legal subset of what was not synced
// (1,000 samples where there are more than 10 items). Whatever is left, recovery
// must find the log as it was at the last acknowledged batch, or one batch further;
// what it found is durable from then on; and the same holds for a crash at every
// operation of the recovery.

// fingerprint is a log's whole contents as bytes.
type fingerprint []byte

func printOf(base raft.EntryID, hard raft.HardState, config raft.Index, entries []raft.Entry) fingerprint {
	p := fmt.Appendf(nil, "%v %v %d ", base, hard, config)
	for i := range entries {
		p = raft.AppendEntry(p, &entries[i])
	}
	return p
}

// step is one thing that the workload does.
type step struct {
	batch   *wal.Batch
	seal    bool
	prepare bool
	trim    bool
}

// state is a log after a batch.
type state struct {
	print   fingerprint
	entries []raft.Entry
	base    raft.EntryID
}

// workload makes the steps, and the log after each batch; the first is the empty one.
func workload() (steps []step, states []state) {
	var log []raft.Entry
	var base raft.EntryID
	put := func(b *wal.Batch, term raft.Term, payloads ...string) {
		switch {
		case b.Reset:
			base, log = b.Base, nil
		case b.Base.Index != 0:
			log = log[b.Base.Index-base.Index:]
			base = b.Base
		}
		if b.Truncate != 0 {
			n := b.Truncate - base.Index - 1
			log = log[:n:n]
		}
		for _, p := range payloads {
			e := entry(base.Index+raft.Index(len(log)+1), term, p)
			b.Entries = append(b.Entries, e)
			log = append(log, e)
		}
		b.Hard = raft.HardState{Term: term, Vote: raft.Ident{ID: raft.NodeID(len(states)), Inc: 9}}
		b.ConfigIndex = raft.Index(min(len(log), 1))
		steps = append(steps, step{batch: b})
		states = append(states, state{printOf(base, b.Hard, b.ConfigIndex, log), log, base})
	}
	states = append(states, state{print: printOf(base, raft.HardState{}, 0, nil)})
	add := func(truncate raft.Index, term raft.Term, payloads ...string) {
		put(&wal.Batch{Truncate: truncate}, term, payloads...)
	}
	do := func(s step) { steps = append(steps, s) }
	seal, prepare, trim := step{seal: true}, step{prepare: true}, step{trim: true}
	big := strings.Repeat("large ", 100)

	add(0, 1)
	add(0, 1, "a", "b")
	add(0, 1, big, "c")
	do(seal)
	add(0, 2, "d")
	do(prepare)
	add(4, 3, "D", big)
	add(0, 3, big, big)
	do(seal)
	add(0, 4)
	add(6, 4)
	do(seal)
	add(0, 5, "e", big, "g")
	add(0, 5, big)
	add(0, 5, strings.Repeat("larger than a segment ", 80))
	do(prepare)
	add(3, 6, "C", "", "E")
	put(&wal.Batch{Base: raft.EntryID{Index: 2, Term: 1}}, 6)
	do(trim)
	do(trim)
	add(0, 6, "F")
	do(seal)
	do(seal)
	put(&wal.Batch{Base: raft.EntryID{Index: 4, Term: 6}, Truncate: 6}, 7, "f", big)
	do(trim)
	add(0, 7, big, big)
	put(&wal.Batch{Base: raft.EntryID{Index: 20, Term: 7}, Reset: true}, 7, "u")
	do(trim)
	do(trim)
	do(trim)
	add(0, 7, "v")
	do(seal)
	put(&wal.Batch{Base: raft.EntryID{Index: 22, Term: 7}}, 8)
	do(trim)
	add(0, 8, "z")
	// From here on segments are used again, some of them twice, and roll within batches of earlier lives.
	for _, next := range snapshots[4:] {
		add(0, next.Term, big, big)
		add(0, next.Term, "short")
		do(prepare)
		add(next.Index, next.Term, "cut", big)
		put(&wal.Batch{Base: next}, next.Term)
		do(seal)
		do(trim)
	}
	return steps, states
}

// snapshots are the good ones that the bases of the workload stand for.
var snapshots = []raft.EntryID{{Index: 2, Term: 1}, {Index: 4, Term: 6}, {Index: 20, Term: 7}, {Index: 22, Term: 7},
	{Index: 25, Term: 8}, {Index: 28, Term: 9}, {Index: 31, Term: 9}}

// In tiny segments the workload rolls often. Those of roomy are cut off when a recovery goes on
// in another.
var (
	tiny  = wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*512, Snapshots: snapshots}
	roomy = wal.Options{Cluster: cluster, SegmentBytes: 8192 + 24*512, Snapshots: snapshots}
)

// perform runs the workload until it fails: how many batches were acknowledged,
// and how many were begun.
func perform(fs *memfs.FS, o wal.Options, steps []step) (acked, begun int, err error) {
	l, _, err := wal.Open(fs, dir, o)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range steps {
		switch {
		case s.seal:
			err = l.Seal()
		case s.prepare:
			_, err = l.Prepare()
		case s.trim:
			_, err = l.Trim()
		default:
			begun++
			if err = l.Append(s.batch); err == nil {
				err = l.Sync()
			}
			if err == nil {
				acked++
			}
		}
		if err != nil {
			return acked, begun, err
		}
	}
	return acked, begun, l.Close()
}

// stopAt fails operation k and all after it. A short write lets its first bytes
// through.
func stopAt(fs *memfs.FS, k, short int) {
	fs.SetHook(func(op memfs.Op) error {
		switch {
		case op.Seq == k && short > 0:
			return &memfs.ShortWrite{N: short, Err: memfs.ErrStopped}
		case op.Seq >= k:
			return memfs.ErrStopped
		}
		return nil
	})
}

// operations lists what a run does to a file system.
func operations(fs *memfs.FS, run func()) []memfs.Op {
	var ops []memfs.Op
	fs.SetHook(func(op memfs.Op) error { ops = append(ops, op); return nil })
	run()
	fs.SetHook(nil)
	return ops
}

// crashes calls each with every way that the file system can come out of a crash:
// of the process, and of the machine.
func crashes(fs *memfs.FS, key uint64, samples int, each func(how string, crashed *memfs.FS)) {
	c := fs.Clone()
	c.CrashProcess()
	each("process", c)
	n := len(fs.Unsynced())
	if n <= 10 && samples >= 1000 || n <= 6 {
		for bits := range uint64(1) << n {
			c := fs.Clone()
			c.CrashMachine(memfs.Subset(bits))
			each(fmt.Sprintf("machine, subset %b", bits), c)
		}
		samples /= 100 // only for what tears within a sector
	}
	for i := range samples {
		c := fs.Clone()
		c.CrashMachine(memfs.Chance(raft.Mix(key, uint64(i))))
		each(fmt.Sprintf("machine, sample %d", i), c)
	}
}

// judge opens a crashed log and checks it against the states that are allowed.
type judge struct {
	t       *testing.T
	options wal.Options
	states  []state
	opened  int
	farther int // how often the batch that was not acknowledged survived
	trimmed int // how often a recovery was stopped before it cut a segment off
}

func (j *judge) open(fs *memfs.FS, acked, begun int, how func() string) (int, *wal.Log) {
	j.opened++
	l, was, err := wal.Open(fs, dir, j.options)
	if err != nil {
		j.t.Fatalf("%s: %v", how(), err)
	}
	for _, d := range append(was.Damage, was.Worn...) {
		if d.File != "seal" || d.What != "slot checksum mismatch" { // a slot that was being written
			j.t.Fatalf("%s: the crash is taken for damage: %v", how(), d)
		}
	}
	p := printOf(was.Base, was.Hard, was.ConfigIndex, was.Entries)
	for n := acked; n <= begun; n++ {
		if bytes.Equal(p, j.states[n].print) {
			if n > acked {
				j.farther++
			}
			return n, l
		}
	}
	j.t.Fatalf("%s: %d batches acknowledged, %d begun, and the log holds\n%q\nwanted\n%q", how(), acked, begun, p, j.states[begun].print)
	return 0, nil
}

// check judges one crashed file system: what is found once is found again after
// the harshest crash, and what is written from there on is found too.
func (j *judge) check(fs *memfs.FS, acked, begun int, how func() string) {
	n, l := j.open(fs, acked, begun, how)
	crashed := fs.Clone()
	crashed.CrashMachine(memfs.DropAll)
	j.open(crashed, n, n, func() string { return how() + ", opened, machine crashed" })

	// A batch smaller than the one in flight must not let that one's remains show.
	b := &wal.Batch{Hard: raft.HardState{Term: 99}}
	require.NoError(j.t, l.Append(b), how())
	require.NoError(j.t, l.Sync(), how())
	fs.CrashMachine(memfs.DropAll)
	j.opened++
	_, was, err := wal.Open(fs, dir, j.options)
	require.NoError(j.t, err, how())
	want := printOf(j.states[n].base, b.Hard, 0, j.states[n].entries)
	if got := printOf(was.Base, was.Hard, was.ConfigIndex, was.Entries); !bytes.Equal(want, got) {
		j.t.Fatalf("%s, opened, written, machine crashed: the log holds\n%q\nwanted\n%q", how(), got, want)
	}
}

func TestACrashAtEveryFileOperationLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	steps, states := workload()
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, _, err := perform(fs, tiny, steps)
		require.NoError(t, err)
	})
	count := func(kind memfs.OpKind) (n int) {
		for _, op := range ops {
			if op.Kind == kind {
				n++
			}
		}
		return n
	}
	require.Greater(t, count(memfs.OpRename), 8, "the workload rolls segments")
	require.GreaterOrEqual(t, count(memfs.OpRemove), 3, "and removes them")
	reused := 0
	for _, op := range ops {
		if op.Kind == memfs.OpRename && strings.HasSuffix(op.Name, ".wal") {
			reused++
		}
	}
	require.GreaterOrEqual(t, reused, 6, "and uses them again")

	j := &judge{t: t, options: tiny, states: states}
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		for _, short := range shorts(op) {
			fs := memfs.New(1)
			stopAt(fs, op.Seq, short)
			acked, begun, err := perform(fs, tiny, steps)
			require.ErrorIs(t, err, memfs.ErrStopped)
			crashes(fs, uint64(op.Seq), 1000, func(how string, crashed *memfs.FS) {
				j.check(crashed, acked, begun, func() string {
					return fmt.Sprintf("stopped at operation %d (%s %s, %d bytes of it), crash of the %s", op.Seq, op.Kind, op.Name, short, how)
				})
			})
		}
	}
	require.NotZero(t, j.farther, "sometimes the batch in flight survives")
	t.Logf("%d operations, %d logs opened, %d with the batch in flight", len(ops), j.opened, j.farther)
}

// shorts are the lengths at which a write may be cut; zero is not at all begun.
func shorts(op memfs.Op) []int {
	if op.Kind != memfs.OpWrite {
		return []int{0}
	}
	cuts := []int{0, 1, op.Len - 1}
	for n := 512; n < op.Len; n += 512 {
		cuts = append(cuts, n)
	}
	return cuts
}

func TestACrashAtEveryFileOperationOfARecoveryLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	require.Zero(t, recoveries(t, tiny, 2), "tiny segments have nothing to cut off")
	require.NotZero(t, recoveries(t, roomy, 2), "recoveries cut off what is superseded")
}

// recoveries stops the workload before each operation and the recovery from some
// ways to crash there before each of its own: how many of those were to cut a
// segment off.
func recoveries(t *testing.T, o wal.Options, ways int) int {
	steps, states := workload()
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, _, err := perform(fs, o, steps)
		require.NoError(t, err)
	})
	j := &judge{t: t, options: o, states: states}
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		fs := memfs.New(1)
		stopAt(fs, op.Seq, 0)
		acked, begun, err := perform(fs, o, steps)
		require.ErrorIs(t, err, memfs.ErrStopped)
		for i := range ways {
			first := fs.Clone()
			switch i {
			case 0:
				first.CrashProcess()
			case 1:
				first.CrashMachine(memfs.DropAll)
			default:
				first.CrashMachine(memfs.Chance(raft.Mix(uint64(op.Seq), uint64(i))))
			}
			j.recovery(first, acked, begun, func() string {
				return fmt.Sprintf("stopped at operation %d (%s %s), crash %d", op.Seq, op.Kind, op.Name, i)
			})
		}
	}
	t.Logf("%d operations, %d logs opened, %d recoveries stopped before they cut a segment off", len(ops), j.opened, j.trimmed)
	return j.trimmed
}

// recovery stops the recovery of a crashed log at every operation.
func (j *judge) recovery(crashed *memfs.FS, acked, begun int, how func() string) {
	whole := crashed.Clone()
	ops := operations(whole, func() { j.open(whole, acked, begun, how) })
	crashes(whole, uint64(len(ops)), 20, func(kind string, again *memfs.FS) {
		j.open(again, acked, begun, func() string { return fmt.Sprintf("%s, recovered, crash of the %s", how(), kind) })
	})
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		if op.Kind == memfs.OpTruncate {
			j.trimmed++
		}
		fs := crashed.Clone()
		stopAt(fs, op.Seq, 0)
		_, _, err := wal.Open(fs, dir, j.options)
		require.ErrorIs(j.t, err, memfs.ErrStopped)
		crashes(fs, uint64(op.Seq), 20, func(kind string, again *memfs.FS) {
			j.open(again, acked, begun, func() string {
				return fmt.Sprintf("%s, recovery stopped at operation %d (%s %s), crash of the %s", how(), op.Seq, op.Kind, op.Name, kind)
			})
		})
	}
}

// A disk that fails once and then works again must not be believed: the kernel calls
// pages clean that it could not write. The node stops, starts again, and
// may count only what it has written anew.
func TestAnErrorOfAnyOperationLosesNothingAcknowledged(t *testing.T) {
	steps, states := workload()
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, _, err := perform(fs, tiny, steps)
		require.NoError(t, err)
	})
	j := &judge{t: t, options: tiny, states: states}
	for _, op := range ops {
		for _, short := range shorts(op) {
			fs := memfs.New(1)
			fs.SetHook(func(o memfs.Op) error {
				if o.Seq != op.Seq {
					return nil
				}
				return &memfs.ShortWrite{N: short, Err: vfs.ErrIO}
			})
			acked, begun, err := perform(fs, tiny, steps)
			require.ErrorIs(t, err, vfs.ErrIO)
			fs.CrashProcess()
			j.check(fs, acked, begun, func() string {
				return fmt.Sprintf("operation %d (%s %s) failed after %d bytes", op.Seq, op.Kind, op.Name, short)
			})
		}
	}
}

// A second call after a failure must not succeed: its caller would take it for a
// promise kept.
func TestALogThatFailedOnceFailsForGood(t *testing.T) {
	fs := memfs.New(1)
	l, _ := open(t, fs)
	require.NoError(t, l.Append(batch(1, 1, 1)))
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpSync {
			return vfs.ErrIO
		}
		return nil
	})
	err := l.Sync()
	require.ErrorIs(t, err, vfs.ErrIO)
	require.EqualError(t, err, "wal: segment 1: memfs: sync wal/0000000000000001.wal: input/output error")
	fs.SetHook(nil)
	require.Equal(t, err, l.Sync())
	require.Equal(t, err, l.Append(batch(1, 2, 2)))
	require.Equal(t, err, l.Seal())
	_, again := l.Prepare()
	require.Equal(t, err, again)
}

// A process may die between the write of a seal and its sync. The next one reads the seal, but from the cache; and
// if the machine dies later, while a batch is written, both tear. Nothing that was acknowledged is lost, and the log must open.
func TestASealThatWasOnlyInThePageCacheIsWrittenAgain(t *testing.T) {
	for seed := range uint64(40) {
		twice := seed%2 == 1
		fs := memfs.New(seed)
		l, _ := open(t, fs)
		require.NoError(t, l.Append(batch(1, 1, 1)))
		require.NoError(t, l.Sync())
		if twice {
			require.NoError(t, l.Seal())
			require.NoError(t, l.Append(batch(1, 2, 2)))
			require.NoError(t, l.Sync())
		}
		fs.SetHook(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync {
				return vfs.ErrIO
			}
			return nil
		})
		require.ErrorIs(t, l.Seal(), vfs.ErrIO)
		fs.SetHook(nil)
		fs.CrashProcess()
		l, was := open(t, fs)
		last := was.Last + 1
		require.NoError(t, l.Append(batch(1, last, last)))
		fs.CrashMachine(func(int, memfs.Item) memfs.Choice { return memfs.Tear })
		_, was = open(t, fs)
		require.GreaterOrEqual(t, len(was.Entries), int(last-1))
		require.Empty(t, was.Damage)
	}
}
