package etcdraft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"parley/cmd/bench/load"
)

// How many old segments and snapshots stay, and how often they are looked for.
const (
	segmentsKept  = 3
	snapshotsKept = 2
	purgeEvery    = 10 * time.Second
)

// disk is a node's log: etcd's WAL, what raft reads of it in memory, and snapshots in files of their own. One
// goroutine writes: all that is queued becomes one write and one sync.
type disk struct {
	storage *raft.MemoryStorage
	wal     *wal.WAL
	files   *snap.Snapshotter
	voters  *pb.ConfState
	purging chan struct{}
	purged  []<-chan struct{}

	mu    sync.Mutex
	some  *sync.Cond
	queue []pb.Message
	save  *pb.Snapshot // one that is to be made
	shut  bool
	idle  chan struct{} // closed when the goroutine has ended; nil: it was never started

	timing sync.Mutex
	took   load.Histogram
}

// openDisk opens a directory, or makes it: with a snapshot of nothing that says who votes. It returns the newest
// snapshot; storage has what lies behind it.
func openDisk(dir string, voters *pb.ConfState) (*disk, *pb.Snapshot, error) {
	d := &disk{storage: raft.NewMemoryStorage(), voters: voters, purging: make(chan struct{})}
	d.some = sync.NewCond(&d.mu)
	logDir, snapDir := filepath.Join(dir, "wal"), filepath.Join(dir, "snap")
	if err := os.MkdirAll(snapDir, 0o700); err != nil {
		return nil, nil, err
	}
	d.files = snap.New(zap.NewNop(), snapDir)
	open := d.reopen
	if !wal.Exist(logDir) {
		open = d.create
	}
	s, err := open(logDir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, p := range []struct {
		dir, suffix string
		keep        uint
	}{{logDir, "wal", segmentsKept}, {snapDir, "snap", snapshotsKept}} {
		done, _ := fileutil.PurgeFileWithDoneNotify(zap.NewNop(), p.dir, p.suffix, p.keep, purgeEvery, d.purging)
		d.purged = append(d.purged, done)
	}
	return d, s, nil
}

func (d *disk) create(dir string) (s *pb.Snapshot, err error) {
	if d.wal, err = wal.Create(zap.NewNop(), dir, nil); err != nil {
		return nil, err
	}
	s = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: *d.voters}}
	hard := pb.HardState{Term: 1, Commit: 1}
	return s, errors.Join(
		d.files.SaveSnap(*s), d.wal.SaveSnapshot(record(s)), d.wal.Save(hard, nil),
		d.storage.ApplySnapshot(*s), d.storage.SetHardState(hard),
	)
}

func (d *disk) reopen(dir string) (*pb.Snapshot, error) {
	known, err := wal.ValidSnapshotEntries(zap.NewNop(), dir)
	if err != nil {
		return nil, err
	}
	s, err := d.files.LoadNewestAvailable(known)
	if err != nil {
		return nil, err
	}
	if d.wal, err = wal.Open(zap.NewNop(), dir, record(s)); err != nil {
		return nil, err
	}
	_, hard, entries, err := d.wal.ReadAll()
	if err != nil {
		return nil, errors.Join(err, d.wal.Close())
	}
	return s, errors.Join(d.storage.ApplySnapshot(*s), d.storage.SetHardState(hard), d.storage.Append(entries))
}

// record is what the log says about a snapshot.
func record(s *pb.Snapshot) walpb.Snapshot {
	m := s.Metadata
	return walpb.Snapshot{Index: m.Index, Term: m.Term, ConfState: &m.ConfState}
}

// submit queues what raft wants stored.
func (d *disk) submit(m pb.Message) {
	d.mu.Lock()
	d.queue = append(d.queue, m)
	d.mu.Unlock()
	d.some.Signal()
}

// keep has a snapshot of the table at an index made.
func (d *disk) keep(index uint64, data []byte) {
	d.mu.Lock()
	d.save = &pb.Snapshot{Data: data, Metadata: pb.SnapshotMetadata{Index: index}}
	d.mu.Unlock()
	d.some.Signal()
}

// run stores until close. A disk that fails ends the node: what it holds is not known then.
func (d *disk) run(n *Node) {
	idle := make(chan struct{})
	d.mu.Lock()
	d.idle = idle
	d.mu.Unlock()
	defer close(idle)
	var take []pb.Message
	for {
		d.mu.Lock()
		for len(d.queue) == 0 && d.save == nil && !d.shut {
			d.some.Wait()
		}
		if d.shut {
			d.mu.Unlock()
			return
		}
		take, d.queue = d.queue, take[:0]
		s := d.save
		d.save = nil
		d.mu.Unlock()
		err := d.store(take)
		if err == nil {
			answer(n, take)
			err = d.snapshot(s)
		}
		clear(take)
		if err != nil {
			n.end(err)
			return
		}
	}
}

// store makes messages durable: one write and one sync for all of them, unless one brings a snapshot.
func (d *disk) store(messages []pb.Message) error {
	var entries []pb.Entry
	var hard pb.HardState
	for _, m := range messages {
		if s := m.Snapshot; s != nil {
			if err := d.install(s); err != nil {
				return err
			}
		}
		if m.Term != 0 { // raft sets all three or none
			hard = pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
		}
		if entries == nil {
			entries = m.Entries
		} else {
			entries = append(entries[:len(entries):len(entries)], m.Entries...)
		}
	}
	start := time.Now()
	if err := d.wal.Save(hard, entries); err != nil {
		return err
	}
	if len(entries) > 0 {
		took := time.Since(start)
		d.timing.Lock()
		d.took.Add(took)
		d.timing.Unlock()
	}
	for _, m := range messages { // each for itself: a later one may replace the end of an earlier one
		if err := d.storage.Append(m.Entries); err != nil {
			return err
		}
	}
	if !raft.IsEmptyHardState(hard) {
		return d.storage.SetHardState(hard)
	}
	return nil
}

// answer sends what raft wanted sent when its messages are stored. Of several acknowledgements to one node in one term the
// last says it all.
func answer(n *Node, messages []pb.Message) {
	var here, there []pb.Message
	for _, m := range messages {
		for _, r := range m.Responses {
			if r.To == n.id {
				here = append(here, r)
				continue
			}
			if last := len(there) - 1; last >= 0 && supersedes(r, there[last]) {
				there[last] = r
				continue
			}
			there = append(there, r)
		}
	}
	n.net.send(there)
	n.in.deliver(here...)
}

func supersedes(m, earlier pb.Message) bool {
	return isAck(m) && isAck(earlier) && m.To == earlier.To && m.Term == earlier.Term && m.Index >= earlier.Index
}

func isAck(m pb.Message) bool { return m.Type == pb.MsgAppResp && !m.Reject }

// install stores a snapshot that the leader sent.
func (d *disk) install(s *pb.Snapshot) error {
	return errors.Join(d.files.SaveSnap(*s), d.wal.SaveSnapshot(record(s)), d.wal.Sync(), d.storage.ApplySnapshot(*s))
}

// snapshot makes one that the loop asked for, and lets go of the log behind it.
func (d *disk) snapshot(s *pb.Snapshot) error {
	if s == nil {
		return nil
	}
	index := s.Metadata.Index
	made, err := d.storage.CreateSnapshot(index, d.voters, s.Data)
	if errors.Is(err, raft.ErrSnapOutOfDate) {
		return nil // the leader has sent a newer one
	}
	if err != nil {
		return err
	}
	if err := errors.Join(d.files.SaveSnap(made), d.wal.SaveSnapshot(record(&made)), d.wal.ReleaseLockTo(index)); err != nil {
		return err
	}
	first, err := d.storage.FirstIndex()
	if err != nil || index < first+catchUp {
		return err
	}
	return d.storage.Compact(index - catchUp)
}

// reset forgets the times of syncs; times returns them.
func (d *disk) reset() {
	d.timing.Lock()
	defer d.timing.Unlock()
	d.took = load.Histogram{}
}

func (d *disk) times() load.Histogram {
	d.timing.Lock()
	defer d.timing.Unlock()
	return d.took
}

// close ends the goroutine and closes the log.
func (d *disk) close() error {
	d.mu.Lock()
	d.shut = true
	idle := d.idle
	d.mu.Unlock()
	d.some.Signal()
	if idle != nil {
		<-idle
	}
	close(d.purging)
	for _, done := range d.purged {
		<-done
	}
	return d.wal.Close()
}
