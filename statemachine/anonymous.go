package statemachine

import (
	"errors"

	"parley/raft/node"
)

// applyAnonymous executes a command of the releases before accounts.
func (m *Machine) applyAnonymous(at node.Applied, command []byte) []byte {
	r := reader{src: command}
	kind, err := r.header()
	if err != nil {
		return refuseUnread(err)
	}
	switch kind {
	case commandSend:
		send, err := readSend(&r)
		if err != nil {
			return refuseUnread(err)
		}
		return m.applySend(at, send)
	case commandAcquire, commandRelease, commandRenew, commandBreak:
		if at.Level < levelLocks {
			break // as the release before answers
		}
		command, err := readLockCommand(&r, kind)
		if err != nil {
			return refuseUnread(err)
		}
		return m.applyLock(at, kind, command)
	}
	return refuse(CodeMalformed, "There is no command %d.", kind)
}

// queryAnonymous answers a query of the releases before accounts.
func (m *Machine) queryAnonymous(query []byte) []byte {
	r := reader{src: query}
	kind, err := r.header()
	if err != nil {
		return refuseUnread(err)
	}
	switch kind {
	case queryHistory:
		history, err := readHistory(&r)
		if err != nil {
			return refuseUnread(err)
		}
		return m.queryHistory(history)
	case queryLocks:
		locks, err := readLocks(&r)
		if err != nil {
			return refuseUnread(err)
		}
		return m.queryLocks(locks)
	}
	return refuse(CodeMalformed, "There is no query %d.", kind)
}

func refuseUnread(err error) []byte {
	if errors.Is(err, ErrVersion) {
		return refuse(CodeVersion, "The request is of a version that this cluster does not read.")
	}
	return refuse(CodeMalformed, "The request's bytes make no sense.")
}
