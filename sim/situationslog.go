package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// The situations in which logs and states change.

// coverCutLog looks at entries that a node is about to remove.
func (w *World) coverCutLog(s *server, from raft.Index) {
	m := &w.judges.logs.mirrors[s.id]
	if uint64(from) > uint64(len(m.handed)) {
		return
	}
	gone := m.handed[from-1:]
	own := false
	for _, t := range gone {
		own = own || w.led(t) == s.id
	}
	w.reachIf(cutTerms, gone[0] != gone[len(gone)-1])
	w.reachIf(cutMany, len(gone) >= 10)
	w.reachIf(cutOwn, own)
	w.reachIf(cutConfig, m.config >= from)
}

// coverCommit looks at a leader whose commitIndex is about to rise.
func (w *World) coverCommit(s *server, to raft.Index, term raft.Term) {
	m := &w.judges.logs.mirrors[s.id]
	w.reachIf(commitEarlier, termAt(m.handed, m.commit+1) < term)
	w.reachIf(commitMany, to-m.commit >= 20)
	w.reachIf(commitAheadOfOwnDisk, raft.Index(len(m.durable)) < to)
	if m.config > 0 && m.config > m.commit {
		c := w.inForce(s.id)
		me, member := c.Find(s.id)
		w.reachIf(commitJoint, c.Joint())
		w.reachIf(commitOwnRemoval, m.config <= to && !c.Joint() && (!member || !me.Voter))
	}
	for _, other := range w.servers {
		if _, leads := w.leads(other.id); leads && other.id != s.id {
			w.reach(commitTwoLeaders)
		}
	}
}

// coverNote looks at what a node tells that no judge looks at.
func (w *World) coverNote(s *server, n *raft.Note) {
	switch n.Kind {
	case raft.NoteHole:
		w.reach(repairAsked)
	case raft.NoteFill:
		w.reach(repairFilled)
	case raft.NoteCut:
		w.reach(repairCut)
	case raft.NoteLost:
		w.reach(repairLost)
	case raft.NoteWhole:
		w.reach(repairWhole)
	case node.NoteSnapshotFailed:
		w.reach(snapshotUnreadable)
	case raft.NoteTransfer:
		w.lately.handed[n.Peer] = n.Term
		w.reachIf(transferToDown, !w.node(n.Peer).up)
		w.reachIf(transferToBehind, len(w.judges.logs.mirrors[n.Peer].handed) < len(w.judges.logs.mirrors[s.id].handed))
	case raft.NoteLease:
		for _, r := range w.judges.election.roles {
			if r.is == raft.Candidate || r.is == raft.PreCandidate {
				w.reach(leaseDuringCampaign)
				break
			}
		}
	}
}

// coverInstall looks at a node whose state is about to become that of a peer's snapshot.
func (w *World) coverInstall(s *server, at raft.Index) {
	m := &w.judges.logs.mirrors[s.id]
	have := termAt(m.handed, at)
	if uint64(at) <= uint64(len(w.judges.logs.committed)) && have != 0 {
		agreed := w.judges.logs.committed[at-1].term
		w.reachIf(snapshotBeforeSuffix, have == agreed && uint64(at) < uint64(len(m.handed)))
	}
	w.reachIf(snapshotJoint, w.joint(s.id))
	w.reachIf(snapshotTwice, w.lately.installed[s.id] > 0 && w.now-w.lately.installed[s.id] < int64(2*time.Second))
	w.lately.installed[s.id] = w.now
}
