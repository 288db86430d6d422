package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"parley/raft"
	"parley/raft/host"
)

// Options of a Transport. The zero value works.
type Options struct {
	Queue  host.QueueLimits
	Logger *slog.Logger // nil is slog.Default()
}

// Transport is a host.Transport over gRPC.
type Transport struct {
	listener net.Listener
	server   *grpc.Server
	opts     Options
	log      *slog.Logger
	ctx      context.Context // ends with the transport
	cancel   context.CancelFunc
	run      sync.WaitGroup

	to      host.Receiver
	streams atomic.Int64 // served now
	garbage seldom
	refused seldom

	mu     sync.Mutex
	local  host.Local
	links  map[raft.NodeID]*link
	closed bool
}

// Listen binds the peers' address, so that a port in use is known before
// anything else is done. Nothing is accepted before Start.
func Listen(addr string, opts Options) (*Transport, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Transport{
		listener: l,
		opts:     opts,
		log:      opts.Logger,
		ctx:      ctx,
		cancel:   cancel,
		links:    make(map[raft.NodeID]*link),
	}
	t.server = grpc.NewServer(
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
	)
	t.server.RegisterService(&serviceDesc, t)
	return t, nil
}

// Addr returns the address that the transport listens on.
func (t *Transport) Addr() string { return t.listener.Addr().String() }

// Start accepts peers and dials them.
func (t *Transport) Start(local host.Local, r host.Receiver) error {
	t.to = r
	t.log = t.opts.Logger.With("node", uint64(local.Self.ID))
	t.SetLocal(local)
	t.run.Go(func() {
		// Serve ends with an error when the transport is closed, which is no news.
		if err := t.server.Serve(guard{t.listener, t}); err != nil && t.ctx.Err() == nil {
			t.log.Error("the listener for peers failed: nobody can reach this node", "error", err)
		}
	})
	return nil
}

// SetLocal dials new peers, hangs up on former ones, and leaves the others
// alone.
func (t *Transport) SetLocal(local host.Local) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.local = local
	var gone []*link
	for id, l := range t.links {
		if !l.serves(local.Peers) && !l.serves(local.Former) {
			gone = append(gone, l)
			delete(t.links, id)
		}
	}
	keep := func(peers []raft.Member, shy bool) {
		for _, p := range peers {
			l := t.links[p.ID]
			if l == nil {
				l = newLink(t, p)
				l.shy.Store(shy)
				t.links[p.ID] = l
				t.run.Go(l.run)
			}
			if l.shy.Swap(shy) && !shy {
				l.nudge()
			}
		}
	}
	keep(local.Peers, false)
	keep(local.Former, true)
	t.mu.Unlock()
	for _, l := range gone {
		l.cancel()
	}
}

// localNow returns what the transport was told last.
func (t *Transport) localNow() host.Local {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local
}

// identOf returns what is known about the peer's identity.
func (t *Transport) identOf(id raft.NodeID) raft.Ident {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.local.Peers {
		if p.ID == id {
			return p.Ident
		}
	}
	return raft.Ident{ID: id}
}

// nudge tells the link to a peer that it can be reached.
func (t *Transport) nudge(id raft.NodeID) {
	t.mu.Lock()
	l := t.links[id]
	t.mu.Unlock()
	if l != nil {
		l.nudge()
	}
}

// Send queues messages.
func (t *Transport) Send(msgs []raft.Message) {
	for i := range msgs {
		t.mu.Lock()
		l := t.links[msgs[i].To.ID]
		t.mu.Unlock()
		if l != nil {
			l.queue.Put(&msgs[i])
		}
	}
}

// Close hangs up on everybody and waits until nothing runs any more.
func (t *Transport) Close() error {
	t.mu.Lock()
	started := t.to != nil
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.server.Stop()
	if !started {
		// Serve was never called, so that the server does not own the listener.
		_ = t.listener.Close() // it may be closed already: Close is safe to repeat
	}
	t.run.Wait()
	return nil
}
