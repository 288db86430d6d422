package sim

import (
	"cmp"
	"errors"
	"fmt"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

// Every run ends with the loss of the majority. All nodes die but one, whichever the seed draws, whose machine loses its power, and
// a new cluster is made of its directory, on a copy that nothing else sees. Whatever the run did to it, by
// docs/consensus.md, recovery from the loss of the majority:
//
//   - everything that its disk had synced is kept, and nothing else but a write that was under way
//   - the state is the one that the old cluster had after the same entry
//   - the new cluster begins above it, starts, elects the survivor and commits, and its people and clients go on (successor.go)
//
// What only the others had may be lost, and no judge asks for it. If something happened to the disk, entries may be
// lost as well; what is kept must be as right.

// judgeSurvivor plays this after a run.
func (w *World) judgeSurvivor() {
	draw := w.chance.draw(purposeSurvivor, 0, 0)
	s := w.servers[below(draw, uint64(len(w.servers)))]
	v := &s.device
	hurt := len(v.struck) > 0 || v.lie != nil || v.told != nil || v.wiped || v.lost != nil
	fs := s.fs.Clone()
	for _, kind := range failingKinds {
		fs.Mend(kind, true)
	}
	fs.SetCapacity(0)
	fs.CrashMachine(memfs.Chance(draw))
	left := fs.Clone()
	r, err := node.PlanRecovery(fs, dataDir, w.recovery(s, draw))
	if err != nil {
		empty := errors.Is(err, node.ErrNoDirectory) || errors.Is(err, node.ErrNeverFormed) || errors.Is(err, node.ErrNothingSurvived)
		if !hurt && !(empty && len(w.judges.logs.mirrors[s.id].durable) == 0) {
			w.violate(Survivor, "The directory of node %d can't be made the start of a new cluster: %v.", s.id, err)
		}
		return
	}
	p := &r.Report
	if !hurt {
		w.judgeKept(s, p)
	}
	w.judgeRecovered(s, p)
	var alone *refounded
	if _, err = r.Run(); err == nil {
		alone, err = w.leadsAlone(fs, s.id, p.Base.Index)
	}
	if err != nil {
		w.violate(Survivor, "The new cluster of node %d does not come up: %v.", s.id, err)
	} else if wrong, err := w.goOnFrom(alone, p.Last, p.Base.Index); wrong != "" || err != nil {
		w.violate(Survivor, "In the new cluster of node %d, which goes on from position %d, %s.", s.id, p.Last.Index, cmp.Or(wrong, fmt.Sprint(err)))
	}
	if !hurt && err == nil {
		w.judgeCopied(s, left, fs, p)
	}
	w.cover.Survivors++
}

// judgeCopied looks in the new directory for the files that were left to the survivor and that its log pins.
func (w *World) judgeCopied(s *server, left, fs *memfs.FS, p *node.RecoveryReport) {
	l := &w.judges.logs
	log := l.mirrors[s.id].durable
	was, is := w.shelfOf(left), w.shelfOf(fs)
	for i := range w.files {
		f := &w.files[i]
		at := raft.Index(f.position)
		if at > 0 && at <= p.Last.Index && termAt(log, at) == l.committed[at-1].term && p.Time <= f.until &&
			was.good(f) && !is.good(f) {
			w.violate(Survivor, "The new cluster of node %d lacks file %s, which the node had.", s.id, f.sum.Short())
		}
	}
}

func (w *World) recovery(s *server, draw uint64) node.RecoveryOptions {
	return node.RecoveryOptions{
		Cluster: raft.ClusterID(raft.Mix(draw, 1) | 1), Inc: raft.Incarnation(raft.Mix(draw, 2) | 1), Secret: [32]byte{1}, AcceptDamage: true,
		Machine: w.newMachine(), Rules: w.rules(), WAL: w.walOptions(), Snap: snap.Options{ChunkBytes: snapChunk}, Blobs: w.blobOptions(),
	}
}

// judgeKept compares what is kept with what a healthy disk had synced.
func (w *World) judgeKept(s *server, p *node.RecoveryReport) {
	m := &w.judges.logs.mirrors[s.id]
	ends := func(log []raft.Term) bool {
		i := raft.Index(len(log))
		return p.Last == raft.EntryID{Index: i, Term: termAt(log, i)}
	}
	if p.Loss != nil {
		w.violate(Survivor, "Node %d is said to have lost entries, and nothing happened to its disk: %v.", s.id, p.Loss)
		return
	}
	log, hard := append([]raft.Term(nil), m.durable...), m.hard
	kept := ends(log)
	for i := range s.disk.flight {
		log, hard = w.storedBy(log, hard, &s.disk.flight[i])
		kept = kept || ends(log)
	}
	// A snapshot from a peer that the log was yet to go on behind holds more than the log, and all of it is committed.
	if ahead := p.Last == p.Known && uint64(p.Last.Index) > uint64(len(m.durable)); !kept && !ahead {
		w.violate(Survivor, "Node %d had synced entries up to %d, and the new cluster goes on from entry %d of term %d.",
			s.id, len(m.durable), p.Last.Index, p.Last.Term)
	}
}

// judgeRecovered compares the state with that of the old cluster.
func (w *World) judgeRecovered(s *server, p *node.RecoveryReport) {
	l, hashes := &w.judges.logs, w.judges.applied.hashes
	if i := p.Known.Index; i > 0 && (uint64(i) > uint64(len(l.committed)) || l.committed[i-1].term != p.Known.Term) {
		w.violate(Survivor, "Node %d takes entry %d of term %d for committed, and it never was.", s.id, i, p.Known.Term)
	}
	i := p.Last.Index
	if i > 0 && uint64(i) <= uint64(len(l.committed)) && l.committed[i-1].term == p.Last.Term &&
		uint64(i) < uint64(len(hashes)) && hashes[i] != (node.Hash{}) && hashes[i] != p.Hash {
		w.violate(Survivor, "The new cluster of node %d begins with another state than the old one had after entry %d.", s.id, i)
	}
	if p.Base.Index <= i || uint64(p.Base.Index) <= uint64(len(l.registry)) || p.Base.Term <= p.Term {
		w.violate(Survivor, "The new cluster of node %d begins at %d of term %d, and the old one came up to %d.", s.id, p.Base.Index, p.Base.Term, len(l.registry))
	}
}
