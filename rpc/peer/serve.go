package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"parley/raft"
)

const streamName = "/parley.peer.v1.Peer/Talk"

// serviceDesc is written by hand: bytes in both directions need no generator.
var serviceDesc = grpc.ServiceDesc{
	ServiceName: "parley.peer.v1.Peer",
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    "Talk",
		Handler:       func(t any, s grpc.ServerStream) error { return t.(*Transport).serve(s) },
		ServerStreams: true,
		ClientStreams: true,
	}},
}

// refusal, garbage and eviction are the ways in which a stream ends by this node's
// will. Each has log lines of its own, so that none hides another.
type (
	refusal  struct{ error }
	garbage  struct{ error }
	eviction struct{ error }
)

// errReplaced ends a stream when its peer opened the same lane anew.
var errReplaced = eviction{errors.New("a newer connection of the same node took this one's place; " +
	"if that goes on, two processes run with copies of one directory: stop one")}

// serve takes what one peer sends, until the stream ends or can't be trusted.
func (t *Transport) serve(stream grpc.ServerStream) error {
	if n := t.streams.Add(1); n > streamsMax {
		t.streams.Add(-1)
		return status.Error(codes.ResourceExhausted, "too many streams are open")
	}
	// Only the end of this function ends a read, so that the read has a goroutine
	// of its own and a peer that never says hello can be left.
	greeted, replaced := make(chan struct{}), make(chan struct{})
	failed := make(chan error, 1)
	t.run.Go(func() {
		defer t.streams.Add(-1)
		failed <- t.receive(stream, greeted, replaced)
	})
	timer := time.NewTimer(helloTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		return status.Error(codes.DeadlineExceeded, "no hello came")
	case err := <-failed:
		return t.parted(stream.Context(), err)
	case <-greeted:
	}
	select {
	case err := <-failed:
		return t.parted(stream.Context(), err)
	case <-replaced:
		return t.parted(stream.Context(), errReplaced)
	}
}

// receive answers the hello and hands over every frame. It closes greeted when it has
// answered, and replaced is closed when a newer stream takes over.
func (t *Transport) receive(stream grpc.ServerStream, greeted, replaced chan struct{}) error {
	var f incoming
	if err := stream.RecvMsg(&f); err != nil {
		return err
	}
	h, err := decodeHello(f.bytes)
	if err != nil {
		return garbage{err}
	}
	local := t.localNow()
	var state *tls.ConnectionState
	if p, ok := grpcpeer.FromContext(stream.Context()); ok {
		state = stateOf(p)
	}
	if err := t.fits(state, &h, &local); err != nil {
		return refusal{err}
	}
	if err := h.judge(&local); err != nil {
		return refusal{err}
	}
	answer := appendHello(nil, greet(&local, h.from, h.lane))
	if err := stream.SendMsg(outgoing{&answer}); err != nil {
		return err
	}
	close(greeted)
	t.nudge(h.from.ID)
	leave, ok := t.turns.take(stream.Context(), caller{h.from, h.lane}, replaced)
	defer leave()
	if !ok {
		return stream.Context().Err()
	}
	for {
		if err := stream.RecvMsg(&f); err != nil {
			return err
		}
		msgs, err := t.accept(&h, f.bytes)
		if err != nil {
			return garbage{fmt.Errorf("node %v: %w", h.from, err)}
		}
		t.deliver(msgs)
	}
}

// accept decodes a frame and checks that all of it may come on this stream.
func (t *Transport) accept(h *hello, frame []byte) ([]raft.Message, error) {
	msgs, err := decodeFrame(frame)
	if err != nil {
		return nil, err
	}
	return msgs, t.allow(h, msgs)
}

// allow says why one of the messages may not come on a connection that was opened with this hello, or nil.
func (t *Transport) allow(h *hello, msgs []raft.Message) error {
	local := t.localNow()
	for i := range msgs {
		if err := h.judgeMessage(&msgs[i], &local); err != nil {
			return err
		}
	}
	return nil
}

// logParting logs why a conversation ended if it was this node that ended it, and returns the reason that the peer is
// to be told, zero if none. A connection that broke is logged by the end that dialled it.
func (t *Transport) logParting(address string, err error) (reason uint16) {
	switch err.(type) {
	case refusal:
		t.refused.warn(t.log, "refused a peer", "address", address, "reason", err)
		return wordRefused
	case garbage:
		t.garbage.warn(t.log, "closed the stream of a peer that sent garbage", "address", address, "reason", err)
		return wordGarbage
	case eviction:
		t.evicted.warn(t.log, "closed the stream of a peer", "address", address, "reason", err)
		return wordReplaced
	case stranger:
		t.garbage.warn(t.log, "closed a connection that does not speak the peers' protocol", "address", address, "reason", err)
	case unknown:
		t.strange.warn(t.log, "refused a connection to the peers' port", "address", address, "reason", err)
	}
	return 0
}

// parted tells the log and the peer why a stream ended.
func (t *Transport) parted(ctx context.Context, err error) error {
	switch t.logParting(remote(ctx), err) {
	case wordRefused:
		return status.Error(codes.FailedPrecondition, err.Error())
	case wordGarbage:
		return status.Error(codes.InvalidArgument, err.Error())
	case wordReplaced:
		return status.Error(codes.Aborted, err.Error())
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if status.Code(err) == codes.ResourceExhausted { // gRPC's word for a frame beyond frameBytesMax
		t.garbage.warn(t.log, "closed the stream of a peer that sent garbage", "address", remote(ctx), "reason", plain(err))
	}
	return err
}

// unknown answers who calls something else on the peers' port: a client, most
// likely, that was given the wrong address.
func (t *Transport) unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	t.garbage.warn(t.log, "refused a call that peers don't make", "address", remote(stream.Context()), "method", method)
	return status.Error(codes.Unimplemented, "this is the address for peers: clients have another one")
}

// stateOf is what a handshake showed, nil without TLS.
func stateOf(p *grpcpeer.Peer) *tls.ConnectionState {
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		return &info.State
	}
	return nil
}

// remote is where a stream comes from.
func remote(ctx context.Context) string {
	if p, ok := grpcpeer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return "unknown"
}
