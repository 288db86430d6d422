package client

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/grpc"

	pb "parley/rpc/proto/parley/v1"
)

// WatchOptions says what to stream.
type WatchOptions struct {
	Places []string   // empty is all that the user may read
	Topics []pb.Topic // empty is all
	// OnNotice is told what others do right now, between the frames: that they write. Nil is nobody.
	OnNotice func(*pb.Notice)
	StreamOptions
}

// Watch streams what happens, position by position: each once, in order, over any number of nodes that
// fail. It ends with an error when the context ends (context.Cause), when ConnectMax passes, when the login ends, or
// when the cluster refuses; with ReasonCompacted when what happened after the last position is no longer kept: read anew
// what you show, and watch on from the position that it was read at.
func (c *Client) Watch(ctx context.Context, o WatchOptions) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		w := &watcher{follower: c.follow(o.StreamOptions), o: o, yield: yield}
		w.connect, w.now, w.allowed = w.begin, w.newest, w.readable
		w.compacted = func(_ context.Context, e *Error) error { return e }
		if err := w.run(ctx); !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// watcher is one Watch.
type watcher struct {
	*follower
	o     WatchOptions
	yield func(*pb.Frame, error) bool
}

func (w *watcher) begin(ctx context.Context, conn *grpc.ClientConn) (func() error, error) {
	request := &pb.WatchRequest{Places: w.o.Places, Topics: w.o.Topics, Cluster: w.cluster, From: &w.last}
	s, err := pb.NewEventServiceClient(conn).Watch(ctx, request)
	if err != nil {
		return nil, err
	}
	return func() error {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		for _, f := range r.GetFrames() {
			if err := w.give(f); err != nil {
				return err
			}
		}
		for _, n := range r.GetNotices() {
			if w.o.OnNotice != nil {
				w.o.OnNotice(n)
			}
		}
		if p := r.GetProgress(); p != nil {
			return w.progress(p)
		}
		return nil
	}, nil
}

func (w *watcher) newest(ctx context.Context) (uint64, error) {
	me, err := w.client.WhoAmI(ctx)
	return me.GetPosition(), err
}

// readable asks the cluster about all places of the stream, one of which a node refused.
func (w *watcher) readable(ctx context.Context) error {
	if len(w.o.Places) == 0 {
		_, err := w.newest(ctx)
		return err
	}
	for _, place := range w.o.Places {
		if _, err := w.client.History(ctx, &pb.HistoryRequest{Place: place, Limit: 1}); err != nil {
			return err
		}
	}
	return nil
}

// give yields a frame unless it was yielded before.
func (w *watcher) give(f *pb.Frame) error {
	w.stood = true
	if f.GetPosition() <= w.last {
		return nil
	}
	w.last = f.GetPosition()
	if !w.yield(f, nil) {
		return errStopped
	}
	return nil
}
