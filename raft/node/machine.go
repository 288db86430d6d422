package node

import (
	"io"

	"parley/raft"
)

// Applied tells the state machine where in the log a command stands.
type Applied struct {
	Position  raft.Position
	Term      raft.Term    // of the entry
	Time      raft.LogTime // of the entry: the only clock Apply may read
	Level     uint32       // that is in force: below a command's level Apply does what older releases do
	Session   SessionID    // zero: a one-shot command
	Principal string       // under whom the session was opened, or the one-shot command sent
}

// Hash is a 128-bit state hash: the order-free sum of hash(table, key, value)
// over all replicated state.
type Hash [2]uint64

// StateMachine is the replicated state above the node. Every method is a
// function of the state and its arguments: no clock, no chance, no order of
// a Go map. Apply must cope with any bytes: it never panics, and a
// command that makes no sense gets a reply that says so.
type StateMachine interface {
	// Apply executes one committed command and returns the reply. It copies
	// what it keeps of command.
	Apply(at Applied, command []byte) (reply []byte)
	// Query answers from the state as it is. The reply is not changed later.
	Query(query []byte) (reply []byte)
	// EventsAfter returns frames of positions above from, oldest first, at most
	// max of them. compacted says that some are no longer kept; the
	// subscriber must then read the state and go on from the last position applied.
	EventsAfter(from raft.Position, max int) (frames []EventFrame, compacted bool)
	// StateHash returns the hash of all replicated state.
	StateHash() Hash
	// Clone returns an independent copy that shares immutable values. It costs a few words
	// however large the state is, and another goroutine may read it while the original goes on.
	Clone() StateMachine
	// WriteSnapshot writes the whole state in its canonical form: equal states write equal
	// bytes, on every node and in every release that knows the state's level.
	WriteSnapshot(w io.Writer) error
	// Restore replaces the state by one that WriteSnapshot wrote. It reads to the end and
	// recomputes the state hash from what it read. Any bytes are safe: an error, never a
	// panic, nor more memory than there are bytes.
	Restore(r io.Reader) error
}

// EventFrame is everything that happened at one position, encoded once for all
// subscribers. Its body is never empty: a frame without one is a progress note.
type EventFrame struct {
	Position raft.Position
	Body     []byte
}
