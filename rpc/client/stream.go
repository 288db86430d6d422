package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// StreamOptions says from where a stream goes on, and who is told how it fares.
type StreamOptions struct {
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
	// OnProgress is told about once a second, and at first when a stream stands, which node streams, and up to which
	// position everything that happened was delivered. Nil is nobody.
	OnProgress func(addr string, through raft.Position)
	// Avoid is the address of a node that is asked last.
	Avoid string
}

// errStopped: whoever reads the stream wants no more.
var errStopped = errors.New("client: stopped by the reader")

// errOtherLogin ends the streams of a login that is not in use any more.
var errOtherLogin = unavailable("the client is closed, or was given another login")

// follower is one stream of a user: it goes from node to node and keeps its place.
type follower struct {
	client *Client
	calls  *calls
	o      StreamOptions

	// connect begins a stream at a node, and returns what takes the next response.
	connect func(ctx context.Context, conn *grpc.ClientConn) (take func() error, err error)
	// now is a position that everything acknowledged before the call stands at or below.
	now func(ctx context.Context) (uint64, error)
	// allowed is what the cluster says of the stream, whatever a node said: nil, or the refusal.
	allowed func(ctx context.Context) error
	// compacted is told that what follows last is no longer kept; it moves last on, or returns why it can't.
	compacted func(ctx context.Context, e *Error) error

	addr    string // of the node that streams
	last    uint64 // everything up to here was yielded
	placed  bool   // last means something: there was a From, or place found one
	cluster uint64
	stood   bool // a stream stood once
	refused int  // how often nodes have refused since one stood
}

func (c *Client) follow(o StreamOptions) *follower {
	f := &follower{client: c, calls: c.current(), o: o}
	if o.From != nil {
		f.last, f.placed = uint64(*o.From), true
	}
	return f
}

// run streams until it can't go on, and says why.
func (f *follower) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.calls.ctx, func() { cancel(errOtherLogin) })()
	if *f.calls.token.Load() == "" {
		return nobody()
	}
	if err := f.place(ctx); err != nil {
		return err
	}
	start := time.Now()
	backoff := streamBackoffMin
	addrs := f.client.addrs
	if i := slices.Index(addrs, f.o.Avoid); i >= 0 {
		addrs = slices.Concat(addrs[i+1:], addrs[:i+1])
	}
	for tries := 0; ; tries++ {
		before := f.last
		f.addr = addrs[tries%len(addrs)]
		err := f.stream(ctx)
		if done := f.judge(ctx, err); done != nil {
			return done
		}
		if !f.stood && f.o.ConnectMax > 0 && time.Since(start) > f.o.ConnectMax {
			return unavailable("no node of %v streamed within %v: %v", addrs, f.o.ConnectMax, err)
		}
		if f.o.OnTrouble != nil {
			f.o.OnTrouble(err)
		}
		if f.last > before {
			backoff, tries = streamBackoffMin, tries-tries%len(addrs)
		}
		if (tries+1)%len(addrs) != 0 {
			continue
		}
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, streamBackoffMax)
	}
}

// place finds out where now is, unless there is a From. No single node can tell: one
// that was just started may have applied nothing yet, and would stream as new
// what is years old.
func (f *follower) place(parent context.Context) (err error) {
	if f.placed {
		return nil
	}
	bound := f.o.ConnectMax
	if bound == 0 {
		bound = nowMax
	}
	ctx, cancel := context.WithTimeout(parent, bound)
	defer cancel()
	f.last, err = f.now(ctx)
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if e := failedAs(err); e != nil && e.Reason == ReasonUnavailable {
		return unavailable("no quorum said what the newest position is: %v", err)
	}
	f.placed = err == nil
	return err
}

// judge returns the error that ends the stream for good, or nil if it is to be
// resumed elsewhere.
func (f *follower) judge(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errStopped):
		return err
	}
	e := failed(err)
	switch code := convert.ParseError(err).Code; {
	case e.Outcome == node.Refused && e.Code == codes.InvalidArgument:
		return e // what is wrong with the request itself every node finds
	case code == node.CodeCompacted:
		f.cluster = 0 // after a restore positions go on under another cluster id
		return f.compacted(ctx, e)
	case e.unauthenticated(),
		e.Outcome == node.Done,
		e.Outcome == node.Refused && e.Reason != reasonRateLimited && (code == node.CodeNone || code == node.CodeTooLarge):
		return f.doubt(ctx, e)
	}
	return nil
}

// doubt asks the cluster whether what one node refused is so: a node that lags knows nothing yet of a login or a place that
// is new. It returns the refusal, or nil if another node may say something else.
func (f *follower) doubt(ctx context.Context, said *Error) error {
	f.refused++
	if f.refused > len(f.client.addrs) {
		return said // all of them said so
	}
	ctx, cancel := context.WithTimeout(ctx, nowMax)
	defer cancel()
	if err := f.allowed(ctx); err != nil {
		if e := failedAs(err); e != nil && e.Reason != ReasonUnavailable {
			return e
		}
	}
	return nil
}

// stream reads from one node until it fails.
func (f *follower) stream(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(f.calls.as(parent))
	defer cancel(nil)
	quiet := time.AfterFunc(streamQuietMax, func() {
		cancel(fmt.Errorf("%s said nothing for %v", f.addr, streamQuietMax))
	})
	defer quiet.Stop()

	conn, err := f.client.conns.get(f.addr)
	if err != nil {
		return err
	}
	take, err := f.connect(ctx, conn)
	for err == nil {
		err = take()
		quiet.Reset(streamQuietMax)
	}
	switch {
	case errors.Is(err, errStopped):
		return err
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case err == io.EOF:
		return fmt.Errorf("%s ended the stream", f.addr)
	}
	return err
}

// progress takes a note: everything up to its position has come.
func (f *follower) progress(p *pb.Progress) error {
	f.last, f.cluster = max(f.last, p.GetPosition()), p.GetCluster()
	f.stood, f.refused = true, 0
	if f.o.OnProgress != nil {
		f.o.OnProgress(f.addr, raft.Position(f.last))
	}
	if quiet := time.Duration(p.GetLeaderQuietMs()) * time.Millisecond; quiet > leaderQuietMax {
		return fmt.Errorf("%s has heard no leader for %v", f.addr, quiet)
	}
	return nil
}
