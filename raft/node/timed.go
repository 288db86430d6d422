package node

import "parley/raft"

// Timed is a StateMachine in which things end by log time alone: locks, say. From LevelTimed on it is told of
// every entry, so that its time passes when nobody commands anything: the first entry of a
// term and clock entries count as much as commands.
type Timed interface {
	StateMachine
	// Advance tells that an entry is applied, of whatever kind, before anything else comes of it: if it holds a
	// command that is executed, Apply follows for the same position. at names neither session nor principal.
	// What passes then must be bounded, as everything that one entry costs.
	Advance(at Applied)
	// NextDeadline is the log time from which on the next Advance has something to do; ok is false if it has
	// nothing to wait for. When that time passes and nobody writes, the leader appends a clock entry.
	NextDeadline() (at raft.LogTime, ok bool)
}

// TimedNamer is a Timed machine that names blobs, and may cease to when time passes.
type TimedNamer interface {
	Timed
	// AdvanceNaming is Advance with a place to name blobs.
	AdvanceNaming(at Applied, names Names)
}

// timed returns the state machine if it is to be told of the time. Below its level it is not: nodes of the
// release before do not tell theirs.
func (n *Node) timed() (Timed, bool) {
	if n.level < LevelTimed {
		return nil, false
	}
	m, ok := n.sm.(Timed)
	return m, ok
}

// machineDeadline is when something ends in the state machine.
func (n *Node) machineDeadline() (at raft.LogTime, ok bool) {
	m, ok := n.timed()
	if !ok {
		return 0, false
	}
	return m.NextDeadline()
}

// tellTime lets the state machine's time pass up to an entry.
func (n *Node) tellTime(e *raft.Entry) {
	m, ok := n.timed()
	if !ok {
		return
	}
	at := n.whereIs(e)
	if namer, ok := m.(TimedNamer); ok {
		namer.AdvanceNaming(at, n.namesAt(e.Time))
		return
	}
	m.Advance(at)
}

// whereIs says where an entry stands, for the state machine.
func (n *Node) whereIs(e *raft.Entry) Applied {
	return Applied{Position: positionOf(e.Index), Term: e.Term, Time: e.Time, Level: n.level}
}
