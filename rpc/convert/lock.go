package convert

import (
	"time"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// Lock returns a lock as somebody sees it.
func Lock(l *lock.Lock) *pb.Lock {
	if l.Fence == 0 {
		return &pb.Lock{Name: l.Name, Waiting: count(l.Waits)}
	}
	return &pb.Lock{
		Name: l.Name, Fence: uint64(l.Fence), Holder: l.Called, Mine: l.Mine, TtlMs: millis(l.TTL), LeftMs: millis(l.Left),
		Time: timeOf(l.Wall), Waiting: count(l.Waits),
	}
}

// Locks returns a page of locks.
func Locks(p *lock.Page) []*pb.Lock {
	locks := make([]*pb.Lock, len(p.Locks))
	for i := range p.Locks {
		locks[i] = Lock(&p.Locks[i])
	}
	return locks
}

func millis(d time.Duration) uint64 { return uint64(max(d, 0) / time.Millisecond) }

// DurationOf returns a time that a request gives in milliseconds. One that is out of all bounds stays so.
func DurationOf(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64((1<<63-1)/time.Millisecond))) * time.Millisecond
}

// lockEvent returns what became of a lock.
func lockEvent(e *state.Shown) *pb.Event {
	change := map[state.EventKind]pb.LockChanged_Change{
		state.EventLocked: pb.LockChanged_CHANGE_LOCKED, state.EventUnlocked: pb.LockChanged_CHANGE_UNLOCKED, state.EventLockExpired: pb.LockChanged_CHANGE_EXPIRED,
		state.EventLockBroken: pb.LockChanged_CHANGE_BROKEN, state.EventLockWaitEnded: pb.LockChanged_CHANGE_WAIT_ENDED,
	}[e.Kind]
	if change == 0 {
		return nil
	}
	return &pb.Event{Kind: &pb.Event_Lock{Lock: &pb.LockChanged{
		Change: change, Name: e.Text, Fence: uint64(e.Fence), Username: e.UserName, Holder: e.OtherName, Ticket: uint64(e.Ticket)}}}
}
