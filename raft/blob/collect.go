package blob

import (
	"slices"

	"parley/raft"
)

// uploadUse is when an upload was last continued.
type uploadUse struct {
	id uint64
	at raft.Mono
}

// catchUp lets collection begin. What this process's predecessor promised it does not know.
// But every promise counted from a log time that was committed then, and what is applied now is no
// earlier: whatever is here is kept as if it had been promised now.
func (r *Replicator) catchUp() {
	if r.caughtUp {
		return
	}
	r.caughtUp = true
	for _, b := range slices.Clone(r.blobs) {
		b.keep = max(b.keep, r.logTime.Add(r.o.Grace))
		r.settle(b)
	}
}

// collect removes what nothing wants, once the log has passed what was promised: a pin that counts
// on the promise stands before that in the log, or was refused.
func (r *Replicator) collect() {
	if !r.caughtUp {
		return
	}
	for r.removals < r.o.RemovesMax && len(r.idle.items) > 0 && r.idle.items[0].due < int64(r.logTime) {
		b := r.find(r.idle.items[0].sum)
		if b.needed() || b.confirms > 0 {
			broken("collecting blob %s, which is wanted", b.sum.Short())
		}
		b.removing, b.doomed = true, b.gen
		r.removals++
		r.settle(b)
		r.out.Disk = append(r.out.Disk, Op{Kind: OpRemove, Sum: b.sum, Gen: b.gen})
	}
}

// onRemoved takes in a removal. Meanwhile the blob may have been uploaded again, and then that
// copy stays, or it may have come to be wanted, and then it is fetched.
func (r *Replicator) onRemoved(d *Done) {
	r.removals--
	b := r.find(d.Op.Sum)
	b.removing = false
	switch d.Fault {
	case FaultNone:
		b.held, b.part = false, false
		b.holders &^= r.selfBit
		r.note(Note{Kind: NoteCollected, Sum: b.sum})
	case FaultChanged:
		r.answerOffers(b)
	}
	b.keep = max(b.keep, r.logTime.Add(r.o.Grace)) // if it is still here
	r.settle(b)
}

// DueLogTime is the log time after which something can be collected: with nothing else to append,
// a clock entry then sets it going.
func (r *Replicator) DueLogTime() (raft.LogTime, bool) {
	if !r.caughtUp || len(r.idle.items) == 0 {
		return 0, false
	}
	return raft.LogTime(r.idle.items[0].due) + 1, true
}

// Waits says whether something here could be collected if InputCaughtUp were given.
func (r *Replicator) Waits() bool { return !r.caughtUp && len(r.idle.items) > 0 }

// useUpload notes that an upload goes on, or is gone.
func (r *Replicator) useUpload(id uint64, fault Fault) {
	at := slices.IndexFunc(r.uploads, func(u uploadUse) bool { return u.id == id })
	switch {
	case fault == FaultMissing || fault == FaultNoSpace || fault == FaultDisk:
		r.endUpload(id)
	case fault != FaultNone:
	case at < 0:
		r.uploads = append(r.uploads, uploadUse{id, r.now})
	default:
		r.uploads[at].at = r.now
	}
}

func (r *Replicator) endUpload(id uint64) {
	r.uploads = slices.DeleteFunc(r.uploads, func(u uploadUse) bool { return u.id == id })
}

// abandonUploads gives up uploads that nobody continues.
func (r *Replicator) abandonUploads() {
	for i := len(r.uploads) - 1; i >= 0; i-- {
		if u := r.uploads[i]; r.now >= u.at.Add(uploadIdleMax) {
			r.endUpload(u.id)
			r.out.Disk = append(r.out.Disk, Op{Kind: OpUploadAbandon, Upload: u.id})
		}
	}
}
