package host

import (
	"errors"
	"sync"

	"parley/raft"
)

// Network joins hosts of one process without sockets, for tests and for measuring
// what a host costs without a wire. Messages are encoded and decoded on the way,
// so that two hosts share nothing.
type Network struct {
	mu   sync.Mutex
	ends map[raft.NodeID]*NetworkEnd
	cut  map[[2]raft.NodeID]bool
}

// NewNetwork returns a network without nodes.
func NewNetwork() *Network {
	return &Network{ends: make(map[raft.NodeID]*NetworkEnd), cut: make(map[[2]raft.NodeID]bool)}
}

// End returns a transport over the network, for one node and one start. A
// node that was closed comes back with another end.
func (n *Network) End(limits QueueLimits) *NetworkEnd {
	return &NetworkEnd{
		net:    n,
		limits: limits,
		links:  make(map[Route]*link),
		in: map[Lane]chan []raft.Message{
			LaneProtocol: make(chan []raft.Message, networkFrames),
			LaneBulk:     make(chan []raft.Message, networkBulkFrames),
		},
		stop: make(chan struct{}),
	}
}

// Cut breaks the links between two nodes, in both directions.
func (n *Network) Cut(a, b raft.NodeID) { n.setCut(a, b, true) }

// Heal mends them.
func (n *Network) Heal(a, b raft.NodeID) { n.setCut(a, b, false) }

func (n *Network) setCut(a, b raft.NodeID, cut bool) {
	n.mu.Lock()
	n.cut[pair(a, b)] = cut
	n.mu.Unlock()
	n.refresh()
}

func pair(a, b raft.NodeID) [2]raft.NodeID { return [2]raft.NodeID{min(a, b), max(a, b)} }

// reach returns the end of a peer, or nil if messages can't get there.
func (n *Network) reach(from *NetworkEnd, to raft.NodeID) *NetworkEnd {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ends[from.id] != from || n.cut[pair(from.id, to)] {
		return nil
	}
	return n.ends[to]
}

// refresh tells every link whether it is up.
func (n *Network) refresh() {
	n.mu.Lock()
	ends := make([]*NetworkEnd, 0, len(n.ends))
	for _, e := range n.ends {
		ends = append(ends, e)
	}
	n.mu.Unlock()
	for _, e := range ends {
		e.refresh()
	}
}

// networkFrames and networkBulkFrames bound what is on the wire to one node: little, as with
// a socket, so that a slow receiver is felt in the sender's queue. A frame may
// hold a whole queue, and one of bulk always is large.
const (
	networkFrames     = 16
	networkBulkFrames = 1
)

// NetworkEnd is one node's Transport over a Network. Peers are found by their
// id; their addresses are not read.
type NetworkEnd struct {
	net    *Network
	limits QueueLimits
	id     raft.NodeID
	to     Receiver
	in     map[Lane]chan []raft.Message // made once, only read
	stop   chan struct{}
	run    sync.WaitGroup

	mu     sync.Mutex
	links  map[Route]*link
	closed bool
}

// link is one lane to one peer.
type link struct {
	route Route
	queue *PeerQueue
	stop  chan struct{}
}

// Start puts the node on the network.
func (e *NetworkEnd) Start(local Local, r Receiver) error {
	e.id, e.to = local.Self.ID, r
	e.net.mu.Lock()
	if e.net.ends[e.id] != nil {
		e.net.mu.Unlock()
		return errors.New("host: this node is on the network already")
	}
	e.net.ends[e.id] = e
	e.net.mu.Unlock()
	for _, in := range e.in {
		e.run.Go(func() { e.receive(in) })
	}
	e.SetLocal(local)
	e.net.refresh()
	return nil
}

// SetLocal opens links to new peers and closes those to former ones.
func (e *NetworkEnd) SetLocal(local Local) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	stays := make(map[Route]bool)
	for _, r := range local.Routes() {
		stays[r] = true
		if e.links[r] == nil {
			e.links[r] = e.open(r)
		}
	}
	for r, l := range e.links {
		if !stays[r] {
			close(l.stop)
			delete(e.links, r)
		}
	}
	e.mu.Unlock()
	e.refresh()
}

// open starts a link.
func (e *NetworkEnd) open(r Route) *link {
	lost := func() { e.to.PeerLost(r.Peer) }
	if r.Lane == LaneBulk {
		lost = func() {} // whoever asked asks again
	}
	l := &link{route: r, queue: NewPeerQueue(r.Lane, e.limits, lost), stop: make(chan struct{})}
	e.run.Go(func() { e.send(l) })
	return l
}

func (e *NetworkEnd) refresh() {
	e.mu.Lock()
	links := make([]*link, 0, len(e.links))
	for _, l := range e.links {
		links = append(links, l)
	}
	e.mu.Unlock()
	for _, l := range links {
		l.queue.SetUp(e.net.reach(e, l.route.Peer) != nil)
	}
}

// Send queues messages.
func (e *NetworkEnd) Send(msgs []raft.Message) {
	for i := range msgs {
		e.mu.Lock()
		l := e.links[RouteOf(&msgs[i])]
		e.mu.Unlock()
		if l != nil {
			l.queue.Put(&msgs[i])
		}
	}
}

// send is the goroutine of one link.
func (e *NetworkEnd) send(l *link) {
	var msgs []raft.Message
	for {
		select {
		case <-l.queue.Wake():
		case <-l.stop:
			return
		}
		msgs = l.queue.Take(msgs[:0])
		to := e.net.reach(e, l.route.Peer)
		if to == nil || len(msgs) == 0 {
			continue // refresh has told the queue, or is about to
		}
		select {
		case to.in[l.route.Lane] <- carry(e.id, msgs):
		case <-to.stop:
		case <-l.stop:
			return
		}
		clear(msgs)
	}
}

// carry copies messages the way a wire does, without those that claim another
// sender.
func carry(from raft.NodeID, msgs []raft.Message) []raft.Message {
	got := make([]raft.Message, 0, len(msgs))
	for i := range msgs {
		if msgs[i].From.ID != from {
			continue
		}
		m, err := raft.DecodeMessage(raft.AppendMessage(nil, &msgs[i]))
		if err != nil {
			panic("host: a message does not survive its own codec: " + err.Error())
		}
		got = append(got, m)
	}
	return got
}

// receive hands over what arrives on a lane.
func (e *NetworkEnd) receive(in <-chan []raft.Message) {
	for {
		select {
		case msgs := <-in:
			e.to.Deliver(msgs)
		case <-e.stop:
			return
		}
	}
}

// Close takes the node off the network.
func (e *NetworkEnd) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	for r, l := range e.links {
		close(l.stop)
		delete(e.links, r)
	}
	e.mu.Unlock()

	e.net.mu.Lock()
	if e.net.ends[e.id] == e {
		delete(e.net.ends, e.id)
	}
	e.net.mu.Unlock()
	close(e.stop)
	e.run.Wait()
	e.net.refresh()
	return nil
}
