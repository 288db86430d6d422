package node

import (
	"slices"

	"parley/raft"
)

// sessions is the replicated table of client sessions [§8, T§6.3]: which
// commands were executed, and what was answered. It changes only by applying
// entries, so that every node judges a repetition alike, whoever leads.
//
// A session is one process's exactly-once window:
//
//	below acked        acked ............ acked + WindowMax
//	answered, dropped  executed or not, each seq on its own   beyond: refused
//
// Sessions expire by log time alone, those that never executed a command much sooner. Each
// kind stands in a list of its own in the order of last use, which is the order of
// deadlines, because log time never falls.
//
// A client that ends closes its session. What it left in doubt stays so: a copy that
// arrives later finds no session, as after an expiry, and is not executed.
type sessions struct {
	rules   Rules
	slots   pages[session]
	free    []int32
	byID    map[SessionID]int32
	byNonce map[nonceKey]int32
	unused  order // those that never executed a command
	inUse   order // the others
	used    int
	bytes   int  // of all kept replies
	hash    Hash // sum over sessions and kept replies
}

// none is no slot.
const none = int32(-1)

// order is a list of sessions in the order of their last use: its two ends, none if empty.
type order struct {
	oldest int32
	newest int32
}

type session struct {
	id        SessionID // zero: the slot is free
	nonce     uint64
	principal string
	lastUse   raft.LogTime
	executed  bool        // a command; this says in which list it stands
	acked     uint64      // every seq below is answered for good
	replies   []keptReply // of executed commands from acked on, by rising seq
	private   uint64      // the slots' epoch in which nobody else has a part in replies
	sum       Hash        // of the record, as it is in the state hash
	prev      int32
	next      int32
}

type keptReply struct {
	seq      uint64
	position raft.Position
	reply    []byte
	sum      Hash // as it is in the state hash
}

// nonceKey finds the session that a repeated open means.
type nonceKey struct {
	nonce     uint64
	principal string
}

func newSessions(rules Rules) sessions {
	return sessions{
		rules:   rules,
		byID:    map[SessionID]int32{},
		byNonce: map[nonceKey]int32{},
		unused:  order{none, none},
		inUse:   order{none, none},
	}
}

// open opens a session, or finds the one that the same nonce opened.
func (s *sessions) open(at raft.Index, time raft.LogTime, nonce uint64, principal []byte) (SessionID, Code) {
	if len(principal) > s.rules.PrincipalBytesMax {
		return 0, CodeTooLarge
	}
	key := nonceKey{nonce, string(principal)}
	if slot, ok := s.byNonce[key]; ok {
		if !s.expired(slot, time) {
			s.use(slot, time, 0)
			return s.slots.at(slot).id, CodeNone
		}
		s.remove(slot)
	}
	if s.used >= s.rules.SessionsMax {
		return 0, CodeBusy
	}
	slot := s.take()
	*s.slots.own(slot) = session{id: SessionID(at), nonce: nonce, principal: key.principal, lastUse: time, acked: 1, prev: none, next: none}
	s.byID[SessionID(at)] = slot
	s.byNonce[key] = slot
	s.used++
	s.link(slot)
	s.rewrite(s.slots.own(slot))
	return SessionID(at), CodeNone
}

// close drops a session, and with it whatever its client may still ask. The nonce shows that
// who closes it is who opened it: ids can be guessed.
func (s *sessions) close(id SessionID, nonce uint64) Code {
	slot, ok := s.byID[id]
	if !ok {
		return CodeNone
	}
	if s.slots.at(slot).nonce != nonce {
		return CodeSessionUnknown
	}
	s.remove(slot)
	return CodeNone
}

// begin judges a command before it is executed. With a kept reply, or with a
// code, it must not be.
func (s *sessions) begin(time raft.LogTime, c *envelope) (slot int32, kept *keptReply, code Code) {
	slot, ok := s.byID[c.session]
	if !ok || s.expired(slot, time) {
		return none, nil, CodeSessionUnknown
	}
	if c.seq == 0 || c.ackedBelow > c.seq {
		s.use(slot, time, 0)
		return slot, nil, CodeBelowWindow
	}
	s.use(slot, time, c.ackedBelow)
	e := s.slots.at(slot)
	if c.seq < e.acked || c.seq-e.acked >= s.rules.WindowMax {
		return slot, nil, CodeBelowWindow
	}
	if i, found := e.find(c.seq); found {
		return slot, &e.replies[i], CodeNone
	}
	if s.bytes > s.rules.ReplyBytesMax {
		return slot, nil, CodeBusy
	}
	return slot, nil, CodeNone
}

// finish keeps the reply of a command that begin let through.
func (s *sessions) finish(slot int32, seq uint64, position raft.Position, reply []byte) {
	e := s.slots.own(slot)
	i, found := e.find(seq)
	if found {
		broken("session %d executed seq %d twice", e.id, seq)
	}
	if !e.executed {
		s.unlink(slot)
		e.executed = true
		s.rewrite(e)
		s.link(slot)
	}
	k := keptReply{seq: seq, position: position, reply: reply}
	k.sum = k.hash(e.id)
	s.ownReplies(e)
	e.replies = slices.Insert(e.replies, i, k)
	s.bytes += len(reply)
	s.hash.add(k.sum)
}

// kept looks up a reply without touching the session: what was executed stays
// answered the same for as long as it is kept.
func (s *sessions) kept(id SessionID, seq uint64) (keptReply, bool) {
	slot, ok := s.byID[id]
	if !ok {
		return keptReply{}, false
	}
	e := s.slots.at(slot)
	if i, found := e.find(seq); found {
		return e.replies[i], true
	}
	return keptReply{}, false
}

// expire drops sessions whose deadline has passed, some per entry.
func (s *sessions) expire(time raft.LogTime) {
	for range expiriesPerEntryMax {
		slot := s.nextToExpire()
		if slot == none || !s.expired(slot, time) {
			return
		}
		s.remove(slot)
	}
}

// nextDeadline is the log time at which the next session expires.
func (s *sessions) nextDeadline() (raft.LogTime, bool) {
	slot := s.nextToExpire()
	if slot == none {
		return 0, false
	}
	return s.deadline(slot), true
}

// nextToExpire is the older of the two lists' oldest, by deadline.
func (s *sessions) nextToExpire() int32 {
	a, b := s.unused.oldest, s.inUse.oldest
	if a == none || b != none && s.deadline(b) < s.deadline(a) {
		return b
	}
	return a
}

func (s *sessions) deadline(slot int32) raft.LogTime {
	e := s.slots.at(slot)
	if !e.executed {
		return addLog(e.lastUse, s.rules.UnusedIdleMax)
	}
	return addLog(e.lastUse, s.rules.SessionIdleMax)
}

func (s *sessions) expired(slot int32, time raft.LogTime) bool {
	return time >= s.deadline(slot)
}

// use moves the session to the young end of its list, and drops the replies that the client has and asks for no more:
// those below a seq.
func (s *sessions) use(slot int32, time raft.LogTime, below uint64) {
	e := s.slots.own(slot)
	acked := max(e.acked, below)
	if e.lastUse != time || e.acked != acked {
		news := e.acked != acked
		e.lastUse, e.acked = time, acked
		s.rewrite(e)
		if news {
			i, _ := e.find(acked)
			s.forget(e, i)
		}
	}
	if s.orderOf(e).newest != slot {
		s.unlink(slot)
		s.link(slot)
	}
}

// rewrite has the state hash hold a session's record as it is now. It is hashed once for each command; what it was is kept
// beside it.
func (s *sessions) rewrite(e *session) {
	s.hash.sub(e.sum)
	e.sum = e.hash()
	s.hash.add(e.sum)
}

// ownReplies makes a session's kept replies its own before they change: a clone may share them.
func (s *sessions) ownReplies(e *session) {
	if e.private != s.slots.epoch {
		e.replies, e.private = slices.Clone(e.replies), s.slots.epoch
	}
}

// forget drops the first n replies.
func (s *sessions) forget(e *session, n int) {
	if n == 0 {
		return
	}
	s.ownReplies(e)
	for i := range e.replies[:n] {
		s.bytes -= len(e.replies[i].reply)
		s.hash.sub(e.replies[i].sum)
	}
	e.replies = slices.Delete(e.replies, 0, n)
}

func (s *sessions) remove(slot int32) {
	e := s.slots.own(slot)
	s.forget(e, len(e.replies))
	s.hash.sub(e.sum)
	delete(s.byID, e.id)
	delete(s.byNonce, nonceKey{e.nonce, e.principal})
	s.unlink(slot)
	*e = session{}
	s.free = append(s.free, slot)
	s.used--
}

// take returns a free slot.
func (s *sessions) take() int32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	return s.slots.grow()
}

func (s *sessions) orderOf(e *session) *order {
	if e.executed {
		return &s.inUse
	}
	return &s.unused
}

func (s *sessions) link(slot int32) {
	e := s.slots.own(slot)
	o := s.orderOf(e)
	e.prev, e.next = o.newest, none
	if o.newest == none {
		o.oldest = slot
	} else {
		s.slots.own(o.newest).next = slot
	}
	o.newest = slot
}

func (s *sessions) unlink(slot int32) {
	e := s.slots.own(slot)
	o := s.orderOf(e)
	if e.prev == none {
		o.oldest = e.next
	} else {
		s.slots.own(e.prev).next = e.next
	}
	if e.next == none {
		o.newest = e.prev
	} else {
		s.slots.own(e.next).prev = e.prev
	}
}

// each goes through all sessions, list by list, in the order of their last use.
func (s *sessions) each(yield func(slot int32) bool) {
	for _, o := range [...]order{s.unused, s.inUse} {
		for slot := o.oldest; slot != none; slot = s.slots.at(slot).next {
			if !yield(slot) {
				return
			}
		}
	}
}

// find returns where the reply of seq stands, or belongs. Nearly always it is the
// newest.
func (e *session) find(seq uint64) (int, bool) {
	n := len(e.replies)
	if n == 0 || e.replies[n-1].seq < seq {
		return n, false
	}
	return slices.BinarySearchFunc(e.replies, seq, func(k keptReply, seq uint64) int {
		switch {
		case k.seq < seq:
			return -1
		case k.seq > seq:
			return 1
		}
		return 0
	})
}

func (e *session) hash() Hash {
	executed := uint64(0)
	if e.executed {
		executed = 1
	}
	h := newHasher(tableSessions).u64(uint64(e.id)).u64(e.nonce).u64(uint64(e.lastUse)).u64(e.acked).u64(executed)
	h = h.u64(uint64(len(e.principal)))
	for i := range len(e.principal) {
		h = h.u64(uint64(e.principal[i]))
	}
	return h.sum()
}

func (k *keptReply) hash(id SessionID) Hash {
	return newHasher(tableReplies).u64(uint64(id)).u64(k.seq).u64(uint64(k.position)).bytes(k.reply).sum()
}

// rehash computes the hash from the records. It must equal the kept sum.
func (s *sessions) rehash() Hash {
	var h Hash
	for slot := range s.each {
		e := s.slots.at(slot)
		h.add(e.hash())
		for i := range e.replies {
			h.add(e.replies[i].hash(e.id))
		}
	}
	return h
}

// clone returns an independent copy.
func (s *sessions) clone() sessions {
	c := s.freeze()
	c.free = slices.Clone(s.free)
	c.byID = make(map[SessionID]int32, len(s.byID))
	c.byNonce = make(map[nonceKey]int32, len(s.byNonce))
	for slot := range c.each {
		e := c.slots.at(slot)
		c.byID[e.id] = slot
		c.byNonce[nonceKey{e.nonce, e.principal}] = slot
	}
	return c
}

// freeze returns a copy that is only read: it has no index. It shares everything, costs next to
// nothing, and another goroutine may read it while the original goes on.
func (s *sessions) freeze() sessions {
	c := *s
	c.slots = s.slots.clone()
	c.free, c.byID, c.byNonce = nil, nil, nil
	return c
}
