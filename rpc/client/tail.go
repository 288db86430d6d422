package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// TailOptions says what to stream.
type TailOptions struct {
	Channel string
	// From is the largest position already seen; nil is from now on: what was
	// acknowledged to anybody before the call is not shown, and that takes a quorum.
	From *raft.Position
	// ConnectMax bounds the wait for the first stream, and before it the wait for
	// the quorum that says what now is (zero: nowMax); later interruptions are bridged
	// for as long as they last. Zero is no bound.
	ConnectMax time.Duration
	// OnTrouble is told of every interruption, before the next node is
	// tried. Nil is nobody.
	OnTrouble func(error)
}

// Tail streams a channel's messages as they come: each once, in order, over any
// number of nodes that fail. It ends with an error when the context ends
// (context.Cause), when ConnectMax passes, or when the cluster refuses.
func (c *Client) Tail(ctx context.Context, o TailOptions) iter.Seq2[*pb.Message, error] {
	return func(yield func(*pb.Message, error) bool) {
		t := &tailer{client: c, o: o, yield: yield}
		if o.From != nil {
			t.last, t.placed = uint64(*o.From), true
		}
		if err := t.run(ctx); !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// errStopped: whoever reads the stream wants no more.
var errStopped = errors.New("client: stopped by the reader")

// tailer is one Tail: it goes from node to node and keeps its place.
type tailer struct {
	client  *Client
	o       TailOptions
	yield   func(*pb.Message, error) bool
	last    uint64 // everything up to here was yielded
	placed  bool   // last means something: there was a From, or place found one
	cluster uint64
	stood   bool // a stream stood once
}

// run streams until it can't go on, and says why.
func (t *tailer) run(ctx context.Context) error {
	if err := t.place(ctx); err != nil {
		return err
	}
	start := time.Now()
	backoff := tailBackoffMin
	addrs := t.client.addrs
	for tries := 0; ; tries++ {
		before := t.last
		err := t.stream(ctx, addrs[tries%len(addrs)])
		if done := t.judge(ctx, err); done != nil {
			return done
		}
		if !t.stood && t.o.ConnectMax > 0 && time.Since(start) > t.o.ConnectMax {
			return unavailable("no node of %v streamed within %v: %v", addrs, t.o.ConnectMax, err)
		}
		if t.o.OnTrouble != nil {
			t.o.OnTrouble(err)
		}
		if t.last > before {
			backoff, tries = tailBackoffMin, tries-tries%len(addrs)
		}
		if (tries+1)%len(addrs) != 0 {
			continue
		}
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, tailBackoffMax)
	}
}

// place finds out where now is, unless there is a From. No single node can tell: one
// that was just started may have applied nothing yet, and would stream as new
// what is years old.
func (t *tailer) place(parent context.Context) error {
	if t.placed {
		return nil
	}
	ctx, cancel := context.WithTimeout(parent, cmp.Or(t.o.ConnectMax, nowMax))
	defer cancel()
	page, err := t.client.History(ctx, HistoryOptions{Channel: t.o.Channel, Limit: 1})
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == ReasonUnavailable {
		return unavailable("no quorum said what the newest message is: %v", err)
	}
	if err != nil {
		return err
	}
	t.last, t.placed = page.GetPosition(), true
	return nil
}

// judge returns the error that ends the Tail, or nil if the stream is to be
// resumed elsewhere.
func (t *tailer) judge(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errStopped):
		return err
	}
	f := convert.ParseError(err)
	switch {
	case f.Code == node.CodeCompacted:
		return t.catchUp(ctx)
	case f.Outcome == node.Done, f.Outcome == node.Refused && (f.Code == node.CodeNone || f.Code == node.CodeTooLarge):
		return failed(f)
	}
	return nil
}

// stream reads from one node until it fails.
func (t *tailer) stream(parent context.Context, addr string) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	quiet := time.AfterFunc(streamQuietMax, func() {
		cancel(fmt.Errorf("%s said nothing for %v", addr, streamQuietMax))
	})
	defer quiet.Stop()

	conn, err := t.client.conns.get(addr)
	if err != nil {
		return err
	}
	request := &pb.TailRequest{Place: convert.PlaceOf(t.o.Channel), Cluster: t.cluster, From: &t.last}
	s, err := pb.NewChatServiceClient(conn).Tail(ctx, request)
	if err != nil {
		return err
	}
	for {
		r, err := s.Recv()
		switch {
		case err == io.EOF:
			return fmt.Errorf("%s ended the stream", addr)
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		quiet.Reset(streamQuietMax)
		if err := t.take(r); err != nil {
			return fmt.Errorf("%s: %w", addr, err)
		}
	}
}

func (t *tailer) take(r *pb.TailResponse) error {
	t.stood = true
	switch step := r.GetStep().(type) {
	case *pb.TailResponse_Message:
		return t.give(step.Message)
	case *pb.TailResponse_Progress:
		p := step.Progress
		t.last, t.cluster = max(t.last, p.GetPosition()), p.GetCluster()
		if quiet := time.Duration(p.GetLeaderQuietMs()) * time.Millisecond; quiet > leaderQuietMax {
			return fmt.Errorf("has heard no leader for %v", quiet)
		}
	}
	return nil
}

// give yields a message unless it was yielded before.
func (t *tailer) give(m *pb.Message) error {
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
func (t *tailer) catchUp(ctx context.Context) error {
	t.cluster = 0 // after a restore positions go on under another cluster id
	for {
		page, err := t.client.History(ctx, HistoryOptions{Channel: t.o.Channel, After: raft.Position(t.last), Forward: true, Limit: 1000})
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
