package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/backup"
	"parley/raft/blob"
	"parley/raft/node"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

// Operators back the cluster up while everything else goes wrong: a node is asked for its whole state, as of now, and what that
// names is read off the disks. After the run a new cluster is made of each backup, on a disk that nothing else sees. By
// docs/operations.md, backup and restore:
//
//   - what was acknowledged to anybody before the backup was asked for is in it
//   - its state is the one that the nodes had at its position
//   - the new cluster begins above all that the old one came to, also after the backup, starts and commits, and its people and clients go on (successor.go)
//
// So no position, and no fence, is given out twice.

// backedUp is a backup as somebody has it on a shelf.
type backedUp struct {
	of    raft.NodeID // that was asked
	floor raft.Position
	file  []byte
}

// backsUp asks a node for its whole state, unless it was asked and still runs.
func (w *World) backsUp(l *live, i uint64) {
	s := w.node(l.nodes[0])
	if !s.up || s.pausedUntil > w.now || l.asked && l.epoch == s.epoch {
		return
	}
	if !l.asked {
		l.floor = w.acknowledged
	}
	l.asked, l.epoch = true, s.epoch
	s.tell(&node.Event{Kind: node.EventQuery, Ticket: node.Ticket(i) + 1, Query: node.Query{Whole: true}})
}

// backedUp takes a node's answer, and reads the files.
func (w *World) backedUp(a *node.Answer, l *live) {
	if a.Outcome != node.Done {
		l.epoch = ^uint32(0) // nobody leads, say: ask again
		return
	}
	l.on = false
	s := w.node(l.nodes[0])
	if s.rot.at != 0 || s.rot.due {
		return // its state is not what it should be, and its peers are about to tell it
	}
	if a.Position < l.floor {
		w.violate(Backups, "Node %d gave its state at position %d for a backup, and position %d was acknowledged before.", s.id, a.Position, l.floor)
		return
	}
	var file bytes.Buffer
	b := backup.NewWriter(&file, backup.Header{Cluster: s.node.Identity().Cluster})
	for _, want := range a.State.Blobs() {
		content, ok := w.anywhere(want)
		if !ok {
			_ = b.Missing(want.Sum, want.Size) // the buffer takes all
			continue
		}
		_ = b.Blob(want.Sum, want.Size)
		_ = b.Content(content)
	}
	_ = b.State(a.State.Write)
	if err := b.End(backup.End{Position: a.Position, Term: a.Term}); err != nil {
		w.violate(Backups, "The state of node %d can't be written: %v.", s.id, err)
		return
	}
	w.backups = append(w.backups, backedUp{of: s.id, floor: l.floor, file: file.Bytes()})
	w.cover.BackedUp++
}

// anywhere reads a blob from whichever node has it.
func (w *World) anywhere(want blob.Want) ([]byte, bool) {
	for _, s := range w.servers {
		if shelf := w.shelfOf(s.fs); shelf.store != nil {
			content, err := shelf.store.Read(want.Sum, 0, int(want.Size))
			if err == nil && blob.SumOf(content) == want.Sum {
				return content, true
			}
		}
	}
	return nil, false
}

// judgeBackups makes a new cluster of each backup.
func (w *World) judgeBackups() {
	for i := range w.backups {
		b := &w.backups[i]
		draw := w.chance.draw(purposeBackup, uint64(i), 0)
		self := raft.Member{Ident: raft.Ident{ID: b.of}, PeerAddr: peerAddr(b.of), ClientAddr: clientAddr(b.of)}
		r, err := node.PlanRestore(bytes.NewReader(b.file), node.RestoreOptions{
			Cluster: raft.ClusterID(raft.Mix(draw, 1) | 1), Inc: raft.Incarnation(raft.Mix(draw, 2) | 1), Secret: [32]byte{1}, Self: self,
			Machine: w.newMachine(), Rules: w.rules(), WAL: w.walOptions(), Snap: snap.Options{ChunkBytes: snapChunk}, Blobs: w.blobOptions(),
		})
		if err != nil {
			w.violate(Backups, "The backup of node %d can't be restored: %v.", b.of, err)
			return
		}
		p := &r.Report
		w.judgeRestored(b, p)
		fs := memfs.New(draw)
		var alone *refounded
		if err = r.Run(fs, dataDir, bytes.NewReader(b.file)); err == nil {
			alone, err = w.leadsAlone(fs, b.of, p.Base.Index)
		}
		if err != nil {
			w.violate(Backups, "The cluster restored from the backup of node %d does not come up: %v.", b.of, err)
		} else if wrong, err := w.goOnFrom(alone, p.Last, p.Base.Index); wrong != "" || err != nil {
			w.violate(Backups, "In the cluster restored from the backup of node %d at position %d, %s.", b.of, p.Last.Index, cmp.Or(wrong, fmt.Sprint(err)))
		}
		w.cover.Refounded++
	}
}

// judgeRestored compares what a backup holds with what the old cluster had, and where the new one begins.
func (w *World) judgeRestored(b *backedUp, p *node.RestoreReport) {
	l, hashes := &w.judges.logs, w.judges.applied.hashes
	i := p.Last.Index
	if raft.Position(i) < b.floor {
		w.violate(Backups, "The backup of node %d ends at position %d, and position %d was acknowledged before it began.", b.of, i, b.floor)
	}
	if uint64(i) > uint64(len(l.committed)) || i > 0 && l.committed[i-1].term != p.Last.Term {
		w.violate(Backups, "The backup of node %d ends with entry %d of term %d, which was never committed.", b.of, i, p.Last.Term)
		return
	}
	if uint64(i) < uint64(len(hashes)) && hashes[i] != (node.Hash{}) && hashes[i] != p.Hash {
		w.violate(Backups, "The backup of node %d holds another state than the nodes had after entry %d.", b.of, i)
	}
	if uint64(p.Base.Index) <= uint64(len(l.registry)) || p.Base.Term <= p.Last.Term {
		w.violate(Backups, "The cluster restored from the backup of node %d begins at %d of term %d, and the old one came to %d.",
			b.of, p.Base.Index, p.Base.Term, len(l.registry))
	}
}

// backups draws operators who make backups, in the midst of it all.
func (g *generator) backups() {
	s := g.stream(ideaBackups)
	if !s.perMille(200) {
		return
	}
	p := g.plan
	for range 1 + s.below(2) {
		f := Fault{Kind: BackUp, Node: []Target{NodeLeader, NodeFollower, Target(1 + s.below(uint64(p.servers())))}[s.below(3)]}
		f.At = time.Duration(s.between(500, int64(p.Heal/time.Millisecond)-100)) * time.Millisecond
		p.Faults = append(p.Faults, f)
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}
