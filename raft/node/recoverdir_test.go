package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// survivor is a file system with a stopped member's directory, and what a recovery makes of it.
type survivor struct {
	c    *cluster
	fs   *memfs.FS
	tree map[string]string
	hash Hash
	base raft.EntryID
}

func newSurvivor(t *testing.T) *survivor {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	m := c.other()
	m.crash(memfs.DropAll)
	s := &survivor{c: c, fs: m.fs, tree: tree(t, m.fs, "data")}
	r, err := PlanRecovery(m.fs.Clone(), "data", c.recovering())
	require.NoError(t, err)
	s.hash, s.base = r.state.Hash(), r.Report.Base
	return s
}

// tree is all files below a directory with their contents.
func tree(t require.TestingT, fs *memfs.FS, dir string) map[string]string {
	files := map[string]string{}
	for _, sub := range []string{"", "/wal", "/snapshots"} {
		names, err := fs.List(dir + sub)
		require.NoError(t, err)
		for _, name := range names {
			if p, err := fs.Contents(dir + sub + "/" + name); err == nil {
				files[sub+"/"+name] = string(p)
			}
		}
	}
	delete(files, "/wal") // a directory reads as an empty file
	delete(files, "/snapshots")
	return files
}

// run plans and carries out a recovery, as a process does that starts on what is there.
func (s *survivor) run(fs *memfs.FS) error {
	if RecoveryInterrupted(fs, "data") {
		_, err := FinishRecovery(fs, "data")
		return err
	}
	r, err := PlanRecovery(fs, "data", s.c.recovering())
	if err != nil {
		return err
	}
	_, err = r.Run()
	return errors.Join(err, r.Close())
}

// judge says what a crash left: the old directory as it was, or the new one, or both complete beside one another.
func (s *survivor) judge(t require.TestingT, fs *memfs.FS) string {
	fs.SetHook(nil)
	if RecoveryInterrupted(fs, "data") {
		require.Equal(t, s.tree, tree(t, fs, s.kept(t, fs)))
		return "between"
	}
	id, err := ReadIdentity(fs, "data")
	require.NoError(t, err)
	if id.Cluster == secondCluster {
		require.Equal(t, s.tree, tree(t, fs, s.kept(t, fs)), "nothing of the old is destroyed")
		s.boots(t, fs)
		return "new"
	}
	require.Equal(t, s.tree, tree(t, fs, "data"))
	return "old"
}

func (s *survivor) kept(t require.TestingT, fs *memfs.FS) string {
	names, err := fs.List(".")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "data.before-recovery-") {
			return name
		}
	}
	require.FailNow(t, "no old directory")
	return ""
}

// boots opens the new directory as a node does.
func (s *survivor) boots(t require.TestingT, fs *memfs.FS) {
	o := DiskOptions{WAL: wal.Options{SegmentBytes: 8 << 10}, Machine: &toy{}, Rules: s.c.settings.Rules, Snap: snap.Options{ChunkBytes: 64}}
	d, boot, err := OpenDisk(fs.Clone(), "data", o)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, s.base, boot.Base.Entry)
	require.Equal(t, raft.HardState{Term: s.base.Term}, boot.Hard)
	require.Empty(t, boot.Entries)
	require.Equal(t, s.hash, boot.State.Hash())
	p, err := fs.Contents("data/node.json")
	require.NoError(t, err)
	require.Equal(t, "{}", string(p))
}

// Stopped before every single file operation, by the death of the process and of the machine, a recovery leaves the old
// directory or the new one, and a repetition ends with the new one.
func TestACrashAtEveryFileOperationOfARecoveryLeavesTheOldDirectoryOrTheNewOne(t *testing.T) {
	s := newSurvivor(t)
	var ops []int // those that change something
	count := s.fs.Clone()
	count.SetHook(func(op memfs.Op) error {
		if op.Kind.Changes() {
			ops = append(ops, op.Seq)
		}
		return nil
	})
	require.NoError(t, s.run(count))
	require.Equal(t, "new", s.judge(t, count))

	left := map[string]int{}
	for _, at := range ops {
		for kind, crash := range crashes(uint64(at)) {
			fs := s.fs.Clone()
			stopAt(fs, at)
			err := s.run(fs)
			if err != nil {
				require.ErrorIs(t, err, memfs.ErrStopped)
			}
			crash(fs)
			what := s.judge(t, fs)
			left[what]++
			if what == "new" {
				continue
			}
			// The repetition is stopped somewhere, too, and repeated.
			again := fs.Clone()
			stopAt(again, ops[at*7%len(ops)])
			if err := s.run(again); err != nil {
				require.ErrorIs(t, err, memfs.ErrStopped, "operation %d, %s, left %s", at, kind, what)
			}
			crash(again)
			for _, fs := range []*memfs.FS{fs, again} {
				if s.judge(t, fs) != "new" {
					require.NoError(t, s.run(fs), "operation %d, %s, left %s", at, kind, what)
				}
				require.NoError(t, fs.SyncDir(".")) // every start of a node begins with it
				fs.CrashMachine(memfs.DropAll)
				require.Equal(t, "new", s.judge(t, fs), "what is done is durable")
			}
		}
	}
	for _, what := range []string{"old", "between", "new"} {
		require.NotZero(t, left[what], "%s: %v", what, left)
	}
}

// crashes are the ways in which a process ends.
func crashes(key uint64) map[string]func(*memfs.FS) {
	return map[string]func(*memfs.FS){
		"the process":                      (*memfs.FS).CrashProcess,
		"the machine, all unsynced lost":   func(fs *memfs.FS) { fs.CrashMachine(memfs.DropAll) },
		"the machine, all unsynced kept":   func(fs *memfs.FS) { fs.CrashMachine(memfs.KeepAll) },
		"the machine, one part of it lost": func(fs *memfs.FS) { fs.CrashMachine(memfs.Chance(key)) },
		"the machine, another part":        func(fs *memfs.FS) { fs.CrashMachine(memfs.Chance(key + 1<<32)) },
	}
}

// stopAt ends the process before an operation.
func stopAt(fs *memfs.FS, at int) {
	fs.SetHook(func(op memfs.Op) error {
		if op.Seq >= at {
			return memfs.ErrStopped
		}
		return nil
	})
}

// Every operation fails once, without a crash: a full disk, a directory that can't be renamed. The error says so, and the
// next attempt goes on.
func TestAnErrorOfTheDiskLeavesTheOldDirectoryOrIsFinishedLater(t *testing.T) {
	s := newSurvivor(t)
	ops := 0
	count := s.fs.Clone()
	count.SetHook(func(memfs.Op) error { ops++; return nil })
	require.NoError(t, s.run(count))
	for at := 1; at <= ops; at++ {
		fs := s.fs.Clone()
		fs.SetHook(func(op memfs.Op) error {
			if op.Seq == at {
				return vfs.ErrNoSpace
			}
			return nil
		})
		if err := s.run(fs); err == nil {
			require.Equal(t, "new", s.judge(t, fs), "operation %d", at)
			continue
		}
		fs.CrashProcess()
		if s.judge(t, fs) != "new" {
			require.NoError(t, s.run(fs), "operation %d", at)
		}
		require.Equal(t, "new", s.judge(t, fs))
	}
}

func TestADirectoryThatNoRecoveryMadeIsNotSweptAway(t *testing.T) {
	s := newSurvivor(t)
	require.NoError(t, s.fs.MkdirAll("data.recovering/photos"))
	require.ErrorContains(t, s.run(s.fs), "data.recovering holds photos, which no recovery made: move it away")
	require.Equal(t, "old", s.judge(t, s.fs))
}

// Somebody puts the old directory back and recovers it again: both old ones stay.
func TestAnOldDirectoryThatIsKeptIsNeverReplaced(t *testing.T) {
	s := newSurvivor(t)
	require.NoError(t, s.run(s.fs))
	kept := s.kept(t, s.fs)
	require.NoError(t, s.fs.Rename("data", "elsewhere"))
	copyTree(t, s.fs, s.tree, "data")
	r, err := PlanRecovery(s.fs, "data", s.c.recovering())
	require.NoError(t, err)
	second, err := r.Run()
	require.NoError(t, err)
	require.Equal(t, kept+"-2", second)
	require.Equal(t, s.tree, tree(t, s.fs, kept))
	require.Equal(t, s.tree, tree(t, s.fs, second))
}

func copyTree(t *testing.T, fs *memfs.FS, files map[string]string, dir string) {
	require.NoError(t, fs.MkdirAll(dir+"/wal"))
	require.NoError(t, fs.MkdirAll(dir+"/snapshots"))
	for name, data := range files {
		require.NoError(t, makeFile(fs, dir+name, []byte(data)))
	}
}

func TestOnlyARecoveryThatWasInterruptedIsFinished(t *testing.T) {
	s := newSurvivor(t)
	require.False(t, RecoveryInterrupted(s.fs, "data"))
	_, err := FinishRecovery(s.fs, "data")
	require.ErrorContains(t, err, "no recovery of data was interrupted")

	// A directory that was moved away beside one that was only begun is none.
	ops := 0
	s.fs.SetHook(func(op memfs.Op) error {
		if ops++; op.Kind == memfs.OpRename && strings.HasSuffix(op.To, "/"+identityName) {
			return fmt.Errorf("%w", memfs.ErrStopped)
		}
		return nil
	})
	require.ErrorIs(t, s.run(s.fs), memfs.ErrStopped)
	s.fs.SetHook(nil)
	require.NoError(t, s.fs.Rename("data", "elsewhere"))
	require.False(t, RecoveryInterrupted(s.fs, "data"))
}
