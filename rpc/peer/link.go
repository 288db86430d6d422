package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/host"
)

// link is one lane to one peer: it dials, says hello, and writes what is queued. One
// goroutine does that; a second one waits for the stream's end while it is up. The two
// lanes have a gRPC connection each, and so a TCP connection: streams of one connection would
// share its window and the kernel's buffers, and heartbeats would wait there.
type link struct {
	t       *Transport
	peer    raft.Member
	lane    host.Lane
	queue   *host.PeerQueue
	ctx     context.Context
	cancel  context.CancelFunc
	trouble seldom
	dropped seldom
	nudged  chan struct{} // the peer is known to be up: dial now
	asides  chan []byte   // nil: the node has nothing to say beside the protocol
	shy     atomic.Bool   // dial only then: the peer was removed, and most likely is gone
}

func newLink(t *Transport, peer raft.Member, lane host.Lane) *link {
	l := &link{t: t, peer: peer, lane: lane, nudged: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(t.ctx)
	if t.opts.Aside != nil && lane == host.LaneProtocol {
		l.asides = make(chan []byte, asidesMax)
	}
	lost := func() { t.to.PeerLost(peer.ID) }
	if lane == host.LaneBulk {
		lost = l.bulkDropped
	}
	l.queue = host.NewPeerQueue(lane, t.opts.Queue, lost)
	return l
}

// run is the link's goroutine.
func (l *link) run() {
	if l.lane == host.LaneBulk {
		l.runBulk()
	} else {
		l.runProtocol()
	}
}

// with adds whom a line in the log is about.
func (l *link) with(args ...any) []any {
	return append([]any{"peer", uint64(l.peer.ID), "address", l.peer.PeerAddr, "lane", l.lane}, args...)
}

// serves reports whether the link still leads to one of the peers.
func (l *link) serves(peers []raft.Member) bool {
	for _, p := range peers {
		if p.ID == l.peer.ID {
			return p.PeerAddr == l.peer.PeerAddr
		}
	}
	return false
}

// runProtocol keeps the link up until it is cancelled.
func (l *link) runProtocol() {
	conn, err := l.dial()
	if err != nil {
		l.t.log.Error("this peer can't be dialled", l.with("error", err)...)
		return
	}
	defer conn.Close()
	if l.asides != nil {
		l.t.run.Go(func() { l.runAsides(conn) })
	}
	pause := backoffMin
	for l.ctx.Err() == nil {
		if l.shy.Load() && !l.called() {
			return
		}
		welcome, err := l.talk(conn)
		l.queue.SetUp(false)
		if l.ctx.Err() != nil {
			return
		}
		l.trouble.warn(l.t.log, "no connection to a peer", l.with("error", plain(err))...)
		if welcome {
			pause = backoffMin
		}
		l.wait(pause)
		pause = min(2*pause, backoffMax)
	}
}

// nudge ends the wait before the next attempt: the peer has just said hello, so that it
// can be reached again. Without this a peer that came back could be heard and not
// answered for a whole backoff, and an election with its vote would fail. (gRPC's own
// backoff between dials is not ended: its ResetConnectBackoff races with a dial under
// way in 1.85. It is kept short instead.)
func (l *link) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default: // told already
	}
}

// called waits until the peer is known to be up; false is the end of the link.
func (l *link) called() bool {
	select {
	case <-l.nudged:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// wait pauses for d, until the peer is known to be up, or until the link ends.
func (l *link) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.nudged:
	case <-l.ctx.Done():
	}
}

func (l *link) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+l.peer.PeerAddr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(passCodec{}),
			grpc.WaitForReady(true),
			grpc.MaxCallRecvMsgSize(helloLen),
			grpc.MaxCallSendMsgSize(frameBytesMax),
		),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: backoffMin, Multiplier: 2, Jitter: 0.2, MaxDelay: dialBackoffMax},
			MinConnectTimeout: dialTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: probeAfter, Timeout: probeTimeout}),
		grpc.WithInitialWindowSize(windowBytes),
		grpc.WithInitialConnWindowSize(windowBytes),
		grpc.WithIdleTimeout(0),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
	)
}

// talk is one stream's life. It returns why it ended, nil if this node hung up for want of
// work, and whether the peer had answered the hello. A peer that answers and then prefers
// another process of this name does not count: two that call at once would
// throw each other out without a pause.
func (l *link) talk(conn *grpc.ClientConn) (welcome bool, err error) {
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	// gRPC dials for as long as it takes; whoever mistyped an address must hear of it.
	unreachable := time.AfterFunc(unreachableAfter, func() { cancel(nil) })
	stream, err := conn.NewStream(ctx, &serviceDesc.Streams[0], streamName)
	if err != nil {
		return false, fmt.Errorf("can't be reached; is the address right, and does the node run? %s", plain(err))
	}
	unreachable.Stop()
	if err := l.greet(ctx, stream, cancel); err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var none incoming
		err := stream.RecvMsg(&none) // the peer says nothing more until the end
		if err == nil {
			err = errors.New("the peer sent what nobody asked for")
		}
		cancel(err)
	}()
	l.queue.SetUp(true)
	l.t.log.Info("connected to a peer", l.with()...)
	err = l.write(ctx, stream)
	if errors.Is(err, errIdle) {
		return true, hangUp(ctx, stream, ended)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the peer's word says more than a failed write
	}
	cancel(nil)
	<-ended
	return status.Code(err) != codes.Aborted, err
}

// greet says hello and hears the peer's.
func (l *link) greet(ctx context.Context, stream grpc.ClientStream, cancel context.CancelCauseFunc) error {
	timer := time.AfterFunc(helloTimeout, func() { cancel(errors.New("the peer does not answer the hello")) })
	defer timer.Stop()
	local := l.t.localNow()
	bytes := appendHello(nil, greet(&local, l.t.identOf(l.peer.ID), l.lane))
	if err := stream.SendMsg(outgoing{&bytes}); err != nil && !errors.Is(err, io.EOF) {
		return err // EOF: RecvMsg knows why
	}
	var answer incoming
	if err := stream.RecvMsg(&answer); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	h, err := decodeHello(answer.bytes)
	if err != nil {
		return err
	}
	if h.from.ID != l.peer.ID {
		return fmt.Errorf("node %v answers at the address of node %d", h.from, l.peer.ID)
	}
	if h.lane != l.lane {
		return fmt.Errorf("node %d answers on the %v lane", h.from.ID, h.lane)
	}
	return h.judge(&local)
}

// write sends what is queued, until the stream ends or the lane has been idle for long
// enough.
func (l *link) write(ctx context.Context, stream grpc.ClientStream) error {
	var msgs []raft.Message
	idle := time.NewTimer(l.t.bulkIdle)
	defer idle.Stop()
	var over <-chan time.Time // never, for the protocol
	if l.lane == host.LaneBulk {
		over = idle.C
	}
	for {
		msgs = l.queue.Take(msgs[:0])
		if err := l.send(stream, msgs); err != nil {
			return err
		}
		clear(msgs)
		if over != nil && len(msgs) > 0 {
			idle.Reset(l.t.bulkIdle)
		}
		select {
		case <-l.queue.Wake():
		case <-over:
			return errIdle
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send writes messages, as many in a frame as fit.
func (l *link) send(stream grpc.ClientStream, msgs []raft.Message) error {
	for rest := msgs; len(rest) > 0; {
		size := nextFrameSize(rest)
		if size > frameBytesMax {
			l.trouble.warn(l.t.log, "a message is too large to be sent: lower raft.Limits", l.with("kind", rest[0].Kind, "bytes", size)...)
			rest = rest[1:]
			continue
		}
		bytes := framePool.Get(size)
		var n int
		*bytes, n = appendFrame((*bytes)[:0], rest)
		rest = rest[n:]
		if err := stream.SendMsg(outgoing{bytes}); err != nil {
			return err
		}
	}
	return nil
}

// nextFrameSize is at least what the next frame of these messages takes.
func nextFrameSize(msgs []raft.Message) int {
	size := frameSize(&msgs[0])
	for i := 1; i < len(msgs) && size < frameBytes; i++ {
		size += frameSize(&msgs[i])
	}
	return size
}

// plain is what the peer said, without gRPC's wrapping.
func plain(err error) string {
	if s, ok := status.FromError(err); ok && s != nil {
		return s.Message()
	}
	return err.Error()
}
