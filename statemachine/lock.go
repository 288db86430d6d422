package statemachine

import (
	"fmt"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// A lock belongs to its fence, which is the position of the grant: whoever holds it renews and releases it with
// the live fence, and shows it to whatever the lock protects. No two grants have one position and positions only
// rise, over releases, expiries, changes of the leader, restarts and snapshots; so a resource that refuses
// a fence below the highest it has seen is safe from a holder who does not know yet that he is none.
//
//	free ──Acquire──▶ held ──Release, Break, deadline──▶ free
//	                   │ ▲
//	                   └─┘ Renew
//
// Locks end by log time; see lockexpiry.go.

// levelLocks is the level from which on there are commands about locks.
const levelLocks = node.LevelTimed

// reservedPrefixes are what ids of things begin with; no free name does.
var reservedPrefixes = [...]string{"doc_", "msg_", "file_"}

// lockRow is a lock in its table, by name.
//
//	u64 fence | u64 session | u64 since | u64 ttl | u64 deadline | u64 written | string holder
//
// Every lock has a row in two more tables, which find the next to expire, and those of one holder.
type lockRow struct {
	name     string // the key
	fence    raft.Position
	session  uint64
	since    raft.LogTime
	ttl      time.Duration
	deadline raft.LogTime  // as of written; a change of the leader may have moved it since, see deadlineOf
	written  raft.Position // of the row
	holder   string
}

// lock returns the row of a name, whether its deadline has passed or not.
func (m *Machine) lock(name string) (lockRow, bool) {
	row, ok := m.Get(state.TableLocks, name)
	if !ok {
		return lockRow{}, false
	}
	return readLockRow(name, row), true
}

func readLockRow(name string, row []byte) lockRow {
	r := reader{src: row}
	return lockRow{
		name:     name,
		fence:    raft.Position(r.u64()),
		session:  r.u64(),
		since:    raft.LogTime(r.u64()),
		ttl:      time.Duration(r.u64()),
		deadline: raft.LogTime(r.u64()),
		written:  raft.Position(r.u64()),
		holder:   r.string(),
	}
}

// putLock writes a lock that has no rows, or none any more; see dropLock.
func (m *Machine) putLock(l *lockRow) {
	row := appendU64(make([]byte, 0, 6*8+4+len(l.holder)), uint64(l.fence))
	row = appendU64(row, l.session)
	row = appendU64(row, uint64(l.since))
	row = appendU64(row, uint64(l.ttl))
	row = appendU64(row, uint64(l.deadline))
	row = appendU64(row, uint64(l.written))
	row = appendString(row, l.holder)
	m.Write(state.TableLocks, l.name, row)
	m.Write(state.TableLockDeadlines, lockDeadlineKey(l.deadline, l.name), []byte{})
	m.Write(state.TableLockHolders, lockHolderKey(l.holder, l.name), []byte{})
}

func (m *Machine) dropLock(l *lockRow) {
	m.Remove(state.TableLocks, l.name)
	m.Remove(state.TableLockDeadlines, lockDeadlineKey(l.deadline, l.name))
	m.Remove(state.TableLockHolders, lockHolderKey(l.holder, l.name))
}

// lockHolderKey orders locks by who holds them. The length keeps two principals apart of whom one is the
// beginning of the other.
//
//	string holder | name
func lockHolderKey(holder, name string) string {
	return string(append(appendString(nil, holder), name...))
}

// held returns the lock of a name if somebody holds it.
func (m *Machine) held(name string, now raft.LogTime) (lockRow, bool) {
	l, ok := m.lock(name)
	if !ok || m.deadlineOf(&l) <= now {
		return lockRow{}, false
	}
	return l, true
}

// show makes of a row what others are told.
func (m *Machine) show(l *lockRow, now raft.LogTime) Lock {
	return Lock{
		Name: l.name, Fence: l.fence, Holder: l.holder, Session: l.session, Since: l.since, TTL: l.ttl,
		Left: time.Duration(m.deadlineOf(l) - now),
	}
}

func (m *Machine) lockReply(at node.Applied, l *lockRow, granted bool) []byte {
	return appendLockReply(nil, LockReply{Position: at.Position, Granted: granted, Lock: m.show(l, at.Time)})
}

// applyLock executes a command about a lock.
func (m *Machine) applyLock(at node.Applied, kind uint8, c lockCommand) []byte {
	if refusal := checkLock(&m.Limits, kind, c); refusal != nil {
		return refuse(refusal.Code, "%s", refusal.Reason)
	}
	if at.Principal == "" {
		return refuse(CodeNoHolder, "A lock belongs to somebody, and this command is nobody's.")
	}
	l, held := m.held(c.name, at.Time)
	if kind == commandAcquire && c.fence == 0 {
		if held {
			return m.lockReply(at, &l, false)
		}
		return m.grant(at, c)
	}
	if !held {
		return refuse(CodeStaleFence, "Nobody holds the lock %s.", c.name)
	}
	if kind == commandBreak {
		return m.applyBreak(at, c, &l)
	}
	if c.fence != l.fence || at.Principal != l.holder {
		return m.refuseFence(c, &l)
	}
	switch kind {
	case commandRelease:
		reply := m.lockReply(at, &l, false)
		m.dropLock(&l)
		m.recordLock(at, EventUnlock, &l, at.Principal, c.wall)
		m.restTime()
		return reply
	case commandRenew:
		m.renew(at, c, &l)
	}
	return m.lockReply(at, &l, true)
}

// grant gives a lock that nobody holds. One whose deadline has passed and whose turn has not come yet expires now.
func (m *Machine) grant(at node.Applied, c lockCommand) []byte {
	was, known := m.lock(c.name)
	if refusal := m.full(at, known); refusal != nil {
		return refuse(refusal.Code, "%s", refusal.Reason)
	}
	if known {
		m.expireLock(at, &was)
	}
	l := lockRow{
		name: c.name, fence: at.Position, session: uint64(at.Session), since: at.Time, ttl: c.ttl,
		deadline: later(at.Time, c.ttl), written: at.Position, holder: at.Principal,
	}
	m.putLock(&l)
	m.setTime(at)
	m.recordLock(at, EventLock, &l, at.Principal, c.wall)
	return m.lockReply(at, &l, true)
}

// renew counts a lock's time anew.
func (m *Machine) renew(at node.Applied, c lockCommand, l *lockRow) {
	m.dropLock(l)
	if c.ttl != 0 {
		l.ttl = c.ttl
	}
	l.deadline, l.written = later(at.Time, l.ttl), at.Position
	m.putLock(l)
}

// applyBreak takes a lock away. The next grant has a higher fence, so that what the former holder still does under
// the old one is refused from then on.
func (m *Machine) applyBreak(at node.Applied, c lockCommand, l *lockRow) []byte {
	switch {
	case c.fence != 0 && c.fence != l.fence:
		return m.refuseFence(c, l)
	case !mayBreak(at.Principal, l):
		return refuse(CodeNotPermitted, "The lock %s is held by %s, and only %s can break it.", l.name, l.holder, l.holder)
	}
	reply := m.lockReply(at, l, false)
	m.dropLock(l)
	m.recordLock(at, EventBreak, l, at.Principal, c.wall)
	m.restTime()
	return reply
}

// mayBreak says who may take a lock from its holder: the holder's user, whatever session he is in.
func mayBreak(principal string, l *lockRow) bool { return principal == l.holder }

func (m *Machine) refuseFence(c lockCommand, l *lockRow) []byte {
	return refuse(CodeStaleFence, "The lock %s is held by %s under fence %d, not %d.", l.name, l.holder, l.fence, c.fence)
}

// full returns the refusal of one lock more, or nil. Locks whose deadlines have passed don't count for
// their holders, but their rows do for the table until their turn comes.
func (m *Machine) full(at node.Applied, known bool) *Refusal {
	rows := m.Len(state.TableLocks)
	if known {
		rows--
	}
	if rows >= m.Limits.LocksMax {
		return &Refusal{CodeLocksFull, fmt.Sprintf("There are %d locks, and more there can't be.", m.Limits.LocksMax)}
	}
	prefix, live := lockHolderKey(at.Principal, ""), 0
	m.Ascend(state.TableLockHolders, prefix, func(key string, _ []byte) bool {
		name, of := strings.CutPrefix(key, prefix)
		if !of {
			return false
		}
		if _, held := m.held(name, at.Time); held {
			live++
		}
		return true
	})
	if live >= m.Limits.LocksPerPrincipalMax {
		return &Refusal{CodeLocksFull, fmt.Sprintf("You hold %d locks; more you can't.", live)}
	}
	return nil
}

// checkLockName returns the refusal of what no free lock can be called, or nil: a name is 1 to LockNameBytesMax
// bytes of ASCII letters, digits and "._:/-", and does not begin like an id.
func checkLockName(l *Limits, name string) *Refusal {
	if len(name) == 0 || len(name) > l.LockNameBytesMax {
		return &Refusal{CodeLockName, fmt.Sprintf("The name of a lock has 1 to %d bytes, and this one has %d.", l.LockNameBytesMax, len(name))}
	}
	for i := range len(name) {
		switch b := name[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', strings.IndexByte("._:/-", b) >= 0:
		default:
			return &Refusal{CodeLockName, fmt.Sprintf("The name of a lock has letters, digits and ._:/- in it, and no %q.", b)}
		}
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return &Refusal{CodeLockName, fmt.Sprintf("The name of a lock can't begin with %s, as ids do.", prefix)}
		}
	}
	return nil
}

// checkLock returns the refusal of a command that can't be executed in any state, or nil.
func checkLock(l *Limits, kind uint8, c lockCommand) *Refusal {
	if refusal := checkLockName(l, c.name); refusal != nil {
		return refusal
	}
	asks := kind == commandAcquire || kind == commandRenew && c.ttl != 0
	if asks && (c.ttl < l.LockTTLMin || c.ttl > l.LockTTLMax) {
		return &Refusal{CodeLockTTL, fmt.Sprintf("A lock is taken for %d to %d ms, not for %d.",
			l.LockTTLMin/time.Millisecond, l.LockTTLMax/time.Millisecond, c.ttl/time.Millisecond)}
	}
	return nil
}

func (m *Machine) queryLocks(q Locks) []byte {
	now := m.time().now
	if q.Name != "" {
		if refusal := checkLockName(&m.Limits, q.Name); refusal != nil {
			return refuse(refusal.Code, "%s", refusal.Reason)
		}
		var reply LocksReply
		if l, held := m.held(q.Name, now); held {
			reply.Locks = []Lock{m.show(&l, now)}
		}
		return appendLocksReply(nil, reply)
	}
	if q.Limit <= 0 {
		q.Limit = state.PageDefault
	}
	return appendLocksReply(nil, m.lockPage(q.After, min(q.Limit, m.Limits.LocksPageMax), now))
}

// lockPage collects the locks that are held behind a name.
func (m *Machine) lockPage(after string, limit int, now raft.LogTime) LocksReply {
	var reply LocksReply
	m.Ascend(state.TableLocks, after, func(name string, row []byte) bool {
		l := readLockRow(name, row)
		if name == after || m.deadlineOf(&l) <= now {
			return true
		}
		if len(reply.Locks) == limit {
			reply.More = true
			return false
		}
		reply.Locks = append(reply.Locks, m.show(&l, now))
		return true
	})
	return reply
}
