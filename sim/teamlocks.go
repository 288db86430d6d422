package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// teamLock is a lock in the model, with all that became of it. A line is a list, an end is looked for at every entry, and a
// new term gives every lock that is held its time anew there and then.
type teamLock struct {
	name   string
	doc    state.DocID // of which it is the lock; zero: of none
	is     changing[teamHold]
	due    raft.LogTime // when it is looked at: its end, as that was known when it was looked at last
	line   []*teamWait  // who waits, first come first
	waited []*teamWait  // all who ever did
}

// teamHold is a lock from one position on.
type teamHold struct {
	known  bool          // it is held, or about to be handed on
	login  state.LoginID // under which it is held; zero: under none
	user   state.UserID
	fence  raft.Position
	ticket raft.Position
	since  raft.LogTime
	ttl    time.Duration
	ends   raft.LogTime
	wall   raft.Wall
}

// teamWait is somebody's place in a line.
type teamWait struct {
	lock   *teamLock
	ticket raft.Position
	login  state.LoginID
	user   state.UserID
	ttl    time.Duration
	ends   raft.LogTime
	wall   raft.Wall
	is     changing[bool]
}

// teamGrip is one grant of a lock.
type teamGrip struct {
	lock  *teamLock
	fence raft.Position
	login state.LoginID
}

func (h *teamHold) held(now raft.LogTime) bool { return h.login != 0 && h.ends > now }

// lockNamed returns a lock of which somebody spoke before, or nil.
func (m *teamModel) lockNamed(name string) *teamLock { return m.lockOf[name] }

// aLock returns it in any case.
func (m *teamModel) aLock(name string) *teamLock {
	l := m.lockOf[name]
	if l == nil {
		l = &teamLock{name: name}
		l.doc, _ = state.ParseDocID(name)
		m.everyLock, m.lockOf[name] = append(m.everyLock, l), l
	}
	return l
}

// stamp is the log time of the position, if any lock was known there.
func (v *teamView) stamp() raft.LogTime { return v.stamps.when(v.at) }

// waits counts who stood in line at a position, and of these those with earlier tickets than one.
func (l *teamLock) waits(at, ticket raft.Position) (all, ahead uint64) {
	for _, w := range l.waited {
		if w.is.when(at) {
			all++
			if w.ticket < ticket {
				ahead++
			}
		}
	}
	return all, ahead
}

// locked returns a lock as somebody is told of it.
func (v *teamView) locked(l *teamLock) lock.Lock {
	h := l.is.when(v.at)
	all, _ := l.waits(v.at, 0)
	if !h.held(v.stamp()) {
		return lock.Lock{Name: l.name, Waits: all}
	}
	return lock.Lock{Name: l.name, Fence: h.fence, Holder: h.user, Called: v.nameOf(h.user), Mine: h.login == v.login.ID, Since: h.since, Wall: h.wall,
		TTL: h.ttl, Left: time.Duration(h.ends - v.stamp()), Waits: all}
}

// lockedOr is locked if somebody holds it, and else nothing but its name.
func (v *teamView) lockedOr(name string) lock.Lock {
	if l := v.lockNamed(name); l != nil {
		if h := l.is.when(v.at); h.held(v.stamp()) {
			return v.locked(l)
		}
	}
	return lock.Lock{Name: name}
}

func (d *teamDeed) lockAnswer(l *teamLock, granted bool) *lock.Answer {
	return &lock.Answer{Position: d.at, Granted: granted, Lock: d.locked(l)}
}

// malformedLock says why a name is none, or a time.
func (m *teamModel) malformedLock(c state.Command) string {
	name, ttl := "a", time.Duration(0)
	switch c := c.(type) {
	case *lock.Acquire:
		if name, ttl = c.Name, max(c.TTL, 1); lockName(name) && (c.Wait < 0 || c.Wait > m.limits.LockWaitMax) {
			return "LOCK_WAIT_INVALID"
		}
	case *lock.Renew:
		name, ttl = c.Name, c.TTL
	case *lock.Release:
		name = c.Name
	case *lock.Break:
		name = c.Name
	case *lock.Cancel:
		name = c.Name
	}
	switch {
	case !lockName(name):
		return "LOCK_NAME_INVALID"
	case ttl != 0 && (ttl < m.limits.LockTTLMin || ttl > m.limits.LockTTLMax):
		return "LOCK_TTL_INVALID"
	}
	return ""
}

// lockName reports whether a lock can be called so.
func lockName(name string) bool {
	if strings.HasPrefix(name, "doc_") {
		return true
	}
	for _, id := range [...]string{"user_", "login_", "chan_", "conv_", "msg_", "file_"} {
		if strings.HasPrefix(name, id) {
			return false
		}
	}
	return name != "" && len(name) <= 128 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-") == ""
}

func (d *teamDeed) ofLocks(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	switch c := c.(type) {
	case *lock.Acquire:
		reply, refusal = d.acquire(c)
	case *lock.Renew:
		reply, refusal = d.renew(c)
	case *lock.Release:
		reply, refusal = d.release(c)
	case *lock.Break:
		reply, refusal = d.breakLock(c)
	case *lock.Cancel:
		reply, refusal = d.cancel(c)
	default:
		return nil, nil, false
	}
	return reply, refusal, true
}

// mayLock says why somebody has no say about a document's lock. The others are everybody's.
func (v *teamView) mayLock(what docDeed, name string) *state.Refusal {
	if !strings.HasPrefix(name, "doc_") {
		return nil
	}
	_, refusal := v.mayDoc(what, name)
	return refusal
}

var lockFree = refused(state.Conflict, "LOCK_NOT_HELD")
var fenceStale = refused(state.Conflict, "STALE_FENCE")

// mine returns a lock that the caller's login holds under a fence.
func (v *teamView) mine(name string, fence raft.Position) (*teamLock, *state.Refusal) {
	l := v.lockNamed(name)
	if l == nil {
		return nil, lockFree
	}
	switch h := l.is.when(v.at); {
	case !h.held(v.stamp()):
		return nil, lockFree
	case h.fence != fence:
		return nil, fenceStale
	case h.login != v.login.ID:
		return nil, refused(state.NotPermitted, "NOT_LOCK_HOLDER")
	}
	return l, nil
}

func (d *teamDeed) acquire(c *lock.Acquire) (state.Coded, *state.Refusal) {
	if refusal := d.mayLock(deedWriteDoc, c.Name); refusal != nil {
		return nil, refusal
	}
	if c.Fence != 0 {
		l, refusal := d.mine(c.Name, c.Fence)
		if refusal != nil {
			return nil, refusal
		}
		return d.lockAnswer(l, true), nil
	}
	l := d.aLock(c.Name)
	h := l.is.when(d.at)
	held := h.held(d.applied.Time)
	switch {
	case held && c.Wait == 0:
		return d.lockAnswer(l, false), nil
	case d.locksOf(d.login) >= d.limits.LocksPerPrincipalMax:
		return nil, refused(state.Exhausted, "LOCKS_FULL")
	case c.Wait != 0 && len(l.line) >= d.limits.LockWaitersMax:
		return nil, refused(state.Exhausted, "LOCK_LINE_FULL")
	case h.known && !held:
		d.lapsed = true
		d.moveOn(l, h)
		h = l.is.when(d.at)
	}
	w := &teamWait{lock: l, user: d.user.id, login: d.login.ID, ttl: c.TTL, wall: d.wall}
	switch {
	case !h.known:
		d.grant(l, w)
		return d.lockAnswer(l, true), nil
	case c.Wait == 0:
		return d.lockAnswer(l, false), nil
	}
	w.ticket, w.ends = d.at, d.applied.Time.Add(c.Wait)
	w.is.put(d.at, true)
	l.line, l.waited, d.waits = append(l.line, w), append(l.waited, w), append(d.waits, w)
	reply := d.lockAnswer(l, false)
	reply.Ticket, reply.Ahead = d.at, uint64(len(l.line)-1)
	return reply, nil
}

// locksOf counts what a login holds and waits for.
func (d *teamDeed) locksOf(login *teamLogin) (n int) {
	for _, l := range d.locks {
		if h := l.is.when(d.at); h.login == login.ID && h.held(d.applied.Time) {
			n++
		}
		for _, w := range l.line {
			if w.login == login.ID {
				n++
			}
		}
	}
	return n
}

// grant gives a lock to somebody, under the position of the entry.
func (d *teamDeed) grant(l *teamLock, w *teamWait) {
	h := teamHold{known: true, login: w.login, user: w.user, fence: d.at, ticket: w.ticket, since: d.applied.Time, ttl: w.ttl, ends: d.applied.Time.Add(w.ttl), wall: w.wall}
	d.stamps.put(d.at, d.applied.Time)
	l.is.put(d.at, h)
	l.due = h.ends
	if !slices.Contains(d.locks, l) {
		d.locks = append(d.locks, l)
	}
	d.grips = append(d.grips, teamGrip{l, h.fence, h.login})
	d.aboutLock(state.EventLocked, l, &h, h.user, 0)
}

func (d *teamDeed) aboutLock(kind state.EventKind, l *teamLock, h *teamHold, user, other state.UserID) {
	e := state.Event{Kind: kind, Audience: state.ForLock(l.name), User: user, Other: other, Login: h.login, Text: l.name, Fence: h.fence, Ticket: h.ticket, Doc: l.doc}
	d.event(e)
}

// leaves takes somebody out of the line.
func (d *teamDeed) leaves(w *teamWait) {
	w.is.put(d.at, false)
	w.lock.line = slices.DeleteFunc(w.lock.line, func(o *teamWait) bool { return o == w })
}

// inVain takes somebody out of the line who was not served, and tells him.
func (d *teamDeed) inVain(w *teamWait) {
	d.leaves(w)
	d.event(state.Event{Kind: state.EventLockWaitEnded, Audience: state.ForUser(w.user), User: w.user, Login: w.login, Text: w.lock.name, Ticket: w.ticket, Doc: w.lock.doc})
}

// handOnMax is how many in line one entry passes over, whom a long silence of the cluster has left there in vain. The others have
// their turn with the next entry.
const handOnMax = 64

// moveOn has a lock end, if its holder has not given it up, and go to the first in line who can have it still. What was
// granted with this very entry waits for the next one: nobody has it, and those in line stay there.
func (d *teamDeed) moveOn(l *teamLock, h teamHold) {
	if h.login != 0 {
		d.aboutLock(state.EventLockExpired, l, &h, h.user, 0)
	}
	if h.fence == d.at {
		d.park(l, h)
		return
	}
	for range handOnMax {
		if len(l.line) == 0 {
			l.is.put(d.at, teamHold{})
			d.locks = slices.DeleteFunc(d.locks, func(o *teamLock) bool { return o == l })
			return
		}
		w := l.line[0]
		if w.ends > d.applied.Time && d.servable(w) {
			d.leaves(w)
			d.grant(l, w)
			return
		}
		d.inVain(w)
	}
	d.park(l, h)
}

func (d *teamDeed) park(l *teamLock, h teamHold) {
	l.due = d.applied.Time.Add(1)
	l.is.put(d.at, teamHold{known: true, fence: h.fence})
	d.parked++
}

// servable reports whether somebody in line can have the lock: his login lives, and he may write its document.
func (d *teamDeed) servable(w *teamWait) bool {
	if !d.loginOf[w.login].is.when(d.at).lives {
		return false
	}
	if w.lock.doc == 0 {
		return true
	}
	doc := d.docOf[w.lock.doc]
	return doc.is.when(d.at).DeletedBy == 0 && doc.role(d.teamModel, w.user, d.at) >= state.Editor
}

func (d *teamDeed) renew(c *lock.Renew) (state.Coded, *state.Refusal) {
	if refusal := d.mayLock(deedWriteDoc, c.Name); refusal != nil {
		return nil, refusal
	}
	l, refusal := d.mine(c.Name, c.Fence)
	if refusal != nil {
		return nil, refusal
	}
	h := l.is.when(d.at)
	if c.TTL != 0 {
		h.ttl = c.TTL
	}
	h.ends = d.applied.Time.Add(h.ttl)
	l.due = h.ends
	l.is.put(d.at, h)
	return d.lockAnswer(l, true), nil
}

func (d *teamDeed) release(c *lock.Release) (state.Coded, *state.Refusal) {
	l, refusal := d.mine(c.Name, c.Fence)
	if refusal != nil {
		if hidden := d.mayLock(deedReadDoc, c.Name); hidden != nil {
			return nil, hidden
		}
		return nil, refusal
	}
	reply := d.lockAnswer(l, false)
	d.givesUp(l, state.EventUnlocked)
	return reply, nil
}

// givesUp ends a hold before its time.
func (d *teamDeed) givesUp(l *teamLock, kind state.EventKind) {
	h, other := l.is.when(d.at), state.UserID(0)
	if kind == state.EventLockBroken {
		other = h.user
	}
	d.aboutLock(kind, l, &h, d.user.id, other)
	h.login = 0
	d.moveOn(l, h)
}

func (d *teamDeed) breakLock(c *lock.Break) (state.Coded, *state.Refusal) {
	h, held := teamHold{}, false
	l := d.lockNamed(c.Name)
	if l != nil {
		h = l.is.when(d.at)
		held = h.held(d.applied.Time)
	}
	own, ofDoc := held && h.user == d.user.id, strings.HasPrefix(c.Name, "doc_")
	if ofDoc && !own {
		switch _, refusal := d.mayDoc(deedBreakDoc, c.Name); {
		case refusal != nil && refusal.Code == state.NotPermitted && !held:
			return nil, lockFree
		case refusal != nil:
			return nil, refusal
		}
	}
	switch {
	case !held:
		return nil, lockFree
	case c.Fence != 0 && c.Fence != h.fence:
		return nil, fenceStale
	case !own && !ofDoc && !d.me.Admin:
		return nil, refused(state.NotPermitted, "NOT_LOCK_HOLDER")
	}
	reply := d.lockAnswer(l, false)
	d.audit("lock.break", c.Name, "of "+d.nameOf(h.user)+", fence "+formatUint(uint64(h.fence)))
	d.givesUp(l, state.EventLockBroken)
	return reply, nil
}

func (d *teamDeed) cancel(c *lock.Cancel) (state.Coded, *state.Refusal) {
	if l := d.lockNamed(c.Name); l != nil {
		for _, w := range l.line {
			if w.ticket == c.Ticket && w.login == d.login.ID {
				d.inVain(w)
				return &lock.Answer{Position: d.at, Lock: lock.Lock{Name: c.Name}}, nil
			}
		}
	}
	return nil, refused(state.NotFound, "WAIT_NOT_FOUND")
}

// letsGo ends what a login holds and waits for, when it ends: its waits in the order in which they came, its locks by name.
func (d *teamDeed) letsGo(login state.LoginID) {
	var waits []*teamWait
	for _, l := range d.locks {
		waits = append(waits, slices.DeleteFunc(slices.Clone(l.line), func(w *teamWait) bool { return w.login != login })...)
	}
	slices.SortFunc(waits, func(a, b *teamWait) int { return cmp.Compare(a.ticket, b.ticket) })
	for _, w := range waits {
		d.inVain(w)
	}
	held := slices.DeleteFunc(slices.Clone(d.locks), func(l *teamLock) bool { return l.is.when(d.at).login != login })
	slices.SortFunc(held, func(a, b *teamLock) int { return cmp.Compare(a.name, b.name) })
	for _, l := range held {
		h, kind := l.is.when(d.at), state.EventUnlocked
		if h.ends <= d.applied.Time {
			kind = state.EventLockExpired
		}
		d.aboutLock(kind, l, &h, h.user, 0)
		h.login = 0
		d.moveOn(l, h)
	}
}

// holdsNow reports whether the caller's login has a lock.
func (d *teamDeed) holdsNow(name string) bool {
	l := d.lockNamed(name)
	if l == nil || d.login == nil {
		return false
	}
	h := l.is.when(d.at)
	return h.login == d.login.ID && h.held(d.applied.Time)
}

// termBegins gives every lock its whole time again that was held at the entry before, if this one begins a term.
func (d *teamDeed) termBegins() (graced int, inLine bool) {
	m := d.teamModel
	for _, l := range m.locks {
		if h := l.is.when(d.at); d.applied.Term != m.term && h.held(m.time) {
			h.ends = d.applied.Time.Add(h.ttl)
			l.is.put(d.at, h)
			graced++
			inLine = inLine || len(l.line) > 0
		}
	}
	if m.term, m.time = d.applied.Term, d.applied.Time; len(m.locks) > 0 {
		m.stamps.put(d.at, m.time)
	}
	return graced, inLine
}

// lapse ends waits and locks whose time is over: of each the first that came due, and not all, if one entry takes away only
// so many.
func (d *teamDeed) lapse() (expired int) {
	most := d.limits.LockExpiriesMax
	for range most / 2 {
		if w := d.firstToLeave(); w != nil {
			d.inVain(w)
		}
	}
	for range most - most/2 {
		l := d.firstDue()
		if l == nil {
			break
		}
		if h := l.is.when(d.at); h.held(d.applied.Time) {
			l.due = h.ends
		} else {
			if h.login != 0 {
				expired++
			}
			d.moveOn(l, h)
		}
	}
	return expired
}

func (d *teamDeed) firstToLeave() (first *teamWait) {
	for _, l := range d.locks {
		for _, w := range l.line {
			if w.ends <= d.applied.Time && (first == nil || w.ends < first.ends || w.ends == first.ends && w.ticket < first.ticket) {
				first = w
			}
		}
	}
	return first
}

func (d *teamDeed) firstDue() (first *teamLock) {
	for _, l := range d.locks {
		if l.due <= d.applied.Time && (first == nil || l.due < first.due || l.due == first.due && l.name < first.name) {
			first = l
		}
	}
	return first
}

// aboutLocks answers questions about locks.
func (v *teamView) aboutLocks(q state.Query) (state.Coded, *state.Refusal) {
	switch q := q.(type) {
	case *lock.Get:
		return v.getLock(q)
	case *lock.List:
		return v.lockList(q), nil
	}
	return v.aboutUsers(q)
}

func (v *teamView) getLock(q *lock.Get) (state.Coded, *state.Refusal) {
	if !lockName(q.Name) {
		return nil, refused(state.Invalid, "LOCK_NAME_INVALID")
	}
	if refusal := v.mayLock(deedReadDoc, q.Name); refusal != nil {
		return nil, refusal
	}
	reply := &lock.Answer{Lock: v.lockedOr(q.Name)}
	l := v.lockNamed(q.Name)
	if l == nil {
		return reply, nil
	}
	reply.Granted = reply.Lock.Mine && (q.Ticket == 0 || l.is.when(v.at).ticket == q.Ticket)
	for _, w := range l.waited {
		if w.ticket == q.Ticket && w.login == v.login.ID && w.is.when(v.at) {
			_, reply.Ahead = l.waits(v.at, w.ticket)
			reply.Ticket = w.ticket
		}
	}
	return reply, nil
}

func (v *teamView) lockList(q *lock.List) *lock.Page {
	var all []*teamLock
	for _, l := range v.everyLock {
		h := l.is.when(v.at)
		if l.name > q.After && h.held(v.stamp()) && (l.doc == 0 || v.mayLock(deedReadDoc, l.name) == nil && v.docOf[l.doc].is.when(v.at).DeletedBy == 0) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *teamLock) int { return cmp.Compare(a.name, b.name) })
	page, most := &lock.Page{}, limited(q.Limit, 100, uint64(v.limits.LocksPageMax))
	for i, l := range all {
		if i == most {
			page.Next = all[i-1].name
			break
		}
		page.Locks = append(page.Locks, v.locked(l))
	}
	return page
}
