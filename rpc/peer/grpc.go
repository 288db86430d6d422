package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/host"
)

// grpcWire carries frames as messages of gRPC streams. gRPC moves bytes here and nothing else: the codec passes
// them through, and the messages are encoded by package raft. A frame is copied once on arrival, out of gRPC's
// buffers; the payloads of its entries alias that copy, which therefore is never pooled.
type grpcWire struct {
	t      *Transport
	server *grpc.Server
}

func newGRPCWire(t *Transport) *grpcWire {
	creds := insecure.NewCredentials()
	if t.opts.Security != nil {
		creds = handshaker{credentials.NewTLS(t.opts.Security.Accept()), t}
	}
	w := &grpcWire{t: t, server: grpc.NewServer(
		grpc.Creds(creds),
		grpc.ForceServerCodecV2(passCodec{}),
		grpc.MaxRecvMsgSize(frameBytesMax),
		grpc.InitialWindowSize(windowBytes),
		grpc.InitialConnWindowSize(windowBytes),
		grpc.MaxConcurrentStreams(4),
		grpc.ConnectionTimeout(helloTimeout),
		grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(t.unknown),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: probeAfter, Timeout: probeTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: probeAfter / 2, PermitWithoutStream: true}),
	)}
	w.server.RegisterService(&serviceDesc, t)
	return w
}

func (w *grpcWire) serve(l net.Listener) error {
	if w.t.opts.Security == nil { // else no stranger gets as far as that
		l = guard{l, w.t}
	}
	return w.server.Serve(l)
}

func (w *grpcWire) stop() { w.server.Stop() }

// line dials once for the protocol: gRPC keeps that connection up, or tries. The bulk lane dials for each stream.
func (w *grpcWire) line(l *link) (line, error) {
	g := &grpcLine{link: l}
	if l.lane == host.LaneBulk {
		return g, nil
	}
	var err error
	g.conn, err = l.dial()
	return g, err
}

// grpcLine is a link's way out over gRPC. The two lanes have a gRPC connection each, and so a TCP connection:
// streams of one connection would share its window and the kernel's buffers, and heartbeats would wait there.
type grpcLine struct {
	*link
	conn *grpc.ClientConn // nil: one for each stream
}

func (l *grpcLine) close() {
	if l.conn != nil {
		_ = l.conn.Close() // it says that it is closed, and nothing else
	}
}

func (l *grpcLine) push() bool { return false }

func (l *grpcLine) talk() (welcome bool, err error) {
	if l.conn != nil {
		return l.stream(l.conn)
	}
	conn, err := l.dial()
	if err != nil {
		return false, fmt.Errorf("can't be dialled: %w", err)
	}
	defer conn.Close()
	return l.stream(conn)
}

func (l *link) dial() (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if s := l.t.opts.Security; s != nil {
		creds = credentials.NewTLS(s.Dial(l.peer.ID))
	}
	return grpc.NewClient("passthrough:///"+l.peer.PeerAddr,
		grpc.WithTransportCredentials(creds),
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

// stream is one stream's life.
func (l *grpcLine) stream(conn *grpc.ClientConn) (welcome bool, err error) {
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
	var msgs []raft.Message
	err = l.carry(ctx, func() (sent int, err error) {
		msgs, err = l.flush(stream, msgs)
		return len(msgs), err
	})
	if errors.Is(err, errIdle) {
		_ = stream.CloseSend() // if it fails the stream has ended, and ctx knows why
		return true, l.hungUp(ctx, ended)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the peer's word says more than a failed write
	}
	cancel(nil)
	<-ended
	return status.Code(err) != codes.Aborted, err
}

// greet says hello and hears the peer's.
func (l *grpcLine) greet(ctx context.Context, stream grpc.ClientStream, cancel context.CancelCauseFunc) error {
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
	var state *tls.ConnectionState
	if p, ok := grpcpeer.FromContext(stream.Context()); ok {
		state = stateOf(p)
	}
	return l.judgeAnswer(answer.bytes, &local, state)
}

// flush sends what is queued.
func (l *grpcLine) flush(stream grpc.ClientStream, msgs []raft.Message) ([]raft.Message, error) {
	msgs = l.queue.Take(msgs[:0])
	err := l.send(stream, msgs)
	clear(msgs)
	return msgs, err
}

// send writes messages, as many in a frame as fit.
func (l *grpcLine) send(stream grpc.ClientStream, msgs []raft.Message) error {
	for rest := msgs; len(rest) > 0; {
		size := nextFrameSize(rest)
		if size > frameBytesMax {
			l.tooLarge(&rest[0], size)
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

// plain is what the peer said, without gRPC's wrapping.
func plain(err error) string {
	if s, ok := status.FromError(err); ok && s != nil {
		return s.Message()
	}
	return err.Error()
}
