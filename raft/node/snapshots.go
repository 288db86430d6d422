package node

import (
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/snap"
)

// Notes about snapshots, beside those of raft.
const (
	// NoteSnapshot: a snapshot up to Index is durable; A: its bytes.
	NoteSnapshot raft.NoteKind = 110 + iota
	// NoteSnapshotFailed: a task of kind A on the snapshot up to Index failed. Host logs say why.
	NoteSnapshotFailed
	// NoteFetch: the download of the snapshot up to Index from Peer began, or goes on; A: bytes there, B: of how many.
	NoteFetch
	// NoteSnapshotBegun: the state up to Index is frozen, and a snapshot of it waits until a majority has the same one.
	NoteSnapshotBegun
)

// snapshots is what a node knows of its own. The log goes back to the older of the newest two, so that
// damage in the newer one costs nothing but time, and a peer that takes the newer one finds
// the log behind it.
//
//	every SnapshotBytes of log ─► freeze the state ─► a majority has it too ─► TaskMake ─► InputCompact to the older one ─► TaskPrune
//
// The log on disk must always go with a snapshot: one that it reaches, no older than its base. What is applied may be
// ahead of it, where a majority of the others has it and this disk is slow. So a snapshot is written only when the log on disk
// reaches it; and after one came from a peer, nothing older is removed before the log on disk is behind it.
//
// A state that rotted in memory must not get to a disk, its own or another's, in the place of the log that
// would make a right one; so a snapshot waits for the reports of report.go.
//
// When one is begun is a function of the log, so that nodes make the same snapshots, byte by
// byte, and a download that one of them began to serve goes on with another.
type snapshots struct {
	made    []snap.Info // durable, oldest first
	since   int64       // bytes applied behind the last that was begun
	making  bool
	frozen  Task // the TaskMake that waits for a majority to have the same state; State is nil if none does
	due     bool // another one, as soon as the one under way is done
	retryAt raft.Mono
	reading int // TaskReads under way
	asked   []served
	// moving is the write that moves the log behind a snapshot that came from a peer, until it is on disk; zero: there is none.
	moving raft.WriteSeq
}

// served is a snapshot that a peer is reading.
type served struct {
	index raft.Index
	until raft.Mono
}

const (
	// serveGrace is how long a snapshot is kept after a peer last asked for a piece of it: as long
	// as a fetch waits before it gives a source up, several times over.
	serveGrace = 10 * time.Second
	// makeRetry is how long a node waits after it could not make a snapshot: a full disk
	// does not get better by trying at once.
	makeRetry = 30 * time.Second
	// keptMax bounds the snapshots that are kept because peers read them, and with them how far back the log goes.
	keptMax = 4
	// readsMax bounds the pieces under way to peers.
	readsMax = 16
)

// newest returns the newest snapshot, if there is any.
func (s *snapshots) newest() (snap.Info, bool) {
	if len(s.made) == 0 {
		return snap.Info{}, false
	}
	return s.made[len(s.made)-1], true
}

// count adds an entry that was applied, and reports whether a snapshot is due: when the log behind the
// last one has grown by as much as a snapshot takes, or a minimum.
func (s *snapshots) count(e *raft.Entry, least int64) bool {
	s.since += int64(len(e.Payload) + raft.EntryOverhead)
	if last, ok := s.newest(); ok {
		least = max(least, last.Size)
	}
	return s.since >= least
}

// snapshot begins a snapshot of everything applied.
func (n *Node) snapshot() {
	s := &n.snapshots
	if s.making || n.now < s.retryAt {
		s.due = true
		return
	}
	s.making, s.due, s.since = true, false, 0
	n.note(raft.Note{Kind: NoteSnapshotBegun, Index: n.applied})
	s.frozen = Task{Kind: TaskMake, Base: n.raft.BaseAt(n.applied), State: n.Freeze()}
	n.mark()
}

// makeAgreed makes the frozen snapshot, once a majority has had the same state there or later, and this node's
// log on disk reaches it.
func (n *Node) makeAgreed() {
	s := &n.snapshots
	if s.frozen.State == nil || s.moving != 0 {
		return
	}
	if at := s.frozen.State.applied; n.reporting.agreed >= at && n.raft.StoredIndex() >= at {
		n.task(s.frozen)
		s.frozen = Task{}
	}
}

// tickSnapshots begins what could not be begun earlier.
func (n *Node) tickSnapshots() {
	s := &n.snapshots
	if s.due && !s.making && n.raft != nil && n.applied > n.raft.BaseEntry().Index {
		n.snapshot()
		n.wake(max(s.retryAt, n.now+1))
	}
}

// made notes a snapshot that is durable, and lets the log go that it makes superfluous.
func (n *Node) madeSnapshot(info snap.Info) {
	s := &n.snapshots
	s.made = append(s.made[:len(s.made):len(s.made)], info)
	n.note(raft.Note{Kind: NoteSnapshot, Term: info.Entry.Term, Index: info.Entry.Index, A: uint64(info.Size)})
	n.settleSnapshots()
}

// settleSnapshots compacts the log up to the older of the newest two snapshots, and drops what is
// older still, unless a peer is reading it.
func (n *Node) settleSnapshots() {
	s := &n.snapshots
	if s.moving != 0 {
		return
	}
	kept := s.asked[:0]
	for _, a := range s.asked {
		if n.now < a.until {
			kept = append(kept, a)
		}
	}
	s.asked = kept
	first := max(0, len(s.made)-2)
	var keep []raft.Index
	for i := max(0, len(s.made)-keptMax); i < first; i++ {
		for _, a := range s.asked {
			if a.index == s.made[i].Entry.Index {
				keep = append(keep, a.index)
			}
		}
	}
	var made []snap.Info
	for i, info := range s.made {
		wanted := i >= first
		for _, k := range keep {
			wanted = wanted || k == info.Entry.Index
		}
		if wanted {
			made = append(made, info)
		}
	}
	s.made = made
	for i := range made { // a download of which nothing came may be newer than these
		keep = append(keep, made[i].Entry.Index)
	}
	n.task(Task{Kind: TaskPrune, Keep: keep})
	if len(made) >= 2 {
		n.in = append(n.in, raft.Input{Kind: raft.InputCompact, Index: made[0].Entry.Index})
	}
}

// logMoved is called when writes are on disk.
func (n *Node) logMoved(stored raft.WriteSeq) {
	if s := &n.snapshots; s.moving != 0 && stored >= s.moving {
		s.moving = 0
		n.settleSnapshots()
	}
}

// lostSnapshot forgets a snapshot that turned out to be damaged, and makes another one: whoever needs it would
// be offered it for ever.
func (n *Node) lostSnapshot(id snap.ID) {
	s := &n.snapshots
	if at := slices.IndexFunc(s.made, func(info snap.Info) bool { return info.ID == id }); at >= 0 {
		s.made = slices.Delete(slices.Clone(s.made), at, at+1)
		s.due = true
		n.wake(n.now)
	}
}

// task hands work to the worker.
func (n *Node) task(t Task) { n.out.Tasks = append(n.out.Tasks, t) }

// done takes what the worker did.
func (n *Node) done(d *TaskDone) {
	s := &n.snapshots
	if d.Err != nil {
		n.note(raft.Note{Kind: NoteSnapshotFailed, Index: d.Task.ID.Entry.Index, Peer: n.fetch.from.ID, A: uint64(d.Task.Kind)})
	}
	switch d.Task.Kind {
	case TaskMake:
		s.making = false
		if d.Err != nil {
			s.due, s.retryAt = true, n.now.Add(makeRetry)
			n.wake(s.retryAt)
			return
		}
		if last, ok := s.newest(); ok && last.Entry.Index >= d.Info.Entry.Index {
			return // while it was written the log went on behind a peer's
		}
		n.madeSnapshot(d.Info)
	case TaskRead:
		s.reading--
		switch {
		case d.Err != nil:
			n.lostSnapshot(d.Task.ID)
		case len(d.Data) > chunkHeadLen:
			n.sendChunk(d)
		}
	case TaskFetch, TaskPut:
		n.fetched(d)
	case TaskLoad:
		n.loaded(d)
	}
}

// adopt makes a state the node's own: at the start the newest snapshot's, later one that
// came from a peer. What others said about the state that it replaces says nothing about it.
func (n *Node) adopt(s *State) {
	if s.level > n.settings.MaxLevel {
		n.stop(fmt.Errorf("%w (level %d in the snapshot up to entry %d, this program: %d)", ErrLevel, s.level, s.applied, n.settings.MaxLevel))
	}
	n.reporting.marks, n.reporting.disputed = nil, false
	if n.snapshots.frozen.State != nil {
		n.snapshots.frozen, n.snapshots.making = Task{}, false
	}
	n.sm, n.sessions, n.requests, n.pins, n.level = s.sm, s.sessions, s.requests, s.pins, s.level
	n.applied, n.logTime, n.appliedAt, n.view = s.applied, s.logTime, n.now, view{}
	n.snapshots.since = 0
	n.form.open = false
	n.hub.stirred = true
	n.resetBlobs()
}
