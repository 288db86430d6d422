package node

import (
	"bytes"
	"math"

	"parley/raft"
)

// The sessions as bytes: the two lists, first that of the unused, each in the order of last use.
//
//	u32 number of sessions, then for each
//	    id 8, nonce 8, log time of last use 8, acked 8
//	    principal: length 4, bytes
//	    in the second list: u32 number of kept replies, then by rising seq for each
//	        seq 8, position 8, reply: length 4, bytes
//
// The order is state: it decides among sessions of one deadline which ones an entry drops.

// write writes all sessions. A session without a list has not executed anything, so that there is
// nothing kept.
func (s *sessions) write(out *sink) {
	for _, o := range [...]order{s.unused, s.inUse} {
		n := uint32(0)
		for slot := o.oldest; slot != none; slot = s.slots.at(slot).next {
			n++
		}
		out.u32(n)
		for slot := o.oldest; slot != none; slot = s.slots.at(slot).next {
			s.slots.at(slot).write(out)
		}
	}
}

func (e *session) write(out *sink) {
	out.u64(uint64(e.id))
	out.u64(e.nonce)
	out.u64(uint64(e.lastUse))
	out.u64(e.acked)
	out.text([]byte(e.principal))
	if !e.executed {
		return
	}
	out.u32(uint32(len(e.replies)))
	for i := range e.replies {
		k := &e.replies[i]
		out.u64(k.seq)
		out.u64(uint64(k.position))
		out.text(k.reply)
	}
}

// read fills an empty table. What it accepts keeps every bound and rule that Apply keeps.
func (s *sessions) read(in *source, at *State) {
	largest := 0
	for _, executed := range [...]bool{false, true} {
		last := raft.LogTime(math.MinInt64)
		for n := in.u32(); n > 0 && in.Err() == nil; n-- {
			e := session{executed: executed, prev: none, next: none}
			e.read(in)
			if e.lastUse < last || e.lastUse > at.logTime {
				in.Fail("session %d of log time %d out of order", e.id, e.lastUse)
			}
			last = e.lastUse
			s.admit(in, at, &e)
			if executed {
				s.readReplies(in, at, s.byID[e.id], &largest)
			}
		}
	}
	if s.used == 0 {
		in.Fail("a section for no sessions")
	}
}

func (e *session) read(in *source) {
	e.id = SessionID(in.u64())
	e.nonce = in.u64()
	e.lastUse = raft.LogTime(in.u64())
	e.acked = in.u64()
	e.principal = string(in.text(math.MaxUint32))
}

// admit puts a session at the young end of its list.
func (s *sessions) admit(in *source, at *State, e *session) {
	if in.Err() != nil {
		return
	}
	key := nonceKey{e.nonce, e.principal}
	_, sameID := s.byID[e.id]
	_, sameNonce := s.byNonce[key]
	switch {
	case e.id == 0 || uint64(e.id) > uint64(at.applied) || sameID || sameNonce || e.acked == 0:
		in.Fail("session %d makes no sense", e.id)
		return
	case len(e.principal) > s.rules.PrincipalBytesMax || s.used == s.rules.SessionsMax:
		in.Fail("session %d is beyond the rules", e.id)
		return
	}
	slot := s.take()
	*s.slots.own(slot) = *e
	s.byID[e.id], s.byNonce[key] = slot, slot
	s.used++
	s.link(slot)
	s.rewrite(s.slots.own(slot))
}

// readReplies reads a session's kept replies. One reply may go beyond the bound for all of
// them, since it is looked at before a command and not after; which one is not told, so that the
// largest is given the benefit.
func (s *sessions) readReplies(in *source, at *State, slot int32, largest *int) {
	for n := in.u32(); n > 0 && in.Err() == nil; n-- {
		k := keptReply{seq: in.u64(), position: raft.Position(in.u64())}
		k.reply = bytes.Clone(in.text(math.MaxUint32))
		if in.Err() != nil {
			return
		}
		e := s.slots.own(slot)
		i, found := e.find(k.seq)
		switch {
		case found || i != len(e.replies) || k.seq < e.acked || k.seq-e.acked >= s.rules.WindowMax:
			in.Fail("session %d with seq %d out of order", e.id, k.seq)
			return
		case k.position == 0 || k.position > positionOf(at.applied):
			in.Fail("session %d with a reply of position %d", e.id, k.position)
			return
		}
		k.sum = k.hash(e.id)
		e.replies = append(e.replies, k)
		s.bytes += len(k.reply)
		s.hash.add(k.sum)
		*largest = max(*largest, len(k.reply))
		if s.bytes-*largest > s.rules.ReplyBytesMax {
			in.Fail("the kept replies are beyond the rules")
		}
	}
}
