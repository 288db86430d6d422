package sim

import (
	"parley/raft"
	"parley/raft/node"
)

// In the place of a message another one arrives, valid in itself: one that the link carried earlier, perhaps
// long ago and before either end was restarted; one that another node sent to the same receiver; or one that is
// for another node altogether. No checksum sees it. The first two are late copies, which Raft's model
// allows at any time; the last the receiver must refuse by what stands in the message.

// past remembers what links carried: of each lane the latest messages, and some of all times.
type past struct {
	links [lanes][nodesMax + 1][nodesMax + 1]memory
}

// memory is what one lane of one link carried: of all messages together, and of each kind.
type memory struct {
	draws stream
	all   sample
	kinds []sample
}

// sample is what is kept of many messages: the latest in a ring, and of all that there ever were some of which each
// was equally likely to be kept.
type sample struct {
	kind   raft.MessageKind // zero: any
	count  uint64
	latest [4][]byte
	ever   [12][]byte
}

func newPast(c chance) *past {
	t := &past{}
	for on := range t.links {
		for from := range t.links[on] {
			for to := range t.links[on][from] {
				t.links[on][from][to].draws = c.stream(purposePast, uint64(on)<<16|uint64(from)<<8|uint64(to))
			}
		}
	}
	return t
}

// keep remembers a frame.
func (m *memory) keep(kind raft.MessageKind, frame []byte, x uint64) {
	m.all.keep(frame, raft.Mix(x, 0))
	m.of(kind).keep(frame, raft.Mix(x, 1))
}

// of returns the sample of a kind.
func (m *memory) of(kind raft.MessageKind) *sample {
	for i := range m.kinds {
		if m.kinds[i].kind == kind {
			return &m.kinds[i]
		}
	}
	m.kinds = append(m.kinds, sample{kind: kind})
	return &m.kinds[len(m.kinds)-1]
}

func (s *sample) keep(frame []byte, x uint64) {
	at := s.count % uint64(len(s.latest))
	s.latest[at] = append(s.latest[at][:0], frame...)
	if at = s.count; at >= uint64(len(s.ever)) {
		at = below(x, s.count+1)
	}
	if at < uint64(len(s.ever)) {
		s.ever[at] = append(s.ever[at][:0], frame...)
	}
	s.count++
}

// recall returns a frame that was kept; nil if there is none in the place that was drawn.
func (s *sample) recall(x uint64) []byte {
	at := below(x, uint64(len(s.latest)+len(s.ever)))
	if at < uint64(len(s.latest)) {
		return s.latest[at]
	}
	return s.ever[at-uint64(len(s.latest))]
}

// substitutes reports whether the plan ever puts one message in the place of another.
func (p *Plan) substitutes() bool {
	for i := range p.Faults {
		if p.Faults[i].Kind == Substitute {
			return true
		}
	}
	return false
}

// substitute puts an earlier message in the place of the one in a packet, with the odds that its way has, and
// returns what the packet carries.
func (w *World) substitute(p *packet, m *raft.Message) *raft.Message {
	n := &w.net
	t, on := n.past, laneOf(p.kind)
	own := &t.links[on][p.from][p.to]
	x := own.draws.next()
	var earlier []byte // a copy: what is kept now may take its place
	if int64(below(raft.Mix(x, 2), 1000)) < n.ways[p.from][p.to].substitute {
		earlier = append(earlier, t.pick(on, p, raft.Mix(x, 3), raft.NodeID(w.plan.servers()))...)
	}
	own.keep(p.kind, p.bytes, x)
	if earlier == nil {
		return m
	}
	w.cover.Substituted++
	p.bytes = append(p.bytes[:0], earlier...)
	var late raft.Message
	w.unpack(&late, earlier)
	p.kind = late.Kind
	if w.trace.on() {
		w.trace.notes = append(w.trace.notes, " (in its place "...)
		w.trace.notes = describeMessage(w.trace.notes, &late)
		w.trace.notes = append(w.trace.notes, ')')
	}
	return &late
}

// pick draws where the other message comes from: in half of the cases from the same link, else from another
// node to the same receiver, or from the same sender to another receiver. In half of the cases it is of the same kind: an
// old answer where a new one is due.
func (t *past) pick(on laneKind, p *packet, x uint64, last raft.NodeID) []byte {
	other := raft.NodeID(1 + below(raft.Mix(x, 1), uint64(last)))
	from, to := p.from, p.to
	switch below(raft.Mix(x, 2), 4) {
	case 0:
		from = other
	case 1:
		to = other
	}
	if from == to {
		from, to = p.from, p.to
	}
	m := &t.links[on][from][to]
	if below(raft.Mix(x, 4), 2) == 0 {
		return m.of(p.kind).recall(raft.Mix(x, 3))
	}
	return m.all.recall(raft.Mix(x, 3))
}

// meetsStray notes that a message reaches a node that is for another one, or for another directory of its id.
func (w *World) meetsStray(s *server, m *raft.Message) {
	if m.To.ID != s.id || m.To.Inc != 0 && m.To.Inc != s.inc {
		s.strays++
		if m.To.ID != s.id {
			w.cover.Strays++
		}
	}
}

// judgeStrays speaks if a Step did not drop all the messages that were not for its node.
func (w *World) judgeStrays(s *server, out *node.Output) {
	dropped := 0
	for i := range out.Notes {
		if out.Notes[i].Kind == node.NoteDropped {
			dropped++
		}
	}
	if dropped < s.strays && out.Stop == nil {
		w.violate(Addresses, "Node %d takes a message that is for another node, or for another directory of its id.", s.id)
	}
	s.strays = 0
}
