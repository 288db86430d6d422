package caller

import (
	"encoding/binary"
	"slices"

	"parley/raft"
)

// Clone returns a caller in the same state that shares nothing that changes.
func (c *Caller) Clone() *Caller {
	d := *c
	d.out = nil
	d.silent = slices.Clone(c.silent)
	d.ops = make([]*pending, len(c.ops))
	for i, p := range c.ops {
		q := *p
		d.ops[i] = &q
	}
	return &d
}

// AppendState appends a canonical encoding of everything that can influence what
// the caller does next. Times are relative to now.
func (c *Caller) AppendState(dst []byte) []byte {
	u := func(vs ...uint64) {
		for _, v := range vs {
			dst = binary.LittleEndian.AppendUint64(dst, v)
		}
	}
	t := func(m raft.Mono) {
		if m != raft.Never {
			m -= c.now
		}
		u(uint64(m))
	}
	text := func(s []byte) {
		u(uint64(len(s)))
		dst = append(dst, s...)
	}
	flags := func(bs ...bool) {
		for _, b := range bs {
			v := byte(0)
			if b {
				v = 1
			}
			dst = append(dst, v)
		}
	}
	try := func(a attempt) {
		u(a.id, a.epoch)
		flags(a.reads)
		if a.id != 0 {
			text([]byte(a.target))
			t(a.lostAt)
		}
	}
	u(c.lastID, uint64(c.session.id), c.session.next, c.session.nonce, c.session.opened, c.session.key)
	try(c.session.opening)
	for _, r := range []*route{&c.route, &c.reads} {
		text([]byte(r.target))
		u(uint64(r.next), r.epoch, uint64(r.failures), r.draws)
		flags(r.followed)
		t(max(r.gate, c.now))
	}
	for _, until := range c.silent {
		t(max(until, c.now))
	}
	u(uint64(len(c.ops)))
	for _, p := range c.ops {
		u(p.op.Ticket, p.op.span(), uint64(p.op.Consistency), uint64(p.session), p.seq, uint64(p.code), uint64(p.retry))
		text(p.op.Body)
		text([]byte(p.op.RequestID))
		text(p.op.Digest[:])
		t(max(p.notSend, c.now))
		flags(p.until != 0, p.notYet != 0)
		t(max(p.until, c.now))
		t(max(p.notYet, c.now))
		t(p.op.Deadline)
		try(p.attempt)
		flags(p.op.Query, p.doubt)
		if len(p.op.Body) >= largeBytes {
			u(uint64(min(p.lost, 2)))
		}
	}
	return dst
}
