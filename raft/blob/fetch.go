package blob

import (
	"math/bits"
	"slices"
	"time"

	"parley/raft"
)

// fetch is one blob on its way here: its file is begun, chunks are asked of peers within a window,
// written as they come, and when all are there it is committed. What is written stays for
// the next attempt, in this process or a later one.
type fetch struct {
	id     uint64 // nonce of its pulls, ticket of its operations
	sum    Sum
	size   int64
	state  fetchState
	layout layout
	have   bitmap   // chunks that are in the file
	tried  []uint64 // by chunk: members that did not give it in this attempt
	only   uint64   // if not zero: ask these members alone
	prefer uint64   // whom the last chunk was asked of
	from   uint64   // who gave chunks

	flights []flight
	heard   raft.Mono // when a chunk came last, or was asked for while none was due
	paused  []pause   // members that are busy
}

type fetchState uint8

const (
	fetchOpening fetchState = iota
	fetchPulling
	fetchCommitting
)

// flight is a chunk asked for or being written.
type flight struct {
	chunk   int64
	from    uint64
	bytes   int
	writing bool
}

type pause struct {
	who   uint64
	until raft.Mono
}

// startFetches takes up what is due: where somebody may have the blob it is fetched, of the
// others everybody is asked. What is in a file may be all of it, and what the disk did not read of that it may read
// now: so such a blob is taken up even where nobody is known to have it.
func (r *Replicator) startFetches() {
	var due []Sum
	for _, it := range r.missing.items {
		if it.due > int64(r.now) || len(due) == askBatchMax {
			break
		}
		due = append(due, it.sum)
	}
	for _, sum := range due {
		b := r.find(sum)
		nobody := b.sources&r.peers == 0
		here := b.part || b.size == 0
		switch {
		case nobody && !here:
			r.asks = append(r.asks, sum)
			r.retryLater(b)
		case len(r.fetches) < r.o.FetchesMax:
			if nobody && b.tries > 0 {
				r.asks = append(r.asks, sum)
			}
			r.start(b)
		}
		r.settle(b)
	}
}

func (r *Replicator) start(b *record) {
	f := fetch{id: r.draw(), sum: b.sum, size: b.size, layout: layout{chunk: int64(r.o.ChunkBytes)}}
	if b.suspects != 0 {
		f.only = r.oneOf(b)
	}
	b.fetching, b.part = true, true
	r.fetches = append(r.fetches, f)
	r.out.Disk = append(r.out.Disk, Op{Kind: OpBegin, Ticket: f.id, Sum: b.sum, Size: b.size})
}

// oneOf chooses a single source after a fetch that came to other content, so that the next tells
// who is wrong.
func (r *Replicator) oneOf(b *record) uint64 {
	good := b.sources & r.peers &^ b.suspects
	if good == 0 {
		good = b.sources & r.peers
	}
	if good == 0 {
		return 0
	}
	for range raft.Mix(r.run, uint64(b.tries), tagOf(b.sum)) % uint64(bits.OnesCount64(good)) {
		good &= good - 1
	}
	return good & -good
}

func (r *Replicator) onBegun(d *Done) {
	f := r.fetchOf(d.Op.Ticket)
	if f == nil {
		return
	}
	switch d.Fault {
	case FaultNone:
	case FaultChanged: // held, as its upload's Done says or will say
		r.find(f.sum).part = false
		r.fail(f, d.Fault)
		return
	default:
		r.failByDisk(f, d.Fault)
		return
	}
	n := f.layout.chunks(f.size)
	f.have = append(newBitmap(n)[:0], d.Have...)
	f.tried = make([]uint64, n)
	f.state, f.heard = fetchPulling, r.now
}

// driveFetches asks for chunks, gives up on who is silent, commits what is whole.
func (r *Replicator) driveFetches() {
	for i := len(r.fetches) - 1; i >= 0; i-- {
		f := &r.fetches[i]
		if f.state != fetchPulling {
			continue
		}
		if f.due() && r.now >= f.heard.Add(r.o.Patience) {
			r.giveUpOn(f, ^uint64(0))
		}
		r.pump(f)
	}
}

// pump fills the window. When nothing is under way and nothing can be asked for, the attempt
// is over, one way or the other.
func (r *Replicator) pump(f *fetch) {
	b := r.find(f.sum)
	n := f.layout.chunks(f.size)
	f.paused = slices.DeleteFunc(f.paused, func(p pause) bool { return r.now >= p.until })
	busy := f.busy()
	waiting := false
	for i := f.have.missing(0, n); i < n; i = f.have.missing(i+1, n) {
		if f.inFlight(i) {
			continue
		}
		bytes := int(f.layout.length(i, f.size))
		if len(f.flights) >= r.o.WindowChunks || r.asked+r.writing+bytes > r.o.FetchBytesMax {
			return
		}
		who := b.sources & r.peers &^ f.tried[i]
		if f.only != 0 {
			who &= f.only
		}
		if waiting = waiting || who&busy != 0; who&^busy == 0 {
			continue
		}
		r.pull(f, i, bytes, f.choose(who&^busy))
	}
	if len(f.flights) > 0 || waiting {
		return
	}
	if f.have.full(n) {
		f.state = fetchCommitting
		r.out.Disk = append(r.out.Disk, Op{Kind: OpCommit, Ticket: f.id, Sum: f.sum})
		return
	}
	// Nobody gives what is missing. Who has it is to be found out anew.
	b.sources, b.suspects = 0, 0
	r.fail(f, FaultMissing)
}

// choose goes on with the member asked last; otherwise with one that differs by fetch, so
// that load spreads.
func (f *fetch) choose(who uint64) uint64 {
	if f.prefer&who == 0 {
		from := f.id % 64
		first := bits.RotateLeft64(who, -int(from))
		f.prefer = bits.RotateLeft64(first&-first, int(from))
	}
	return f.prefer
}

func (r *Replicator) pull(f *fetch, chunk int64, bytes int, who uint64) {
	if !f.due() {
		f.heard = r.now
	}
	f.flights = append(f.flights, flight{chunk: chunk, from: who, bytes: bytes})
	r.asked += bytes
	r.send(r.member(who), Message{Kind: MsgPull, Nonce: f.id, Sum: f.sum, Offset: chunk * f.layout.chunk, Bytes: bytes})
}

// onChunk hands a chunk that was asked for to the disk.
func (r *Replicator) onChunk(m *Message, bit uint64) {
	f, i := r.flightOf(m, bit)
	if f == nil {
		return
	}
	fl := &f.flights[i]
	if len(m.Data) != fl.bytes {
		r.giveUp(f, i)
		return
	}
	f.heard = r.now
	fl.writing = true
	r.asked -= fl.bytes
	r.writing += fl.bytes
	r.out.Disk = append(r.out.Disk, Op{Kind: OpWrite, Ticket: f.id, Sum: f.sum, Chunk: fl.chunk, Bytes: fl.bytes, Data: m.Data})
}

func (r *Replicator) onWritten(d *Done) {
	r.writing -= d.Op.Bytes
	f := r.fetchOf(d.Op.Ticket)
	if f == nil {
		return
	}
	if d.Fault != FaultNone {
		r.failByDisk(f, d.Fault)
		return
	}
	for i := range f.flights {
		if fl := f.flights[i]; fl.chunk == d.Op.Chunk && fl.writing {
			f.have.set(fl.chunk)
			f.from |= fl.from
			f.flights = slices.Delete(f.flights, i, i+1)
			return
		}
	}
}

// onNack looks elsewhere for a chunk, or comes back later.
func (r *Replicator) onNack(m *Message, bit uint64) {
	f, i := r.flightOf(m, bit)
	if f == nil {
		return
	}
	if m.Busy {
		f.paused = append(f.paused, pause{bit, r.now.Add(busyPause)})
		r.asked -= f.flights[i].bytes
		f.flights = slices.Delete(f.flights, i, i+1)
		return
	}
	r.find(f.sum).holders &^= bit
	r.giveUp(f, i)
}

// giveUp does not ask this member for this chunk again in this attempt.
func (r *Replicator) giveUp(f *fetch, i int) {
	fl := f.flights[i]
	f.tried[fl.chunk] |= fl.from
	if f.prefer == fl.from {
		f.prefer = 0
	}
	r.asked -= fl.bytes
	f.flights = slices.Delete(f.flights, i, i+1)
}

// giveUpOn does so with everything that is due from some members.
func (r *Replicator) giveUpOn(f *fetch, who uint64) {
	for i := len(f.flights) - 1; i >= 0; i-- {
		if fl := f.flights[i]; !fl.writing && fl.from&who != 0 {
			r.giveUp(f, i)
		}
	}
}

func (r *Replicator) peerLost(id raft.NodeID) {
	m, _ := r.config.Find(id)
	if bit := r.bitOf(m.Ident); bit != 0 {
		for i := range r.fetches {
			r.giveUpOn(&r.fetches[i], bit)
		}
	}
}

func (r *Replicator) onCommitted(d *Done) {
	f := r.fetchOf(d.Op.Ticket)
	if f == nil {
		return
	}
	b := r.find(f.sum)
	switch d.Fault {
	case FaultNone:
		r.drop(f)
		b.fetching = false
		r.hold(d.Held)
	case FaultSum:
		n := Note{Kind: NoteWrong, Sum: b.sum}
		if bits.OnesCount64(f.from) == 1 {
			n.Peer = r.member(f.from).ID
		}
		r.note(n)
		b.suspects |= f.from
		b.part = false
		r.fail(f, d.Fault)
	case FaultMissing, FaultDamaged:
		r.fail(f, d.Fault)
	default:
		r.failByDisk(f, d.Fault)
	}
}

// fail ends an attempt. The next comes later, and later each time.
func (r *Replicator) fail(f *fetch, why Fault) {
	b := r.find(f.sum)
	r.note(Note{Kind: NoteRetry, Sum: b.sum, Fault: why})
	r.drop(f)
	b.fetching = false
	r.retryLater(b)
	r.settle(b)
}

// failByDisk ends an attempt that this node's own disk failed. The store gave up what was fetched; of a copy that was
// damaged before, everything is still there.
func (r *Replicator) failByDisk(f *fetch, why Fault) {
	b := r.find(f.sum)
	b.pausedTo = r.now.Add(r.o.DiskPause)
	r.fail(f, why)
}

func (r *Replicator) retryLater(b *record) {
	pause := min(retryMin<<min(b.tries, 10), r.o.RetryMax)
	b.tries++
	jitter := raft.Mix(r.run, uint64(b.tries), tagOf(b.sum)) % uint64(pause/4)
	b.retryAt = r.now.Add(pause + time.Duration(jitter))
}

// cancel ends a fetch that nobody needs any more. One that is being committed ends by itself.
func (r *Replicator) cancel(b *record) {
	for i := range r.fetches {
		if f := &r.fetches[i]; f.sum == b.sum && f.state != fetchCommitting {
			r.drop(f)
			b.fetching = false
			return
		}
	}
}

// drop takes a fetch from the list. What it has on its way to the disk is counted until it
// is there.
func (r *Replicator) drop(f *fetch) {
	for _, fl := range f.flights {
		if !fl.writing {
			r.asked -= fl.bytes
		}
	}
	id := f.id
	r.fetches = slices.DeleteFunc(r.fetches, func(f fetch) bool { return f.id == id })
}

func (r *Replicator) fetchOf(id uint64) *fetch {
	for i := range r.fetches {
		if r.fetches[i].id == id {
			return &r.fetches[i]
		}
	}
	return nil
}

// flightOf finds what a message answers: a chunk that is due from this member.
func (r *Replicator) flightOf(m *Message, bit uint64) (*fetch, int) {
	f := r.fetchOf(m.Nonce)
	if f == nil || f.sum != m.Sum {
		return nil, 0
	}
	for i, fl := range f.flights {
		if fl.chunk*f.layout.chunk == m.Offset && fl.from == bit && !fl.writing {
			return f, i
		}
	}
	return nil, 0
}

func (f *fetch) inFlight(chunk int64) bool {
	return slices.ContainsFunc(f.flights, func(fl flight) bool { return fl.chunk == chunk })
}

// due reports whether a chunk is awaited from a peer.
func (f *fetch) due() bool {
	return slices.ContainsFunc(f.flights, func(fl flight) bool { return !fl.writing })
}

func (f *fetch) busy() uint64 {
	var set uint64
	for _, p := range f.paused {
		set |= p.who
	}
	return set
}

// forget takes members out that are none any more. What is due from them is asked of others.
func (f *fetch) forget(gone uint64) {
	for i := range f.tried {
		f.tried[i] &^= gone
	}
	f.prefer &^= gone
	f.from &^= gone
	f.only &^= gone
	f.paused = slices.DeleteFunc(f.paused, func(p pause) bool { return p.who&gone != 0 })
}

func (f *fetch) wakeAt(patience time.Duration) raft.Mono {
	at := raft.Never
	if f.due() {
		at = f.heard.Add(patience)
	}
	for _, p := range f.paused {
		at = min(at, p.until)
	}
	return at
}
