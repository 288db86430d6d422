package server

import (
	"errors"
	"time"

	"google.golang.org/grpc"

	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// tail writes one subscription's frames to one client.
//
// A client that reads nothing blocks Send for as long as its connection lives, and
// only the handler's return ends that. So the handler does not send: a goroutine
// does, one response at a time, and the handler waits for it or for the end of
// the subscription, whichever is first.
type tail struct {
	channel string
	cluster uint64
	sub     *host.Subscription
	out     grpc.ServerStreamingServer[pb.TailResponse]
	wroteAt time.Time

	next chan *pb.TailResponse // to the goroutine
	sent chan error            // its answer; of capacity 1, as nobody may be there to take it
}

func newTail(channel string, cluster uint64, sub *host.Subscription, out grpc.ServerStreamingServer[pb.TailResponse]) *tail {
	t := &tail{channel: channel, cluster: cluster, sub: sub, out: out,
		next: make(chan *pb.TailResponse), sent: make(chan error, 1)}
	go t.send()
	return t
}

// send runs until close. When the handler has returned, gRPC ends the Send that is
// under way.
func (t *tail) send() {
	for r := range t.next {
		t.sent <- t.out.Send(r)
	}
}

func (t *tail) close() { close(t.next) }

// write returns when the response is on its way, or when there is no use in waiting.
func (t *tail) write(r *pb.TailResponse) error {
	t.wroteAt = time.Now()
	t.next <- r // it waits for the next one: the last was answered
	select {
	case err := <-t.sent:
		return err
	case <-t.sub.Done():
		_, err := t.sub.Next(t.out.Context())
		return t.ended(err)
	}
}

func (t *tail) run() error {
	for {
		frames, err := t.sub.Next(t.out.Context())
		if err != nil {
			return t.ended(err)
		}
		for _, f := range frames {
			if err := t.frame(f); err != nil {
				return err
			}
		}
		if last := frames[len(frames)-1]; time.Since(t.wroteAt) > progressEvery {
			// Much happens, but not in this channel.
			if err := t.progress(node.Frame{Position: last.Position}); err != nil {
				return err
			}
		}
	}
}

// ended returns what the wire has for an error of Next.
func (t *tail) ended(err error) error {
	if ended, ok := errors.AsType[*host.EndedError](err); ok {
		return convert.AnswerError(ended.Answer, "")
	}
	return convert.ContextError(err)
}

func (t *tail) frame(f node.Frame) error {
	if f.Body == nil {
		return t.progress(f)
	}
	events, err := statemachine.DecodeEvents(f.Body)
	if errors.Is(err, statemachine.ErrVersion) {
		return nil // written by a newer release, in a form that this one does not read
	}
	if err != nil {
		return err // our own bytes: a bug, and an error without ErrorInfo says so
	}
	for i := range events {
		if e := &events[i]; e.Kind == statemachine.EventMessage && e.Channel == t.channel {
			return t.write(&pb.TailResponse{Step: &pb.TailResponse_Message{Message: convert.Message(t.channel, e.Message)}})
		}
	}
	return nil
}

func (t *tail) progress(f node.Frame) error {
	return t.write(&pb.TailResponse{Step: &pb.TailResponse_Progress{Progress: &pb.Progress{
		Position:      uint64(f.Position),
		Cluster:       t.cluster,
		LeaderQuietMs: uint64(max(f.LeaderQuiet, 0).Milliseconds()),
	}}})
}
