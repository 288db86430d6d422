package client

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "parley/rpc/proto/parley/v1"
)

// TailOptions says what to stream.
type TailOptions struct {
	Place string
	StreamOptions
}

// Tail streams a place's messages as they come: each once, in order, over any
// number of nodes that fail. It ends with an error when the context ends
// (context.Cause), when ConnectMax passes, when the login ends, or when the cluster refuses.
func (c *Client) Tail(ctx context.Context, o TailOptions) iter.Seq2[*pb.Message, error] {
	return func(yield func(*pb.Message, error) bool) {
		t := &tailer{follower: c.follow(o.StreamOptions), place: o.Place, yield: yield}
		t.connect, t.now, t.allowed, t.compacted = t.begin, t.newest, t.readable, t.catchUp
		if err := t.run(ctx); !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// tailer is one Tail.
type tailer struct {
	*follower
	place string
	yield func(*pb.Message, error) bool
}

func (t *tailer) begin(ctx context.Context, conn *grpc.ClientConn) (func() error, error) {
	request := &pb.TailRequest{Place: t.place, Cluster: t.cluster, From: &t.last}
	s, err := pb.NewChatServiceClient(conn).Tail(ctx, request)
	if err != nil {
		return nil, err
	}
	return func() error {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		switch step := r.GetStep().(type) {
		case *pb.TailResponse_Message:
			return t.give(step.Message)
		case *pb.TailResponse_Progress:
			return t.progress(step.Progress)
		}
		return nil // of a later release
	}, nil
}

func (t *tailer) newest(ctx context.Context) (uint64, error) {
	page, err := t.client.History(ctx, &pb.HistoryRequest{Place: t.place, Limit: 1})
	return page.GetPosition(), err
}

func (t *tailer) readable(ctx context.Context) error {
	_, err := t.newest(ctx)
	return err
}

// give yields a message unless it was yielded before.
func (t *tailer) give(m *pb.Message) error {
	t.stood = true
	if m.GetPosition() <= t.last {
		return nil
	}
	t.last = m.GetPosition()
	if !t.yield(m, nil) {
		return errStopped
	}
	return nil
}

// catchUp reads from the history what the backlog of events no longer has, so that
// the stream can go on behind it.
func (t *tailer) catchUp(ctx context.Context, _ *Error) error {
	for {
		page, err := t.client.History(ctx, &pb.HistoryRequest{Place: t.place, After: proto.Uint64(t.last), Limit: pageMax})
		if err != nil {
			return err
		}
		for _, m := range page.GetMessages() {
			if err := t.give(m); err != nil {
				return err
			}
		}
		if !page.GetMore() {
			t.last = max(t.last, page.GetPosition())
			return nil
		}
	}
}
