package wal_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// A small log that has been through everything: segments that were compacted away, a
// truncation, a hole that was filled, another term, clean and unclean starts, and a seal at
// the end. The tests below damage it in every way they can think of. Whatever they do, each entry
// must be there unchanged, be called damaged, or lie at or below a good snapshot of the
// node's own; none is ever absent, and none is another.
type scarred struct {
	fs        *memfs.FS
	options   wal.Options
	base      raft.EntryID
	entries   []raft.Entry // from index 1 on, with those that are compacted
	hard      raft.HardState
	config    raft.Index
	snapshots []raft.EntryID
	history   []*memfs.FS // after each batch
	worn      int         // places that are known to be
}

// hostileLogs are those that every kind of damage is tried on.
var hostileLogs = map[string]func(testing.TB) *scarred{"of zeros": scarredLog, "used again": reusedLog}

func scarredLog(t testing.TB) *scarred {
	s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 10*512}, worn: 1} // the place that is filled
	put := func(l *wal.Log, b *wal.Batch) { s.put(t, l, b) }
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	put(l, batch(1, 1, 3))
	put(l, batch(1, 4, 6))
	put(l, batch(1, 7, 8))
	three := batch(2, 8, 9)
	three.Truncate = 8
	put(l, three)
	put(l, batch(2, 10, 10))
	b := batch(2, 11, 11)
	b.Base = raft.EntryID{Index: 5, Term: 1}
	put(l, b)
	put(l, batch(2, 12, 12))
	for done := false; !done; {
		done, err = l.Trim()
		require.NoError(t, err)
	}
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())

	// The entry at 9 rots, is found to be lost, and is filled.
	rotEntry(t, s.fs, s.entries[8])
	s.snapshots = []raft.EntryID{{Index: 5, Term: 1}, {Index: 7, Term: 1}}
	s.options.Snapshots = s.snapshots
	l, was, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	require.Equal(t, []wal.Hole{{First: 9, Last: 9, Term: 2}}, was.Holes)
	put(l, batch(3, 13, 14))
	fill := &wal.Batch{Hard: s.hard, ConfigIndex: s.config, Fill: []raft.Entry{s.entries[8]}}
	store(t, l, fill)
	put(l, batch(4, 15, 15))
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	return s
}

// put stores a batch in log and model.
func (s *scarred) put(t testing.TB, l *wal.Log, b *wal.Batch) {
	t.Helper()
	s.note(b)
	store(t, l, b)
	s.history = append(s.history, s.fs.Clone())
}

// note stores a batch in the model.
func (s *scarred) note(b *wal.Batch) {
	if b.Truncate != 0 {
		s.entries = s.entries[:b.Truncate-1]
	}
	s.entries = append(s.entries, b.Entries...)
	if b.Base.Index != 0 {
		s.base = b.Base
	}
	s.hard, s.config = b.Hard, b.ConfigIndex
}

// rotEntry damages an entry's payload wherever it lies.
func rotEntry(t testing.TB, fs *memfs.FS, e raft.Entry) {
	t.Helper()
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		contents, err := fs.Contents(dir + "/" + name)
		require.NoError(t, err)
		if at := indexOf(contents, e.Payload); at >= 0 {
			require.NoError(t, fs.FlipBit(dir+"/"+name, int64(at)*8))
			return
		}
	}
	t.Fatalf("entry %d is in no file", e.Index)
}

func indexOf(contents, part []byte) int {
	for at := range len(contents) - len(part) + 1 {
		if slices.Equal(contents[at:at+len(part)], part) {
			return at
		}
	}
	return -1
}

func (s *scarred) last() raft.EntryID { return id(s.entries[len(s.entries)-1]) }

func id(e raft.Entry) raft.EntryID { return raft.EntryID{Index: e.Index, Term: e.Term} }

// outcomes counts what became of damage.
type outcomes struct{ opened, same, worn, holes, raised, cut, reset, lost int }

func (o *outcomes) String() string {
	return fmt.Sprintf("%d as it was, %d worn, %d holes, %d covered by a snapshot, %d cut, %d given up, %d refused",
		o.same, o.worn, o.holes, o.raised, o.cut, o.reset, o.lost)
}

// judge opens a damaged copy of the log and checks all that was promised. How says what was
// damaged.
func (s *scarred) judge(t *testing.T, fs *memfs.FS, o *outcomes, how func() string) {
	_, was, err := wal.Open(fs, dir, s.options)
	if err != nil {
		if !errors.As(err, new(*wal.LostError)) {
			t.Fatalf("%s: %v", how(), err)
		}
		for i := raft.Index(1); i <= s.last().Index; i++ {
			if was.At(i) != wal.Damaged {
				t.Fatalf("%s: entry %d of a lost log is %s", how(), i, was.At(i))
			}
		}
		o.lost++
		return
	}
	s.checkOpened(t, &was, how)
	switch {
	case was.Decided.Reset:
		o.reset++
	case was.Decided.Cut != 0:
		o.cut++
	case was.Decided.Raised != raft.EntryID{}:
		o.raised++
	case len(was.Holes) > 0:
		o.holes++
	case len(was.Worn) > s.worn:
		o.worn++
	default:
		o.same++
	}
	if o.opened++; o.opened%7 == 0 || was.Decided != (wal.Decision{}) && o.opened%2 == 0 {
		s.heal(t, fs, &was, how)
	}
}

// checkOpened checks what a log that was opened says, entry by entry.
func (s *scarred) checkOpened(t *testing.T, was *wal.Recovered, how func() string) {
	fail := func(format string, args ...any) { t.Fatalf("%s: %s", how(), fmt.Sprintf(format, args...)) }
	hard, last := was.Hard, raft.EntryID{Index: was.Last, Term: was.LastTerm}
	hard.Floor = raft.EntryID{}
	if hard != s.hard {
		fail("hard state %v", was.Hard)
	}
	if given := was.Decided.Cut != 0 || was.Decided.Reset; given && was.Hard.Floor != s.last() || !given && last != s.last() {
		fail("last %v, floor %v", last, was.Hard.Floor)
	}
	if was.Base != s.base && was.Base != (raft.EntryID{}) && !slices.Contains(s.snapshots, was.Base) {
		fail("base %v", was.Base)
	}
	if raft.Index(len(was.Entries)) != was.Last-was.Base.Index {
		fail("%d entries from %d to %d", len(was.Entries), was.Base.Index, was.Last)
	}
	for i := range was.Entries {
		e := was.Entries[i]
		want := s.entries[e.Index-1]
		switch {
		case e.Index != was.Base.Index+raft.Index(i)+1:
			fail("entry %d at place %d", e.Index, i)
		case e.Kind != 0 && !same(e, want):
			fail("entry %d is %v", e.Index, e)
		case e.Kind == 0 && (e.Term != want.Term || e.Sum != 0 && e.Sum != want.Sum):
			fail("the hole at %d is of term %d, sum %x", e.Index, e.Term, e.Sum)
		}
	}
	for i := raft.Index(1); i <= s.last().Index; i++ {
		switch was.At(i) {
		case wal.Present:
			if e, ok := was.Entry(i); !ok || !same(e, s.entries[i-1]) {
				fail("entry %d is %v", i, e)
			}
		case wal.Compacted:
			if i > was.Base.Index {
				fail("entry %d is compacted", i)
			}
		case wal.Damaged:
			if len(was.Holes) == 0 && was.Hard.Floor.Index < i {
				fail("entry %d is damaged, and nothing says so", i)
			}
		default:
			fail("entry %d is %s", i, was.At(i))
		}
	}
}

func same(a, b raft.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Time == b.Time && a.Kind == b.Kind && a.Sum == b.Sum && slices.Equal(a.Payload, b.Payload)
}

// heal crashes, finds the same again, puts back what is missing as a leader would, and finds
// the whole log.
func (s *scarred) heal(t *testing.T, fs *memfs.FS, was *wal.Recovered, how func() string) {
	fs.CrashMachine(memfs.DropAll)
	l, again, err := wal.Open(fs, dir, s.options)
	if err != nil {
		t.Fatalf("%s: opened again: %v", how(), err)
	}
	if a, b := printAll(was), printAll(&again); a != b {
		t.Fatalf("%s: opened again: %q, before: %q", how(), b, a)
	}
	if again.Decided != (wal.Decision{}) {
		t.Fatalf("%s: decided twice: %v", how(), again.Decided)
	}
	b := &wal.Batch{Hard: s.hard, ConfigIndex: s.config}
	for i := range again.Entries {
		if e := &again.Entries[i]; e.Kind == 0 {
			b.Fill = append(b.Fill, s.entries[e.Index-1])
		}
	}
	b.Entries = append(b.Entries, s.entries[again.Last:]...)
	b.Entries = append(b.Entries, entry(s.last().Index+1, 99, "healed"))
	b.Hard.Term = 99
	if err := errors.Join(l.Append(b), l.Sync()); err != nil {
		t.Fatalf("%s: healed: %v", how(), err)
	}
	fs.CrashMachine(memfs.DropAll)
	_, healed, err := wal.Open(fs, dir, s.options)
	if err != nil {
		t.Fatalf("%s: healed, opened: %v", how(), err)
	}
	if len(healed.Holes) > 0 || healed.Decided != (wal.Decision{}) || len(healed.Damage) > 0 {
		t.Fatalf("%s: healed: %v %v %v", how(), healed.Holes, healed.Damage, healed.Decided)
	}
	want := slices.Concat(s.entries[healed.Base.Index:], b.Entries[len(b.Entries)-1:])
	if !slices.EqualFunc(healed.Entries, want, same) {
		t.Fatalf("%s: healed: %v", how(), healed.Entries)
	}
}

// printAll prints all that a later start must find again.
func printAll(was *wal.Recovered) string {
	return fmt.Sprintf("%v %d %v %d %d %v", was.Hard, was.ConfigIndex, was.Base, was.Last, was.LastTerm, was.Entries)
}

func (s *scarred) files(t testing.TB) (names []string, contents [][]byte) {
	names, err := s.fs.List(dir)
	require.NoError(t, err)
	for i := range names {
		names[i] = dir + "/" + names[i]
		c, err := s.fs.Contents(names[i])
		require.NoError(t, err)
		contents = append(contents, c)
	}
	return names, contents
}

// Every bit of every file is flipped, one after the other; of sectors that were never
// written, of what fills up the blocks of headers, and of segments that matter no more, a sample.
func TestNoFlippedBitOfASealedLogIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for name, log := range hostileLogs {
		t.Run(name, func(t *testing.T) { flipEachBit(t, log(t)) })
	}
}

func flipEachBit(t *testing.T, s *scarred) {
	t.Parallel()
	var o outcomes
	s.judge(t, s.fs.Clone(), &o, func() string { return "undamaged" })
	require.Equal(t, 1, o.same)
	names, contents := s.files(t)
	report, err := wal.Inspect(s.fs, dir)
	require.NoError(t, err)
	for f, name := range names {
		left := name == dir+"/next.tmp" || strings.HasSuffix(name, ".wal") && name < fmt.Sprintf("%s/%016d.wal", dir, report.Oldest)
		for bit := range int64(len(contents[f])) * 8 {
			if sector := contents[f][bit/4096*512:][:512]; bit%101 != 0 && (left || allZero(sector) || bit/8 < body && bit/8%4096 >= 256) {
				continue
			}
			fs := s.fs.Clone()
			require.NoError(t, fs.FlipBit(name, bit))
			s.judge(t, fs, &o, func() string { return fmt.Sprintf("%s, bit %d of byte %d", name, bit%8, bit/8) })
		}
	}
	t.Log(&o)
	require.Zero(t, o.cut+o.reset+o.lost, "one bit costs no more than an entry's copy")
	require.Greater(t, o.holes, 1000)
	require.Greater(t, o.raised, 1000)
	require.Greater(t, o.worn, 1000)
}

func allZero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

// Two bits at a time, anywhere: what one copy lost, the other may lose as well.
func TestNoTwoFlippedBitsAreTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for name, log := range hostileLogs {
		t.Run(name, func(t *testing.T) { flipTwoBits(t, log(t)) })
	}
}

func flipTwoBits(t *testing.T, s *scarred) {
	t.Parallel()
	written := s.written(t)
	var o outcomes
	for i := range uint64(6000) {
		fs := s.fs.Clone()
		var how string
		at := written[raft.Mix(3, i)%uint64(len(written))]
		for k := range uint64(2) {
			if k == 1 && i%2 == 0 { // half of the pairs lie in one batch or header, more or less
				at.off ^= 512 << (raft.Mix(5, i) % 4)
			} else if k == 1 {
				at = written[raft.Mix(6, i)%uint64(len(written))]
			}
			bit := at.off*8 + int64(raft.Mix(4, i, k)%4096)
			if fs.FlipBit(at.name, bit) == nil {
				how += fmt.Sprintf(" %s bit %d", at.name, bit)
			}
		}
		s.judge(t, fs, &o, func() string { return how })
	}
	t.Log(&o)
}

// sector is one that was written.
type sector struct {
	name string
	off  int64
	text []byte
}

// written lists the sectors that hold anything.
func (s *scarred) written(t testing.TB) (list []sector) {
	names, contents := s.files(t)
	for f, c := range contents {
		for off := int64(0); off < int64(len(c)); off += 512 {
			if !allZero(c[off : off+512]) {
				list = append(list, sector{names[f], off, c[off : off+512]})
			}
		}
	}
	return list
}

// A sector may be gone, be garbage, or hold what belongs elsewhere: any other sector of the
// log. So may two of them, and whole blocks.
func TestNoLostOrMisdirectedSectorIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for name, log := range hostileLogs {
		t.Run(name, func(t *testing.T) { loseAndMisdirect(t, log(t)) })
	}
}

func loseAndMisdirect(t *testing.T, s *scarred) {
	t.Parallel()
	written := s.written(t)
	names := []string{"zeroed", "garbage", "another in its place", "two zeroed", "a block zeroed", "a block of garbage", "written elsewhere"}
	garbage := func(n int, key uint64) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(raft.Mix(key, uint64(i)))
		}
		return b
	}
	run := func(o *outcomes, edit func(fs *memfs.FS) string) {
		fs := s.fs.Clone()
		how := edit(fs)
		s.judge(t, fs, o, func() string { return how })
	}
	put := func(fs *memfs.FS, at sector, b []byte) {
		c, err := fs.Contents(at.name)
		require.NoError(t, err)
		at.off %= int64(len(c))
		require.NoError(t, fs.Overwrite(at.name, at.off, b[:min(len(b), len(c)-int(at.off))]))
	}
	for _, name := range names {
		var o outcomes
		for i, a := range written {
			how := fmt.Sprintf("%s: %s, offset %d", name, a.name, a.off)
			block := sector{name: a.name, off: a.off / 4096 * 4096}
			switch name {
			case "zeroed":
				run(&o, func(fs *memfs.FS) string { put(fs, a, make([]byte, 512)); return how })
			case "garbage":
				run(&o, func(fs *memfs.FS) string { put(fs, a, garbage(512, uint64(i))); return how })
			case "a block zeroed":
				run(&o, func(fs *memfs.FS) string { put(fs, block, make([]byte, 4096)); return how })
			case "a block of garbage":
				run(&o, func(fs *memfs.FS) string { put(fs, block, garbage(4096, uint64(i))); return how })
			case "written elsewhere": // where nothing was, and where something was
				for k := range int64(12) {
					to := sector{name: a.name, off: a.off + k*1536 + 512}
					run(&o, func(fs *memfs.FS) string {
						put(fs, to, a.text)
						put(fs, a, make([]byte, 512))
						return fmt.Sprintf("%s, at %d", how, to.off)
					})
				}
			default:
				for j, b := range written {
					if i == j {
						continue
					}
					run(&o, func(fs *memfs.FS) string {
						if name == "two zeroed" {
							put(fs, a, make([]byte, 512))
							put(fs, b, make([]byte, 512))
						} else {
							put(fs, a, b.text)
						}
						return fmt.Sprintf("%s, and %s, offset %d", how, b.name, b.off)
					})
				}
			}
		}
		t.Logf("%s: %v", name, &o)
	}
}

// A sector that a disk never wrote holds what was there before: here any earlier state of the
// same file.
func TestNoStaleSectorIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for name, log := range hostileLogs {
		t.Run(name, func(t *testing.T) { bringBackSectors(t, log(t)) })
	}
}

func bringBackSectors(t *testing.T, s *scarred) {
	t.Parallel()
	var o outcomes
	for _, a := range s.written(t) {
		for _, old := range s.history {
			c, err := old.Contents(a.name)
			if err != nil || int64(len(c)) < a.off+512 || slices.Equal(c[a.off:a.off+512], a.text) {
				continue
			}
			for sectors := range int64(3) {
				fs := s.fs.Clone()
				n := min(int64(len(c)), a.off+512*(sectors+1))
				if fs.Overwrite(a.name, a.off, c[a.off:n]) != nil {
					continue
				}
				s.judge(t, fs, &o, func() string { return fmt.Sprintf("%d stale sectors of %s, offset %d", sectors+1, a.name, a.off) })
			}
		}
	}
	t.Log(&o)
	require.Greater(t, o.opened, 100)
}

// Files vanish, are cut short, and are taken for one another.
func TestNoLostFileIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for name, log := range hostileLogs {
		t.Run(name, func(t *testing.T) { loseFiles(t, log(t)) })
	}
}

func loseFiles(t *testing.T, s *scarred) {
	t.Parallel()
	names, contents := s.files(t)
	var o outcomes
	for f, name := range names {
		fs := s.fs.Clone()
		lose(t, fs, name)
		s.judge(t, fs, &o, func() string { return name + " is gone" })
		for size := int64(0); size < int64(len(contents[f])); size += 512 {
			fs := s.fs.Clone()
			file, err := fs.Open(name)
			require.NoError(t, err)
			require.NoError(t, errors.Join(file.Truncate(size), file.Sync(), file.Close()))
			s.judge(t, fs, &o, func() string { return fmt.Sprintf("%s is cut at %d", name, size) })
		}
		for g, other := range names {
			if f == g {
				continue
			}
			fs := s.fs.Clone()
			file, err := fs.Open(name)
			require.NoError(t, err)
			_, err = file.WriteAt(contents[g], 0)
			require.NoError(t, errors.Join(err, file.Truncate(int64(len(contents[g]))), file.Sync(), file.Close()))
			s.judge(t, fs, &o, func() string { return name + " is a copy of " + other })
		}
	}
	t.Log(&o)
}

// restlessLog is a log in which every batch has a term of its own, more of them than any claim
// repeats.
func restlessLog(t testing.TB) *scarred {
	s := &scarred{fs: memfs.New(1), options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 14*512}}
	l, _, err := wal.Open(s.fs, dir, s.options)
	require.NoError(t, err)
	for i := raft.Index(0); i < 12; i++ {
		b := batch(raft.Term(2*i+1), 2*i+1, 2*i+2)
		s.entries = append(s.entries, b.Entries...)
		s.hard, s.config = b.Hard, b.ConfigIndex
		store(t, l, b)
	}
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	return s
}

// Several places at a time, in logs whose snapshots are good, partly good, or all bad, and in one
// whose terms can't all be told: every way to go on is taken, and none loses anything unsaid.
func TestNoDamageOfManyPlacesIsTakenForOtherContents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		log       func(testing.TB) *scarred
		snapshots []raft.EntryID
		want      func(o *outcomes) int
	}{
		{"both snapshots good", scarredLog, []raft.EntryID{{Index: 5, Term: 1}, {Index: 7, Term: 1}}, func(o *outcomes) int { return min(o.holes, o.raised) }},
		{"the newer one bad", scarredLog, []raft.EntryID{{Index: 5, Term: 1}}, func(o *outcomes) int { return o.holes }},
		{"the older one bad", scarredLog, []raft.EntryID{{Index: 7, Term: 1}}, func(o *outcomes) int { return o.raised }},
		{"one received and not in its place yet", scarredLog, []raft.EntryID{{Index: 5, Term: 1}, {Index: 90, Term: 5}}, func(o *outcomes) int { return o.holes }},
		{"both bad", scarredLog, nil, func(o *outcomes) int { return o.reset }},
		{"many terms", restlessLog, nil, func(o *outcomes) int { return min(o.holes, o.cut) }},
		{"many terms and a snapshot", restlessLog, []raft.EntryID{{Index: 9, Term: 9}}, func(o *outcomes) int { return min(o.holes, o.cut, o.raised) }},
	} {
		s := c.log(t)
		s.snapshots, s.options.Snapshots = c.snapshots, c.snapshots
		written := slices.DeleteFunc(s.written(t), func(a sector) bool { return a.name == sealFile })
		var o outcomes
		for i := range uint64(1500) {
			fs := s.fs.Clone()
			how := c.name
			for k := range 1 + raft.Mix(i, 1)%4 {
				at := written[raft.Mix(3, i, k)%uint64(len(written))]
				b := slices.Clone(at.text)
				switch raft.Mix(9, i, k) % 5 {
				case 0:
					clear(b)
				case 4: // a stretch of them
					c, err := fs.Contents(at.name)
					require.NoError(t, err)
					b = make([]byte, min(4608, int64(len(c))-at.off))
				case 1:
					for j := range b {
						b[j] = byte(raft.Mix(i, k, uint64(j)))
					}
				case 2:
					b[raft.Mix(7, i, k)%512] ^= 1 << (raft.Mix(8, i, k) % 8)
				case 3:
					copy(b, written[raft.Mix(8, i, k)%uint64(len(written))].text)
				}
				require.NoError(t, fs.Overwrite(at.name, at.off, b))
				how += fmt.Sprintf(", %s at %d (%d)", at.name, at.off, raft.Mix(9, i, k)%5)
			}
			s.judge(t, fs, &o, func() string { return how })
		}
		t.Logf("%s: %v", c.name, &o)
		require.NotZero(t, c.want(&o), c.name)
	}
}
