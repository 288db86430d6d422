package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/state"
)

// followed says what a stream shows.
type followed[R any] struct {
	from      *uint64       // the position behind which it begins; absent: at
	at        raft.Position // where this node stood when it was asked
	cluster   uint64        // that from is of; zero: not known
	audiences []string
	take      func(*node.Frame) ([]*R, error) // what a frame holds for it
	notice    func(*node.Frame) (*R, error)   // what a notice is for it, or nothing; nil: it wants none
	join      func(first, next *R)            // makes one of two responses that are ready; nil: each goes by itself
	progress  func(*pb.Progress) *R
}

// follow serves a stream until it ends: login, place, reader or node.
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
	w := &follower[R]{followed: f, id: cluster, sub: sub, out: out, ctx: ctx, next: make(chan *R), sent: make(chan error, 1)}
	go w.send()
	defer close(w.next)
	if err := w.tell(from, 0); err != nil {
		return err
	}
	return w.run()
}

// follower writes one subscription's frames to one client.
//
// A client that reads nothing blocks Send for as long as its connection lives, and
// only the handler's return ends that. So the handler does not send: a goroutine
// does, one response at a time, and the handler waits for it or for the end of
// the subscription, whichever is first.
type follower[R any] struct {
	followed[R]
	id      uint64 // of the cluster
	sub     *host.Subscription
	out     grpc.ServerStreamingServer[R]
	ctx     context.Context // ends with the call, and with the token
	wroteAt time.Time
	ready   *R // to be written

	next chan *R    // to the goroutine
	sent chan error // its answer; of capacity 1, as nobody may be there to take it
}

// send runs until the handler has returned; then gRPC ends the Send that is under way.
func (w *follower[R]) send() {
	for r := range w.next {
		w.sent <- w.out.Send(r)
	}
}

// write returns when the response is on its way, or when there is no use in waiting.
func (w *follower[R]) write(r *R) error {
	w.wroteAt = time.Now()
	w.next <- r // it waits for the next one: the last was answered
	select {
	case err := <-w.sent:
		return err
	case <-w.sub.Done():
		_, err := w.sub.Next(w.ctx)
		return w.ended(err)
	}
}

func (w *follower[R]) run() error {
	for {
		frames, err := w.sub.Next(w.ctx)
		if err != nil {
			return w.ended(err)
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
	if err != nil {
		if err := w.flush(); err != nil {
			return err
		}
		return err
	}
	for _, r := range responses {
		if w.ready != nil && w.join != nil {
			w.join(w.ready, r)
			continue
		}
		if err := w.flush(); err != nil {
			return err
		}
		w.ready = r
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
	return w.write(r)
}

// flush writes what is ready. Next hands out a bounded number of bytes at a time, and so much is ready at most.
func (w *follower[R]) flush() error {
	r := w.ready
	if r == nil {
		return nil
	}
	w.ready = nil
	return w.write(r)
}

// tell says how far the stream has come.
func (w *follower[R]) tell(at raft.Position, quiet time.Duration) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.write(w.progress(progressOf(w.id, at, quiet)))
}

// ended returns what the wire has for an error of Next.
func (w *follower[R]) ended(err error) error {
	if ended, ok := errors.AsType[*host.EndedError](err); ok {
		return convert.AnswerError(ended.Answer, "")
	}
	if errors.Is(err, context.DeadlineExceeded) && w.out.Context().Err() == nil {
		return convert.AuthError(&auth.Refusal{Code: auth.Unauthenticated, Reason: auth.ReasonTokenExpired,
			Text: "The token of this stream has expired. Go on with a renewed one."})
	}
	return convert.ContextError(err)
}

// eachShown visits the events of a frame that this release knows, until visit returns an error.
func eachShown(body []byte, visit func(e *state.Shown) error) error {
	bodies, err := statemachine.DecodeBodies(body)
	if err != nil {
		return err // our own bytes: a bug, and an error without ErrorInfo says so
	}
	for _, b := range bodies {
		e, ok, err := statemachine.DecodeShown(b)
		if err != nil {
			return err
		}
		if !ok {
			continue // of a newer release, or of nobody's interest
		}
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}
