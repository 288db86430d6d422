package node

import (
	"errors"
	"fmt"
	"io"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/wal"
)

// Disk is a node's data directory:
//
//	lock        held while a process uses the directory
//	identity    who this is; written when the directory is made and when the
//	            formation record is accepted, never again
//	wal/        the log, see raft/wal
//
// It is pure over vfs, so that the simulator and production run the same bytes. The
// driver calls it from one place at a time: an identity first, then the stores in order,
// with one Write and one Sync for all that are queued, then every Store.Then may
// leave. After an error the directory is done for in this process.
type Disk struct {
	fs       vfs.FS
	dir      string
	options  wal.Options
	identity Identity
	lock     io.Closer
	log      *wal.Log // nil until there is a formation record

	hard    raft.HardState // as last written
	configs []raft.Index   // of the configuration entries in the log
	batch   wal.Batch
	entries []raft.Entry // the batch's memory
}

// DiskOptions is what a directory must be told.
type DiskOptions struct {
	// ID is the node that is to use the directory. Zero takes whichever it is, if
	// it was used before.
	ID raft.NodeID
	// Inc is the incarnation a new directory gets: drawn at random.
	Inc raft.Incarnation
	// WAL are the log's options; the cluster is filled in.
	WAL wal.Options
}

const (
	lockName = "lock"
	walName  = "wal"
)

// OpenDisk opens a data directory, making it if there is none, and tells what it
// knew. Errors say what the directory is and what to do about it; nothing is
// changed then.
func OpenDisk(fs vfs.FS, dir string, o DiskOptions) (*Disk, Boot, error) {
	d := &Disk{fs: fs, dir: dir, options: o.WAL}
	boot, err := d.open(o)
	if err != nil {
		return nil, Boot{}, errors.Join(err, d.Close())
	}
	return d, boot, nil
}

func (d *Disk) open(o DiskOptions) (Boot, error) {
	if err := d.fs.MkdirAll(d.dir); err != nil {
		return Boot{}, err
	}
	lock, err := d.fs.Lock(join(d.dir, lockName))
	if err != nil {
		return Boot{}, fmt.Errorf("data directory: %w", err)
	}
	d.lock = lock
	id, err := ReadIdentity(d.fs, d.dir)
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		id, err = d.found(o)
	case err == nil && o.ID != 0 && id.Self.ID != o.ID:
		err = &OtherNodeError{Have: id.Self.ID, Want: o.ID}
	}
	if err != nil {
		return Boot{}, err
	}
	d.identity = id
	if id.Cluster == 0 {
		return Boot{Identity: id}, d.clearLog()
	}
	return d.recover()
}

// found makes a new directory's identity.
func (d *Disk) found(o DiskOptions) (Identity, error) {
	names, err := d.logFiles()
	switch {
	case err != nil:
		return Identity{}, err
	case len(names) > 0:
		return Identity{}, ErrIdentityMissing
	case o.ID == 0:
		return Identity{}, ErrNoID
	}
	id := Identity{Self: raft.Ident{ID: o.ID, Inc: o.Inc}}
	if err := writeIdentity(d.fs, d.dir, &id); err != nil {
		return Identity{}, err
	}
	if d.dir == "." {
		return id, nil
	}
	return id, d.fs.SyncDir(parent(d.dir)) // the directory itself must outlive what it promises
}

// recover opens the log of a member.
func (d *Disk) recover() (Boot, error) {
	names, err := d.logFiles()
	if err != nil {
		return Boot{}, err
	}
	if len(names) == 0 {
		return Boot{}, ErrLogMissing // it was made before the record was accepted
	}
	was, err := d.openLog()
	if err != nil {
		return Boot{}, err
	}
	if len(was.Holes) > 0 || was.Hard.Floor != (raft.EntryID{}) {
		err := &wal.DamagedError{Floor: was.Hard.Floor}
		if n := len(was.Damage); n > 0 {
			err.Damage, err.More = was.Damage[0], n-1
		}
		return Boot{}, err
	}
	d.hard = was.Hard
	for i := range was.Entries {
		d.keepConfig(&was.Entries[i])
	}
	return Boot{Identity: d.identity, Hard: was.Hard, Entries: was.Entries}, nil
}

func (d *Disk) openLog() (wal.Recovered, error) {
	o := d.options
	o.Cluster = d.identity.Cluster
	log, was, err := wal.Open(d.fs, join(d.dir, walName), o)
	if err != nil {
		return was, err
	}
	d.log = log
	return was, nil
}

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
	if _, err := d.openLog(); err != nil {
		d.identity = was
		return err
	}
	return writeIdentity(d.fs, d.dir, &id)
}

// Write writes stores to the page cache, as one batch. Only Sync makes it
// durable. Stores that promise and change nothing cost nothing here.
func (d *Disk) Write(stores []raft.Store) error {
	if !d.merge(stores) {
		return nil
	}
	if d.log == nil {
		broken("a store before the formation record of %v", d.identity.Self)
	}
	d.hard = d.batch.Hard
	d.configsAfter(&d.batch)
	err := d.log.Append(&d.batch)
	clear(d.entries)
	d.batch.Entries = nil
	return err
}

// merge makes one batch of many stores: the last hard state, and the entries as they are
// after all of them. It reports whether there is anything to write.
func (d *Disk) merge(stores []raft.Store) bool {
	b := wal.Batch{Hard: d.hard}
	entries := d.entries[:0]
	for i := range stores {
		s := &stores[i]
		b.Hard = s.Hard
		if s.Truncate != 0 {
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
		if n := len(entries); n > 0 && len(s.Entries) > 0 && s.Entries[0].Index != entries[n-1].Index+1 {
			broken("store %d has entries from %d on after entry %d", s.Seq, s.Entries[0].Index, entries[n-1].Index)
		}
		entries = append(entries, s.Entries...)
	}
	d.entries = entries
	b.Entries = entries
	d.batch = b
	return b.Hard != d.hard || b.Truncate != 0 || len(entries) > 0
}

// configsAfter follows which entries are configurations and names the newest.
func (d *Disk) configsAfter(b *wal.Batch) {
	if b.Truncate != 0 {
		n := len(d.configs)
		for n > 0 && d.configs[n-1] >= b.Truncate {
			n--
		}
		d.configs = d.configs[:n]
	}
	for i := range b.Entries {
		d.keepConfig(&b.Entries[i])
	}
	if n := len(d.configs); n > 0 {
		b.ConfigIndex = d.configs[n-1]
	}
}

func (d *Disk) keepConfig(e *raft.Entry) {
	if e.Kind == raft.EntryConfig {
		d.configs = append(d.configs, e.Index)
	}
}

// Sync makes what was written durable.
func (d *Disk) Sync() error {
	if d.log == nil {
		return nil
	}
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
