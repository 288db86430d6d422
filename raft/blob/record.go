package blob

import (
	"bytes"
	"slices"

	"parley/raft"
)

// record is what a replicator knows of one blob. Members are bits, see members.go.
type record struct {
	sum  Sum
	size int64

	wanted bool          // named or pinned in the state that is applied
	since  raft.Position // of the entry that made it wanted

	held     bool // here, whole and durable
	gen      uint64
	part     bool         // a file with chunks of it may be here
	keep     raft.LogTime // not collected until the log has passed this
	removing bool         // a removal is under way
	doomed   uint64       // of the copy with this gen
	confirms int          // confirmations that wait for it

	// holders are the members that are known to have it durably: of a wanted blob, as told at a
	// position at which it was wanted, so that they keep it; of another, as acknowledged, and
	// they keep it until proof.
	holders uint64
	proof   raft.LogTime
	sources uint64 // members that may have chunks of it
	// suspects took part in a fetch that came to other content.
	suspects uint64

	offers   []offer // members that wait for an acknowledgement
	fetching bool
	tries    int // failed fetches in a row
	retryAt  raft.Mono
	pausedTo raft.Mono // the own disk failed: not before this, whatever peers say

	// Where it is queued, as settle left it.
	missingDue, idleDue int64
	inMissing, inIdle   bool
}

// offer is a member that wants an acknowledgement.
type offer struct {
	who   raft.Ident
	nonce uint64
	until raft.Mono
}

// needed says whether the blob is to be fetched if it is not here.
func (b *record) needed() bool { return b.wanted || len(b.offers) > 0 }

// steady says whether it is here and stays for now.
func (b *record) steady() bool { return b.held && !(b.removing && b.gen == b.doomed) }

// find returns the record of a blob, nil if there is none.
func (r *Replicator) find(sum Sum) *record {
	at, ok := r.search(sum)
	if !ok {
		return nil
	}
	return r.blobs[at]
}

// search returns where the record of a blob stands, or would. It is by hand because nearly all begins with it, and package
// slices would hand around whole sums.
func (r *Replicator) search(sum Sum) (int, bool) {
	from, to := 0, len(r.blobs)
	for from < to {
		middle := int(uint(from+to) >> 1)
		if bytes.Compare(r.blobs[middle].sum[:], sum[:]) < 0 {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, from < len(r.blobs) && r.blobs[from].sum == sum
}

// record returns the record of a blob and makes it if there is none. settle takes it away
// again if there is nothing to say.
func (r *Replicator) record(sum Sum, size int64) *record {
	at, ok := r.search(sum)
	if !ok {
		r.blobs = slices.Insert(r.blobs, at, &record{sum: sum, size: size})
	}
	return r.blobs[at]
}

// settle puts a blob where it belongs after a change: to be fetched, to be collected
// some day, neither, or forgotten.
func (r *Replicator) settle(b *record) {
	missing := b.needed() && !b.held && !b.fetching && !b.removing
	due := int64(max(b.retryAt, b.pausedTo))
	if b.inMissing && (!missing || b.missingDue != due) {
		r.missing.remove(b.missingDue, b.sum)
		b.inMissing = false
	}
	if missing && !b.inMissing {
		r.missing.add(due, b.sum)
		b.inMissing, b.missingDue = true, due
	}
	idle := (b.held || b.part) && !b.needed() && b.confirms == 0 && !b.fetching && !b.removing
	due = int64(b.keep)
	if b.inIdle && (!idle || b.idleDue != due) {
		r.idle.remove(b.idleDue, b.sum)
		b.inIdle = false
	}
	if idle && !b.inIdle {
		r.idle.add(due, b.sum)
		b.inIdle, b.idleDue = true, due
	}
	if !b.needed() && !b.held && !b.part && b.confirms == 0 && !b.fetching && !b.removing {
		at, _ := r.search(b.sum)
		r.blobs = slices.Delete(r.blobs, at, at+1)
	}
}

// hold notes that the blob is here: uploaded, or fetched.
func (r *Replicator) hold(h Held) {
	b := r.record(h.Sum, h.Size)
	b.size, b.held, b.gen, b.part = h.Size, true, h.Gen, false
	b.tries, b.suspects, b.pausedTo = 0, 0, 0
	b.keep = max(b.keep, r.logTime.Add(r.o.Grace))
	if b.fetching {
		r.cancel(b)
	}
	r.note(Note{Kind: NoteHeld, Sum: b.sum})
	if b.wanted {
		b.holders |= r.selfBit
		r.holds = append(r.holds, b.sum)
	}
	r.answerOffers(b)
	r.settle(b)
}

// lose notes that the blob is not here, although it was: its file is damaged or gone. The others
// are told at once, so that nobody counts on this copy, and by the same message asked for
// theirs. What is left of the file is where the repair begins.
func (r *Replicator) lose(b *record) {
	b.held, b.part = false, true
	b.holders &^= r.selfBit
	b.retryAt, b.tries = r.now, 0
	b.keep = max(b.keep, r.logTime.Add(r.o.Grace))
	r.note(Note{Kind: NoteLost, Sum: b.sum})
	r.asks = append(r.asks, b.sum)
	r.failConfirms(b, FailedNotHeld)
	r.settle(b)
}

// want takes in that the replicated state names or pins a blob from an entry on. Who
// acknowledged it in time keeps it from before; nobody else's word from before counts.
func (r *Replicator) want(w Want, at raft.Position, time raft.LogTime) {
	b := r.record(w.Sum, w.Size)
	if b.wanted {
		return
	}
	b.wanted, b.since, b.size = true, at, w.Size
	r.wanted++
	if time > b.proof {
		b.holders = 0
	}
	b.holders &^= r.selfBit
	if b.held {
		b.holders |= r.selfBit
		r.holds = append(r.holds, b.sum)
	}
	b.retryAt = min(b.retryAt, r.now)
	r.settle(b)
}

// unwant takes in that nothing names or pins a blob any more.
func (r *Replicator) unwant(b *record) {
	b.wanted, b.since = false, 0
	r.wanted--
	b.holders, b.proof = 0, 0
	b.keep = max(b.keep, r.logTime.Add(r.o.Grace))
	if b.fetching && !b.needed() {
		r.cancel(b)
	}
	r.settle(b)
}

// reset takes in a whole state: at start, and when a snapshot took the place of what was
// applied.
func (r *Replicator) reset(wants []Want, at raft.Position, time raft.LogTime) {
	for i := len(r.blobs) - 1; i >= 0; i-- { // backwards: settle may take the record away
		b := r.blobs[i]
		_, named := slices.BinarySearchFunc(wants, b.sum, func(w Want, sum Sum) int { return w.Sum.Compare(sum) })
		switch {
		case !b.wanted:
		case !named:
			r.unwant(b)
		default:
			// Between the two states it may have been unwanted for a while.
			b.since = at
			b.holders &= r.selfBit
		}
	}
	for _, w := range wants {
		r.want(w, at, time)
	}
}
