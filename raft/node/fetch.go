package node

import (
	"encoding/binary"
	"errors"
	"time"

	"parley/raft"
	"parley/raft/snap"
)

// A snapshot on its way from one node to another [§7]. The leader offers, the follower pulls:
//
//  1. the leader finds that its log no longer has what a peer lacks: Offer(id), again and again
//  2. the peer, if it has applied less, begins the download or takes up what is there: TaskFetch
//  3. it asks for what is next: Ask(id, offset); whoever has the snapshot reads it: TaskRead, Chunk
//  4. what arrives is checked and written, while the next piece is on its way: TaskPut
//  5. when all is there it is decoded and hashed, off the loop: TaskLoad
//  6. the protocol judges whether it is of use: InputInstall. If so, the log's base moves, the state is
//     replaced in the same Step, and the leader is told
//
// Pieces travel on a stream of their own. Whatever is lost is asked for again; when nothing
// comes, the source is given up and the next offer taken. Another leader's snapshot of the same
// entry is the same bytes, so that the download goes on.
type fetch struct {
	id      snap.ID
	from    raft.Ident // zero: nobody to ask
	begun   bool       // the worker knows what is there
	have    int64      // written and right
	next    int64      // asked for from here on
	putting int        // TaskPuts under way
	askAt   raft.Mono  // ask again
	asks    int        // in vain
	loading bool
	ready   *State // decoded, to be installed in this Step
	info    snap.Info
}

const (
	// putsMax bounds what arrived and is not written.
	putsMax = 4
	// fetchAgain is how long an Ask may stay unanswered, and fetchAsks how many.
	fetchAgain = 500 * time.Millisecond
	fetchAsks  = 4

	offerVersion = 1
	idLen        = 8 + 8 + 8 + 32
	chunkHeadLen = 1 + idLen + 8
)

// Payloads, all integers little-endian:
//
//	Offer   version 1   id: index 8, term 8, size 8, SHA-256 32
//	Ask     version 1   id   offset 8   max 4
//	Chunk   version 1   id   offset 8   pieces

func appendID(dst []byte, id *snap.ID) []byte {
	le := binary.LittleEndian
	dst = append(dst, offerVersion)
	dst = le.AppendUint64(dst, uint64(id.Entry.Index))
	dst = le.AppendUint64(dst, uint64(id.Entry.Term))
	dst = le.AppendUint64(dst, uint64(id.Size))
	return append(dst, id.Sum[:]...)
}

func decodeID(p []byte) (id snap.ID, rest []byte, ok bool) {
	if len(p) < 1+idLen || p[0] != offerVersion {
		return snap.ID{}, nil, false
	}
	le := binary.LittleEndian
	id.Entry = raft.EntryID{Index: raft.Index(le.Uint64(p[1:])), Term: raft.Term(le.Uint64(p[9:]))}
	id.Size = int64(le.Uint64(p[17:]))
	copy(id.Sum[:], p[25:])
	return id, p[1+idLen:], id.Size > 0 && id.Entry.Index > 0
}

// offerSnapshots offers the newest snapshot to the peers that the log can't help.
func (n *Node) offerSnapshots(lagging []raft.Ident) {
	if len(lagging) == 0 {
		return
	}
	info, ok := n.snapshots.newest()
	if !ok {
		return
	}
	for _, who := range lagging {
		n.sendTo(who, raft.MsgSnapshotOffer, appendID(nil, &info.ID))
	}
}

// sendTo sends a node's own message.
func (n *Node) sendTo(who raft.Ident, kind raft.MessageKind, payload []byte) {
	n.out.Send = append(n.out.Send, raft.Message{Kind: kind, Cluster: n.identity.Cluster, From: n.self, To: who, Payload: payload})
}

// snapshotMessage sorts out the messages of the transfer.
func (n *Node) snapshotMessage(m *raft.Message) {
	id, rest, ok := decodeID(m.Payload)
	switch {
	case !ok:
		n.drop(m, droppedGarbage)
	case m.Kind == raft.MsgSnapshotOffer && len(rest) == 0:
		n.offered(m.From, id)
	case m.Kind == raft.MsgSnapshotAsk && len(rest) == 12:
		n.serve(m.From, id, int64(binary.LittleEndian.Uint64(rest)), int(binary.LittleEndian.Uint32(rest[8:])))
	case m.Kind == raft.MsgSnapshotChunk && len(rest) > 8:
		n.chunk(m.From, id, int64(binary.LittleEndian.Uint64(rest)), rest[8:])
	default:
		n.drop(m, droppedGarbage)
	}
}

// offered takes an offer, unless it is of no use or something as good is on its way.
func (n *Node) offered(from raft.Ident, id snap.ID) {
	f := &n.fetch
	switch {
	case id.Entry.Index <= n.applied || f.loading:
		return
	case f.id == id:
		if f.from.IsZero() {
			f.from, f.asks, f.askAt = from, 0, n.now
		}
		return
	case !f.from.IsZero() && f.id.Entry.Index > n.applied:
		return // it comes along; a newer one would begin from nothing
	}
	*f = fetch{id: id, from: from, askAt: raft.Never}
	n.task(Task{Kind: TaskFetch, ID: id})
}

// fetched takes up a download where the worker says that it stands.
func (n *Node) fetched(d *TaskDone) {
	f := &n.fetch
	if d.Task.ID != f.id || d.Task.Kind == TaskPut && !f.begun {
		return // of a download that was given up
	}
	if d.Task.Kind == TaskPut {
		f.putting--
	}
	if d.Err != nil && !d.Whole && d.Have == 0 && d.Task.Kind == TaskFetch {
		*f = fetch{} // the next offer tries again
		return
	}
	f.begun = true
	moved := d.Have > f.have
	f.have = d.Have
	if d.Task.Kind == TaskFetch || d.Err != nil || f.next < f.have {
		f.next = f.have
	}
	if moved || d.Task.Kind == TaskFetch {
		f.asks = 0
		n.note(raft.Note{Kind: NoteFetch, Index: f.id.Entry.Index, Peer: f.from.ID, A: uint64(f.have), B: uint64(f.id.Size)})
	}
	if d.Whole {
		f.loading = true
		n.task(Task{Kind: TaskLoad, ID: f.id})
		return
	}
	f.askAt = n.now
}

// tickFetch asks for the next piece when nothing is on its way, and gives up a source that
// does not answer.
func (n *Node) tickFetch() {
	f := &n.fetch
	if f.from.IsZero() || !f.begun || f.loading {
		return
	}
	if f.id.Entry.Index <= n.applied {
		*f = fetch{} // the log brought all of it
		return
	}
	if n.now >= f.askAt {
		if f.asks >= fetchAsks {
			f.from = raft.Ident{} // the download stays; the next offer goes on with it
			return
		}
		if f.asks > 0 && f.putting == 0 {
			f.next = f.have // whatever was under way is lost
		}
		n.ask()
		f.asks++
	}
	n.wake(f.askAt)
}

func (n *Node) ask() {
	f := &n.fetch
	f.askAt = n.now.Add(fetchAgain)
	p := appendID(nil, &f.id)
	p = binary.LittleEndian.AppendUint64(p, uint64(f.next))
	p = binary.LittleEndian.AppendUint32(p, uint32(n.settings.Limits.PieceBytesMax))
	n.sendTo(f.from, raft.MsgSnapshotAsk, p)
}

// serve reads a piece for a peer.
func (n *Node) serve(to raft.Ident, id snap.ID, offset int64, most int) {
	s := &n.snapshots
	have := false
	for i := range s.made {
		have = have || s.made[i].ID == id
	}
	if !have || s.reading >= readsMax || offset < 0 || offset >= id.Size {
		return // it asks again, or somebody else
	}
	s.reading++
	known := false
	for i := range s.asked {
		if s.asked[i].index == id.Entry.Index {
			s.asked[i].until, known = n.now.Add(serveGrace), true
		}
	}
	if !known {
		s.asked = append(s.asked, served{id.Entry.Index, n.now.Add(serveGrace)})
	}
	n.task(Task{Kind: TaskRead, ID: id, Offset: offset, Max: min(most, n.settings.Limits.PieceBytesMax), Data: chunkHead(&id, offset), Peer: to})
}

// chunkHead is what a Chunk's payload begins with. The worker reads the pieces behind it, so that no Step copies them.
func chunkHead(id *snap.ID, offset int64) []byte {
	return binary.LittleEndian.AppendUint64(appendID(nil, id), uint64(offset))
}

func (n *Node) sendChunk(d *TaskDone) { n.sendTo(d.Task.Peer, raft.MsgSnapshotChunk, d.Data) }

// chunk takes what was asked for, and asks for what is next before it is written.
func (n *Node) chunk(from raft.Ident, id snap.ID, offset int64, data []byte) {
	f := &n.fetch
	if from != f.from || id != f.id || !f.begun || f.loading || offset != f.next || f.putting >= putsMax {
		return
	}
	f.putting++
	f.next = offset + int64(len(data))
	f.asks = 0
	n.task(Task{Kind: TaskPut, ID: id, Offset: offset, Data: data})
	f.askAt = n.now
	if f.next >= id.Size || f.putting >= putsMax {
		f.askAt = n.now.Add(fetchAgain) // until the worker says how far it got
	}
}

// loaded offers the protocol what came out of a snapshot.
func (n *Node) loaded(d *TaskDone) {
	f := &n.fetch
	if d.Task.ID != f.id {
		return
	}
	if errors.Is(d.Err, ErrStateVersion) {
		n.stop(d.Err)
		return
	}
	if d.Err != nil {
		*f = fetch{} // it was damaged, or the disk is full: the next offer begins anew
		return
	}
	f.ready, f.info = d.State, d.Info
	n.in = append(n.in, raft.Input{Kind: raft.InputInstall, Base: &f.info.Base})
}

// installed replaces the state if the protocol went on behind the snapshot. What it did not
// take is forgotten: the log was faster.
func (n *Node) installed(at raft.Index) {
	f := &n.fetch
	if f.ready == nil {
		return
	}
	if at == f.ready.applied {
		n.adopt(f.ready)
		n.inForce = f.info.Base.ConfigIndex
		n.snapshots.moving = n.out.Store[len(n.out.Store)-1].Seq
		n.madeSnapshot(f.info)
	}
	*f = fetch{}
}
