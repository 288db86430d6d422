package node

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/wal"
)

// founding makes the directory of the only member of a new cluster, which begins with a state: one that a survivor has
// (recover.go), or a backup (restore.go).
//
//	DIR'            made from nothing: snapshots, log, blobs, files, and the identity last
//	DIR' ─► DIR     by whoever wants it there
type founding struct {
	fs       vfs.FS
	identity Identity
	base     raft.EntryID // behind which the new cluster begins
	state    *State       // at the base
	machine  StateMachine // an empty one
	rules    Rules
	files    []RecoveryFile
	wal      wal.Options  // the cluster is filled in
	snap     snap.Options // likewise
	blobs    blob.Options
}

// refounded returns the state of a node that does not run as that of a new cluster, which begins behind base.
func (n *Node) refounded(base raft.EntryID, secret [32]byte) *State {
	n.applied = base.Index
	if m, ok := n.sm.(Refounder); ok {
		m.Refound(Applied{Position: positionOf(base.Index), Term: base.Term, Time: n.logTime, Level: n.level}, secret)
	}
	return n.Freeze()
}

// checkDrawn refuses what was to be drawn at random and was not.
func checkDrawn(cluster raft.ClusterID, inc raft.Incarnation, secret [32]byte, m StateMachine) error {
	if _, told := m.(Refounder); cluster == 0 || inc == 0 || told && secret == ([32]byte{}) {
		return errNotDrawn
	}
	return nil
}

// make makes the directory, from nothing; fill puts the blobs into their store. The identity comes last and says that
// it is complete.
func (f *founding) make(dir string, fill func(*blob.Store) error) error {
	if err := f.sweep(dir); err != nil {
		return err
	}
	if err := f.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := f.fs.SyncDir(vfs.Parent(dir)); err != nil {
		return err
	}
	if err := f.makeSnapshot(join(dir, snapsName)); err != nil {
		return err
	}
	if err := f.makeLog(join(dir, walName)); err != nil {
		return err
	}
	if err := f.makeBlobs(join(dir, blobsName), fill); err != nil {
		return err
	}
	for _, file := range f.files {
		if err := makeFile(f.fs, join(dir, file.Name), file.Data); err != nil {
			return err
		}
	}
	if err := f.fs.SyncDir(dir); err != nil {
		return err
	}
	if err := writeIdentity(f.fs, dir, &f.identity); err != nil {
		return err
	}
	return f.fs.SyncDir(vfs.Parent(dir))
}

// makeSnapshot writes the state and reads it again: it is what the new cluster consists of.
func (f *founding) makeSnapshot(dir string) error {
	o := f.snap
	o.Cluster = f.identity.Cluster
	store, err := snap.Open(f.fs, dir, o)
	if err != nil {
		return err
	}
	base := raft.Base{Entry: f.base, Time: f.state.LogTime(), Config: f.identity.Members}
	info, err := store.Create(base, f.state.Hash(), func(w io.Writer) error { return f.state.Write(w) })
	if err != nil {
		return err
	}
	s := Snapshots{store: store, empty: f.machine, rules: f.rules.withDefaults()}
	again, err := s.decode(info, nil)
	if err != nil {
		return err
	}
	if again.Hash() != f.state.Hash() {
		return errRecoveryDifferent
	}
	return nil
}

// makeLog writes a log that begins behind the snapshot.
func (f *founding) makeLog(dir string) error {
	o := f.wal
	o.Cluster = f.identity.Cluster
	log, _, err := wal.Open(f.fs, dir, o)
	if err != nil {
		return err
	}
	err = log.Append(&wal.Batch{Hard: raft.HardState{Term: f.base.Term}, Base: f.base, Reset: true})
	if err == nil {
		err = log.Sync()
	}
	if err == nil {
		err = log.Seal()
	}
	return errors.Join(err, log.Close())
}

// makeBlobs has the blobs put where the first start looks for them. Without any it makes the directory itself.
func (f *founding) makeBlobs(dir string, fill func(*blob.Store) error) error {
	if len(f.state.Blobs()) == 0 {
		return nil
	}
	store, _, err := blob.Open(f.fs, dir, f.blobs)
	if err != nil {
		return err
	}
	return fill(store)
}

func makeFile(fs vfs.FS, name string, data []byte) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sweep removes what a crash left behind, and nothing else: a directory of that name that somebody else made is not
// touched.
func (f *founding) sweep(dir string) error {
	names, err := f.fs.List(dir)
	if errors.Is(err, vfs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if !f.makes(name) {
			return fmt.Errorf("%s holds %s, which no recovery made: move it away", dir, name)
		}
	}
	// The identity goes first: without it the rest is nobody's.
	if slices.Contains(names, identityName) {
		if err := f.fs.Remove(join(dir, identityName)); err != nil {
			return err
		}
		if err := f.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	for _, name := range names {
		if name == identityName {
			continue
		}
		if err := f.remove(join(dir, name)); err != nil {
			return err
		}
	}
	return f.fs.Remove(dir)
}

// makes reports whether a name is among those that make gives.
func (f *founding) makes(name string) bool {
	switch name {
	case snapsName, walName, blobsName, identityName, identityTemp:
		return true
	}
	return slices.ContainsFunc(f.files, func(file RecoveryFile) bool { return file.Name == name })
}

// remove removes a file, or a directory of files.
func (f *founding) remove(name string) error {
	if within, err := f.fs.List(name); err == nil {
		for _, file := range within {
			if err := f.fs.Remove(join(name, file)); err != nil {
				return err
			}
		}
	}
	return f.fs.Remove(name)
}
