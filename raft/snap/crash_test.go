package snap_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// The central test of the store. A workload that makes snapshots, downloads one with an
// interruption, and prunes is stopped before every single file operation, and in the middle of its
// writes. Then the process crashes, or the machine does, with every legal subset of what was not
// synced (samples where there are more than ten items). Whatever is left, what was there before the
// step under way, or is there after it, is listed, and whole; nothing else is; what is listed is durable from
// then on; and a download can be completed. The same holds for a crash at every operation of the
// start that follows.

// script is the workload: each step, and the snapshots that are there after it.
type script struct {
	from  *snap.Store // the peer
	offer []snap.Info // what it has: 300 and 500
	steps []scriptStep
}

type scriptStep struct {
	run  func(s **snap.Store, fs vfs.FS) error
	list []raft.Index
}

func newScript(t require.TestingT) *script {
	_, from := made(t, 300, 500)
	c := &script{from: from, offer: from.List()}
	add := func(run func(s **snap.Store, fs vfs.FS) error, list ...raft.Index) {
		c.steps = append(c.steps, scriptStep{run, list})
	}
	reopen := func(s **snap.Store, fs vfs.FS) (err error) {
		*s, err = snap.Open(fs, dir, tiny)
		return err
	}
	make := func(index raft.Index) func(s **snap.Store, fs vfs.FS) error {
		return func(s **snap.Store, _ vfs.FS) error { _, err := create(*s, index); return err }
	}
	prune := func(s **snap.Store, _ vfs.FS) error { return (*s).Prune(200) }
	add(reopen)
	add(make(100), 100)
	add(make(200), 100, 200)
	add(c.download(0, 3), 100, 200)
	add(reopen, 100, 200)
	add(c.download(0, 100), 100, 200, 300)
	add(make(200), 100, 200, 300)
	add(prune, 200, 300)
	add(make(400), 200, 300, 400)
	add(make(450), 200, 300, 400, 450)
	add(prune, 200, 400, 450)
	add(c.download(1, 2), 200, 400, 450)
	return c
}

// download moves some pieces of an offer, and finishes if that is all.
func (c *script) download(offer, n int) func(s **snap.Store, fs vfs.FS) error {
	return func(s **snap.Store, _ vfs.FS) error {
		p, err := (*s).Resume(c.offer[offer].ID)
		if err != nil {
			return err
		}
		if err := transfer(p, c.from, c.offer[offer], n); err != nil {
			return err
		}
		if !p.Complete() {
			return p.Close()
		}
		_, err = p.Finish()
		return err
	}
}

// perform runs the workload until it fails: how many steps were completed.
func (c *script) perform(fs *memfs.FS) (done int, err error) {
	var s *snap.Store
	for _, step := range c.steps {
		if err := step.run(&s, fs); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// operations lists what a run does to a file system.
func operations(fs *memfs.FS, run func()) []memfs.Op {
	var ops []memfs.Op
	fs.SetHook(func(op memfs.Op) error { ops = append(ops, op); return nil })
	run()
	fs.SetHook(nil)
	return ops
}

// stopAt fails operation k and all after it. A short write lets its first bytes through.
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

// shorts are the lengths at which a write may be cut; zero is not at all begun.
func shorts(op memfs.Op) []int {
	if op.Kind != memfs.OpWrite {
		return []int{0}
	}
	return []int{0, 1, op.Len / 2, op.Len - 1}
}

// crashes calls each with every way that the file system can come out of a crash.
func crashes(fs *memfs.FS, key uint64, samples int, each func(how string, crashed *memfs.FS)) {
	c := fs.Clone()
	c.CrashProcess()
	each("process", c)
	n := len(fs.Unsynced())
	if n <= 10 {
		for bits := range uint64(1) << n {
			c := fs.Clone()
			c.CrashMachine(memfs.Subset(bits))
			each(fmt.Sprintf("machine, subset %b", bits), c)
		}
		samples /= 20 // only for what tears within a sector
	}
	for i := range samples {
		c := fs.Clone()
		c.CrashMachine(memfs.Chance(raft.Mix(key, uint64(i))))
		each(fmt.Sprintf("machine, sample %d", i), c)
	}
}

// judge opens what a crash left and checks it.
type judge struct {
	t       *testing.T
	c       *script
	opened  int
	resumed int // downloads that were taken up in the middle
}

// open checks what is listed against what may be: all of must, and nothing that is not in may.
func (j *judge) open(fs *memfs.FS, must, may []raft.Index, how func() string) *snap.Store {
	j.opened++
	s, err := snap.Open(fs, dir, tiny)
	if err != nil {
		j.t.Fatalf("%s: %v", how(), err)
	}
	if len(s.Damaged()) > 0 {
		j.t.Fatalf("%s: %v", how(), s.Damaged()[0])
	}
	list := indexes(s.List())
	for _, i := range must {
		if !slices.Contains(list, i) {
			j.t.Fatalf("%s: snapshot %d is gone, there are %v", how(), i, list)
		}
	}
	for _, info := range s.List() {
		i := info.Entry.Index
		if !slices.Contains(may, i) {
			j.t.Fatalf("%s: where does snapshot %d come from? There are %v", how(), i, list)
		}
		if body, err := read(s, info); err != nil || !bytes.Equal(body, bodyAt(i)) {
			j.t.Fatalf("%s: snapshot %d, of which %d bytes are read: %v", how(), i, len(body), err)
		}
	}
	return s
}

// check judges one crashed file system. What was removed may come back after another crash: that
// is harmless.
func (j *judge) check(fs *memfs.FS, must, may []raft.Index, how func() string) {
	s := j.open(fs, must, may, how)
	list := indexes(s.List())
	crashed := fs.Clone()
	crashed.CrashMachine(memfs.DropAll)
	j.open(crashed, list, may, func() string { return how() + ", opened, machine crashed" })

	_, err := create(s, 250)
	require.NoError(j.t, err, how())
	list, may = append(list, 250), append(may, 250)
	crashed = fs.Clone()
	crashed.CrashMachine(memfs.DropAll)
	j.open(crashed, list, may, func() string { return how() + ", opened, written, machine crashed" })

	for offer, info := range j.c.offer {
		p, err := s.Resume(info.ID)
		require.NoError(j.t, err, how())
		if p.Have() > 0 {
			j.resumed++
		}
		require.NoError(j.t, p.Close())
		require.NoError(j.t, j.c.download(offer, 100)(&s, fs), how())
		fs.CrashMachine(memfs.DropAll)
		list, may = append(list, info.Entry.Index), append(may, info.Entry.Index)
		s = j.open(fs, list, may, func() string { return how() + ", downloaded, machine crashed" })
	}
}

// states returns which snapshots there must be, and which there may be, when a number of steps was
// completed and the next one was under way.
func (c *script) states(done int) (must, may []raft.Index) {
	before := []raft.Index(nil)
	if done > 0 {
		before = c.steps[done-1].list
	}
	after := before
	if done < len(c.steps) {
		after = c.steps[done].list
	}
	for _, i := range before {
		if slices.Contains(after, i) {
			must = append(must, i)
		}
	}
	return must, append(slices.Clone(before), after...)
}

func TestACrashAtEveryFileOperationLosesNoSnapshotAndShowsNoHalfOne(t *testing.T) {
	t.Parallel()
	c := newScript(t)
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, err := c.perform(fs)
		require.NoError(t, err)
	})
	j := &judge{t: t, c: c}
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		for _, short := range shorts(op) {
			fs := memfs.New(1)
			stopAt(fs, op.Seq, short)
			done, err := c.perform(fs)
			require.ErrorIs(t, err, memfs.ErrStopped)
			must, may := c.states(done)
			crashes(fs, uint64(op.Seq), 40, func(how string, crashed *memfs.FS) {
				j.check(crashed, must, may, func() string {
					return fmt.Sprintf("stopped at operation %d (%s %s, %d bytes of it), crash of the %s", op.Seq, op.Kind, op.Name, short, how)
				})
			})
		}
	}
	require.NotZero(t, j.resumed)
	t.Logf("%d operations, %d stores opened, %d downloads taken up", len(ops), j.opened, j.resumed)
}

func TestACrashAtEveryFileOperationOfAStartLosesNoSnapshot(t *testing.T) {
	t.Parallel()
	c := newScript(t)
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, err := c.perform(fs)
		require.NoError(t, err)
	})
	j := &judge{t: t, c: c}
	for _, op := range ops {
		if !op.Kind.Changes() {
			continue
		}
		fs := memfs.New(1)
		stopAt(fs, op.Seq, 0)
		done, err := c.perform(fs)
		require.ErrorIs(t, err, memfs.ErrStopped)
		must, may := c.states(done)
		for way, choose := range []memfs.Chooser{nil, memfs.DropAll, memfs.Chance(uint64(op.Seq))} {
			first := fs.Clone()
			if choose == nil {
				first.CrashProcess()
			} else {
				first.CrashMachine(choose)
			}
			whole := first.Clone()
			for _, again := range operations(whole, func() { j.open(whole, must, may, func() string { return "start" }) }) {
				if !again.Kind.Changes() {
					continue
				}
				second := first.Clone()
				stopAt(second, again.Seq, 0)
				_, err := snap.Open(second, dir, tiny)
				require.ErrorIs(t, err, memfs.ErrStopped)
				crashes(second, uint64(again.Seq), 20, func(how string, crashed *memfs.FS) {
					j.open(crashed, must, may, func() string {
						return fmt.Sprintf("stopped at operation %d (%s %s), crash %d, start stopped at operation %d (%s %s), crash of the %s",
							op.Seq, op.Kind, op.Name, way, again.Seq, again.Kind, again.Name, how)
					})
				})
			}
		}
	}
	t.Logf("%d operations, %d stores opened", len(ops), j.opened)
}

// A disk that fails once and then works again must not be believed: the kernel calls pages and
// names clean that it could not write.
func TestAnErrorOfAnyOperationLosesNoSnapshot(t *testing.T) {
	t.Parallel()
	c := newScript(t)
	fs := memfs.New(1)
	ops := operations(fs, func() {
		_, err := c.perform(fs)
		require.NoError(t, err)
	})
	j := &judge{t: t, c: c}
	for _, op := range ops {
		for i, short := range append(shorts(op), 0) {
			dies := i == len(shorts(op)) // before it can do anything about the error
			fs := memfs.New(1)
			fs.SetHook(func(o memfs.Op) error {
				switch {
				case o.Seq == op.Seq:
					return &memfs.ShortWrite{N: short, Err: vfs.ErrIO}
				case o.Seq > op.Seq && dies:
					return memfs.ErrStopped
				}
				return nil
			})
			done, err := c.perform(fs)
			if err == nil {
				// Where a start could not look at a snapshot, that counts as damaged until the
				// next one; where it could not read a download, the pieces come again.
				require.False(t, op.Kind.Changes())
			}
			must, may := c.states(done)
			fs.SetHook(nil)
			fs.CrashProcess()
			j.check(fs, must, may, func() string {
				return fmt.Sprintf("operation %d (%s %s) failed after %d bytes, the end: %t", op.Seq, op.Kind, op.Name, short, dies)
			})
		}
	}
}
