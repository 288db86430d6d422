package sim

import (
	"encoding/binary"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// network is all links between nodes. A message is put into its frame when it is sent and taken out
// of it when it arrives, so that a simulated run goes through the same bytes as a
// real one. What may happen to it on the way:
//
//	sent ── blocked? lost? link full? ─▶ gone, and the sender may be told
//	  └── delay (+ tail) (+ a second copy) (another message in its place)
//	        └── link clogged? ─▶ held until it is free
//	              └── blocked by now? node down? bits turned? ─▶ gone
//	                    └── delivered
//
// What faults make of a link stands in ways.go.
type network struct {
	plan    *LinkPlan
	bulk    *BulkPlan
	blocked [nodesMax + 1][nodesMax + 1]uint8 // how many faults block from → to
	ways    [nodesMax + 1][nodesMax + 1]way
	lanes   [lanes][nodesMax + 1][nodesMax + 1]lane
	fates   [traffics][nodesMax + 1][nodesMax + 1]stream
	wear    [nodesMax + 1][nodesMax + 1]stream // what turns bits
	packets []packet
	free    []uint32
	held    []event // arrivals at clogged links, in order
	past    *past   // what links carried; nil if the plan never asks for it
	worn    []byte  // the frame that is damaged on its way
	slow    int64   // factor on delays, of clients' links too
	calm    bool    // the liveness phase: no more losses
	staleAt int64   // from then on what was sent before that is lost
}

// packet is a message on its way.
type packet struct {
	bytes    []byte
	kind     raft.MessageKind
	from, to raft.NodeID // the ends of the link
	copies   uint8
	rough    bool // it was sent before the network became calm
}

func newNetwork(c chance, p *Plan) network {
	n := network{plan: &p.Link, bulk: &p.Bulk, slow: 1}
	for from := 1; from <= p.servers(); from++ {
		for to := 1; to <= p.servers(); to++ {
			who := uint64(from)<<8 | uint64(to)
			for t, purpose := range trafficPurposes {
				n.fates[t][from][to] = c.stream(purpose, who)
			}
			n.wear[from][to] = c.stream(purposeWear, who)
			n.ways[from][to].reset(n.bulk, false)
		}
	}
	if p.substitutes() {
		n.past = newPast(c)
	}
	return n
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
	from, to := m.From.ID, m.To.ID
	fates := &n.fates[trafficOf(m.Kind)][from][to]
	fate, delay := fates.next(), fates.next()
	if w.trace.on() {
		w.trace.notes = append(w.trace.notes, "; > "...)
		w.trace.notes = describeMessage(w.trace.notes, m)
	}
	on := laneOf(m.Kind)
	way, lane := &n.ways[from][to], &n.lanes[on][from][to]
	full := way.room[on] > 0 && lane.under >= way.room[on]
	if full || !n.open(from, to) || !n.calm && int64(below(fate, 1000)) < n.plan.Loss+way.loss {
		if full && n.open(from, to) {
			w.overflows(on)
		}
		w.recordLost(m)
		w.lost(m.Kind, from, to)
		return
	}
	if m.Kind == raft.MsgReadIndexReply && m.Granted {
		w.cover.Asked++
	}
	copies := uint8(1)
	if n.plan.Duplicate > 0 && int64(below(raft.Mix(fate, 1), 1000)) < n.plan.Duplicate {
		copies = 2
	}
	p := n.packet()
	n.packets[p].kind, n.packets[p].from, n.packets[p].to, n.packets[p].copies, n.packets[p].rough = m.Kind, from, to, copies, !n.calm
	n.packets[p].bytes = raft.AppendFramed(n.packets[p].bytes[:0], m)
	if n.past != nil {
		m = w.substitute(&n.packets[p], m)
	}
	if w.recorder.into != nil {
		w.recordSent(p, m, copies)
	}
	for i := range copies {
		at := w.now + n.delay(raft.Mix(delay, uint64(i)), on, way)
		if n.plan.FIFO {
			at = max(at, lane.last)
			lane.last = at
			if n.lanes[laneBulk][from][to].last > at {
				w.cover.Overtaken++
			}
		}
		lane.under++
		w.agenda.push(event{at: at, priority: priorityNormal, kind: eventMessage, who: int32(to), arg: uint64(p)})
	}
}

// delay draws how long a message travels.
func (n *network) delay(x uint64, on laneKind, way *way) int64 {
	least, spread := n.plan.Delay, n.plan.Spread
	if on == laneBulk && n.bulk.Delay > 0 {
		least, spread = n.bulk.Delay, n.bulk.Spread
	}
	return n.stretch(int64(least)+exponential(x, int64(spread)), x, way.slow)
}

// clientDelay draws how long a message between a node and a client travels.
func (n *network) clientDelay(x uint64) int64 {
	return n.stretch(int64(n.plan.Delay)+exponential(x, int64(n.plan.Spread)), x, n.slow)
}

// stretch adds the tail, and what faults make of it all.
func (n *network) stretch(d int64, x uint64, slow int64) int64 {
	if n.plan.Tail > 0 && !n.calm && int64(below(raft.Mix(x, 1), 1000)) < n.plan.Tail {
		d += between(raft.Mix(x, 2), 0, int64(n.plan.TailMax))
	}
	return min(d*slow, int64(delayMax)) + 1
}

// delayMax bounds what a factor can do to a delay: longer than every timeout,
// and short enough that nothing outlives the run.
const delayMax = 3 * time.Second

// lost drops a message. Its sender is told or not: a broken connection is
// noticed, a silent firewall is not. What the bulk lane loses nobody is ever told: who wants a
// piece asks for it again.
func (w *World) lost(kind raft.MessageKind, from, to raft.NodeID) {
	if kind.Bulk() {
		return
	}
	n := &w.net
	x := n.fates[trafficOf(kind)][to][from].next()
	if int64(below(x, 1000)) < n.plan.Told {
		w.peerLost(from, to, w.now+n.delay(x, laneProtocol, &n.ways[to][from]))
	}
}

// peerLost tells a node at a time that messages to a peer were dropped.
func (w *World) peerLost(node, peer raft.NodeID, at int64) {
	w.agenda.push(event{at: at, priority: priorityNormal, kind: eventPeerLost, who: int32(node), arg: uint64(peer), epoch: w.node(node).epoch})
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
	s.tell(&node.Event{Kind: node.EventPeerLost, Peer: raft.NodeID(e.arg)})
}

// arrive hands a packet to its node, if there still is a way.
func (w *World) arrive(e *event) {
	n := &w.net
	p := &n.packets[e.arg]
	way := &n.ways[p.from][p.to]
	if way.clogged {
		w.hold(e)
		return
	}
	s := w.node(p.to)
	there := n.open(p.from, p.to) && s.up && !n.stale(w.now, p)
	n.lanes[laneOf(p.kind)][p.from][p.to].under--
	p.copies--
	w.trace.begin(e)
	damaged := there && way.corrupt > 0 && w.wear(p, way)
	if w.recorder.into != nil {
		w.recordArrival(e.arg, there && !damaged)
	}
	w.trace.put(checksumIn(p.bytes))
	if p.copies == 0 {
		n.free = append(n.free, uint32(e.arg))
	}
	if !there || damaged {
		w.misses(p, damaged)
		return
	}
	// Payloads share the bytes they came in; a copy on the way must not see
	// what a log made of the other.
	bytes := p.bytes
	if p.copies > 0 {
		bytes = append([]byte(nil), bytes...)
	}
	m := s.message()
	w.unpack(m, bytes)
	if p.copies == 0 && (len(m.Entries) > 0 || len(m.Payload) > 0) {
		p.bytes = nil // they live on in a log
	}
	if w.trace.on() {
		w.trace.line = describeMessage(w.trace.line, m)
	}
	w.deliveries++
	w.coverMessage(s, m)
	w.meetsStray(s, m)
	in := s.event(node.EventMessage)
	in.Message = m
	s.told()
}

// calmDown ends what faults do to links. Connections that are held up break: what is on them after staleAfter is lost,
// and what is sent from now on waits for it no longer.
func (n *network) calmDown(now int64) {
	n.calm, n.staleAt = true, now+int64(staleAfter)
	for on := range n.lanes {
		for from := range n.lanes[on] {
			for to := range n.lanes[on][from] {
				l := &n.lanes[on][from][to]
				l.last = min(l.last, n.staleAt)
			}
		}
	}
}

// staleAfter is well above the delay of a calm link and well below what a run has of good times.
const staleAfter = 100 * time.Millisecond

// stale says whether a packet was on a connection that broke.
func (n *network) stale(now int64, p *packet) bool { return p.rough && n.calm && now > n.staleAt }

// checksumIn returns the checksum of a message, with which its frame ends. One of the whole frame would say how long it is and no more: a
// CRC over data and their own CRC does not depend on the data.
func checksumIn(frame []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(frame[len(frame)-4:]))
}

// misses is the end of a packet that nobody takes.
func (w *World) misses(p *packet, damaged bool) {
	if w.trace.on() {
		var m raft.Message
		w.unpack(&m, p.bytes)
		w.trace.line = describeMessage(w.trace.line, &m)
		if damaged {
			w.trace.say(" (is refused: bits turned)")
		} else {
			w.trace.say(" (does not arrive)")
		}
	}
	w.lost(p.kind, p.from, p.to)
}

// unpack takes a message out of its frame.
func (w *World) unpack(m *raft.Message, frame []byte) {
	if err := openFrame(m, frame); err != nil {
		w.violate(Codecs, "A message that a node encoded must decode: %v.", err)
		*m = raft.Message{}
	}
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
