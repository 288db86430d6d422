package sim

import (
	"hash/crc32"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// network is all links between nodes. A message is encoded when it is sent and decoded
// when it arrives, so that a simulated run goes through the same bytes as a
// real one. What may happen to it on the way:
//
//	sent ── blocked? lost? ─▶ gone, and the sender may be told
//	  └── delay (+ tail) (+ a second copy) ──▶ blocked by now? node down? ─▶ gone
//	                                            └── delivered
type network struct {
	plan    *LinkPlan
	blocked [nodesMax + 1][nodesMax + 1]uint8 // how many faults block from → to
	links   [nodesMax + 1][nodesMax + 1]link
	bulk    [nodesMax + 1][nodesMax + 1]link // of blobs, likewise
	reports [nodesMax + 1][nodesMax + 1]link // of their own, so that they move the fate of no other message
	packets []packet
	free    []uint32
	loss    int64 // on top of the plan's, per 1,000
	slow    int64 // factor on delays
	calm    bool  // the liveness phase: no more losses
}

// link is one direction between two nodes.
type link struct {
	chance stream
	last   int64 // arrival of the message sent last, for FIFO
}

// packet is a message on its way.
type packet struct {
	bytes    []byte
	kind     raft.MessageKind
	from, to raft.NodeID
	copies   uint8
}

func newNetwork(c chance, p *Plan) network {
	n := network{plan: &p.Link, slow: 1}
	for from := 1; from <= p.servers(); from++ {
		for to := 1; to <= p.servers(); to++ {
			n.links[from][to].chance = c.stream(purposeLink, uint64(from)<<8|uint64(to))
			n.bulk[from][to].chance = c.stream(purposeBulk, uint64(from)<<8|uint64(to))
			n.reports[from][to].chance = c.stream(purposeReport, uint64(from)<<8|uint64(to))
		}
	}
	return n
}

// link returns the link that a message of this kind takes.
func (n *network) link(kind raft.MessageKind, from, to raft.NodeID) *link {
	switch kind {
	case raft.MsgReport:
		return &n.reports[from][to]
	case raft.MsgBlob, raft.MsgPin:
		return &n.bulk[from][to]
	}
	return &n.links[from][to]
}

// open reports whether messages get through from one node to another now.
func (n *network) open(from, to raft.NodeID) bool { return n.blocked[from][to] == 0 }

// block adds (+1) or takes away (-1) one reason why from does not reach to.
func (n *network) block(from, to raft.NodeID, by int8) {
	if from != to {
		n.blocked[from][to] += uint8(by)
	}
}

// send puts a message on its link.
func (w *World) send(m *raft.Message) {
	n := &w.net
	l := n.link(m.Kind, m.From.ID, m.To.ID)
	fate, delay := l.chance.next(), l.chance.next()
	if w.trace.on() {
		w.trace.notes = append(w.trace.notes, "; > "...)
		w.trace.notes = describeMessage(w.trace.notes, m)
	}
	if !n.open(m.From.ID, m.To.ID) || !n.calm && int64(below(fate, 1000)) < n.plan.Loss+n.loss {
		w.recordLost(m)
		w.lost(m.Kind, m.From.ID, m.To.ID)
		return
	}
	if m.Kind == raft.MsgReadIndexReply && m.Granted {
		w.cover.Asked++
	}
	copies := uint8(1)
	if int64(below(raft.Mix(fate, 1), 1000)) < n.plan.Duplicate {
		copies = 2
	}
	p := n.packet()
	n.packets[p].kind, n.packets[p].from, n.packets[p].to, n.packets[p].copies = m.Kind, m.From.ID, m.To.ID, copies
	n.packets[p].bytes = raft.AppendMessage(n.packets[p].bytes[:0], m)
	w.recordSent(p, m, copies)
	for i := range copies {
		at := w.now + n.delay(raft.Mix(delay, uint64(i)))
		if n.plan.FIFO {
			at = max(at, l.last)
			l.last = at
		}
		w.heap.push(event{at: at, priority: priorityNormal, kind: eventMessage, who: int32(m.To.ID), arg: uint64(p)})
	}
}

// delay draws how long a message travels.
func (n *network) delay(x uint64) int64 {
	d := int64(n.plan.Delay) + exponential(x, int64(n.plan.Spread))
	if n.plan.Tail > 0 && !n.calm && int64(below(raft.Mix(x, 1), 1000)) < n.plan.Tail {
		d += between(raft.Mix(x, 2), 0, int64(n.plan.TailMax))
	}
	return min(d*n.slow, int64(delayMax)) + 1
}

// delayMax bounds what a factor can do to a delay: longer than every timeout,
// and short enough that nothing outlives the run.
const delayMax = 3 * time.Second

// lost drops a message. Its sender is told or not: a broken connection is
// noticed, a silent firewall is not.
func (w *World) lost(kind raft.MessageKind, from, to raft.NodeID) {
	l := w.net.link(kind, to, from)
	x := l.chance.next()
	if int64(below(x, 1000)) < w.net.plan.Told {
		w.peerLost(from, to, w.now+w.net.delay(x))
	}
}

// peerLost tells a node at a time that messages to a peer were dropped.
func (w *World) peerLost(node, peer raft.NodeID, at int64) {
	w.heap.push(event{at: at, priority: priorityNormal, kind: eventPeerLost, who: int32(node), arg: uint64(peer), epoch: w.node(node).epoch})
}

// tellPeerLost tells a node that messages to a peer were dropped.
func (w *World) tellPeerLost(e *event) {
	s := w.node(raft.NodeID(e.who))
	if !s.up || e.epoch != s.epoch {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("learns that messages to %d were lost", e.arg)
	}
	s.tell(node.Event{Kind: node.EventPeerLost, Peer: raft.NodeID(e.arg)})
}

// arrive hands a packet to its node, if there still is a way.
func (w *World) arrive(e *event) {
	n := &w.net
	p := &n.packets[e.arg]
	s := w.node(p.to)
	kind, from, ok := p.kind, p.from, n.open(p.from, p.to) && s.up
	p.copies--
	w.trace.begin(e)
	w.recordArrival(e.arg, ok)
	w.trace.put(uint64(crc32.Checksum(p.bytes, castagnoli)))
	var m raft.Message
	if ok || w.trace.on() {
		// Payloads share the bytes they came in; a copy on the way must not see
		// what a log made of the other.
		bytes := p.bytes
		if p.copies > 0 {
			bytes = append([]byte(nil), bytes...)
		}
		var err error
		m, err = raft.DecodeMessage(bytes)
		if err != nil {
			w.violate(Codecs, "A message that a node encoded must decode: %v.", err)
		}
	}
	if w.trace.on() {
		w.trace.line = describeMessage(w.trace.line, &m)
	}
	if p.copies == 0 {
		if len(m.Entries) > 0 || len(m.Payload) > 0 {
			p.bytes = nil // they live on in a log
		}
		n.free = append(n.free, uint32(e.arg))
	}
	if !ok {
		if w.trace.on() {
			w.trace.say(" (does not arrive)")
		}
		w.lost(kind, from, s.id)
		return
	}
	w.deliveries++
	w.coverMessage(s, &m)
	s.tell(node.Event{Kind: node.EventMessage, Message: &m})
}

// packet returns a free place for a message.
func (n *network) packet() uint32 {
	if len(n.free) == 0 {
		n.packets = append(n.packets, packet{})
		return uint32(len(n.packets) - 1)
	}
	p := n.free[len(n.free)-1]
	n.free = n.free[:len(n.free)-1]
	return p
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
