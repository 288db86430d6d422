package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/raft"
	"parley/raft/host"
)

// Options of a Transport. The zero value works.
type Options struct {
	Wire     Wire // zero is DefaultWire; all nodes of a cluster need the same
	Queue    host.QueueLimits
	Logger   *slog.Logger // nil is slog.Default()
	Security Security     // nil: anybody who can connect is who he says
	// Aside gets what other nodes say beside the protocol (Transport.Aside). It must not block. Nil is a node that
	// neither listens nor says anything.
	Aside func(from raft.NodeID, text []byte)
}

// Transport is a host.Transport over gRPC or framed TCP.
type Transport struct {
	listener net.Listener
	wire     wire
	opts     Options
	log      *slog.Logger
	ctx      context.Context // ends with the transport
	cancel   context.CancelFunc
	run      sync.WaitGroup

	to      host.Receiver
	streams atomic.Int64 // served now
	turns   turns
	garbage seldom
	refused seldom
	evicted seldom
	strange seldom

	bulkIdle time.Duration // bulkIdleAfter

	mu     sync.Mutex
	local  host.Local
	links  map[host.Route]*link
	closed bool
}

// Listen binds the peers' address, so that a port in use is known before
// anything else is done. Nothing is accepted before Start.
func Listen(addr string, opts Options) (*Transport, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if opts.Wire == 0 {
		opts.Wire = DefaultWire
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
		turns:    turns{of: make(map[caller]*turn)},
		bulkIdle: bulkIdleAfter,
		links:    make(map[host.Route]*link),
	}
	switch opts.Wire {
	case WireGRPC:
		t.wire = newGRPCWire(t)
	default:
		t.wire = newTCPWire(t)
	}
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
		// It ends with an error when the transport is closed, which is no news.
		if err := t.wire.serve(t.listener); err != nil && t.ctx.Err() == nil {
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
	for r, l := range t.links {
		if !l.serves(local.Peers) && (r.Lane == host.LaneBulk || !l.serves(local.Former)) {
			gone = append(gone, l)
			delete(t.links, r)
		}
	}
	for _, p := range local.Peers {
		for _, lane := range host.Lanes {
			t.keep(p, lane, false)
		}
	}
	for _, p := range local.Former {
		t.keep(p, host.LaneProtocol, true)
	}
	t.mu.Unlock()
	for _, l := range gone {
		l.cancel()
	}
}

// keep makes a link if there is none yet, and tells it whether it is to wait for a call.
func (t *Transport) keep(p raft.Member, lane host.Lane, shy bool) {
	r := host.Route{Peer: p.ID, Lane: lane}
	l := t.links[r]
	if l == nil {
		l = newLink(t, p, lane)
		l.shy.Store(shy)
		t.links[r] = l
		t.run.Go(l.run)
	}
	if l.shy.Swap(shy) && !shy {
		l.nudge()
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

// nudge tells the links to a peer that it can be reached.
func (t *Transport) nudge(id raft.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, lane := range host.Lanes {
		if l := t.links[host.Route{Peer: id, Lane: lane}]; l != nil {
			l.nudge()
		}
	}
}

// Send queues messages, and has the lines carry them at once if they can.
func (t *Transport) Send(msgs []raft.Message) {
	var few [8]*link
	stirred := few[:0]
	for i := range msgs {
		t.mu.Lock()
		l := t.links[host.RouteOf(&msgs[i])]
		t.mu.Unlock()
		if l == nil {
			continue
		}
		l.queue.Add(&msgs[i])
		if !slices.Contains(stirred, l) {
			stirred = append(stirred, l)
		}
	}
	for _, l := range stirred {
		if l.line == nil || !l.line.push() {
			l.queue.Ring()
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
	t.wire.stop()
	if !started {
		// Nobody serves the listener, and so nobody closed it.
		_ = t.listener.Close() // it may be closed already: Close is safe to repeat
	}
	t.run.Wait()
	return nil
}
