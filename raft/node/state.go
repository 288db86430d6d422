package node

import (
	"encoding/binary"
	"slices"

	"parley/raft"
)

// Clone returns a node in the same state that shares nothing that changes.
func (n *Node) Clone() *Node {
	c := *n
	c.sm = n.sm.Clone()
	if n.raft != nil {
		c.raft = n.raft.Clone()
	}
	c.form.met = slices.Clone(n.form.met)
	c.form.accepted = slices.Clone(n.form.accepted)
	if n.form.storing != nil {
		storing := *n.form.storing
		c.form.storing = &storing
	}
	c.sessions = n.sessions.clone()
	c.snapshots.made = slices.Clone(n.snapshots.made)
	c.snapshots.asked = slices.Clone(n.snapshots.asked)
	c.requests = n.requests.clone()
	c.pins = n.pins.clone()
	c.blobs = n.blobs.clone()
	c.uploads = n.uploads.clone()
	c.reporting = n.reporting.clone()
	c.waiters = n.waiters.clone()
	c.reads = n.reads.clone()
	c.handing = slices.Clone(n.handing)
	c.changing = slices.Clone(n.changing)
	c.joining.met = slices.Clone(n.joining.met)
	c.hub = n.hub.clone()
	c.out, c.in, c.ro, c.notices = nil, nil, raft.Output{}, nil
	if c.raft != nil {
		c.raft.Judge(c.mayAdopt)
	}
	return &c
}

// AppendState appends a canonical encoding of everything that can influence what
// the node does next: equal bytes mean equal behaviour, but for the state
// machine, which is told by its hash. Times are relative to now.
func (n *Node) AppendState(dst []byte) []byte {
	w := stateWriter{dst: dst, now: n.now}
	w.ident(n.self)
	w.u(uint64(n.identity.Cluster), uint64(len(n.identity.Members.Members)))
	w.dst = raft.AppendConfiguration(w.dst, &n.identity.Members)
	w.forming(&n.form)
	w.flag(n.raft != nil)
	if n.raft != nil {
		w.dst = n.raft.AppendState(w.dst)
	}
	w.flag(n.stopping != nil)
	w.u(uint64(n.leader), uint64(n.applied), uint64(n.logTime), uint64(n.level), uint64(n.heard), uint64(n.inForce))
	w.time(n.appliedAt)
	w.time(n.heardAt)
	w.flag(n.clock.pending)
	w.u(uint64(n.clock.term))
	w.time(max(n.clock.notBefore, n.now))
	w.flag(n.leveling.pending)
	w.u(uint64(n.leveling.term))
	w.time(max(n.leveling.notBefore, n.now))
	_, h := n.StateHash()
	w.u(h[0], h[1])
	w.sessions(&n.sessions)
	w.requests(&n.requests)
	w.rows(n.pins.rows)
	w.blobs(&n.blobs)
	w.uploads(&n.uploads)
	w.reporting(&n.reporting)
	w.u(uint64(len(n.handing)))
	for _, t := range n.handing {
		w.u(uint64(t))
	}
	w.u(uint64(len(n.changing)))
	for _, t := range n.changing {
		w.u(uint64(t))
	}
	w.snapshots(&n.snapshots)
	w.fetch(&n.fetch)
	w.joining(&n.joining)
	w.u(uint64(n.waiters.len()))
	for i := range n.waiters.len() {
		x := n.waiters.at(i)
		w.u(uint64(x.index), uint64(x.term), uint64(x.ticket), x.trace)
	}
	w.u(uint64(len(n.reads.pending)))
	for _, r := range n.reads.pending {
		w.u(uint64(r.ticket))
		w.bytes(r.query)
	}
	w.flag(n.hub.stirred)
	w.u(uint64(n.hub.level), uint64(len(n.hub.subs)))
	for _, s := range n.hub.subs {
		w.flag(s.level)
		w.u(uint64(s.ticket), uint64(s.cursor), uint64(s.taken), uint64(len(s.untaken)))
		for _, bytes := range s.untaken {
			w.u(uint64(bytes))
		}
		w.time(s.movedAt)
		w.time(s.noteAt)
	}
	return w.dst
}

// stateWriter appends fixed-width fields.
type stateWriter struct {
	dst []byte
	now raft.Mono
}

func (w *stateWriter) u(vs ...uint64) {
	for _, v := range vs {
		w.dst = binary.LittleEndian.AppendUint64(w.dst, v)
	}
}

func (w *stateWriter) time(t raft.Mono) { w.u(uint64(t - w.now)) }

func (w *stateWriter) flag(b bool) {
	if b {
		w.u(1)
	} else {
		w.u(0)
	}
}

func (w *stateWriter) bytes(p []byte) {
	w.u(uint64(len(p)))
	w.dst = append(w.dst, p...)
}

func (w *stateWriter) ident(i raft.Ident) { w.u(uint64(i.ID), uint64(i.Inc)) }

func (w *stateWriter) snapshots(s *snapshots) {
	w.u(uint64(len(s.made)), uint64(s.since), uint64(s.reading), uint64(len(s.asked)))
	for i := range s.made {
		w.bytes(appendID(nil, &s.made[i].ID))
	}
	for _, a := range s.asked {
		w.u(uint64(a.index))
		w.time(a.until)
	}
	w.flag(s.making)
	w.flag(s.frozen.State != nil)
	if s.frozen.State != nil {
		w.u(uint64(s.frozen.State.applied))
	}
	w.flag(s.due)
	w.time(max(s.retryAt, w.now))
}

func (w *stateWriter) fetch(f *fetch) {
	w.bytes(appendID(nil, &f.id))
	w.ident(f.from)
	w.u(uint64(f.have), uint64(f.next), uint64(f.putting), uint64(f.asks))
	w.flag(f.begun)
	w.flag(f.loading)
	w.time(max(f.askAt, w.now))
}

func (w *stateWriter) forming(f *forming) {
	w.time(max(f.retryAt, w.now))
	w.flag(f.open)
	w.flag(f.storing != nil)
	if f.storing != nil {
		w.u(uint64(f.storing.Cluster))
		w.dst = raft.AppendConfiguration(w.dst, &f.storing.Members)
	}
	met := raft.Configuration{Members: f.met}
	w.dst = raft.AppendConfiguration(w.dst, &met)
	w.u(uint64(len(f.accepted)))
	for _, a := range f.accepted {
		w.ident(a)
	}
}

func (w *stateWriter) joining(j *joining) {
	w.u(uint64(j.ticket), uint64(j.change.Kind), uint64(j.change.ID))
	w.ident(j.change.Member.Ident)
	w.ident(j.host)
	w.time(max(j.askAt, w.now))
	w.time(max(j.until, w.now))
	w.time(max(j.showAt, w.now))
	met := raft.Configuration{Members: j.met}
	w.dst = raft.AppendConfiguration(w.dst, &met)
}

func (w *stateWriter) reporting(r *reporting) {
	w.flag(r.fresh)
	w.flag(r.disputed)
	if r.disputed {
		w.time(r.disputedAt)
	}
	w.u(uint64(r.agreed))
	w.time(max(r.dueAt, w.now))
	w.marks(r.marks)
	w.u(uint64(len(r.peers)))
	for i := range r.peers {
		p := &r.peers[i]
		w.ident(p.from)
		w.u(uint64(p.level))
		w.time(p.heardAt)
		w.marks(p.marks)
	}
}

func (w *stateWriter) marks(marks []mark) {
	w.u(uint64(len(marks)))
	for _, m := range marks {
		w.u(uint64(m.index), m.hash[0], m.hash[1])
	}
}

// sessions writes them list by list, in the order of their last use.
func (w *stateWriter) sessions(s *sessions) {
	w.u(uint64(s.used))
	for slot := range s.each {
		e := s.slots.at(slot)
		w.u(uint64(e.id), e.nonce, uint64(e.lastUse), e.acked, uint64(len(e.replies)))
		w.flag(e.executed)
		w.bytes([]byte(e.principal))
		for i := range e.replies {
			w.u(e.replies[i].seq, uint64(e.replies[i].position))
			w.bytes(e.replies[i].reply)
		}
	}
}

func (w *stateWriter) requests(r *requests) {
	w.u(uint64(r.used))
	for e := range r.each {
		w.u(uint64(e.position), uint64(e.time))
		w.bytes(e.digest[:])
		w.bytes([]byte(e.principal))
		w.bytes([]byte(e.id))
		w.bytes(e.reply)
	}
}

func (w *stateWriter) rows(r *rows) {
	w.u(uint64(r.used))
	r.Ascend("", func(key string, value []byte) bool {
		w.bytes([]byte(key))
		w.bytes(value)
		return true
	})
}

func (w *stateWriter) blobs(b *blobs) {
	w.flag(b.replicator != nil)
	if b.replicator == nil {
		return
	}
	w.dst = b.replicator.AppendState(w.dst)
	w.flag(b.reading)
	w.time(max(b.readAt, w.now))
	w.u(uint64(b.config), uint64(len(b.in)))
	w.dst = raft.AppendConfiguration(w.dst, &b.refused)
	w.time(b.refusedAt)
}

func (w *stateWriter) uploads(u *uploads) {
	w.u(u.run, u.drawn, uint64(u.bytes), uint64(u.term), uint64(len(u.calls)))
	w.flag(u.outdated)
	for _, c := range u.calls {
		w.u(uint64(c.ticket), uint64(c.kind), uint64(c.bytes), c.number)
	}
	w.u(uint64(len(u.pinning)))
	for i := range u.pinning {
		p := &u.pinning[i]
		w.u(p.id, uint64(p.ticket), p.upload, uint64(p.state), uint64(p.confirmed.Config), uint64(p.confirmed.NotAfter))
		w.bytes(p.sum[:])
		w.bytes([]byte(p.principal))
		w.flag(p.sent)
		w.time(max(p.askAt, w.now))
		w.time(max(p.until, w.now))
	}
	w.u(uint64(len(u.committed)))
	for _, c := range u.committed {
		w.u(c.upload)
		w.bytes(c.sum[:])
	}
	w.u(uint64(len(u.proposed)))
	w.u(u.proposed...)
}
