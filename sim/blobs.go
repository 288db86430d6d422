package sim

import (
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// BlobPlan says how blobs are kept, on all nodes alike. Zero fields: the simulator's usual ones.
type BlobPlan struct {
	Chunk int64         // bytes
	Pin   time.Duration // log time for which a confirmed upload is wanted
	Grace time.Duration // log time for which one is kept that nothing wants
}

// UploaderPlan is somebody who uploads files and reads them.
type UploaderPlan struct {
	Every    time.Duration // mean time between two files
	Bytes    int64         // of the largest
	Piece    int64         // bytes of one request
	Read     int64         // rate of reads per 1,000
	Patience time.Duration // after which an upload is given up, before Heal
	Timeout  time.Duration // after which a request is repeated
	Again    int64         // rate per 1,000 uploads of those of a content that was uploaded before; zero: 125
	Files    int64         // of how many contents those are, the first ones; zero: of all
	User     int64         // not zero: the member of the team for whom it brings files
}

// piecesUnderWay is how many pieces of a file a node asks for before the first arrives.
const piecesUnderWay = 4

// scrubEvery has a store read some dozens of files in some seconds: what rots is found in the same run, while there is time to repair
// it. Each piece is a deadline, an operation and mostly a Step of its own, and with 20 ms those were half of the events of a
// world with files.
const scrubEvery = 100 * time.Millisecond

// blobOptions are small, so that a file has many pieces and a run sees the end of every wait.
func (w *World) blobOptions() blob.Options {
	p := &w.plan.Blobs
	return blob.Options{
		BlobBytesMax: 1 << 16, ChunkBytes: int(orElse(p.Chunk, 256)), Grace: time.Duration(orElse(int64(p.Grace), int64(2*time.Second))),
		UploadsMax: 16, ConfirmsMax: 8, OffersMax: 8, FetchesMax: 2, FetchBytesMax: 4 << 10, WindowChunks: piecesUnderWay, ServeBytesMax: 4 << 20,
		ScrubEvery: scrubEvery, ScrubBytes: 4 << 10,
		Patience: 400 * time.Millisecond, RetryMax: 500 * time.Millisecond, DiskPause: 300 * time.Millisecond,
	}
}

func (w *World) pinFor() time.Duration {
	return time.Duration(orElse(int64(w.plan.Blobs.Pin), int64(24*time.Hour)))
}

func orElse(v, otherwise int64) int64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// storeBlobs queues operations for the worker that has the store of blobs: the storer of raft/host as
// events. One at a time, each takes its simulated time, and does what it does to the node's own files.
func (s *server) storeBlobs(ops []blob.Op) {
	s.blobs = append(s.blobs, ops...)
	s.storeOn()
}

func (s *server) storeOn() {
	if s.storing || len(s.blobs) == 0 {
		return
	}
	s.storing = true
	s.stores++
	w := s.w
	x := w.chance.draw(purposeBlob, uint64(s.id), s.stores)
	plan := &w.plan.Disk
	delay := between(x, int64(plan.WriteMin), int64(plan.WriteMax))
	switch s.blobs[0].Kind {
	case blob.OpCommit, blob.OpUploadCommit:
		delay += between(raft.Mix(x, 1), int64(plan.SyncMin), 2*int64(plan.SyncMax))
	}
	w.agenda.push(event{at: max(w.now+delay, s.disk.stallTo), priority: priorityNormal, kind: eventBlob, who: int32(s.id), epoch: s.epoch})
}

// blob does what is first in the queue.
func (w *World) blob(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	op := s.blobs[0]
	s.blobs = slices.Delete(s.blobs, 0, 1)
	s.storing = false
	w.trace.begin(e)
	d := s.dir.Blobs().Do(op)
	w.trace.put(uint64(op.Kind)<<8 | uint64(d.Fault))
	if w.trace.on() {
		w.trace.say("%s of blob %s: %s", op.Kind, op.Sum.Short(), d.Fault)
	}
	if s.trap.sprung {
		s.crash(s.trap.kind, s.trap.down)
		return
	}
	if op.Kind == blob.OpRemove {
		w.judgeBlobs()
	}
	epoch := s.epoch
	s.event(node.EventBlob).BlobDone = &d
	s.told()
	if s.epoch == epoch {
		s.storeOn()
	}
}

// coverBlob counts what a node's note tells about blobs.
func (w *World) coverBlob(n *raft.Note) {
	switch blob.NoteKind(n.B & 0xff) {
	case blob.NoteCollected:
		w.cover.Collected++
	case blob.NoteLost:
		w.cover.BlobsLost++
	case blob.NoteHeld:
		w.cover.Held++
	}
}
