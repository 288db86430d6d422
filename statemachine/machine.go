package statemachine

import (
	"errors"

	"parley/raft"
	"parley/raft/node"
)

// Machine is the replicated state of one node. It implements
// node.StateMachine, and is told of the time.
type Machine struct {
	limits Limits
	tables tables
}

var _ node.Timed = (*Machine)(nil)

// New returns the state that every cluster begins with, under DefaultLimits.
func New() *Machine { return NewLimited(DefaultLimits()) }

// NewLimited returns the state that a cluster with these limits begins with.
func NewLimited(limits Limits) *Machine {
	m := &Machine{limits: limits}
	m.createChannel(GeneralChannel, 1)
	return m
}

// Apply executes one committed command and returns its reply. Bytes that are no
// command are refused like any other command that can't be done.
func (m *Machine) Apply(at node.Applied, command []byte) []byte {
	r := reader{src: command}
	kind, err := r.header()
	if err != nil {
		return refuseBytes(err)
	}
	switch kind {
	case commandSend:
		send, err := readSend(&r)
		if err != nil {
			return refuseBytes(err)
		}
		return m.applySend(at, send)
	case commandAcquire, commandRelease, commandRenew, commandBreak:
		if at.Level < levelLocks {
			break // as the release before answers
		}
		command, err := readLockCommand(&r, kind)
		if err != nil {
			return refuseBytes(err)
		}
		return m.applyLock(at, kind, command)
	}
	return refuse(CodeMalformed, "There is no command %d.", kind)
}

// Query answers from the state as it is and changes nothing.
func (m *Machine) Query(query []byte) []byte {
	r := reader{src: query}
	kind, err := r.header()
	if err != nil {
		return refuseBytes(err)
	}
	switch kind {
	case queryHistory:
		history, err := readHistory(&r)
		if err != nil {
			return refuseBytes(err)
		}
		return m.queryHistory(history)
	case queryLocks:
		locks, err := readLocks(&r)
		if err != nil {
			return refuseBytes(err)
		}
		return m.queryLocks(locks)
	}
	return refuse(CodeMalformed, "There is no query %d.", kind)
}

func refuseBytes(err error) []byte {
	if errors.Is(err, ErrVersion) {
		return refuse(CodeVersion, "The request is of a version that this cluster does not read.")
	}
	return refuse(CodeMalformed, "The request's bytes make no sense.")
}

// EventsAfter returns the frames of positions above from; see event.go.
func (m *Machine) EventsAfter(from raft.Position, max int) ([]node.EventFrame, bool) {
	return m.eventsAfter(from, max)
}

// StateHash returns the hash of all replicated state.
func (m *Machine) StateHash() node.Hash { return m.tables.hash }

// RecomputeHash computes the state hash from the rows alone. It must always
// equal StateHash.
func (m *Machine) RecomputeHash() node.Hash { return m.tables.recompute() }

// Clone returns an independent copy in a few words; both share their rows until
// one of them changes.
func (m *Machine) Clone() node.StateMachine {
	return &Machine{limits: m.limits, tables: m.tables.clone()}
}

// AppendState appends all replicated state in its canonical form: two machines
// are equal exactly if these bytes are.
func (m *Machine) AppendState(dst []byte) []byte { return m.tables.appendState(dst) }
