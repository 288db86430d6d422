package node

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/backup"
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/wal"
)

// A restore makes the first node of a new cluster out of a backup. It begins as a recovery does (recover.go): above all
// that the old cluster can have given out, under an id of its own, with one voter. The backup is read twice:
//
//	PlanRestore   reads all of it, and every bit is checked; the state is decoded, and its files are there. Nothing is changed.
//	Run           DIR.restoring   made from nothing, the identity last
//	              DIR.restoring ─► DIR
//
// A crash leaves DIR as it was, or whole. DIR does not exist before, or is empty.
const restoringSuffix = ".restoring"

// Why a backup can't be restored, beside the errors of package backup and of the state in it.
var (
	ErrBackupEnd   = errors.New("the backup ends at another position than its state")
	ErrBackupFiles = errors.New("the backup lacks a file that its state names")
)

// RestoreOptions is what a restore must be told.
type RestoreOptions struct {
	// Cluster, Inc and Secret are the new cluster's: drawn at random.
	Cluster raft.ClusterID
	Inc     raft.Incarnation
	Secret  [32]byte
	// Self is the first node: its id and where it listens.
	Self raft.Member
	// Wall is what the wall clock says.
	Wall raft.Wall
	// Files go into the directory as they are: what the driver keeps there.
	Files []RecoveryFile
	// Machine is an empty state machine.
	Machine StateMachine
	// MaxLevel is the newest level that is known here, LevelMax if zero.
	MaxLevel uint32
	WAL      wal.Options  // the cluster is filled in
	Snap     snap.Options // likewise
	Rules    Rules        // those of the old cluster
	Blobs    blob.Options
}

// RestoreReport is what an operator is told of a backup.
type RestoreReport struct {
	Old  raft.ClusterID // that was backed up
	Wall raft.Wall      // when, by the clock of the node that did it
	Last raft.EntryID   // the last entry whose effect is in the backup
	Time raft.LogTime   // of that entry
	Hash Hash           // of the state, as the nodes of the old cluster had it after that entry
	// Blobs are named or pinned in the state, BlobBytes what they take; of MissingBlobs the old cluster had no copy any more.
	Blobs, MissingBlobs int
	BlobBytes           int64
	New                 Identity
	Base                raft.EntryID // where the new cluster begins
}

// Restore is a backup that was read and found good.
type Restore struct {
	Report RestoreReport

	o     RestoreOptions
	state *State      // at the base
	wants []blob.Want // that are in the backup, by sum
}

// PlanRestore reads a backup to its end and changes nothing.
func PlanRestore(r io.Reader, o RestoreOptions) (*Restore, error) {
	if err := checkDrawn(o.Cluster, o.Inc, o.Secret, o.Machine); err != nil {
		return nil, err
	}
	in, err := backup.NewReader(r)
	if err != nil {
		return nil, err
	}
	state, kept, lost, err := readBackup(in, &o)
	if err != nil {
		return nil, err
	}
	p := &Restore{o: o}
	p.Report = RestoreReport{Old: in.Header().Cluster, Wall: in.Header().Wall,
		Last: raft.EntryID{Index: state.applied, Term: in.End().Term}, Time: state.logTime, Hash: state.hash}
	if in.End().Position != positionOf(state.applied) {
		return nil, ErrBackupEnd
	}
	for _, want := range state.Blobs() {
		p.Report.Blobs++
		p.Report.BlobBytes += want.Size
		switch {
		case holds(kept, want):
			p.wants = append(p.wants, want)
		case holds(lost, want):
			p.Report.MissingBlobs++
		default:
			return nil, fmt.Errorf("%w: %v, of %d bytes", ErrBackupFiles, want.Sum, want.Size)
		}
	}
	return p, p.begin(state)
}

// readBackup reads a backup to its end: the state, and which blobs are there and which are known to be nowhere.
func readBackup(in *backup.Reader, o *RestoreOptions) (state *State, kept, lost []blob.Want, err error) {
	for {
		item, err := in.Next()
		switch {
		case err == io.EOF:
			slices.SortFunc(kept, bySum)
			slices.SortFunc(lost, bySum)
			return state, kept, lost, nil
		case err != nil:
			return nil, nil, nil, err
		case item.State:
			if state, err = ReadState(in, o.Machine.Clone(), o.Rules); err != nil {
				return nil, nil, nil, err
			}
		case item.Missing:
			lost = append(lost, blob.Want{Sum: item.Sum, Size: item.Size})
		default:
			kept = append(kept, blob.Want{Sum: item.Sum, Size: item.Size})
		}
	}
}

func bySum(a, b blob.Want) int { return a.Sum.Compare(b.Sum) }

func holds(list []blob.Want, want blob.Want) bool {
	i, ok := slices.BinarySearchFunc(list, want, bySum)
	return ok && list[i].Size == want.Size
}

// begin makes the state that the new cluster begins with.
func (p *Restore) begin(state *State) error {
	o, r := &p.o, &p.Report
	settings := Settings{Rules: o.Rules, MaxLevel: o.MaxLevel}.withDefaults()
	n := &Node{settings: settings, out: &Output{}}
	n.adopt(state)
	if n.stopping != nil {
		return n.stopping
	}
	r.Base = raft.EntryID{Index: recoveryIndex(r.Last.Index, o.Wall), Term: r.Last.Term + 1}
	if r.Base.Index >= recoveryIndexMax {
		return ErrRecoveryClock
	}
	self := o.Self
	self.Inc, self.Voter = o.Inc, true
	r.New = Identity{Self: self.Ident, Cluster: o.Cluster, Members: raft.Configuration{Members: []raft.Member{self}}}
	p.state = n.refounded(r.Base, o.Secret)
	return nil
}

// CheckVacant refuses a directory that holds something.
func CheckVacant(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(names) > 0:
		return fmt.Errorf("%s is in use: it holds %s; name a directory that does not exist, or is empty", dir, names[0])
	}
	return nil
}

// Run makes the directory. The backup is read once more: again gives it from its beginning. Other directories must be
// beside it: dir is not the root of the file system.
func (p *Restore) Run(fs vfs.FS, dir string, again io.Reader) error {
	if err := CheckVacant(fs, dir); err != nil {
		return err
	}
	f := founding{fs: fs, identity: p.Report.New, base: p.Report.Base, state: p.state, machine: p.o.Machine, rules: p.o.Rules,
		files: p.o.Files, wal: p.o.WAL, snap: p.o.Snap, blobs: p.o.Blobs}
	if err := f.make(dir+restoringSuffix, func(store *blob.Store) error { return p.fill(store, again) }); err != nil {
		return err
	}
	if err := fs.Remove(dir); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	if err := fs.Rename(dir+restoringSuffix, dir); err != nil {
		return err
	}
	return fs.SyncDir(vfs.Parent(dir))
}

// fill stores the blobs that the state wants.
func (p *Restore) fill(store *blob.Store, again io.Reader) error {
	in, err := backup.NewReader(again)
	if err != nil {
		return err
	}
	left := slices.Clone(p.wants)
	for id := uint64(1); ; id++ {
		item, err := in.Next()
		switch {
		case err == io.EOF && len(left) > 0:
			return fmt.Errorf("%w: the file is not what it was when it was checked", ErrBackupFiles)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case item.State || item.Missing:
			continue
		}
		at, wanted := slices.BinarySearchFunc(left, blob.Want{Sum: item.Sum}, bySum)
		if !wanted {
			continue
		}
		if err := put(store, id, item.Sum, in); err != nil {
			return err
		}
		left = slices.Delete(left, at, at+1)
	}
}

// put stores a blob from a reader, which is checked against the sum once more.
func put(store *blob.Store, id uint64, sum blob.Sum, in io.Reader) error {
	off, err := store.BeginUpload(id)
	if err != nil {
		return err
	}
	buf := make([]byte, backupBuffer)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if off, err = store.AppendUpload(id, off, buf[:n]); err != nil {
				return err
			}
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	_, err = store.CommitUpload(id, sum)
	return err
}

// backupBuffer is how much of a backup is read at once.
const backupBuffer = 64 << 10
