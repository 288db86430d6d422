package statemachine

import (
	"math"
	"slices"
	"time"

	"parley/raft"
)

// The kinds of commands and queries about locks. Below levelLocks there are none of them.
const (
	commandAcquire = 2
	commandRelease = 3
	commandRenew   = 4
	commandBreak   = 5
	queryLocks     = 2
)

// Acquire takes a lock if nobody holds it. It does not wait, and never renews. With the live fence the holder asks
// for what it has: the lock is granted again, with the fence and the deadline that it has already.
//
// All commands about locks have one layout; a field that one of them lacks is zero.
//
//	u8 version | u8 kind=2..5 | u64 wall | u64 fence | u64 ttl | string name
type Acquire struct {
	Name  string        // see Limits.CheckLockName
	TTL   time.Duration // of log time, from Limits.LockTTLMin to LockTTLMax
	Fence raft.Position // zero, or the fence under which the caller holds the lock
	Wall  raft.Wall     // the edge's clock, for display only
}

// Release gives a lock up. Only its holder can, and only with the live fence.
type Release struct {
	Name  string
	Fence raft.Position
	Wall  raft.Wall
}

// Renew gives a lock its time anew, counted from the entry of the command. Only its holder can, and only with the
// live fence: a lock whose deadline has passed is lost, whether anybody else wanted it or not.
type Renew struct {
	Name  string
	Fence raft.Position
	TTL   time.Duration // zero: as before
	Wall  raft.Wall
}

// Break takes a lock from its holder. The holder's user can, from whatever session.
type Break struct {
	Name  string
	Fence raft.Position // zero: whatever it is; else the lock is only broken if this is the live fence
	Wall  raft.Wall
}

// AppendAcquire appends the command's bytes to dst.
func AppendAcquire(dst []byte, a Acquire) []byte {
	return appendLockCommand(dst, commandAcquire, lockCommand{a.Wall, a.Fence, a.TTL, a.Name})
}

// AppendRelease appends the command's bytes to dst.
func AppendRelease(dst []byte, r Release) []byte {
	return appendLockCommand(dst, commandRelease, lockCommand{r.Wall, r.Fence, 0, r.Name})
}

// AppendRenew appends the command's bytes to dst.
func AppendRenew(dst []byte, r Renew) []byte {
	return appendLockCommand(dst, commandRenew, lockCommand{r.Wall, r.Fence, r.TTL, r.Name})
}

// AppendBreak appends the command's bytes to dst.
func AppendBreak(dst []byte, b Break) []byte {
	return appendLockCommand(dst, commandBreak, lockCommand{b.Wall, b.Fence, 0, b.Name})
}

// lockCommand is what any command about a lock says.
type lockCommand struct {
	wall  raft.Wall
	fence raft.Position
	ttl   time.Duration
	name  string
}

func appendLockCommand(dst []byte, kind uint8, c lockCommand) []byte {
	dst = append(dst, codecVersion, kind)
	dst = appendU64(dst, uint64(c.wall))
	dst = appendU64(dst, uint64(c.fence))
	dst = appendU64(dst, uint64(c.ttl))
	return appendString(dst, c.name)
}

func readLockCommand(r *reader, kind uint8) (lockCommand, error) {
	c := lockCommand{
		wall:  raft.Wall(r.u64()),
		fence: raft.Position(r.u64()),
		ttl:   time.Duration(r.u64()),
		name:  r.string(),
	}
	if c.ttl != 0 && (kind == commandRelease || kind == commandBreak) {
		return c, ErrMalformed
	}
	return c, r.done()
}

// Locks asks which locks are held: the one of a name, or all, in the order of their names.
//
//	u8 version | u8 kind=2 | u64 limit | string name | string after
type Locks struct {
	Name  string // empty: all
	After string // all behind this name
	Limit int    // zero: 20; more than Limits.LocksPageMax is cut to it
}

// AppendLocks appends the query's bytes to dst.
func AppendLocks(dst []byte, q Locks) []byte {
	dst = append(dst, codecVersion, queryLocks)
	dst = appendU64(dst, uint64(max(q.Limit, 0)))
	dst = appendString(dst, q.Name)
	return appendString(dst, q.After)
}

func readLocks(r *reader) (Locks, error) {
	q := Locks{Limit: int(min(r.u64(), math.MaxInt32))} // the same on 32-bit machines
	q.Name, q.After = r.string(), r.string()
	return q, r.done()
}

// Lock is a lock that is held, as of a position.
//
//	u64 fence | u64 session | u64 since | u64 ttl | u64 left | string name | string holder
type Lock struct {
	Name    string
	Fence   raft.Position // the position of the grant
	Holder  string        // the principal who took it
	Session uint64        // in which it was taken; zero: by a one-shot command
	Since   raft.LogTime  // of the grant
	TTL     time.Duration // of log time
	Left    time.Duration // of log time, until the deadline if nobody renews it; above zero
}

func appendLock(dst []byte, l Lock) []byte {
	dst = appendU64(dst, uint64(l.Fence))
	dst = appendU64(dst, l.Session)
	dst = appendU64(dst, uint64(l.Since))
	dst = appendU64(dst, uint64(l.TTL))
	dst = appendU64(dst, uint64(l.Left))
	dst = appendString(dst, l.Name)
	return appendString(dst, l.Holder)
}

func readLock(r *reader) Lock {
	return Lock{
		Fence:   raft.Position(r.u64()),
		Session: r.u64(),
		Since:   raft.LogTime(r.u64()),
		TTL:     time.Duration(r.u64()),
		Left:    time.Duration(r.u64()),
		Name:    r.string(),
		Holder:  r.string(),
	}
}

// LockReply answers Acquire, Release, Renew and Break.
//
//	u8 version | u8 code=0 | u64 position | u8 granted | lock
type LockReply struct {
	Position raft.Position // of the command
	// Granted says that the lock is the caller's now. An Acquire that comes second is no refusal: its
	// answer is false, and Lock says who holds it.
	Granted bool
	// Lock is the lock as the command leaves it; of Release and Break: as it was before.
	Lock Lock
}

func appendLockReply(dst []byte, l LockReply) []byte {
	dst = slices.Grow(dst, 2+8+1+5*8+4+len(l.Lock.Name)+4+len(l.Lock.Holder))
	dst = append(dst, codecVersion, byte(CodeOK))
	dst = appendU64(dst, uint64(l.Position))
	dst = appendBool(dst, l.Granted)
	return appendLock(dst, l.Lock)
}

// DecodeLockReply reads the reply to a command about a lock, with errors as in DecodeSendReply.
func DecodeLockReply(src []byte) (LockReply, error) {
	r := reader{src: src}
	if err := readReply(&r); err != nil {
		return LockReply{}, err
	}
	l := LockReply{Position: raft.Position(r.u64()), Granted: r.bool(), Lock: readLock(&r)}
	return l, r.done()
}

// LocksReply answers Locks, in the order of names.
//
//	u8 version | u8 code=0 | u8 more | u64 count | count locks
type LocksReply struct {
	Locks []Lock
	More  bool // there are more of them behind the last
}

func appendLocksReply(dst []byte, l LocksReply) []byte {
	dst = append(dst, codecVersion, byte(CodeOK))
	dst = appendBool(dst, l.More)
	dst = appendU64(dst, uint64(len(l.Locks)))
	for _, lock := range l.Locks {
		dst = appendLock(dst, lock)
	}
	return dst
}

// DecodeLocksReply reads the reply to a Locks, with errors as in DecodeSendReply.
func DecodeLocksReply(src []byte) (LocksReply, error) {
	r := reader{src: src}
	if err := readReply(&r); err != nil {
		return LocksReply{}, err
	}
	l := LocksReply{More: r.bool()}
	for n := r.u64(); n > 0 && !r.bad; n-- {
		l.Locks = append(l.Locks, readLock(&r))
	}
	return l, r.done()
}
