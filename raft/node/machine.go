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
// command that makes no sense gets a reply that says so. The conformance test is raft/node/machinetest.
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
	Parts    []EventPart // who may see which part of the body, part after part; none: it is for everybody
}

// EventPart is a stretch of a frame's body, and whom it concerns. A subscriber gets the parts that he may see, one
// behind the other, so that a body is a list of things of which any part makes sense.
type EventPart struct {
	Audience string // the state machine's word for it
	End      int    // of the stretch; it begins where the one before ends
}

// Discreet is a StateMachine that does not show everything to everybody.
type Discreet interface {
	StateMachine
	// Admits says whether the reader is somebody who may have a stream at all, as things are. A stream whose reader
	// is admitted no more ends with CodeReaderGone.
	Admits(reader string) bool
	// MayRead says whether a reader who is admitted may see what concerns the audience, as things are.
	MayRead(reader, audience string) bool
	// Dismissed returns a number that changes whenever somebody may have ceased to be admitted.
	Dismissed() uint64
}

// Refounder is a StateMachine that is to know when another cluster begins with its state: one that is restored from a
// backup, or made of a survivor. What opened the old cluster must not open the new one.
type Refounder interface {
	StateMachine
	// Refound makes the state that of a new cluster, whose positions begin behind at. The secret was drawn at random for it.
	Refound(at Applied, secret [32]byte)
}
