package blob

import (
	"slices"

	"parley/raft"
)

// Clone returns a replicator in the same state that shares nothing that changes.
func (r *Replicator) Clone() *Replicator {
	c := *r
	c.out = nil
	c.config = r.config.Clone()
	c.blobs = make([]*record, len(r.blobs))
	for i, b := range r.blobs {
		copied := *b
		copied.offers = slices.Clone(b.offers)
		c.blobs[i] = &copied
	}
	c.missing.items = slices.Clone(r.missing.items)
	c.idle.items = slices.Clone(r.idle.items)
	c.fetches = slices.Clone(r.fetches)
	for i := range c.fetches {
		f := &c.fetches[i]
		f.have, f.tried = f.have.clone(), slices.Clone(f.tried)
		f.flights, f.paused = slices.Clone(f.flights), slices.Clone(f.paused)
	}
	c.confirms = slices.Clone(r.confirms)
	c.offered = slices.Clone(r.offered)
	c.uploads = slices.Clone(r.uploads)
	c.asks, c.holds = nil, nil
	return &c
}

// AppendState appends a canonical encoding of everything that can influence what the
// replicator does next: equal bytes mean equal behaviour. Times are relative to now.
func (r *Replicator) AppendState(dst []byte) []byte {
	w := stateWriter{dst: dst, now: r.now}
	w.ident(r.self)
	w.u(r.run, uint64(r.position), uint64(r.logTime), uint64(r.latest), uint64(r.reckoned), uint64(r.configIndex), r.selfBit, r.peers, r.nonce)
	w.flag(r.caughtUp)
	w.dst = raft.AppendConfiguration(w.dst, &r.config)
	r.eachOf(r.everybody(), func(bit uint64, who raft.Ident) {
		l := &r.listings[r.slot(bit)]
		w.u(bit, l.nonce)
		w.ident(who)
		w.sum(l.from)
		w.time(l.at)
	})
	w.u(uint64(r.asked), uint64(r.writing), uint64(r.serving), uint64(r.removals))
	w.u(uint64(len(r.blobs)))
	for _, b := range r.blobs {
		w.record(b)
	}
	w.u(uint64(len(r.fetches)))
	for i := range r.fetches {
		w.fetch(&r.fetches[i])
	}
	w.u(uint64(len(r.confirms)))
	for _, c := range r.confirms {
		w.u(c.ticket, c.nonce, c.acks, uint64(c.notAfter))
		w.sum(c.sum)
		w.time(c.offerAt)
		w.time(max(c.freshAt, r.now))
		w.time(c.until)
	}
	w.u(uint64(len(r.offered)))
	for _, sum := range r.offered {
		w.sum(sum)
	}
	w.u(uint64(len(r.uploads)))
	for _, u := range r.uploads {
		w.u(u.id)
		w.time(u.at)
	}
	w.sum(r.scrub.sum)
	w.u(uint64(r.scrub.off))
	w.flag(r.scrub.busy)
	w.time(max(r.scrub.at, r.now))
	return w.dst
}

// stateWriter appends fixed-width fields.
type stateWriter struct {
	dst []byte
	now raft.Mono
}

func (w *stateWriter) u(vs ...uint64) {
	for _, v := range vs {
		w.dst = le.AppendUint64(w.dst, v)
	}
}

func (w *stateWriter) time(t raft.Mono)   { w.u(uint64(t - w.now)) }
func (w *stateWriter) ident(i raft.Ident) { w.u(uint64(i.ID), uint64(i.Inc)) }
func (w *stateWriter) sum(s Sum)          { w.dst = append(w.dst, s[:]...) }

func (w *stateWriter) flag(b bool) {
	if b {
		w.u(1)
	} else {
		w.u(0)
	}
}

func (w *stateWriter) record(b *record) {
	w.sum(b.sum)
	w.u(uint64(b.size), uint64(b.since), b.gen, uint64(b.keep), b.doomed, uint64(b.confirms))
	w.u(b.holders, uint64(b.proof), b.sources, b.suspects, uint64(b.tries), uint64(len(b.offers)))
	w.flag(b.wanted)
	w.flag(b.held)
	w.flag(b.part)
	w.flag(b.removing)
	w.flag(b.fetching)
	w.time(max(b.retryAt, w.now))
	w.time(max(b.pausedTo, w.now))
	for _, o := range b.offers {
		w.ident(o.who)
		w.u(o.nonce)
		w.time(o.until)
	}
}

func (w *stateWriter) fetch(f *fetch) {
	w.u(f.id, uint64(f.size), uint64(f.state), f.only, f.prefer, f.from, uint64(len(f.flights)), uint64(len(f.paused)))
	w.sum(f.sum)
	w.time(f.heard)
	w.u(f.have...)
	w.u(f.tried...)
	for _, fl := range f.flights {
		w.u(uint64(fl.chunk), fl.from)
		w.flag(fl.writing)
	}
	for _, p := range f.paused {
		w.u(p.who)
		w.time(p.until)
	}
}
