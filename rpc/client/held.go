package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// LockOptions say how a lock is to be taken.
type LockOptions struct {
	TTL  time.Duration // for how long it is held without a renewal; zero is 30 s
	Wait time.Duration // how long to stand in line; zero: not at all
}

// HeldError says that somebody else holds a lock.
type HeldError struct{ Lock *pb.Lock }

func (e *HeldError) Error() string {
	if e.Lock.GetFence() == 0 {
		return fmt.Sprintf("The lock %s is not free yet.", e.Lock.GetName())
	}
	return fmt.Sprintf("The lock %s is held by %s.", e.Lock.GetName(), e.Lock.GetHolder())
}

// LostError is the cause with which the context of a lock ends that was lost: it was broken, its login ended, or it could not
// be renewed in time.
type LostError struct {
	Name string
	Err  error
}

func (e *LostError) Error() string { return fmt.Sprintf("The lock %s is lost: %v", e.Name, e.Err) }
func (e *LostError) Unwrap() error { return e.Err }

// errTooLate is why a lock is lost that may be held still: nobody could be asked in time.
var errTooLate = errors.New("it could not be renewed in time")

// HeldLock is a lock that this process has, and renews until it is released or lost.
//
// The context of what is done under the lock ends when the lock is lost, as far as this process can know: it counts the
// time on its own clock from before it asked, so that it gives up rather too early. A process that is stopped, or whose
// machine is, does not notice in time. So show the fence wherever it is checked: that, and not the context, is what
// keeps two from writing.
type HeldLock struct {
	Name  string
	Fence uint64

	client *Client
	ttl    time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	once   sync.Once
	done   chan struct{} // closed when it is renewed no more
}

// Lock takes a lock, waits in line for it if it may, and keeps it. The error is a *HeldError if somebody else has it,
// also after the wait.
func (c *Client) Lock(ctx context.Context, name string, o LockOptions) (*HeldLock, error) {
	if o.TTL == 0 {
		o.TTL = 30 * time.Second
	}
	asked := time.Now()
	r, err := c.AcquireLock(ctx, &pb.AcquireLockRequest{Name: name, TtlMs: uint64(o.TTL.Milliseconds()), WaitMs: uint64(o.Wait.Milliseconds())})
	if err != nil {
		return nil, err
	}
	granted, lock := r.GetGranted(), r.GetLock()
	for ticket := r.GetTicket(); ticket != 0 && !granted; {
		asked = time.Now()
		got, err := c.GetLock(ctx, &pb.GetLockRequest{Name: name, Ticket: ticket, WaitMs: uint32(waitMax.Milliseconds())})
		if err != nil {
			c.leave(ctx, name, ticket)
			return nil, err
		}
		if granted, lock = got.GetGranted(), got.GetLock(); granted && lock.GetLeftMs() < uint64(o.TTL.Milliseconds()) {
			asked = asked.Add(time.Duration(lock.GetLeftMs())*time.Millisecond - o.TTL) // as much as is left
		}
		if got.GetTicket() == 0 {
			break
		}
	}
	if !granted {
		return nil, &HeldError{lock}
	}
	return c.keep(ctx, name, lock.GetFence(), o.TTL, asked), nil
}

// leave leaves the line, or gives the lock back that came meanwhile. If nobody can be asked, the wait ends by itself, and so
// does the lock.
func (c *Client) leave(ctx context.Context, name string, ticket uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveMax)
	defer cancel()
	if _, err := c.CancelWait(ctx, name, ticket); err == nil {
		return
	}
	if got, err := c.GetLock(ctx, &pb.GetLockRequest{Name: name, Ticket: ticket}); err == nil && got.GetGranted() {
		_, _ = c.ReleaseLock(ctx, name, got.GetLock().GetFence())
	}
}

// keep renews a lock that was granted to who asked for it at a time.
func (c *Client) keep(ctx context.Context, name string, fence uint64, ttl time.Duration, asked time.Time) *HeldLock {
	h := &HeldLock{Name: name, Fence: fence, client: c, ttl: ttl, done: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	go h.renew(asked)
	return h
}

// Context ends when the lock is lost or released, or when the context ends under which it was taken. context.Cause is a
// *LostError if it was lost.
func (h *HeldLock) Context() context.Context { return h.ctx }

// renew renews the lock in the first third of its time, and again until it is over.
func (h *HeldLock) renew(asked time.Time) {
	defer close(h.done)
	for {
		lost := asked.Add(h.ttl)
		if !h.pause(time.Until(asked.Add(h.ttl / renewParts))) {
			return
		}
		for {
			at := time.Now()
			ctx, cancel := context.WithDeadlineCause(h.ctx, lost, errTooLate)
			_, err := h.client.RenewLock(ctx, &pb.RenewLockRequest{Name: h.Name, Fence: h.Fence})
			cancel()
			if err == nil && time.Now().Before(lost) {
				asked = at
				break
			}
			if e, ok := errors.AsType[*Error](err); ok && e.Outcome == node.Done {
				h.cancel(&LostError{h.Name, err})
				return
			}
			if h.ctx.Err() != nil {
				return
			}
			if !time.Now().Before(lost) {
				h.cancel(&LostError{h.Name, errTooLate})
				return
			}
			if !h.pause(min(renewAgain, time.Until(lost))) {
				return
			}
		}
	}
}

// pause waits, and says whether the lock is still wanted.
func (h *HeldLock) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// Release gives the lock up. To release what was lost is an error that says so.
func (h *HeldLock) Release(ctx context.Context) (err error) {
	h.once.Do(func() {
		lost, _ := errors.AsType[*LostError](context.Cause(h.ctx))
		h.cancel(context.Canceled)
		<-h.done
		if lost != nil {
			err = lost
			return
		}
		_, err = h.client.ReleaseLock(ctx, h.Name, h.Fence)
	})
	return err
}
