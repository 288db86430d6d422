package node

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"parley/raft"
)

// requests is the replicated table of one-shot commands: a script that sends one command
// and ends has no use for a session. Its command carries a request id instead, a free string of
// its own choice, and is executed once however often it is sent, by whichever process. The table
// remembers, under the principal and the id, what the command said (as a digest of the
// caller's own fields), where it took effect and what was answered:
//
//	same id, same digest     the first answer
//	same id, other digest    refused as a conflict: the id is taken
//
// An id is remembered for RequestAgeMax of log time after its execution, and none is evicted
// before. Whoever has as many as he may have is refused, and told when the oldest expires.
//
// What comes before a login has nobody to be remembered under. It has the empty principal and a
// random id, which its client forgets when it has the answer: so its ids are kept for
// AnonymousAgeMax only, and are bounded apart.
type requests struct {
	rules     Rules
	slots     pages[request]
	free      []int32
	byID      map[requestKey]int32
	owners    map[string]*owner
	named     order // all but those of the empty principal, which is also the order of deadlines
	anonymous order
	used      int
	bytes     int  // of all principals, ids and replies
	hash      Hash // sum over requests
}

// owner is a principal with remembered requests.
type owner struct {
	order
	count int
}

type request struct {
	id        string // empty: the slot is free
	principal string
	digest    Digest
	position  raft.Position
	time      raft.LogTime // of the entry that executed it
	reply     []byte
	links     [2]link
}

// link is a request's place in a list. It stands in two: that of its kind, and that of its principal.
type link struct{ prev, next int32 }

const (
	listOfKind = iota
	listOfOwner
)

type requestKey struct {
	principal string
	id        string
}

// Digest tells whether two requests under one id say the same. It is made where the
// request comes in, of what the caller wrote himself: no passwords, no ids and times that
// were drawn on the way.
type Digest [16]byte

// DigestOf is the digest of a request to do what, with these fields: the first half of the SHA-256 of
// all of them, each behind its length as 8 bytes, little-endian. Digests are in
// the log, so that it never changes.
func DigestOf(what string, fields ...string) Digest {
	h := sha256.New()
	add := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	add(what)
	for _, f := range fields {
		add(f)
	}
	return Digest(h.Sum(nil)[:len(Digest{})])
}

func newRequests(rules Rules) requests {
	return requests{
		rules:     rules,
		byID:      map[requestKey]int32{},
		owners:    map[string]*owner{},
		named:     order{none, none},
		anonymous: order{none, none},
	}
}

// begin judges a request before it is executed. With a remembered one, or with a code, it
// must not be. retry is after how much log time one that is refused for want of room has
// a chance.
func (r *requests) begin(time raft.LogTime, c *envelope) (kept *request, retry time.Duration, code Code) {
	if len(c.requestID) > r.rules.RequestIDBytesMax || len(c.principal) > r.rules.PrincipalBytesMax {
		return nil, 0, CodeTooLarge
	}
	key := requestKey{string(c.principal), string(c.requestID)}
	if slot, ok := r.byID[key]; ok {
		if e := r.slots.at(slot); !r.expired(slot, time) {
			return e, 0, e.conflict(c.digest)
		}
		r.remove(slot)
	}
	if retry, full := r.full(time, key.principal); full {
		return nil, retry, CodeRequestsFull
	}
	return nil, 0, CodeNone
}

func (e *request) conflict(d Digest) Code {
	if e.digest != d {
		return CodeRequestConflict
	}
	return CodeNone
}

// full reports whether nothing more may be remembered under a principal, or at all, and
// when that changes. What has expired and was not dropped yet makes room first.
func (r *requests) full(time raft.LogTime, principal string) (retry time.Duration, full bool) {
	most := r.rules.RequestsPerPrincipalMax
	if principal == "" {
		most = r.rules.AnonymousRequestsMax
	}
	if o := r.owners[principal]; o != nil && o.count >= most && !r.dropped(o.oldest, time) {
		return r.wait(o.oldest, time), true
	}
	if (r.used >= r.rules.RequestsMax || r.bytes > r.rules.RequestBytesMax) && !r.dropped(r.nextToExpire(), time) {
		return r.wait(r.nextToExpire(), time), true
	}
	return 0, false
}

// dropped drops a request if it has expired.
func (r *requests) dropped(slot int32, time raft.LogTime) bool {
	if !r.expired(slot, time) {
		return false
	}
	r.remove(slot)
	return true
}

func (r *requests) wait(slot int32, now raft.LogTime) time.Duration {
	return time.Duration(r.deadline(slot) - now)
}

// finish remembers a request that begin let through.
func (r *requests) finish(time raft.LogTime, c *envelope, position raft.Position, reply []byte) {
	r.remember(request{id: string(c.requestID), principal: string(c.principal), digest: c.digest,
		position: position, time: time, reply: reply})
}

// remember puts a request at the young end of its lists.
func (r *requests) remember(e request) {
	key := requestKey{e.principal, e.id}
	if _, ok := r.byID[key]; ok || e.id == "" {
		broken("request %q of %q is remembered twice", e.id, e.principal)
	}
	o := r.owners[e.principal]
	if o == nil {
		o = &owner{order: order{none, none}}
		r.owners[e.principal] = o
	}
	slot := r.take()
	*r.slots.own(slot) = e
	r.byID[key] = slot
	r.link(r.kind(e.principal), listOfKind, slot)
	r.link(&o.order, listOfOwner, slot)
	o.count++
	r.used++
	r.bytes += e.bytes()
	r.hash.add(e.hash())
}

// expire drops requests whose deadline has passed, some per entry.
func (r *requests) expire(time raft.LogTime) {
	for range expiriesPerEntryMax {
		slot := r.nextToExpire()
		if slot == none || !r.dropped(slot, time) {
			return
		}
	}
}

// nextDeadline is the log time at which the next request expires.
func (r *requests) nextDeadline() (raft.LogTime, bool) {
	slot := r.nextToExpire()
	if slot == none {
		return 0, false
	}
	return r.deadline(slot), true
}

// nextToExpire is the older of the two lists' oldest, by deadline.
func (r *requests) nextToExpire() int32 {
	a, b := r.anonymous.oldest, r.named.oldest
	if a == none || b != none && r.deadline(b) < r.deadline(a) {
		return b
	}
	return a
}

func (r *requests) deadline(slot int32) raft.LogTime {
	e := r.slots.at(slot)
	if e.principal == "" {
		return addLog(e.time, r.rules.AnonymousAgeMax)
	}
	return addLog(e.time, r.rules.RequestAgeMax)
}

func (r *requests) expired(slot int32, time raft.LogTime) bool { return time >= r.deadline(slot) }

func (r *requests) remove(slot int32) {
	e := r.slots.at(slot)
	o := r.owners[e.principal]
	delete(r.byID, requestKey{e.principal, e.id})
	r.unlink(r.kind(e.principal), listOfKind, slot)
	r.unlink(&o.order, listOfOwner, slot)
	if o.count--; o.count == 0 {
		delete(r.owners, e.principal)
	}
	r.used--
	r.bytes -= e.bytes()
	r.hash.sub(e.hash())
	*r.slots.own(slot) = request{}
	r.free = append(r.free, slot)
}

// take returns a free slot.
func (r *requests) take() int32 {
	if n := len(r.free); n > 0 {
		slot := r.free[n-1]
		r.free = r.free[:n-1]
		return slot
	}
	return r.slots.grow()
}

func (r *requests) kind(principal string) *order {
	if principal == "" {
		return &r.anonymous
	}
	return &r.named
}

func (r *requests) link(o *order, list int, slot int32) {
	r.slots.own(slot).links[list] = link{o.newest, none}
	if o.newest == none {
		o.oldest = slot
	} else {
		r.slots.own(o.newest).links[list].next = slot
	}
	o.newest = slot
}

func (r *requests) unlink(o *order, list int, slot int32) {
	l := r.slots.at(slot).links[list]
	if l.prev == none {
		o.oldest = l.next
	} else {
		r.slots.own(l.prev).links[list].next = l.next
	}
	if l.next == none {
		o.newest = l.prev
	} else {
		r.slots.own(l.next).links[list].prev = l.prev
	}
}

// each goes through all requests, kind by kind, in the order of their execution.
func (r *requests) each(yield func(e *request) bool) {
	for _, o := range [...]order{r.named, r.anonymous} {
		for slot := o.oldest; slot != none; slot = r.slots.at(slot).links[listOfKind].next {
			if !yield(r.slots.at(slot)) {
				return
			}
		}
	}
}

func (e *request) bytes() int { return len(e.principal) + len(e.id) + len(e.reply) }

func (e *request) hash() Hash {
	h := newHasher(tableRequests).string(e.principal).string(e.id).bytes(e.digest[:])
	return h.u64(uint64(e.position)).u64(uint64(e.time)).bytes(e.reply).sum()
}

// rehash computes the hash from the records. It must equal the kept sum.
func (r *requests) rehash() Hash {
	var h Hash
	for e := range r.each {
		h.add(e.hash())
	}
	return h
}

// clone returns a table that shares the replies, which never change.
func (r *requests) clone() requests {
	c := newRequests(r.rules)
	for e := range r.each {
		c.remember(*e)
	}
	return c
}

// freeze returns a copy that is only read: it has no index. It shares everything, costs next to
// nothing, and another goroutine may read it while the original goes on.
func (r *requests) freeze() requests {
	c := *r
	c.slots = r.slots.clone()
	c.free, c.byID, c.owners = nil, nil, nil
	return c
}

// request proposes a one-shot command. That its id is remembered is for Apply to find: this node's state may lag, or the
// same command may be on its way already, and where it stands in the log the id may be free again.
func (n *Node) request(ev *Event) {
	c, rules := &ev.Command, &n.settings.Rules
	switch {
	case len(c.RequestID) > rules.RequestIDBytesMax, len(c.Principal) > rules.PrincipalBytesMax, len(c.Body) > n.settings.Limits.CommandBytesMax:
		n.refuse(ev.Ticket, CodeTooLarge)
	case !n.admit(ev.Ticket): // the leader may be of the newer release
	case n.settings.MaxLevel < levelRequests:
		n.refuse(ev.Ticket, CodeNotYet)
	default:
		n.propose(ev, encodeRequest(c))
	}
}
