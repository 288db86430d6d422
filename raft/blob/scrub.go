package blob

import (
	"slices"

	"parley/raft"
)

// scrub reads everything that is held, a piece at a time and round and round, so that rot is found
// while there are other copies to repair it from.
type scrub struct {
	at   raft.Mono
	sum  Sum // the blob under way, or the first after it that is held
	off  int64
	busy bool
}

func (r *Replicator) driveScrub() {
	s := &r.scrub
	if s.busy || r.now < s.at {
		return
	}
	b := r.nextHeld(s.sum)
	if b == nil {
		return
	}
	if b.sum != s.sum {
		s.sum, s.off = b.sum, 0
	}
	s.busy, s.at = true, r.now.Add(r.o.ScrubEvery)
	r.out.Disk = append(r.out.Disk, Op{Kind: OpVerify, Sum: s.sum, Offset: s.off, Bytes: r.o.ScrubBytes})
}

func (r *Replicator) onVerified(d *Done) {
	s := &r.scrub
	s.busy = false
	bad := r.onDamage(d)
	b := r.find(d.Op.Sum)
	if s.off = d.Offset; bad || d.Fault != FaultNone || b == nil || s.off >= b.size {
		s.sum, s.off = s.sum.next(), 0
	}
}

// nextHeld is the first blob from a sum on that is here, or else the first of all.
func (r *Replicator) nextHeld(from Sum) *record {
	at, _ := r.search(from)
	for i := range r.blobs {
		if b := r.blobs[(at+i)%len(r.blobs)]; b.steady() {
			return b
		}
	}
	return nil
}

func (r *Replicator) anyHeld() bool { return slices.ContainsFunc(r.blobs, (*record).steady) }
