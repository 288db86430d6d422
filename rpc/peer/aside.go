package peer

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An aside is what one node tells another beside the protocol: which entries belong to which trace. It is a call of its
// own on the connection of the protocol's lane, its request a hello and what is said, its answer empty:
//
//	0    hello   52 bytes, judged like that of a stream
//	52   what is said, at most asideBytesMax
//
// Nothing hangs on it: it is dropped when there is no connection, when the one before it is still under way with a few behind it, and
// by a peer that does not listen. It happens only between nodes that trace (Options.Aside).
const (
	asideName     = "/parley.peer.v1.Peer/Aside"
	asideBytesMax = 64 << 10
	asidesMax     = 64 // that wait for one peer
	asideTimeout  = time.Second
	asideRest     = 10 * time.Second // before a peer that does not listen is tried again
)

// Aside tells all peers something beside the protocol, sooner or later or not at all. It does not block.
func (t *Transport) Aside(text []byte) {
	if t.opts.Aside == nil || len(text) > asideBytesMax {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.links {
		if l.asides == nil {
			continue
		}
		select {
		case l.asides <- text:
		default: // nobody misses it
		}
	}
}

// runAsides sends what waits, one at a time, until the link ends.
func (l *link) runAsides(conn *grpc.ClientConn) {
	for {
		var text []byte
		select {
		case text = <-l.asides:
		case <-l.ctx.Done():
			return
		}
		local := l.t.localNow()
		request := append(appendHello(nil, greet(&local, l.t.identOf(l.peer.ID), l.lane)), text...)
		ctx, cancel := context.WithTimeout(l.ctx, asideTimeout)
		err := conn.Invoke(ctx, asideName, outgoing{&request}, new(incoming), grpc.WaitForReady(false))
		cancel()
		if status.Code(err) == codes.Unimplemented {
			l.hush() // an older release, or one that does not trace
		}
	}
}

// hush says nothing for a while.
func (l *link) hush() {
	timer := time.NewTimer(asideRest)
	defer timer.Stop()
	for {
		select {
		case <-l.asides:
		case <-timer.C:
			return
		case <-l.ctx.Done():
			return
		}
	}
}

// heard takes an aside.
func (t *Transport) heard(b []byte) error {
	if len(b) < helloLen || len(b) > helloLen+asideBytesMax {
		return status.Error(codes.InvalidArgument, "this is no aside")
	}
	h, err := decodeHello(b[:helloLen])
	local := t.localNow()
	if err == nil {
		err = h.judge(&local)
	}
	if err == nil && local.Cluster == 0 {
		err = errors.New("no cluster yet")
	}
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	t.opts.Aside(h.from.ID, b[helloLen:])
	return nil
}

// hear is the handler of the call.
func hear(t any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var f incoming
	if err := decode(&f); err != nil {
		return nil, err
	}
	tr := t.(*Transport)
	if tr.opts.Aside == nil {
		return nil, status.Error(codes.Unimplemented, "this node does not trace")
	}
	if err := tr.heard(f.bytes); err != nil {
		return nil, err
	}
	return outgoing{new([]byte)}, nil
}
