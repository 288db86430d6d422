package sim

import (
	"fmt"

	"parley/raft"
)

// What a move does to the node whose state it changes depends on nothing but that node and the message that
// it takes. So it is worked out once for each node that ever is, and remembered there; a state that follows is put
// together of parts that exist.

// cause is what a node's steps depend on, beside the node.
type cause struct {
	kind                 moveKind
	keep                 int8
	breaks, jumps        bool
	peer                 int8
	message              *parcel
	crash, slow, command uint8 // what may still be used up
}

// packedCause is a cause as the key of a table that is asked several times a move: without the gaps of a cause it is hashed at once.
type packedCause struct {
	message *parcel
	rest    uint64
}

func (c *cause) packed() packedCause {
	rest := uint64(c.kind) | uint64(uint8(c.keep))<<8 | uint64(c.crash)<<16 | uint64(c.slow)<<24 | uint64(c.command)<<32
	rest |= uint64(uint8(c.peer)) << 48
	if c.breaks {
		rest |= 1 << 40
	}
	if c.jumps {
		rest |= 1 << 41
	}
	return packedCause{c.message, rest}
}

// step is one way in which a move can end: everything that it does.
type step struct {
	cause  cause
	fate   string // what became of the writes that the move brought about; "" if they are stored
	used   allowed
	phases []phase
	node   *searchNode // in the end; nil if something is wrong
	shows  bool        // judges see something of it, beside what they remember
	sends  bool
}

// phase is a Step of the protocol, with the write before it: judges look at the cluster behind each.
type phase struct {
	face    face
	breaks  bool // before it what was under way to and from the node is lost
	sent    []*parcel
	elected bool
	wrong   *Violation // by what the node alone shows
	shows   bool       // judges see the node otherwise than before the move
}

// steps returns the ways in which a move can end.
func (s *searchState) steps(m move, parts *searchParts) []step {
	return parts.stepsOf(s.nodes[m.node], cause{
		m.kind, m.keep, m.breaks, m.jumps, m.peer, m.message,
		s.left[allowCrash], s.left[allowSlowWrite], s.left[allowCommand],
	})
}

// stepsOf works out what comes of a cause, or remembers it.
func (p *searchParts) stepsOf(n *searchNode, c cause) []step {
	all, known := n.steps[c.packed()]
	if known {
		return all
	}
	p.steps++
	left := allowed{allowCrash: c.crash, allowSlowWrite: c.slow, allowCommand: c.command}
	all = make([]step, 0, 1)
	for i, a := range moving(n, c, left, p) {
		e := step{cause: c, fate: a.fate, phases: a.phases}
		for j := range e.used {
			e.used[j] = left[j] - a.left[j] // what the move itself takes is there, whatever it says here
		}
		for j := range a.phases {
			f := &a.phases[j]
			f.shows = f.face.view(n.at) != n.view
			e.sends = e.sends || len(f.sent) > 0
			e.shows = e.shows || f.elected || f.shows
		}
		if a.phases[len(a.phases)-1].wrong == nil {
			e.node = p.node(a.n, origin{of: n, cause: c, ending: i})
		}
		all = append(all, e)
	}
	n.steps[c.packed()] = all
	return all
}

// acting is a node in the midst of a move.
type acting struct {
	n      *searchNode
	left   allowed
	fate   string
	phases []phase
	parts  *searchParts
}

// act begins a move of a node.
func act(n *searchNode, left allowed, parts *searchParts) *acting {
	return (&acting{n: n, left: left, parts: parts}).fork()
}

// fork copies what a move can change.
func (a *acting) fork() *acting {
	c, n := *a, *a.n
	n.r = n.r.Clone()
	n.steps = nil
	c.n, c.phases = &n, a.phases[:len(a.phases):len(a.phases)]
	return &c
}

// moving makes a move, in every way in which it can end. What a step hands to the disk is
// stored at once, unless the disk is slow from here on, or the machine crashes here.
func moving(n *searchNode, m cause, left allowed, parts *searchParts) []*acting {
	a := act(n, left, parts)
	n = a.n
	switch m.kind {
	case moveDeliver, moveDouble:
		if m.kind == moveDouble {
			a.left[allowDuplicate]--
		}
		if m.jumps {
			a.left[allowOvertake]--
		}
		message := *m.message.m
		a.step(n.now, raft.Input{Kind: raft.InputMessage, Message: &message})
	case moveLose:
		a.left[allowLoss]--
		a.step(n.now, raft.Input{Kind: raft.InputPeerLost, Peer: m.message.m.To.ID})
	case moveTold:
		a.left[allowLoss]--
		a.step(n.now, raft.Input{Kind: raft.InputPeerLost, Peer: raft.NodeID(m.peer + 1)})
	case moveVanish:
		a.left[allowLoss]--
		a.phases = append(a.phases, phase{face: n.face})
	case moveStored:
		a.stored()
	case movePropose:
		payload := []byte{byte('a' + left[allowCommand])}
		a.left[allowCommand]--
		a.step(n.now, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: 1, Kind: raft.EntryCommand, Payload: payload}})
	case moveQuiet:
		a.step(n.quiet)
	case moveTimer:
		if n.leads {
			a.left[allowBeat]--
		} else {
			a.left[allowElection]--
		}
		a.step(max(n.now, n.wake))
	case moveCrash:
		a.fall(int(m.keep), m.breaks)
	}
	return a.endings(nil)
}

// endings follows what becomes of the writes under way.
func (a *acting) endings(all []*acting) []*acting {
	n := a.n
	if a.wrong() || len(n.pending) == 0 || n.slow {
		n.slow = n.slow && len(n.pending) > 0
		return append(all, a)
	}
	if a.left[allowCrash] > 0 {
		for keep := 0; keep <= len(n.pending); keep++ {
			for _, breaks := range []bool{false, true}[:breakings(a.parts.ordered)] {
				c := a.fork()
				c.fate += fmt.Sprintf(", then a crash: %d of %d writes survive%s", keep, len(n.pending), describeBreak(breaks))
				c.fall(keep, breaks)
				all = c.endings(all)
			}
		}
	}
	if a.left[allowSlowWrite] > 0 {
		c := a.fork()
		c.left[allowSlowWrite]--
		c.fate += ", its disk takes its time"
		c.n.slow = true
		all = c.endings(all)
	}
	c := a.fork()
	c.stored()
	return c.endings(all)
}

// breakings is in how many ways a crash leaves the node's connections. Where links keep no order, what is lost is what never
// arrives.
func breakings(ordered bool) int {
	if ordered {
		return 2
	}
	return 1
}

func (a *acting) wrong() bool {
	return len(a.phases) > 0 && a.phases[len(a.phases)-1].wrong != nil
}

// step lets the node do something; what comes of it goes to disk and network.
func (a *acting) step(now raft.Mono, in ...raft.Input) {
	a.stepBehind(nil, now, in...)
}

// stepBehind is a step behind promises that have just become true.
func (a *acting) stepBehind(promises []raft.Message, now raft.Mono, in ...raft.Input) {
	n, p := a.n, phase{}
	var out raft.Output
	out.Reset()
	p.wrong = a.leave(&p, promises)
	was := n.face
	if p.wrong == nil {
		p.wrong = n.try(now, in, &out)
	}
	n.look()
	if p.wrong == nil {
		n.wake = out.WakeAt
		n.pending = append(n.pending[:len(n.pending):len(n.pending)], out.Store...)
		p.wrong = a.leave(&p, out.Send)
	}
	if p.wrong == nil {
		p.wrong = n.judgeAlone(&was, &out)
	}
	p.face, p.elected = n.face, n.leads && !(was.leads && was.term == n.term)
	a.phases = append(a.phases, p)
}

// try steps the protocol. A panic is a finding.
func (n *searchNode) try(now raft.Mono, in []raft.Input, out *raft.Output) (wrong *Violation) {
	defer func() {
		if r := recover(); r != nil {
			wrong = violation(Panicked, "Node %d: %v.", n.at+1, r)
		}
	}()
	n.now = now
	n.r.Step(now, in, out)
	return nil
}

// stored completes the oldest write: what it promises leaves, and the node is told.
func (a *acting) stored() {
	w := a.n.pending[0]
	a.n.pending = a.n.pending[1:]
	a.n.write(&w)
	a.stepBehind(w.Then, a.n.now, raft.Input{Kind: raft.InputStored, Stored: w.Seq})
}

// fall is a crash: it loses all but a prefix of the writes under way, and the node starts again. How long it was down
// makes no difference: what arrives meanwhile is lost, and a message that never arrives is searched anyway.
func (a *acting) fall(keep int, breaks bool) {
	n, before := a.n, len(a.phases)
	for j := range keep {
		n.write(&n.pending[j])
	}
	a.left[allowCrash]--
	n.start(a.parts.searchSettings)
	n.look()
	a.step(0)
	a.phases[before].breaks = breaks
}

// leave puts messages under way, once the judge has compared each with the sender's disk.
func (a *acting) leave(p *phase, messages []raft.Message) *Violation {
	for j := range messages {
		if wrong := a.n.judgePromise(&messages[j]); wrong != nil {
			return wrong
		}
		p.sent = append(p.sent, a.parts.parcel(&messages[j]))
	}
	return nil
}

// after is the state behind a move, and what is wrong with it or on the way there.
func (s *searchState) after(m move, e *step, parts *searchParts) (*searchState, *Violation) {
	next := *s
	for i := range next.left {
		next.left[i] -= e.used[i]
	}
	if m.message != nil && m.kind != moveDouble {
		next.drop(m.at)
	}
	for i := range e.phases {
		p := &e.phases[i]
		if wrong := next.judge(int(m.node), p, s.past); wrong != nil {
			return nil, wrong
		}
		if p.breaks {
			next.sever(m.node)
		}
		next.carry(p.sent, parts.ordered)
	}
	next.nodes[m.node] = e.node
	if !parts.exact {
		next.settle(parts)
	}
	if next.past != s.past {
		next.past = parts.past(next.past)
	}
	return &next, nil
}
