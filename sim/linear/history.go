package linear

import (
	"time"

	"parley/raft"
)

// Kind says what an operation wants.
type Kind uint8

// The operations of a chat log and of a lock. All but Read and Look are entries of the log, with a
// position that no other has.
const (
	Append    Kind = iota + 1 // a message, named by ID, joins Object's log
	Read                      // a page of Object's log
	Acquire                   // Object becomes Owner's for TTL, unless somebody holds it; with Fence: it is his already
	Renew                     // Object stays Owner's, under Fence, for TTL from now on; zero: for as long as before
	Release                   // Owner gives Object back that he holds under Fence
	Break                     // Owner takes Object back that he holds somewhere, under Fence or whatever it is
	Look                      // who holds Object
	TermStart                 // nobody's: the first entry of a leader's term, which gives all locks their whole time again
	HandOver                  // nobody's: Object, which nobody holds, becomes Owner's for TTL, who stood in line
	Ending                    // nobody's: Object is Owner's no more, whose login has ended, or who was made to give it back
)

// writes reports whether it is an entry of the log.
func (k Kind) writes() bool { return k != Read && k != Look }

// apart reports whether it happens to a lock beside what its entry says.
func (k Kind) apart() bool { return k == HandOver || k == Ending }

// timed reports whether the answer depends on log time.
func (k Kind) timed() bool { return k != Append && k != Read }

// Nobodys reports whether no client called it: it comes of an entry, beside whatever the entry is. What comes of one entry
// happens in the order of Turn.
func (k Kind) Nobodys() bool { return k >= TermStart }

// Outcome says how an operation ended for its caller.
type Outcome uint8

// The outcomes. Zero is Unknown: of what has no answer yet, or never got one, nobody knows.
const (
	Unknown Outcome = iota // it took effect at some instant after its call, or never
	Done                   // it has an answer, and took effect before the answer came
	Refused                // it took no effect and never will
)

// Entry is a message as a page shows it.
type Entry struct {
	Position raft.Position
	ID       uint64
}

// Operation is one thing that a client wanted, from its call to its end. Which fields are meant depends
// on the kind.
type Operation struct {
	Kind    Kind
	Outcome Outcome
	Stale   bool // Read, Look: it may be of any age, and must be true of that age
	Granted bool // Acquire, Renew, Release, Break: the answer is that it did what it says
	More    bool // Read: the answer leaves out messages, because of Limit
	Client  int32
	Object  int32 // the channel or the lock; of TermStart none
	Owner   int32 // of locks: in whose name; a fence is good in its owner's hands alone
	Limit   int32 // Read: at most so many messages

	// Call and Return are instants of one clock. Whose Return is before another's Call is before it
	// in real time; equal instants say nothing. Only what is Done has a Return.
	Call, Return int64

	// Position is where it claims to have taken effect: of a write its entry, of a read the last
	// entry that it has seen. Of a write that is Unknown it is where the log has it. Zero: nowhere; but
	// a message that an answer names is where it says.
	Position raft.Position
	// Time is the log time of that entry, by which locks expire. Messages and pages may go
	// without: zero.
	Time raft.LogTime

	ID      uint64        // Append: two operations with one ID are one command that was sent twice
	After   raft.Position // Read: the first Limit messages behind it; zero: the newest Limit
	Entries []Entry       // Read: the answer, oldest first

	TTL    time.Duration // of log time
	Fence  raft.Position // that is presented; zero: none
	Told   raft.Position // Acquire, Look: the answer is the fence under which Object is held; zero: it is free
	Left   time.Duration // and how long still, of log time; zero: the answer does not say
	Before raft.LogTime  // TermStart: of the entry before
	Turn   int8          // of what is nobody's: below zero before the operation at its position, above zero behind it
}

// A History is what clients did and saw, in any order. Objects and clients need no more than
// their numbers; names are for people.
type History struct {
	Operations []Operation
	Objects    []string
}

// placed reports whether an operation is part of the claimed order, given the position of its entry.
func (o *Operation) placed(at raft.Position) bool {
	if o.Kind.writes() {
		return at != 0
	}
	return o.Outcome == Done
}

// ordered reports whether real time binds it: others may not stand before it that were called
// after its answer.
func (o *Operation) ordered() bool { return o.Outcome == Done && !o.Stale }
