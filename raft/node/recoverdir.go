package node

import (
	"errors"
	"fmt"

	"parley/raft/blob"
	"parley/raft/vfs"
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

// make makes the new directory, from nothing.
func (r *Recovery) make(dir string) error {
	f := founding{fs: r.fs, identity: r.Report.New, base: r.Report.Base, state: r.state, machine: r.o.Machine, rules: r.o.Rules,
		files: r.o.Files, wal: r.o.WAL, snap: r.o.Snap, blobs: r.o.Blobs}
	return f.make(dir, r.copyBlobs)
}

// copyBlobs copies what the state wants, as far as it is there and good.
func (r *Recovery) copyBlobs(store *blob.Store) error {
	for _, want := range r.state.Blobs() {
		err := store.Copy(join(r.dir, blobsName), want.Sum)
		damaged, other := (*blob.DamagedError)(nil), (*blob.SumError)(nil)
		if err != nil && !errors.Is(err, blob.ErrMissing) && !errors.As(err, &damaged) && !errors.As(err, &other) {
			return err
		}
	}
	return nil
}
