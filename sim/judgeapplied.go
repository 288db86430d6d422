package sim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
)

// applied judges what state machines are given: State Machine Safety, exactly
// once, log time, and equal states at equal positions. It sits inside the node as
// its state machine, so that it sees the commands themselves and not what the node
// says about them.
type applied struct {
	log      []application // what the first node applied; the others are compared with it
	messages []int         // places in it of those that are messages
	moments  []moment      // entries that state machines were told of
	frames   []framed      // what happened for everybody to see, by position
	byBody   map[string]int
	hashes   []node.Hash // by position, of the whole node; zero if not seen

	everything []framed // what happened, by position, whomever it is for
}

// application is one command applied.
type application struct {
	at      node.Applied
	command []byte
	reply   []byte
	hash    node.Hash
}

// moment is an entry of which a state machine was told, because its time passes with it.
type moment struct {
	at   node.Applied
	hash node.Hash
}

// framed is what happened at a position, as subscribers are to see it.
type framed struct {
	at    raft.Position
	body  []byte       // what everybody sees
	parts []framedPart // all that there is, event by event
}

// framedPart is an event, and whom it is for: everybody, if that is empty.
type framedPart struct {
	audience string
	body     []byte
}

// machine is the state machine of one simulated process, with the judge before it.
type machine struct {
	*statemachine.Machine
	w    *World
	s    *server
	next int // its place in the judge's log
	told int // the place of the next entry that it is told of among the judge's moments, most likely

	restored bool // from a snapshot; its place shows with the next command
}

// Restore takes over a snapshot's state, which is to be one that somebody was in.
func (m *machine) Restore(r io.Reader) error {
	m.restored = true
	return m.Machine.Restore(r)
}

// place finds the judge's place for a state that came from a snapshot: behind it is the command at hand,
// and before it the state must be the one that everybody had.
func (m *machine) place(at raft.Position) {
	log := m.w.judges.applied.log
	m.restored = false
	m.next, _ = slices.BinarySearchFunc(log, at, func(a application, at raft.Position) int { return cmp.Compare(a.at.Position, at) })
	var was moment
	if m.next > 0 {
		was = moment{log[m.next-1].at, log[m.next-1].hash}
	}
	if i, _ := m.w.momentAt(at); i > 0 && m.w.judges.applied.moments[i-1].at.Position > was.at.Position {
		was = m.w.judges.applied.moments[i-1]
	}
	if was.at.Position > 0 && was.hash != m.StateHash() {
		m.w.violate(StateHash, "Node %d goes on at position %d from a snapshot whose state is not that after position %d.", m.s.id, at, was.at.Position)
	}
}

// momentAt finds the entry of a position among those that state machines were told of.
func (w *World) momentAt(at raft.Position) (int, bool) {
	return slices.BinarySearchFunc(w.judges.applied.moments, at, func(m moment, at raft.Position) int { return cmp.Compare(m.at.Position, at) })
}

// Advance is AdvanceNaming for a machine that stands alone.
func (m *machine) Advance(at node.Applied) { m.AdvanceNaming(at, nil) }

// AdvanceNaming lets the state machine's time pass and compares the outcome.
func (m *machine) AdvanceNaming(at node.Applied, blobs node.Names) {
	if m.restored {
		m.place(at.Position)
	}
	m.Machine.AdvanceNaming(at, blobs)
	w, a := m.w, &m.w.judges.applied
	hash := m.StateHash()
	if m.s.rot.at != 0 {
		hash = node.Hash{} // its peers are to tell it
	}
	i, known := m.told, m.told < len(a.moments) && a.moments[m.told].at.Position == at.Position
	if !known {
		i, known = w.momentAt(at.Position)
	}
	m.told = i + 1
	switch {
	case i == len(a.moments):
		a.moments = append(a.moments, moment{at, hash})
		w.teamAdvances(at)
		w.happened(m, at.Position)
		w.judgeAged(m, at.Position)
	case !known || a.moments[i].at != at:
		w.violate(StateMachineSafety, "Node %d tells its state machine of another entry at position %d than a node before it.", m.s.id, at.Position)
	case a.moments[i].hash == node.Hash{}:
		a.moments[i].hash = hash
	case hash != node.Hash{} && a.moments[i].hash != hash:
		w.violate(StateHash, "The time that passed up to position %d left node %d in another state than a node before it.", at.Position, m.s.id)
	}
}

// happened takes down what subscribers are to see of a position.
func (w *World) happened(m *machine, at raft.Position) {
	frames, _ := m.EventsAfter(at-1, 1)
	if len(frames) == 0 || frames[0].Position != at {
		return
	}
	f, err := framedOf(&frames[0])
	if err != nil {
		w.violate(Streams, "The events of position %d do not decode: %v.", at, err)
		return
	}
	a := &w.judges.applied
	a.everything = append(upTo(a.everything, at), f)
	if len(f.body) > 0 {
		a.frames = append(upTo(a.frames, at), f)
	}
	w.judgeTeamEvents(&f)
}

// framedOf takes the events of a position apart, by whom they are for.
func framedOf(frame *node.EventFrame) (framed, error) {
	f := framed{at: frame.Position}
	bodies, err := statemachine.DecodeBodies(frame.Body)
	for i, body := range bodies {
		part := framedPart{body: body}
		if len(frame.Parts) > 0 {
			part.audience = frame.Parts[i].Audience
		}
		if f.parts = append(f.parts, part); part.audience == "" {
			f.body = append(binary.LittleEndian.AppendUint32(f.body, uint32(len(body))), body...)
		}
	}
	return f, err
}

// upTo leaves out what was taken down of a position before its command: locks and logins that expired.
func upTo(frames []framed, at raft.Position) []framed {
	if n := len(frames); n > 0 && frames[n-1].at == at {
		return frames[:n-1]
	}
	return frames
}

// Apply applies the command and compares the outcome.
func (m *machine) Apply(at node.Applied, command []byte) []byte {
	return m.ApplyNaming(at, nil, command)
}

// ApplyNaming is Apply with a place to name the contents of files.
func (m *machine) ApplyNaming(at node.Applied, blobs node.Names, command []byte) []byte {
	if m.restored {
		m.place(at.Position)
	}
	reply := m.Machine.ApplyNaming(at, blobs, command)
	a := &m.w.judges.applied
	if m.next == len(a.log) {
		m.w.judgeFirst(m, at, command, reply)
	} else {
		m.w.judgeAgain(m, at, command, reply)
	}
	m.next++
	m.rots(at, command)
	return reply
}

// Clone returns the state with a judge of its own: it may be what a snapshot is restored into.
func (m *machine) Clone() node.StateMachine {
	c := *m
	c.Machine = m.Machine.Clone().(*statemachine.Machine)
	return &c
}

// judgeFirst takes down what the first node applied at a place.
func (w *World) judgeFirst(m *machine, at node.Applied, command, reply []byte) {
	a := &w.judges.applied
	if n := len(a.log); n > 0 {
		if last := &a.log[n-1].at; at.Position <= last.Position || at.Time < last.Time {
			w.violate(Monotonic, "Node %d applies position %d of log time %d after position %d of log time %d.",
				m.s.id, at.Position, at.Time, last.Position, last.Time)
		}
	}
	rec := application{at: at, command: command, reply: reply}
	if m.s.rot.at == 0 {
		rec.hash = m.StateHash()
	}
	number, known := a.byBody[string(command)]
	op := (*operation)(nil)
	if known {
		op = &w.operations[number-1]
	}
	if known && op.team != nil {
		w.judgeDesk(m, op, at, reply)
		w.teamApplies(op, at, reply)
	}
	w.happened(m, at.Position)
	a.log = append(a.log, rec)
	if !known {
		w.violate(ExactlyOnce, "Node %d applies at position %d a command that no client sent.", m.s.id, at.Position)
		return
	}
	if op.lock.kind == 0 && op.team == nil {
		a.messages = append(a.messages, len(a.log)-1)
	}
	w.tookEffect(number, at)
}

// judgeAgain compares with what the first node did at the same place.
func (w *World) judgeAgain(m *machine, at node.Applied, command, reply []byte) {
	rec := &w.judges.applied.log[m.next]
	hash := m.StateHash()
	switch {
	case m.s.rot.at != 0:
		hash = rec.hash // its peers are to tell it
	case rec.hash == node.Hash{}:
		rec.hash = hash // the first one's had rotted
	}
	switch {
	case rec.at.Position != at.Position:
		w.violate(StateMachineSafety, "Node %d applies a command at position %d where another node's next one was at %d.",
			m.s.id, at.Position, rec.at.Position)
	case rec.at != at || !bytes.Equal(rec.command, command):
		w.violate(StateMachineSafety, "Node %d applies another command at position %d than a node before it.", m.s.id, at.Position)
	case !bytes.Equal(rec.reply, reply) || rec.hash != hash:
		w.violate(StateHash, "Node %d gives another reply or has another state after position %d than a node before it.", m.s.id, at.Position)
	}
}

// judgeApplied looks at a node's lastApplied.
func (w *World) judgeApplied(s *server, n *raft.Note) {
	m := &w.judges.logs.mirrors[s.id]
	if n.Index != m.applied+1 || n.Index > m.commit {
		w.violate(Monotonic, "lastApplied of node %d went from %d to %d with commitIndex at %d.", s.id, m.applied, n.Index, m.commit)
	}
	if m.debt.any() && m.debt.lacks(n.Index) {
		w.violate(Absence, "Node %d applies entry %d, which it lost to damage.", s.id, n.Index)
	}
	m.applied = n.Index
}

// judgeState compares a node's whole replicated state, sessions included, with
// that of whoever stood at the same position before.
func (w *World) judgeState(s *server) {
	if s.rot.at != 0 {
		return
	}
	at, hash := s.node.StateHash()
	hashes := w.judges.applied.hashes
	for uint64(len(hashes)) <= uint64(at) {
		hashes = append(hashes, node.Hash{})
	}
	if known := hashes[at]; known != (node.Hash{}) && known != hash {
		w.violate(StateHash, "Node %d has another state at position %d than a node before it.", s.id, at)
	}
	hashes[at] = hash
	w.judges.applied.hashes = hashes
}
