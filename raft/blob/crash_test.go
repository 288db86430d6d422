package blob

import (
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The central test of the store. A workload that uploads, fetches, replaces, repairs and removes is
// stopped before every single file operation, and in the middle of its writes. Then the process
// crashes, or the machine does, with every subset of what was not synced (samples where there are
// more than eight items). Whatever was said to be held and not removed since is there,
// byte for byte, and what was not said is either there byte for byte or not held at all; and
// both stay so after the harshest crash of what the next start found.

// deed is one thing that the workload does: it promises that a blob is held, or takes back
// such a promise.
type deed struct {
	key int
	do  func(fs *memfs.FS, s *Store) error
}

func deeds() []deed {
	up := func(key, n int) deed {
		return deed{key, func(_ *memfs.FS, s *Store) error { _, err := put(s, uint64(key)+100, content(key, n)); return err }}
	}
	down := func(key, n int) deed {
		return deed{key, func(_ *memfs.FS, s *Store) error { _, err := pull(s, content(key, n)); return err }}
	}
	remove := func(key, n int) deed {
		return deed{-key, func(_ *memfs.FS, s *Store) error {
			h, _ := s.Get(SumOf(content(key, n)))
			return s.Remove(h.Sum, h.Gen)
		}}
	}
	// rot makes the store notice damage. While it is damaged, the blob is not promised.
	rot := func(key, n int) deed {
		return deed{-key, func(fs *memfs.FS, s *Store) error {
			name := dir + "/" + fileName(SumOf(content(key, n)), suffixBlob)
			if err := fs.FlipBit(name, 8*40); err != nil {
				return err
			}
			var err error
			for range 2 { // a scrub goes on after an error
				if _, err = s.Read(SumOf(content(key, n)), 0, n); faultOf(err) == FaultDamaged {
					return nil
				}
			}
			return fmt.Errorf("damage was not found: %w", err)
		}}
	}
	return []deed{
		up(1, 70), down(2, 150), up(3, 0), down(1, 70), rot(2, 150), down(2, 150), remove(3, 0), up(4, 64),
		remove(1, 70), up(1, 70), rot(4, 64), up(4, 64), down(3, 0),
	}
}

var sizes = map[int]int{1: 70, 2: 150, 3: 0, 4: 64}

// perform runs the deeds until one fails: which blobs are promised then. A replacement that fails
// takes no promise back: the copy before it stays.
func perform(fs *memfs.FS) (promised map[int]bool, err error) {
	promised = map[int]bool{}
	s, _, err := Open(fs, dir, small)
	if err != nil {
		return promised, err
	}
	for _, d := range deeds() {
		key := max(d.key, -d.key)
		if d.key < 0 {
			delete(promised, key)
		}
		if err := d.do(fs, s); err != nil {
			return promised, err
		}
		if d.key > 0 {
			promised[key] = true
		}
	}
	return promised, nil
}

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

// crashes calls each with ways that the file system can come out of a crash.
func crashes(fs *memfs.FS, key uint64, samples int, each func(how string, crashed *memfs.FS)) {
	c := fs.Clone()
	c.CrashProcess()
	each("process", c)
	if n := len(fs.Unsynced()); n <= 8 {
		for bits := range uint64(1) << n {
			c := fs.Clone()
			c.CrashMachine(memfs.Subset(bits))
			each(fmt.Sprintf("machine, subset %b", bits), c)
		}
		samples /= 10
	}
	for i := range samples {
		c := fs.Clone()
		c.CrashMachine(memfs.Chance(raft.Mix(key, uint64(i))))
		each(fmt.Sprintf("machine, sample %d", i), c)
	}
}

// judge opens what a crash left.
func judge(t *testing.T, fs *memfs.FS, promised map[int]bool, how func() string) (held map[int]bool) {
	s, found, err := Open(fs, dir, small)
	require.NoError(t, err, how())
	held = map[int]bool{}
	for key, n := range sizes {
		p := content(key, n)
		got, err := s.Read(SumOf(p), 0, n)
		switch {
		case err == nil:
			if string(got) != string(p) {
				t.Fatalf("%s: blob %d has other content", how(), key)
			}
			held[key] = true
		case promised[key]:
			t.Fatalf("%s: blob %d was promised: %v (found %v)", how(), key, err, found)
		}
	}
	return held
}

// check judges a crash, then the harshest crash of what was found, then that everything can be
// stored anew.
func check(t *testing.T, fs *memfs.FS, promised map[int]bool, how func() string) {
	held := judge(t, fs, promised, how)
	again := fs.Clone()
	again.CrashMachine(memfs.DropAll)
	judge(t, again, held, func() string { return how() + ", opened, machine crashed" })
	s, _, err := Open(again, dir, small)
	require.NoError(t, err, how())
	all := map[int]bool{}
	for key, n := range sizes {
		_, err := pull(s, content(key, n))
		require.NoError(t, err, how())
		all[key] = true
	}
	again.CrashMachine(memfs.DropAll)
	judge(t, again, all, func() string { return how() + ", stored anew, machine crashed" })
}

func operations(t *testing.T) []memfs.Op {
	var ops []memfs.Op
	fs := memfs.New(1)
	fs.SetHook(func(op memfs.Op) error { ops = append(ops, op); return nil })
	promised, err := perform(fs)
	require.NoError(t, err)
	require.Len(t, promised, len(sizes))
	return ops
}

func shorts(op memfs.Op) []int {
	if op.Kind != memfs.OpWrite {
		return []int{0}
	}
	return []int{0, 1, op.Len / 2, op.Len - 1}
}

func TestACrashAtEveryFileOperationLosesNoBlobThatWasPromised(t *testing.T) {
	t.Parallel()
	opened := 0
	for _, op := range operations(t) {
		if !op.Kind.Changes() {
			continue
		}
		for _, short := range shorts(op) {
			fs := memfs.New(1)
			stopAt(fs, op.Seq, short)
			promised, err := perform(fs)
			require.Error(t, err)
			crashes(fs, uint64(op.Seq), 30, func(how string, crashed *memfs.FS) {
				opened++
				check(t, crashed, promised, func() string {
					return fmt.Sprintf("stopped at operation %d (%s %s, %d bytes of it), crash of the %s", op.Seq, op.Kind, op.Name, short, how)
				})
			})
		}
	}
	t.Logf("%d stores opened", opened)
}

// What was promised may have come to its last name in the page cache alone. A start gives it that name anew, and may be
// interrupted, too.
func TestACrashInTheMidstOfAStartLosesNoBlobThatWasPromised(t *testing.T) {
	full := memfs.New(1)
	promised, err := perform(full)
	require.NoError(t, err)
	full.CrashMachine(memfs.DropAll) // the last names were not synced
	for k, ended := 1, false; !ended; k++ {
		fs := full.Clone()
		stopAt(fs, k, 0)
		_, _, err := Open(fs, dir, small)
		ended = err == nil
		crashes(fs, uint64(k), 30, func(how string, crashed *memfs.FS) {
			check(t, crashed, promised, func() string {
				return fmt.Sprintf("stopped at operation %d of a start, crash of the %s", k, how)
			})
		})
	}
}

// A disk that fails once and then works again must not be believed: the kernel calls
// pages clean that it could not write, and names synced that are not.
func TestAnErrorOfAnyOperationLosesNoBlobThatWasPromised(t *testing.T) {
	t.Parallel()
	for _, op := range operations(t) {
		for _, short := range shorts(op) {
			fs := memfs.New(1)
			fs.SetHook(func(o memfs.Op) error {
				if o.Seq != op.Seq {
					return nil
				}
				return &memfs.ShortWrite{N: short, Err: vfs.ErrIO}
			})
			how := func() string {
				return fmt.Sprintf("operation %d (%s %s) failed after %d bytes", op.Seq, op.Kind, op.Name, short)
			}
			promised, err := goOn(fs)
			require.NoError(t, err, how())
			fs.SetHook(nil)
			harsh := fs.Clone()
			harsh.CrashMachine(memfs.DropAll)
			check(t, harsh, promised, how)
			fs.CrashProcess()
			check(t, fs, promised, how)
		}
	}
}

// goOn runs the deeds and goes on after a failure, as a node does: a failed deed promises
// nothing, a store that can't be opened is opened again.
func goOn(fs *memfs.FS) (promised map[int]bool, err error) {
	promised = map[int]bool{}
	s, _, err := Open(fs, dir, small)
	if err != nil {
		fs.CrashProcess()
		if s, _, err = Open(fs, dir, small); err != nil {
			return nil, err
		}
	}
	for _, d := range deeds() {
		key := max(d.key, -d.key)
		if d.key < 0 {
			delete(promised, key)
			_ = d.do(fs, s)
			continue
		}
		if err := d.do(fs, s); err == nil {
			promised[key] = true
		}
	}
	// Whatever the failure left can be read, or is known to be missing.
	for key := range promised {
		n := sizes[key]
		if _, err := s.Read(SumOf(content(key, n)), 0, n); err != nil {
			return nil, fmt.Errorf("blob %d: %w", key, err)
		}
	}
	return promised, nil
}

// After a sync that failed, the pages look clean and are not on the disk. A process that comes
// after must not sync them once more and call them durable.
func TestAPartThatMetAFailedSyncIsNotResumed(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 150)
	failed := false
	fs.SetHook(func(op memfs.Op) error {
		switch {
		case failed:
			return memfs.ErrStopped // the process ends before it can clean up
		case op.Kind == memfs.OpSync:
			failed = true
			return vfs.ErrIO
		}
		return nil
	})
	_, err := pull(s, p)
	require.ErrorIs(t, err, vfs.ErrIO)
	fs.SetHook(nil)
	fs.CrashProcess()
	s, found := openStore(t, fs)
	require.Empty(t, found.Parts)
	_, err = pull(s, p)
	require.NoError(t, err)
	fs.CrashMachine(memfs.DropAll)
	s, _ = openStore(t, fs)
	read(t, s, p)
}

// A name that can be read need not be on the disk, and after a failed sync of the directory a
// later one does not bring it there.
func TestANameThatMetAFailedSyncIsMadeAnew(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	_, err := put(s, 1, content(9, 10))
	require.NoError(t, err)
	p := content(1, 150)
	failed := false
	fs.SetHook(func(op memfs.Op) error {
		switch {
		case failed:
			return memfs.ErrStopped
		case op.Kind == memfs.OpSyncDir:
			failed = true
			return vfs.ErrIO
		}
		return nil
	})
	_, err = pull(s, p)
	require.ErrorIs(t, err, vfs.ErrIO)
	fs.SetHook(nil)
	fs.CrashProcess()
	_, found := openStore(t, fs)
	require.Len(t, found.Held, 2, "it was whole and synced: only its name was in doubt")
	fs.CrashMachine(memfs.DropAll)
	s, _ = openStore(t, fs)
	read(t, s, p)
}
