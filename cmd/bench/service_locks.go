package main

import (
	"context"
	"errors"
	"time"

	pb "parley/rpc/proto/parley/v1"
)

// lockTTL is for how long a caller has a lock, and may stand in line for it: longer than anybody is measured.
const lockTTL = 10 * time.Minute

// locker takes a lock and gives it up.
type locker struct {
	*voice
	locks pb.LockServiceClient
	name  string
	fence uint64 // under which it is held; zero: it is not
}

// Do takes the lock, waits in line for it if somebody else has it, and gives it up.
func (l *locker) Do(ctx context.Context) (bool, error) {
	if l.fence == 0 {
		if done, err := l.acquire(ctx); !done || err != nil {
			return done, err
		}
	}
	return l.release(ctx)
}

func (l *locker) acquire(ctx context.Context) (bool, error) {
	most := uint64(lockTTL.Milliseconds())
	r, err := l.locks.AcquireLock(l.as(ctx), &pb.AcquireLockRequest{Command: l.command(1), Name: l.name, TtlMs: most, WaitMs: most})
	if done, err := l.done(ctx, err); !done || err != nil {
		return done, err
	}
	if r.GetGranted() {
		l.fence = r.GetLock().GetFence()
		return true, nil
	}
	for ctx.Err() == nil {
		got, err := l.locks.GetLock(l.as(ctx), &pb.GetLockRequest{Name: l.name, Ticket: r.GetTicket(), WaitMs: 1000})
		switch {
		case err != nil:
			return l.done(ctx, err)
		case got.GetGranted():
			l.fence = got.GetLock().GetFence()
			return true, nil
		case got.GetTicket() == 0:
			return false, errors.New("a place in line was lost")
		}
	}
	return false, nil
}

func (l *locker) release(ctx context.Context) (bool, error) {
	_, err := l.locks.ReleaseLock(l.as(ctx), &pb.ReleaseLockRequest{Command: l.command(1), Name: l.name, Fence: l.fence})
	done, err := l.done(ctx, err)
	if done {
		l.fence = 0
	}
	return done, err
}

// acquirer measures how long it takes to have a lock that nobody else wants.
type acquirer struct{ *locker }

// Do takes the lock.
func (a *acquirer) Do(ctx context.Context) (bool, error) { return a.acquire(ctx) }

// Rest gives it up.
func (a *acquirer) Rest(ctx context.Context) error {
	for a.fence != 0 && ctx.Err() == nil {
		if _, err := a.release(ctx); err != nil {
			return err
		}
	}
	return nil
}
