package blob

import (
	"parley/raft"
)

// InputKind says which fields of an Input are meant.
type InputKind uint8

// The inputs. Time itself is an argument of every Step.
const (
	InputMembers  InputKind = iota + 1 // Config, from the entry at Index on, is in force
	InputReset                         // the state at Position, Time wants exactly Wants (sorted): at start, and after a snapshot
	InputWant                          // the entry at Position, Time made Want wanted: named or pinned
	InputUnwant                        // … made Want.Sum unwanted
	InputApplied                       // everything up to Position, whose entry has Time, is applied
	InputCaughtUp                      // what is applied holds all that was committed when this process started (a ReadIndex since then was answered)
	InputConfirm                       // Ticket wants Want.Sum, which is held here, confirmed
	InputMessage                       // Message arrived
	InputPeerLost                      // the connection to Peer broke, or messages to it were dropped
	InputClock                         // by the node's clock log time has come to about Time by now, whether or not an entry says so
	InputDone                          // Done: any operation on the store, whoever asked for it
)

// Input is one thing that happened outside.
type Input struct {
	Kind     InputKind
	Config   *raft.Configuration // InputMembers; copied
	Index    raft.Index
	Position raft.Position
	Time     raft.LogTime
	Want     Want
	Wants    []Want
	Ticket   uint64
	Message  *Message // Data is passed on to the disk, not copied
	Peer     raft.NodeID
	Done     *Done
}

// Confirmation says that a blob is durable on a majority of the configuration of the entry at
// Config, and is kept there until the log passes NotAfter. The entry that pins it says the
// same and is refused when either has changed before its turn; see Table.Confirm.
type Confirmation struct {
	Ticket   uint64
	Sum      Sum
	Size     int64
	Config   raft.Index
	NotAfter raft.LogTime
}

// Failure tells that a confirmation did not come about. The blob may be confirmed anew.
type Failure struct {
	Ticket uint64
	Sum    Sum
	Reason Reason
}

// Reason says why there was no confirmation.
type Reason uint8

// The reasons.
const (
	FailedNotHeld    Reason = iota + 1 // the blob is not here, or no longer: upload it again
	FailedBusy                         // too many wait already: try again
	FailedNoMajority                   // no majority acknowledged in time: try again
)

// String says the reason in a few words.
func (r Reason) String() string {
	switch r {
	case FailedNotHeld:
		return "not held here"
	case FailedBusy:
		return "busy"
	case FailedNoMajority:
		return "no majority stored it in time"
	}
	return "failed"
}

// Output is what a Step wants done. Reset makes it ready for the next and keeps the
// memory.
type Output struct {
	Send      []Message      // to peers, on the bulk stream; may be lost, doubled and reordered
	Disk      []Op           // to the store, in order
	Confirmed []Confirmation // to be proposed as the entry that pins
	Failed    []Failure
	Outdated  bool // the newest entry is too old to promise anything from: any entry will do, be it refused
	Notes     []Note
	WakeAt    raft.Mono // call Step no later than this
}

// Reset empties the output.
func (o *Output) Reset() {
	clear(o.Send)
	clear(o.Disk)
	o.Send = o.Send[:0]
	o.Disk = o.Disk[:0]
	o.Confirmed = o.Confirmed[:0]
	o.Failed = o.Failed[:0]
	o.Outdated = false
	o.Notes = o.Notes[:0]
	o.WakeAt = raft.Never
}

// NoteKind names a Note.
type NoteKind uint8

// The notes.
const (
	NoteHeld      NoteKind = iota + 1 // Sum is held from now on
	NoteLost                          // Sum was held and is damaged or gone
	NoteCollected                     // Sum, which nothing wants, was removed
	NoteConfirmed                     // Sum is durable on a majority
	NoteRetry                         // fetching Sum failed for Fault, or because nobody had it (FaultMissing)
	NoteWrong                         // Peer, if it was alone, sent other content than Sum
)

// Note tells one thing that happened, for traces, metrics and judges.
type Note struct {
	Kind  NoteKind
	Sum   Sum
	Peer  raft.NodeID
	Fault Fault
}
