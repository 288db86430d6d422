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

// How a recovery puts the new directory into the place of the old one. DIR is the old one:
//
//	DIR.recovering                 made from nothing: snapshots, log, blobs, files, and the identity last
//	DIR ─► DIR.before-recovery-C   nothing in it is changed; C is the old cluster
//	DIR.recovering ─► DIR
//
// Each line is durable before the next begins. A crash in the first leaves the old directory as it was, and a
// directory without an identity that the next recovery sweeps away. A crash between the second and the third leaves
// no DIR; both others are complete, and FinishRecovery does the third.
const (
	recoveringSuffix = ".recovering"
	beforeSuffix     = ".before-recovery-"
	beforeMax        = 100 // names that are tried for the old directory
)

// Run makes the new directory and puts it into the place of the old one. It returns under which name the old one
// is kept. After an error either the old directory is in its place, as it was, or FinishRecovery goes on.
func (r *Recovery) Run() (kept string, err error) {
	if r.lock == nil {
		return "", errors.New("node: the recovery was closed")
	}
	if r.Report.Loss != nil && !r.o.AcceptDamage {
		return "", r.Report.Loss
	}
	if kept, err = r.freeName(); err != nil {
		return "", err
	}
	if err := r.make(r.dir + recoveringSuffix); err != nil {
		return "", fmt.Errorf("nothing was changed in %s: %w", r.dir, err)
	}
	if err := r.fs.Rename(r.dir, kept); err != nil {
		return "", fmt.Errorf("nothing was changed in %s: %w", r.dir, err)
	}
	if err := r.fs.SyncDir(vfs.Parent(r.dir)); err != nil {
		return kept, err
	}
	return kept, putInPlace(r.fs, r.dir)
}

// putInPlace does the last rename.
func putInPlace(fs vfs.FS, dir string) error {
	if err := fs.Rename(dir+recoveringSuffix, dir); err != nil {
		return err
	}
	return fs.SyncDir(vfs.Parent(dir))
}

// freeName returns a name for the old directory.
func (r *Recovery) freeName() (string, error) {
	name := fmt.Sprintf("%s%s%v", r.dir, beforeSuffix, r.Report.Old.Cluster)
	for n := range beforeMax {
		kept := name
		if n > 0 {
			kept = fmt.Sprintf("%s-%d", name, n+1)
		}
		if _, err := r.fs.List(kept); errors.Is(err, vfs.ErrNotExist) {
			return kept, nil
		} else if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s and %d more of its kind exist: move them away", name, beforeMax-1)
}

// RecoveryInterrupted reports whether a recovery of a directory crashed between its two renames: there is no such
// directory, and the new one is complete beside it.
func RecoveryInterrupted(fs vfs.FS, dir string) bool {
	if _, err := fs.List(dir); !errors.Is(err, vfs.ErrNotExist) {
		return false
	}
	id, err := ReadIdentity(fs, dir+recoveringSuffix)
	return err == nil && id.Cluster != 0
}

// FinishRecovery completes a recovery that was interrupted.
func FinishRecovery(fs vfs.FS, dir string) (Identity, error) {
	if !RecoveryInterrupted(fs, dir) {
		return Identity{}, fmt.Errorf("no recovery of %s was interrupted", dir)
	}
	id, err := ReadIdentity(fs, dir+recoveringSuffix)
	if err != nil {
		return Identity{}, err
	}
	// The rename that was done is durable before the other one is, or both might end up as one.
	if err := fs.SyncDir(vfs.Parent(dir)); err != nil {
		return id, err
	}
	return id, putInPlace(fs, dir)
}

// make makes the new directory, from nothing. The identity comes last and says that it is complete.
func (r *Recovery) make(dir string) error {
	if err := r.sweep(dir); err != nil {
		return err
	}
	if err := r.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := r.fs.SyncDir(vfs.Parent(dir)); err != nil {
		return err
	}
	if err := r.makeSnapshot(join(dir, snapsName)); err != nil {
		return err
	}
	if err := r.makeLog(join(dir, walName)); err != nil {
		return err
	}
	if err := r.makeBlobs(join(dir, blobsName)); err != nil {
		return err
	}
	for _, f := range r.o.Files {
		if err := makeFile(r.fs, join(dir, f.Name), f.Data); err != nil {
			return err
		}
	}
	if err := r.fs.SyncDir(dir); err != nil {
		return err
	}
	if err := writeIdentity(r.fs, dir, &r.Report.New); err != nil {
		return err
	}
	return r.fs.SyncDir(vfs.Parent(dir))
}

// makeSnapshot writes the state and reads it again: it is what the new cluster consists of.
func (r *Recovery) makeSnapshot(dir string) error {
	p := &r.Report
	o := r.o.Snap
	o.Cluster = p.New.Cluster
	store, err := snap.Open(r.fs, dir, o)
	if err != nil {
		return err
	}
	base := raft.Base{Entry: p.Base, Time: p.Time, Config: p.New.Members}
	info, err := store.Create(base, r.state.Hash(), func(w io.Writer) error { return r.state.Write(w) })
	if err != nil {
		return err
	}
	s := Snapshots{store: store, empty: r.o.Machine, rules: r.o.Rules.withDefaults()}
	again, err := s.decode(info, nil)
	if err != nil {
		return err
	}
	if again.Hash() != r.state.Hash() {
		return errRecoveryDifferent
	}
	return nil
}

// makeLog writes a log that begins behind the snapshot.
func (r *Recovery) makeLog(dir string) error {
	p := &r.Report
	o := r.o.WAL
	o.Cluster = p.New.Cluster
	log, _, err := wal.Open(r.fs, dir, o)
	if err != nil {
		return err
	}
	err = log.Append(&wal.Batch{Hard: raft.HardState{Term: p.Base.Term}, Base: p.Base, Reset: true})
	if err == nil {
		err = log.Sync()
	}
	if err == nil {
		err = log.Seal()
	}
	return errors.Join(err, log.Close())
}

// makeBlobs copies what the state wants, as far as it is there and good.
func (r *Recovery) makeBlobs(dir string) error {
	wants := r.state.pins.table.Wants()
	if len(wants) == 0 {
		return nil // the first start makes the directory
	}
	store, _, err := blob.Open(r.fs, dir, r.o.Blobs)
	if err != nil {
		return err
	}
	for _, want := range wants {
		err := store.Copy(join(r.dir, blobsName), want.Sum)
		damaged, other := (*blob.DamagedError)(nil), (*blob.SumError)(nil)
		if err != nil && !errors.Is(err, blob.ErrMissing) && !errors.As(err, &damaged) && !errors.As(err, &other) {
			return err
		}
	}
	return nil
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

// sweep removes what a recovery that crashed left behind, and nothing else: a directory of that name that somebody else
// made is not touched.
func (r *Recovery) sweep(dir string) error {
	names, err := r.fs.List(dir)
	if errors.Is(err, vfs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if !r.makes(name) {
			return fmt.Errorf("%s holds %s, which no recovery made: move it away", dir, name)
		}
	}
	// The identity goes first: without it the rest is nobody's.
	if slices.Contains(names, identityName) {
		if err := r.fs.Remove(join(dir, identityName)); err != nil {
			return err
		}
		if err := r.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	for _, name := range names {
		if name == identityName {
			continue
		}
		if err := r.remove(join(dir, name)); err != nil {
			return err
		}
	}
	return r.fs.Remove(dir)
}

// makes reports whether a name is among those that make gives.
func (r *Recovery) makes(name string) bool {
	switch name {
	case snapsName, walName, blobsName, identityName, identityTemp:
		return true
	}
	return slices.ContainsFunc(r.o.Files, func(f RecoveryFile) bool { return f.Name == name })
}

// remove removes a file, or a directory of files.
func (r *Recovery) remove(name string) error {
	if within, err := r.fs.List(name); err == nil {
		for _, file := range within {
			if err := r.fs.Remove(join(name, file)); err != nil {
				return err
			}
		}
	}
	return r.fs.Remove(name)
}
