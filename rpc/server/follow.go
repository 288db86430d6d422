package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// followed says what a stream shows.
type followed[R any] struct {
	from      *uint64       // the position behind which it begins; absent: at
	at        raft.Position // where this node stood when it was asked
	cluster   uint64        // that from is of; zero: not known
	audiences []string
	take      func(*node.Frame) ([][]byte, error) // what a frame holds for it: encoded responses
	notice    func(*node.Frame) (*R, error)       // what a notice is for it, or nothing; nil: it wants none
	join      bool                                // responses that are ready together go as one
	progress  func(*pb.Progress) *R
}

// follow serves a stream until it ends: login, place, reader or node.
//
// A client that reads nothing blocks Send for as long as its connection lives, and only the handler's return ends
// that. So the handler does not send: a goroutine does, and the handler waits for its end, for that of the subscription,
// or for that of the call, whichever is first.
func follow[R any](e *edge, out grpc.ServerStreamingServer[R], f followed[R]) error {
	me := actorOf(out.Context())
	cluster := uint64(e.host.Status().Cluster)
	if f.cluster != 0 && f.cluster != cluster {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeCompacted, Position: f.at}, "")
	}
	from := f.at
	if f.from != nil {
		from = raft.Position(*f.from)
	}
	if !e.streams.begin(me) {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
	}
	defer e.streams.end(me)
	sub, err := e.host.SubscribeFor(out.Context(), from, statemachine.Reader(me.user, me.head), f.audiences...)
	if errors.Is(err, host.ErrBusy) {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
	}
	if err != nil {
		return convert.ContextError(err)
	}
	defer sub.Close()
	ctx, cancel := context.WithDeadline(out.Context(), me.expires)
	defer cancel()
	w := &follower[R]{followed: f, id: cluster, sub: sub, out: out, ctx: ctx, ended: make(chan error, 1)}
	go w.run(from)
	select {
	case err := <-w.ended:
		if p, ok := err.(*panicked); ok {
			panic(p) // where somebody is there to take it
		}
		return err
	case <-sub.Done():
		return w.why(sub.Err())
	case <-ctx.Done():
		return w.why(ctx.Err())
	}
}

// follower writes one subscription's frames to one client.
type follower[R any] struct {
	followed[R]
	id      uint64 // of the cluster
	sub     *host.Subscription
	out     grpc.ServerStreamingServer[R]
	ctx     context.Context // ends with the call, and with the token
	wroteAt time.Time
	ready   [][]byte   // to be written
	ended   chan error // how it ended; of capacity 1, as nobody may be there to take it
}

// run writes until the stream can't go on. When the handler has returned, gRPC ends the Send that is under way.
func (w *follower[R]) run(from raft.Position) {
	defer func() {
		if p := recover(); p != nil {
			w.ended <- &panicked{p, debug.Stack()}
		}
	}()
	err := w.tell(from, 0)
	if err == nil {
		err = w.follow()
	}
	w.ended <- err
}

// panicked is a panic on its way to the goroutine that the call belongs to.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

func (w *follower[R]) follow() error {
	for {
		frames, err := w.sub.Next(w.ctx)
		if err != nil {
			return w.why(err)
		}
		for i := range frames {
			if err := w.frame(&frames[i]); err != nil {
				return err
			}
		}
		if err := w.flush(); err != nil {
			return err
		}
		if last := frames[len(frames)-1]; time.Since(w.wroteAt) > progressEvery {
			// Much happens, and nothing of it is for this stream.
			if err := w.tell(last.Position, 0); err != nil {
				return err
			}
		}
	}
}

func (w *follower[R]) frame(f *node.Frame) error {
	if f.Body == nil {
		return w.tell(f.Position, f.LeaderQuiet)
	}
	if f.Notice {
		return w.hear(f)
	}
	responses, err := w.take(f)
	w.ready = append(w.ready, responses...)
	if err != nil {
		if err := w.flush(); err != nil {
			return err
		}
		return err
	}
	return nil
}

// hear writes a notice, behind what is ready.
func (w *follower[R]) hear(f *node.Frame) error {
	if w.notice == nil {
		return nil
	}
	r, err := w.notice(f)
	if r == nil || err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.wroteAt = time.Now()
	return w.out.Send(r)
}

// flush writes what is ready. Next hands out a bounded number of bytes at a time, and so much is ready at most.
func (w *follower[R]) flush() error {
	if len(w.ready) == 0 {
		return nil
	}
	w.wroteAt = time.Now()
	defer func() {
		clear(w.ready)
		w.ready = w.ready[:0]
	}()
	if w.join {
		return w.out.SendMsg(encoded(w.ready))
	}
	for i := range w.ready {
		if err := w.out.SendMsg(encoded(w.ready[i : i+1])); err != nil {
			return err
		}
	}
	return nil
}

// tell says how far the stream has come.
func (w *follower[R]) tell(at raft.Position, quiet time.Duration) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.wroteAt = time.Now()
	return w.out.Send(w.progress(progressOf(w.id, at, quiet)))
}

// why returns what the wire has for the end of a subscription or of its context.
func (w *follower[R]) why(err error) error {
	if ended, ok := errors.AsType[*host.EndedError](err); ok {
		return convert.AnswerError(ended.Answer, "")
	}
	if errors.Is(err, context.DeadlineExceeded) && w.out.Context().Err() == nil {
		return convert.AuthError(&auth.Refusal{Code: auth.Unauthenticated, Reason: auth.ReasonTokenExpired,
			Text: "The token of this stream has expired. Go on with a renewed one."})
	}
	return convert.ContextError(err)
}
