package sim

import (
	"errors"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// device is what is wrong with one machine's disk, and what must be known of it to
// strike fairly. A disk may lose what it had stored, but only what the log's format can
// tell from a write that never was:
//
//	batch n-1   batch n        batch n+1
//	synced      synced         not synced
//	└ a later   └ the last: a hole in it looks torn,
//	  one proves   until n+1 or a seal proves that it was synced
//	  it
//
// So the tail, the last write synced, is spared until it is sealed or another one is
// synced; and the seal is spared while it is all that vouches for a tail that was hit.
// And no two neighbours among a segment's sectors lose their numbers, see hidesAnEnd.
// docs/storage.md says so under "Where certainty ends".
type device struct {
	struck   []string // everything that was destroyed, in words
	trial    *trial   // the disk as it would be; nil: as it is
	asItIs   *found   // what opening it as it is said last; good while the disk does not change
	excluded bool     // since the last start something was destroyed without which it did not open
	failing  bool     // operations were arranged to fail
	ailing   bool     // the process makes and takes no snapshots any more, since its disk failed: it wants to be started again
	full     bool
	wiped    bool  // the directory was emptied: it must not start as itself
	joins    bool  // the directory is an operator's new one
	lost     error // why it does not start as itself any more
	down     time.Duration
	replacement

	tail    []memfs.Dirty // the last write synced
	sealed  bool          // and a seal vouches for it
	fresh   bool          // no write since the start: the tail is somewhere in the newest segment
	tailHit bool          // the tail was hit, and the seal alone vouches for it
	sealHit int           // seals to be written until none is left that was hit
	before  []memfs.Dirty // what the sync under way is to store

	lie  *Fault        // lies about the next write
	told []memfs.Dirty // the write that it lied about: it is nowhere once something proves it
	key  uint64        // of the lie
}

// starts forgets what belonged to the process before.
func (v *device) starts() {
	v.tail, v.before, v.told = nil, nil, nil
	v.sealed, v.fresh, v.excluded, v.ailing = false, true, false, false
}

// syncs looks at what a sync is to store.
func (w *World) syncs(s *server) {
	if w.harms {
		s.device.before = s.fs.Dirty()
	}
}

// synced takes down what was stored: it is the tail, and it proves what was the tail before.
func (w *World) synced(s *server) {
	v := &s.device
	if len(v.before) == 0 {
		return
	}
	still := s.fs.Dirty()
	var tail []memfs.Dirty
	for _, d := range v.before {
		if !dirtyIn(still, d.Place) {
			tail = append(tail, d)
		}
	}
	if v.before = nil; len(tail) == 0 {
		return
	}
	told := v.told
	v.told = nil
	v.tail, v.sealed, v.fresh, v.tailHit = tail, false, false, false
	if told != nil {
		w.reveal(s, told)
	}
	if v.lie != nil && v.told == nil {
		v.told = tail
	}
}

func dirtyIn(list []memfs.Dirty, p memfs.Place) bool {
	for i := range list {
		if list[i].Overlaps(p) {
			return true
		}
	}
	return false
}

// seals takes down that a seal was written: it proves the tail.
func (w *World) seals(s *server) {
	v := &s.device
	if !w.harms {
		return
	}
	if !v.sealed && !v.fresh && v.sealHit > 0 {
		v.sealHit-- // each seal takes the place of the one before the last
	}
	v.sealed, v.fresh = true, false
	if told := v.told; told != nil {
		v.told = nil
		w.reveal(s, told)
	}
}

// protects reports whether damage at a place could not be told from a write that never was.
func (v *device) protects(fs *memfs.FS, p memfs.Place) bool {
	kind := kindOf(p.Name)
	return dirtyIn(fs.Dirty(), p) ||
		p.Name == newestSegment(fs) && (v.fresh || !v.sealed && !v.tailIn(p.Name)) ||
		!(v.sealed && v.sealHit == 0) && dirtyIn(v.tail, p) ||
		kind == FileSeal && (v.tailHit || v.sealHit > 0)
}

// tailIn reports whether the tail is in a file. If it is in no part of the newest segment, that began with a batch which was synced
// before the segment had its name, and that one is the tail.
func (v *device) tailIn(name string) bool {
	return slices.ContainsFunc(v.tail, func(d memfs.Dirty) bool { return d.Name == name })
}

// hit notes where damage struck.
func (v *device) hit(p memfs.Place) {
	if kindOf(p.Name) == FileSeal {
		v.sealHit = 2
	}
	v.tailHit = v.tailHit || dirtyIn(v.tail, p)
}

// strikeDisk does to one node's disk what the fault says.
func (w *World) strikeDisk(s *server, f *Fault, draw uint64) {
	v := &s.device
	if v.lost != nil || v.wiped || f.destroys() && !w.settled(s) {
		return
	}
	switch f.Kind {
	case Rot:
		w.rot(s, f, draw)
	case LostWrite, Misdirect:
		v.lie, v.key = f, draw
	case ReadError:
		w.unreadable(s, f, draw)
	case WriteError:
		v.failing, v.down = true, f.For
		s.fs.Arrange(memfs.Failure{Kind: memfs.OpWrite, Times: 1, Err: &memfs.ShortWrite{N: int(below(draw, 2048)), Err: vfs.ErrIO}})
	case SyncError:
		v.failing, v.down = true, f.For
		s.fs.Arrange(memfs.Failure{Kind: memfs.OpSync, Under: f.File.dir(), Skip: int(f.After), Times: 1, Err: vfs.ErrIO})
	case DirError:
		v.failing, v.down = true, f.For
		s.fs.Arrange(memfs.Failure{Kind: memfs.OpSyncDir, Under: f.File.dir(), Skip: int(f.After), Times: 1, Err: vfs.ErrIO})
	case Full:
		v.full, v.down = true, f.For
		s.fs.SetCapacity(max(s.fs.Used(), 1) + int64(below(draw, uint64(w.plan.Node.Segment))))
	case Wipe:
		w.wipe(s, f, draw)
	}
}

// settled reports whether the node belongs to a cluster that has begun to work. Before
// that nothing was promised that could be lost.
func (w *World) settled(s *server) bool {
	c := w.membership()
	m, member := c.Find(s.id)
	return member && len(w.judges.logs.committed) > 0 && len(w.judges.logs.mirrors[s.id].durable) > 0 && (m.Inc == 0 || m.Inc == s.inc)
}

// liftDisk ends what ends by itself.
func (w *World) liftDisk(s *server, f *Fault) {
	switch f.Kind {
	case Full:
		s.device.full = false
		s.fs.SetCapacity(0)
	case ReadError:
		s.fs.Mend(memfs.OpRead, false)
	}
}

// mend makes a disk well for the liveness phase, but for what it lost.
func (s *server) mend() {
	v := &s.device
	v.failing, v.full, v.lie, v.told = false, false, nil, nil
	s.fs.SetCapacity(0)
	for _, kind := range failingKinds {
		s.fs.Mend(kind, false)
	}
}

// passes reports whether an error may be gone at the next start.
func (v *device) passes(err error) bool {
	return v.full && errors.Is(err, vfs.ErrNoSpace) || v.failing && errors.Is(err, vfs.ErrIO)
}

// stoppedByDevice restarts a node that stopped because its disk failed, and reports
// whether that was why. After a failed sync the cache shows what the disk may not have:
// sometimes the machine reboots, and sometimes only the process, which must not
// believe what it reads.
func (w *World) stoppedByDevice(s *server, why error) bool {
	v := &s.device
	switch {
	case v.wiped && errors.Is(why, node.ErrFormedWithout):
		s.crash(CrashProcess, forGood)
		w.lose(s, why)
	case v.passes(why):
		w.cover.Excused++
		kind := CrashProcess
		if below(w.chance.draw(purposeDevice, uint64(s.id), s.crashes), 2) == 0 {
			kind = CrashMachine
		}
		s.crash(kind, v.down)
	default:
		return false
	}
	return true
}

// refused looks at a node that did not start: its disk must be to blame. That something
// happened to it once is not enough: it must have been such that the disk did not
// open any more, or the seal, which the next crash may tear besides.
func (w *World) refused(s *server, err error) {
	v := &s.device
	s.fs.CrashProcess() // its files and locks went with it
	switch {
	case v.passes(err):
		w.cover.Excused++
		again := between(w.chance.draw(purposeDevice, uint64(s.id), uint64(w.now)), int64(100*time.Millisecond), int64(600*time.Millisecond))
		w.agenda.push(event{at: w.now + again, priority: priorityNormal, kind: eventStart, who: int32(s.id), epoch: s.epoch})
	case v.excluded || v.sealHit > 0:
		w.lose(s, err)
	default:
		w.violate(Recovery, "Node %d does not start: %v.", s.id, err)
	}
}

// wipe empties a node's directory.
func (w *World) wipe(s *server, f *Fault, draw uint64) {
	v := &s.device
	v.wiped = true
	ok, why := w.recoverable()
	v.wiped = false
	if !ok && !f.Beyond {
		w.spare(s, why)
		return
	}
	if s.up {
		s.crash(CrashProcess, f.For)
	}
	w.cover.Damaged++
	w.forget(s, draw)
	v.wiped = true
}

// forget takes a directory away for good and puts an empty disk in its place.
func (w *World) forget(s *server, draw uint64) {
	l := &w.judges.logs
	l.past = append(l.past, life{who: raft.Ident{ID: s.id, Inc: s.inc}, durable: l.mirrors[s.id].durable})
	l.mirrors[s.id] = mirror{}
	s.fs = memfs.New(raft.Mix(draw, 1))
	s.disk.flight = nil
	s.device = device{joins: s.device.joins, down: s.device.down}
}
