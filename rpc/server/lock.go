package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// locks serves LockService.
type locks struct {
	pb.UnimplementedLockServiceServer
	*edge
}

// ttlDefault is for how long a lock is held that is taken without saying so.
const ttlDefault = 30 * time.Second

func (s *locks) AcquireLock(ctx context.Context, r *pb.AcquireLockRequest) (*pb.AcquireLockResponse, error) {
	c := &lock.Acquire{Name: r.GetName(), TTL: cmp.Or(convert.DurationOf(r.GetTtlMs()), ttlDefault), Wait: convert.DurationOf(r.GetWaitMs()),
		Fence: raft.Position(r.GetFence())}
	var got lock.Answer
	at, err := s.propose(ctx, r.GetCommand(), c, &got)
	if err != nil {
		return nil, err
	}
	return &pb.AcquireLockResponse{Granted: got.Granted, Lock: convert.Lock(&got.Lock), Ticket: uint64(got.Ticket), Ahead: uint32(got.Ahead), Position: uint64(at)}, nil
}

func (s *locks) RenewLock(ctx context.Context, r *pb.RenewLockRequest) (*pb.RenewLockResponse, error) {
	var got lock.Answer
	at, err := s.propose(ctx, r.GetCommand(), &lock.Renew{Name: r.GetName(), Fence: raft.Position(r.GetFence()), TTL: convert.DurationOf(r.GetTtlMs())}, &got)
	if err != nil {
		return nil, err
	}
	return &pb.RenewLockResponse{Lock: convert.Lock(&got.Lock), Position: uint64(at)}, nil
}

func (s *locks) ReleaseLock(ctx context.Context, r *pb.ReleaseLockRequest) (*pb.ReleaseLockResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &lock.Release{Name: r.GetName(), Fence: raft.Position(r.GetFence())}, &lock.Answer{})
	return &pb.ReleaseLockResponse{Position: uint64(at)}, err
}

func (s *locks) BreakLock(ctx context.Context, r *pb.BreakLockRequest) (*pb.BreakLockResponse, error) {
	var got lock.Answer
	at, err := s.propose(ctx, r.GetCommand(), &lock.Break{Name: r.GetName(), Fence: raft.Position(r.GetFence())}, &got)
	if err != nil {
		return nil, err
	}
	return &pb.BreakLockResponse{Lock: convert.Lock(&got.Lock), Position: uint64(at)}, nil
}

func (s *locks) CancelWait(ctx context.Context, r *pb.CancelWaitRequest) (*pb.CancelWaitResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &lock.Cancel{Name: r.GetName(), Ticket: raft.Position(r.GetTicket())}, &lock.Answer{})
	return &pb.CancelWaitResponse{Position: uint64(at)}, err
}

// GetLock answers at once, or when the wait that it is asked about has ended.
func (s *locks) GetLock(ctx context.Context, r *pb.GetLockRequest) (*pb.GetLockResponse, error) {
	most := convert.DurationOf(uint64(r.GetWaitMs()))
	if most > lockWaitMax {
		return nil, fieldError("wait_ms", "An answer takes at most 1000 ms.")
	}
	q := &lock.Get{Name: r.GetName(), Ticket: raft.Position(r.GetTicket())}
	var got lock.Answer
	at, err := s.ask(ctx, r.GetConsistency(), q, &got)
	if err == nil && got.Ticket != 0 && most > 0 {
		if err = s.awaitTicket(ctx, at, q, most); err == nil {
			got = lock.Answer{}
			at, err = s.ask(ctx, pb.Consistency_CONSISTENCY_STALE, q, &got) // here what ended the wait is applied
		}
	}
	if err != nil {
		return nil, err
	}
	return &pb.GetLockResponse{Granted: got.Granted, Lock: convert.Lock(&got.Lock), Ticket: uint64(got.Ticket), Ahead: uint32(got.Ahead), Position: uint64(at)}, nil
}

// awaitTicket returns when something happened that ends a wait, or when so much time has passed: what happened is
// to be looked up.
func (s *locks) awaitTicket(ctx context.Context, from raft.Position, q *lock.Get, most time.Duration) error {
	me := actorOf(ctx)
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	audiences := []string{state.ForLock(q.Name).Word(), state.ForUser(me.user).Word()} // the grant; the end of the wait
	sub, err := s.host.SubscribeFor(limited, from, statemachine.Reader(me.user, me.head), audiences...)
	switch {
	case errors.Is(err, host.ErrBusy):
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
	case err != nil && ctx.Err() == nil:
		return nil // the time is over
	case err != nil:
		return convert.ContextError(err)
	}
	defer sub.Close()
	for {
		frames, err := sub.Next(limited)
		switch {
		case err != nil && ctx.Err() != nil:
			return convert.ContextError(err)
		case err != nil:
			return nil // the time is over, or the stream is: whoever asks again gets the reason
		}
		for i := range frames {
			if frames[i].Body != nil && s.endsWait(&frames[i], q) {
				return nil
			}
		}
	}
}

// endsWait says whether a frame has the end of a wait.
func (s *locks) endsWait(f *node.Frame, q *lock.Get) bool {
	all, err := s.ready.of(f)
	if err != nil {
		return true // what happened is looked up
	}
	return slices.ContainsFunc(all.events, func(one readyEvent) bool {
		e := &one.shown
		return (e.Kind == state.EventLocked || e.Kind == state.EventLockWaitEnded) && e.Ticket == q.Ticket && e.Text == q.Name
	})
}

func (s *locks) ListLocks(ctx context.Context, r *pb.ListLocksRequest) (*pb.ListLocksResponse, error) {
	after, err := nameFrom(r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page lock.Page
	at, err := s.askLong(ctx, r.GetConsistency(), &lock.List{After: after, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.ListLocksResponse{Locks: convert.Locks(&page), NextCursor: nameCursor(page.Next), Position: uint64(at)}, nil
}
