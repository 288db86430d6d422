package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Snapshots keep a log short: one is made whenever the log behind the last has grown by a snapshot's size, or a minimum. A log that
// grows for ever breaks no promise and stops nobody, until it fills a disk. So at the end of a run the judge measures what
// stands behind each node's newest snapshot, and for how long one that was begun has been waiting; and whenever one is to be made, it must reach to where the log begins. (Until it is
// written the log may have gone on behind a peer's. Then it must not pass for the newest: the log could not go on for whoever took it.)

// upkeep is what the judge knows of the snapshots of one process.
type upkeep struct {
	at     raft.Index // the newest that it made or installed; zero: none yet
	size   int64
	failed bool // its disk failed it, and it waits before it tries again

	begun   raft.Index // the one that it began last and has not made yet; zero: none
	begunAt int64      // when
}

// upkeepMax is how many times as much as makes a snapshot due may stand behind one: a snapshot waits until a majority has the
// same state, and while one is made another may come due.
const upkeepMax = 4

// upkeepTime is how long good times last before the judge looks: the nodes may have to compare their states first.
const upkeepTime = noticeMax + 2*time.Second

// begunMax is for how long a snapshot that was begun may wait in good times: until all have told several times what states they have, and it is
// written.
const begunMax = noticeMin + 2*time.Second

// judgeMade looks at a snapshot that a node is to make of its own state.
func (w *World) judgeMade(s *server, base *raft.Base) {
	if begins := s.node.Raft().BaseEntry().Index; base.Entry.Index < begins {
		w.violate(Upkeep, "Node %d makes a snapshot up to entry %d, and its log begins behind entry %d.", s.id, base.Entry.Index, begins)
	}
}

// noteUpkeep takes down what a process says of its snapshots.
func (s *server) noteUpkeep(n *raft.Note) {
	switch n.Kind {
	case node.NoteSnapshotBegun:
		s.upkeep.begun, s.upkeep.begunAt = n.Index, s.w.now
	case raft.NoteInstall:
		s.upkeep.begun = 0 // it is of a state that has been replaced
	case node.NoteSnapshot:
		if n.Index < s.upkeep.at {
			s.w.violate(Upkeep, "Node %d takes a snapshot up to entry %d for its newest one, and has one up to entry %d.", s.id, n.Index, s.upkeep.at)
		}
		s.upkeep = upkeep{at: n.Index, size: int64(n.A), failed: s.upkeep.failed}
	case node.NoteSnapshotFailed:
		s.upkeep.failed = true
		if node.TaskKind(n.A) == node.TaskMake {
			s.upkeep.begun = 0
		}
	}
}

// judgeUpkeep looks at the snapshots of all nodes that are well when a run is over.
func (w *World) judgeUpkeep() {
	if w.plan.Node.Snapshot == 0 {
		return
	}
	members := w.membership()
	for _, s := range w.servers {
		m, ok := members.Find(s.id)
		if !ok || m.Inc != 0 && m.Inc != s.inc || !s.up || !w.staysWell(s.id) {
			continue // nobody tells a node that was removed whether a majority has the same state
		}
		w.judgeBegun(s)
		w.judgeTail(s)
	}
}

// judgeBegun looks at the snapshot that a node has begun: where nobody writes any more, too, a majority must come to tell that it had the
// same state.
func (w *World) judgeBegun(s *server) {
	u := &s.upkeep
	waits := time.Duration(w.now - max(u.begunAt, int64(w.plan.Heal)))
	if u.begun != 0 && waits > begunMax {
		w.violate(Upkeep, "Node %d has begun a snapshot up to entry %d and waits since %s of good times for a majority with the same state.", s.id, u.begun, waits)
	}
}

// judgeTail measures the log behind a node's newest snapshot.
func (w *World) judgeTail(s *server) {
	u := &s.upkeep
	if u.at == 0 || u.failed || w.now-int64(w.plan.Heal) < int64(upkeepTime) {
		return
	}
	bytes := int64(0)
	for i := u.at + 1; i <= w.judges.logs.mirrors[s.id].applied; i++ {
		for _, r := range w.judges.logs.registry[i-1] {
			if r.entry.Term == termAt(w.judges.logs.mirrors[s.id].handed, i) {
				bytes += int64(len(r.entry.Payload) + raft.EntryOverhead)
			}
		}
	}
	if due := max(w.plan.Node.Snapshot, u.size); bytes > upkeepMax*due {
		w.violate(Upkeep, "After %s of good times node %d has applied %d bytes of log behind its snapshot up to entry %d, and %d make another one due.",
			time.Duration(w.now-int64(w.plan.Heal)), s.id, bytes, u.at, due)
	}
}
