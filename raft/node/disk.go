package node

import (
	"cmp"
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

// Disk is a node's data directory:
//
//	lock        held while a process uses the directory
//	identity    who this is; written when the directory is made and when the
//	            formation record is accepted, never again
//	wal/        the log, see raft/wal
//	snapshots/  see raft/snap; another goroutine may have them, see Snapshots
//	blobs/      see raft/blob; another goroutine may have them, see Blobs
//
// It is pure over vfs, so that the simulator and production run the same bytes. The
// driver calls it from one place at a time: an identity first, then the stores in order,
// with one Write and one Sync for all that are queued, then every Store.Then may
// leave. After an error the directory is done for in this process.
type Disk struct {
	fs       vfs.FS
	dir      string
	o        DiskOptions
	identity Identity
	lock     io.Closer
	log      *wal.Log // nil until there is a formation record

	snapshots Snapshots
	blobs     *blob.Store
	hard      raft.HardState // as last written
	unsynced  bool
	batch     wal.Batch
	entries   []raft.Entry // the batch's memory
}

// DiskOptions is what a directory must be told.
type DiskOptions struct {
	// ID is the node that is to use the directory. Zero takes whichever it is, if
	// it was used before.
	ID raft.NodeID
	// Inc is the incarnation a new directory gets: drawn at random.
	Inc raft.Incarnation
	// WAL are the log's options; the cluster and the snapshots are filled in.
	WAL wal.Options
	// Machine is an empty state machine; snapshots are restored into clones of it. Without one no state is
	// restored, and the directory is good for looking at only.
	Machine StateMachine
	Rules   Rules
	Snap    snap.Options // the cluster is filled in
	Blobs   blob.Options // as in Settings
}

const (
	lockName  = "lock"
	walName   = "wal"
	snapsName = "snapshots"
	blobsName = "blobs"
)

// Found is what recovery found that was not as it should be, for the log and for operators.
type Found struct {
	Decided   wal.Decision // what became of damage in the log
	Holes     []wal.Hole   // entries that peers have to give back
	Torn      *wal.TornBatch
	Damage    []wal.Damage
	Worn      []wal.Damage
	Snapshots []error // that are damaged
}

// OpenDisk opens a data directory, making it if there is none, and tells what it
// knew. Errors say what the directory is and what to do about it; nothing is
// changed then.
func OpenDisk(fs vfs.FS, dir string, o DiskOptions) (*Disk, Boot, error) {
	d := &Disk{fs: fs, dir: dir, o: o}
	boot, err := d.open(o)
	if err != nil {
		return nil, Boot{}, errors.Join(err, d.Close())
	}
	return d, boot, nil
}

// LookDisk tells what OpenDisk would find in a data directory that was used before, and changes nothing there. It reads all that a start
// reads but for the blobs, and restores no state. Errors are those of OpenDisk; a directory that was never used is vfs.ErrNotExist. No
// lock is taken: nobody may write to the directory meanwhile.
func LookDisk(fs vfs.FS, dir string, o DiskOptions) (Boot, error) {
	o.Machine = nil
	d := &Disk{fs: fs, dir: dir, o: o}
	if err := d.identify(); err != nil || d.identity.Cluster == 0 {
		return Boot{Identity: d.identity}, err
	}
	if err := d.checkLog(); err != nil {
		return Boot{}, err
	}
	store, err := snap.Look(d.fs, join(d.dir, snapsName), d.snapOptions())
	if err != nil {
		return Boot{}, err
	}
	good, _, bad, err := d.useSnapshots(store)
	if err != nil {
		return Boot{}, err
	}
	was, err := wal.Look(d.fs, join(d.dir, walName), d.logOptions(good))
	if err != nil {
		return Boot{}, err
	}
	return d.bootFrom(&was, good, nil, bad)
}

func (d *Disk) open(o DiskOptions) (Boot, error) {
	// The directory itself must outlive what it promises. Its name is on disk before the first file is in it, whatever
	// becomes of this start: a later one that finds files has nothing to see to.
	if _, err := vfs.EnterDir(d.fs, d.dir); err != nil {
		return Boot{}, err
	}
	lock, err := d.fs.Lock(join(d.dir, lockName))
	if err != nil {
		return Boot{}, fmt.Errorf("data directory: %w", err)
	}
	d.lock = lock
	err = d.identify()
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		err = d.found(o)
	case err == nil && d.identity.Cluster == 0:
		err = writeIdentity(d.fs, d.dir, &d.identity) // others hear of it now, and its name may be in the page cache alone
	}
	if err != nil {
		return Boot{}, err
	}
	if d.identity.Cluster == 0 {
		return Boot{Identity: d.identity}, d.clearLog()
	}
	return d.recover()
}

// identify reads whose directory it is. One that was never used is vfs.ErrNotExist.
func (d *Disk) identify() error {
	id, err := ReadIdentity(d.fs, d.dir)
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		names, listed := d.logFiles()
		if listed != nil {
			return listed
		}
		if len(names) > 0 {
			return ErrIdentityMissing
		}
	case err == nil && d.o.ID != 0 && id.Self.ID != d.o.ID:
		return &OtherNodeError{Have: id.Self.ID, Want: d.o.ID}
	}
	d.identity = id
	return err
}

// found makes a new directory's identity.
func (d *Disk) found(o DiskOptions) error {
	if o.ID == 0 {
		return ErrNoID
	}
	d.identity = Identity{Self: raft.Ident{ID: o.ID, Inc: o.Inc}}
	return writeIdentity(d.fs, d.dir, &d.identity)
}

// recover opens the log of a member.
func (d *Disk) recover() (Boot, error) {
	if err := d.checkLog(); err != nil {
		return Boot{}, err
	}
	good, state, bad, err := d.openSnapshots()
	if err != nil {
		return Boot{}, err
	}
	was, err := d.openLog(good)
	if err != nil {
		return Boot{}, err
	}
	d.hard = was.Hard
	boot, err := d.bootFrom(&was, good, state, bad)
	if err != nil || d.o.Machine == nil {
		return boot, err
	}
	boot.Blobs, err = d.openBlobs()
	return boot, err
}

// checkLog tells a log from one that was lost: it was made before the formation record was accepted.
func (d *Disk) checkLog() error {
	names, err := d.logFiles()
	if err == nil && len(names) == 0 {
		return ErrLogMissing
	}
	return err
}

// openBlobs opens the store of blobs. A directory that is only looked at has its left alone.
func (d *Disk) openBlobs() (found blob.Found, err error) {
	d.blobs, found, err = blob.Open(d.fs, join(d.dir, blobsName), d.o.Blobs)
	return found, err
}

// Blobs returns the store of blobs, which does what is in Output.Blobs. It may be used from another
// goroutine than the rest, once OpenDisk has returned and a cluster is known.
func (d *Disk) Blobs() *blob.Store { return d.blobs }

// openSnapshots opens the snapshots and reads all of them: what is not good to the last bit is as
// good as none.
func (d *Disk) openSnapshots() (good []snap.Info, newest *State, bad []error, err error) {
	store, err := snap.Open(d.fs, join(d.dir, snapsName), d.snapOptions())
	if err != nil {
		return nil, nil, nil, err
	}
	return d.useSnapshots(store)
}

func (d *Disk) useSnapshots(store *snap.Store) (good []snap.Info, newest *State, bad []error, err error) {
	d.snapshots = Snapshots{store: store, empty: d.o.Machine, rules: d.o.Rules.withDefaults()}
	return d.snapshots.good()
}

func (d *Disk) snapOptions() snap.Options {
	o := d.o.Snap
	o.Cluster = d.identity.Cluster
	return o
}

// bootFrom tells what a node starts from, and with which snapshots: those that fit the log. One that the log does not reach, or disagrees with, came from
// a peer, and the process died before the log went on behind it: the log's base decides, and it
// counts as a download.
func (d *Disk) bootFrom(was *wal.Recovered, good []snap.Info, newest *State, bad []error) (Boot, error) {
	b := Boot{Identity: d.identity, Hard: was.Hard, Entries: was.Entries, Found: Found{
		Decided: was.Decided, Holes: was.Holes, Torn: was.Torn, Damage: was.Damage, Worn: was.Worn, Snapshots: bad,
	}}
	for i := range good {
		info := &good[i]
		at := info.Entry.Index
		fits := was.Base == info.Entry
		if at > was.Base.Index && at <= was.Last {
			fits = b.Entries[at-was.Base.Index-1].Term == info.Entry.Term
		}
		if !fits || len(was.Holes) > 0 && at >= was.Holes[0].First {
			continue
		}
		if info.Entry == was.Base {
			b.Base = info.Base
		}
		b.Snapshots = append(b.Snapshots, *info)
		b.Applied = at
	}
	switch n := len(b.Snapshots); {
	case was.Base != b.Base.Entry:
		return b, fmt.Errorf("the log begins behind entry %d of term %d, and there is no snapshot up to there", was.Base.Index, was.Base.Term)
	case n == 0 || d.o.Machine == nil:
	case newest.Applied() == b.Applied:
		b.State = newest
	default:
		var err error
		if b.State, err = d.snapshots.decode(b.Snapshots[n-1], nil); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (d *Disk) openLog(good []snap.Info) (wal.Recovered, error) {
	log, was, err := wal.Open(d.fs, join(d.dir, walName), d.logOptions(good))
	if err != nil {
		return was, err
	}
	d.log = log
	return was, nil
}

func (d *Disk) logOptions(good []snap.Info) wal.Options {
	o := d.o.WAL
	o.Cluster, o.Snapshots = d.identity.Cluster, entriesOf(good)
	return o
}

// Snapshots returns the worker's half of the directory. It may be used from another goroutine than
// the rest, once OpenDisk has returned and a cluster is known.
func (d *Disk) Snapshots() *Snapshots { return &d.snapshots }

// logFiles lists the log's directory; one that does not exist is empty.
func (d *Disk) logFiles() ([]string, error) {
	names, err := d.fs.List(join(d.dir, walName))
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// clearLog removes a log without a formation record. Nothing was promised in
// it: the crash came between making the log and accepting the record.
func (d *Disk) clearLog() error {
	names, err := d.logFiles()
	if err != nil || len(names) == 0 {
		return err
	}
	dir := join(d.dir, walName)
	for _, name := range names {
		if err := d.fs.Remove(join(dir, name)); err != nil {
			return err
		}
	}
	return d.fs.SyncDir(dir)
}

// Identity returns what the directory knows about itself.
func (d *Disk) Identity() Identity { return d.identity }

// SaveIdentity accepts the formation record, durably. The log is made first: a
// member's directory without a log is one that lost it, never a new one.
func (d *Disk) SaveIdentity(id Identity) error {
	if d.identity.Cluster != 0 || id.Cluster == 0 || id.Self != d.identity.Self {
		broken("identity %v is to replace %v", id, d.identity)
	}
	was := d.identity
	d.identity = id
	_, err := d.openLog(nil)
	if err == nil {
		_, _, _, err = d.openSnapshots()
	}
	if err == nil {
		_, err = d.openBlobs()
	}
	if err != nil {
		d.identity = was
		return err
	}
	return writeIdentity(d.fs, d.dir, &id)
}

// Write hands stores to the system, as one batch; where the base of the log moves, as a few with
// a sync in between. Only Sync makes it all durable. Stores that promise and change nothing cost
// nothing here.
func (d *Disk) Write(stores []raft.Store) error {
	for len(stores) > 0 {
		n := 1
		for n < len(stores) && stores[n].Base.Index == 0 {
			n++
		}
		if err := d.write(stores[:n]); err != nil {
			return err
		}
		stores = stores[n:]
	}
	return nil
}

// write writes stores of which only the first may move the base.
func (d *Disk) write(stores []raft.Store) error {
	if !d.merge(stores) {
		return nil
	}
	if d.log == nil {
		broken("a store before the formation record of %v", d.identity.Self)
	}
	if d.unsynced {
		if err := d.Sync(); err != nil {
			return err
		}
	}
	d.hard, d.unsynced = d.batch.Hard, true
	err := d.log.Append(&d.batch)
	clear(d.entries)
	d.batch = wal.Batch{}
	return err
}

// merge makes one batch of many stores: the last hard state, and the entries as they are
// after all of them. It reports whether there is anything to write.
func (d *Disk) merge(stores []raft.Store) bool {
	first := &stores[0]
	b := wal.Batch{Hard: d.hard, Base: first.Base, Reset: first.Reset}
	entries := d.entries[:0]
	for i := range stores {
		s := &stores[i]
		b.Hard, b.ConfigIndex = s.Hard, s.Config
		if s.Truncate != 0 {
			b.Fill = slices.DeleteFunc(b.Fill, func(e raft.Entry) bool { return e.Index >= s.Truncate })
			switch {
			case len(entries) > 0 && s.Truncate >= entries[0].Index:
				entries = entries[:s.Truncate-entries[0].Index] // never reached the log
			default:
				entries = entries[:0]
				if b.Truncate == 0 || s.Truncate < b.Truncate {
					b.Truncate = s.Truncate
				}
			}
		}
		b.Fill = append(b.Fill, s.Fill...)
		if n := len(entries); n > 0 && len(s.Entries) > 0 && s.Entries[0].Index != entries[n-1].Index+1 {
			broken("store %d has entries from %d on after entry %d", s.Seq, s.Entries[0].Index, entries[n-1].Index)
		}
		entries = append(entries, s.Entries...)
	}
	// What was lost comes back in any order, a Step and a store at a time; the log takes it in its own.
	slices.SortFunc(b.Fill, func(x, y raft.Entry) int { return cmp.Compare(x.Index, y.Index) })
	d.entries = entries
	b.Entries = entries
	d.batch = b
	return b.Hard != d.hard || b.Base.Index != 0 || b.Truncate != 0 || len(b.Fill) > 0 || len(entries) > 0
}

// Sync makes what was written durable.
func (d *Disk) Sync() error {
	if d.log == nil {
		return nil
	}
	d.unsynced = false
	return d.log.Sync()
}

// Seal notes that everything through the last Sync is durable, so that later damage
// is told from a torn write. The driver calls it when the disk has been idle for
// 50 ms and at a clean stop, never between Write and Sync.
func (d *Disk) Seal() error {
	if d.log == nil {
		return nil
	}
	return d.log.Seal()
}

// Prepare makes the next segment of the log ready, a piece at each call, and
// reports whether it is. The driver calls it when the disk is idle.
func (d *Disk) Prepare() (done bool, err error) {
	if d.log == nil {
		return true, nil
	}
	return d.log.Prepare()
}

// Close gives up files and lock. It syncs and seals nothing.
func (d *Disk) Close() error {
	var err error
	if d.log != nil {
		err = d.log.Close()
		d.log = nil
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
		d.lock = nil
	}
	return err
}
