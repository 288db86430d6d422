package node

import (
	"bytes"
	"math"

	"parley/raft"
)

// The requests as bytes, in the order of their execution, first those of named principals, then
// those of the empty one.
//
//	u32 number of requests, then for each
//	    position 8, log time 8, digest 16
//	    principal, id, reply: each length 4, bytes

// write writes all requests.
func (r *requests) write(out *sink) {
	out.u32(uint32(r.used))
	for e := range r.each {
		out.u64(uint64(e.position))
		out.u64(uint64(e.time))
		out.put(e.digest[:])
		out.text([]byte(e.principal))
		out.text([]byte(e.id))
		out.text(e.reply)
	}
}

// read fills an empty table. What it accepts keeps every bound and rule that Apply keeps. One request may go
// beyond the bound for all of them, since it is looked at before a command and not after; which one
// is not told, so that the largest is given the benefit.
func (r *requests) read(in *source, at *State) {
	largest := 0
	for n := in.u32(); n > 0 && in.Err() == nil; n-- {
		var e request
		e.read(in)
		r.admit(in, at, &e)
		largest = max(largest, e.bytes())
		if r.bytes-largest > r.rules.RequestBytesMax {
			in.Fail("the requests are beyond the rules")
		}
	}
	if r.used == 0 {
		in.Fail("a section for no requests")
	}
}

func (e *request) read(in *source) {
	e.position = raft.Position(in.u64())
	e.time = raft.LogTime(in.u64())
	copy(e.digest[:], in.take(uint64(len(e.digest))))
	e.principal = string(in.text(math.MaxUint32))
	e.id = string(in.text(math.MaxUint32))
	if reply := in.text(math.MaxUint32); len(reply) > 0 {
		e.reply = bytes.Clone(reply)
	}
}

// admit puts a request at the young end of its lists.
func (r *requests) admit(in *source, at *State, e *request) {
	if in.Err() != nil {
		return
	}
	most := r.rules.RequestsPerPrincipalMax
	if e.principal == "" {
		most = r.rules.AnonymousRequestsMax
	}
	_, known := r.byID[requestKey{e.principal, e.id}]
	o := r.owners[e.principal]
	switch {
	case e.id == "" || known || e.position == 0 || e.position > positionOf(at.applied) || e.time > at.logTime:
		in.Fail("request %q of %q makes no sense", e.id, e.principal)
		return
	case len(e.id) > r.rules.RequestIDBytesMax || len(e.principal) > r.rules.PrincipalBytesMax,
		o != nil && o.count >= most, r.used == r.rules.RequestsMax:
		in.Fail("request %q of %q is beyond the rules", e.id, e.principal)
		return
	case e.principal != "" && r.anonymous.newest != none:
		in.Fail("request %q of %q behind those of nobody", e.id, e.principal)
		return
	}
	if newest := r.kind(e.principal).newest; newest != none {
		if last := r.slots.at(newest); e.position <= last.position || e.time < last.time {
			in.Fail("request %q of %q out of order", e.id, e.principal)
			return
		}
	}
	r.remember(*e)
}
