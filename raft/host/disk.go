package host

import (
	"fmt"
	"sync"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// disk is the goroutine that owns the data directory. Work collects while it
// writes, and all that collected is one write and one sync (group commit).
type disk struct {
	dir    *node.Disk
	send   func([]raft.Message)
	report func(node.Event)
	// saved is called when an identity is durable, before it is reported.
	saved func(*node.Identity)
	// told gets every batch that is durable; nil is nobody.
	told func(Batch)

	// unpaced is how much was written since the next segment was prepared a piece, which is done every so many bytes.
	unpaced, every int

	mu       sync.Mutex
	identity *node.Identity
	stores   []raft.Store
	closing  bool
	wake     chan struct{}
	done     chan struct{}
	err      error // of the close; read after done
}

func newDisk(dir *node.Disk) *disk {
	return &disk{dir: dir, every: prepareEvery, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// submit queues an identity (or nil) and, behind it, stores.
func (d *disk) submit(identity *node.Identity, stores []raft.Store) {
	d.mu.Lock()
	if identity != nil {
		d.identity = identity
	}
	d.stores = append(d.stores, stores...)
	d.mu.Unlock()
	d.ring()
}

// close lets the goroutine finish what is queued, seal and close the directory.
func (d *disk) close() error {
	d.mu.Lock()
	d.closing = true
	d.mu.Unlock()
	d.ring()
	<-d.done
	return d.err
}

func (d *disk) ring() {
	select {
	case d.wake <- struct{}{}:
	default: // rung already
	}
}

// take returns what is queued next: the first store, and those behind it until they are much.
func (d *disk) take(empty []raft.Store) (identity *node.Identity, stores []raft.Store, closing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	identity, d.identity = d.identity, nil
	n, bytes := 0, 0
	for n < len(d.stores) && bytes < turnBytes {
		bytes += storeBytes(&d.stores[n])
		n++
	}
	stores = append(empty, d.stores[:n]...)
	left := copy(d.stores, d.stores[n:])
	clear(d.stores[left:])
	d.stores = d.stores[:left]
	return identity, stores, d.closing
}

// waits returns how many stores are queued.
func (d *disk) waits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.stores)
}

// storeBytes is about what a store takes in the log.
func storeBytes(s *raft.Store) int {
	n := 0
	for i := range s.Entries {
		n += raft.EntryOverhead + len(s.Entries[i].Payload)
	}
	return n
}

// run works until it is closed or something fails.
func (d *disk) run() {
	defer close(d.done)
	idle := time.NewTimer(sealAfter)
	defer idle.Stop()
	var stores []raft.Store
	var then []raft.Message
	polite := newCourtesy(d.waits, 0)
	for sealed := false; ; { // what a former process left is sealed too
		var identity *node.Identity
		var closing bool
		polite.yield()
		identity, stores, closing = d.take(stores[:0])
		var err error
		switch {
		case identity != nil || len(stores) > 0:
			then = gatherThen(then[:0], stores)
			err = d.store(identity, stores, then)
			clear(stores)
			clear(then)
			sealed = false
			idle.Reset(sealAfter)
		case closing:
			d.err = d.shut()
			return
		default:
			err = d.rest(idle, &sealed)
		}
		if err != nil {
			d.fail(err)
			return
		}
	}
}

// rest waits for work. A disk that stays idle is sealed, and then gets the next
// segment ready, a piece at a time, so that work never waits for more than one. There is time
// between two pieces, too: another node, or the worker, may have the same device, and nothing is in a hurry.
func (d *disk) rest(idle *time.Timer, sealed *bool) error {
	select {
	case <-d.wake:
		return nil
	case <-idle.C:
	}
	if !*sealed {
		if err := d.dir.Seal(); err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		*sealed = true
	}
	done, err := d.dir.Prepare()
	if err != nil {
		return fmt.Errorf("prepare a segment: %w", err)
	}
	if !done {
		idle.Reset(prepareRest)
	}
	return nil
}

// store makes one batch durable, then lets go what it promises. The identity
// comes first: no store may be on disk without the cluster that it belongs to.
func (d *disk) store(identity *node.Identity, stores []raft.Store, then []raft.Message) error {
	if identity != nil {
		if err := d.dir.SaveIdentity(*identity); err != nil {
			return fmt.Errorf("save identity: %w", err)
		}
		d.saved(identity)
		d.report(node.Event{Kind: node.EventIdentityStored})
	}
	if len(stores) == 0 {
		return nil
	}
	watch := d.begin()
	if err := d.dir.Write(stores); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	watch.written()
	if err := d.dir.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	watch.synced()
	d.send(then)
	d.report(node.Event{Kind: node.EventStored, Stored: stores[len(stores)-1].Seq})
	watch.tell(stores)
	return d.pace(stores)
}

// pace prepares a piece of the next segment for as much as was written to this one,
// since a busy disk has no idle moment for it. Otherwise it would all be due when
// the segment is full, and every caller would wait for it.
func (d *disk) pace(stores []raft.Store) error {
	for i := range stores {
		d.unpaced += storeBytes(&stores[i])
	}
	if d.unpaced < d.every {
		return nil
	}
	d.unpaced = 0
	if _, err := d.dir.Prepare(); err != nil {
		return fmt.Errorf("prepare a segment: %w", err)
	}
	return nil
}

// gatherThen collects the promises of all stores, in order.
func gatherThen(dst []raft.Message, stores []raft.Store) []raft.Message {
	for i := range stores {
		dst = append(dst, stores[i].Then...)
	}
	return dst
}

// fail reports what can't be repaired. Nothing is sealed: a seal would vouch for
// bytes that may be missing.
func (d *disk) fail(err error) {
	d.err = err
	_ = d.dir.Close() // err is the one that matters
	d.report(node.Event{Kind: node.EventDiskFailed, Err: err})
}

func (d *disk) shut() error {
	if err := d.dir.Seal(); err != nil {
		_ = d.dir.Close()
		return fmt.Errorf("seal: %w", err)
	}
	return d.dir.Close()
}
