package raft

// InputKind says which fields of an Input are meant.
type InputKind uint8

// The inputs. Time itself is no input: every Step gets it as an argument.
const (
	InputMessage  InputKind = iota + 1 // Message arrived
	InputPropose                       // Proposal wants to be an entry
	InputRead                          // Ticket wants a linearizable read
	InputStored                        // all writes up to Stored are on disk
	InputPeerLost                      // messages to Peer were dropped, or its connection broke
	InputCampaign                      // start an election now (formation; operators)
	InputTransfer                      // hand leadership to Peer, to the fittest voter if zero
	InputChange                        // Ticket wants Change made to the membership
	InputCompact                       // a durable snapshot covers everything up to Index, which was delivered
	InputInstall                       // a durable snapshot with this Base came from a peer, and its state is ready
)

// Input is one thing that happened outside the protocol.
type Input struct {
	Kind     InputKind
	Message  *Message // InputMessage; Step keeps the entries' payloads, not the struct
	Proposal Proposal // InputPropose
	Ticket   uint64   // InputRead, InputTransfer, InputChange
	Change   Change   // InputChange
	Stored   WriteSeq // InputStored
	Index    Index    // InputCompact
	Base     *Base    // InputInstall; Step keeps what is in it
	Peer     NodeID   // InputPeerLost, InputTransfer
	Own      bool     // InputRead: for the node itself, which asks its leader even with Config.LeaderReadsOnly
}

// Proposal asks the leader to append one entry. The payload belongs to the log
// from then on and must never change.
type Proposal struct {
	Ticket  uint64    // chosen by the caller, comes back in Proposed or Refused
	Kind    EntryKind // must be said, and not be EntryConfig
	Payload []byte
	Trace   uint64 // the caller's trace id, repeated in Notes; zero is none
}

// Reason says why a request was refused. Nothing refused ever enters the log.
type Reason uint8

// The reasons for a refusal.
const (
	RefusedNotLeader  Reason = iota + 1 // ask the node in Hint, if there is one
	RefusedBusy                         // too many bytes wait to be stored or committed; try again
	RefusedTooLarge                     // the payload exceeds Limits.CommandBytesMax
	RefusedLostTerm                     // a read whose leader lost its term before it could answer
	RefusedTransfer                     // leadership is on its way to the node in Hint
	RefusedNoTakeover                   // a transfer whose target did not come to lead
	RefusedEarly                        // a change before an entry of the leader's own term has committed
	RefusedPending                      // a change while another one is under way
	RefusedNoMember                     // a change of a node that never was a member
	RefusedIsMember                     // an addition under an id that another directory or address has
	RefusedWasRemoved                   // an addition of a directory that was removed: it never returns
	RefusedLastVoter                    // a removal of the only voter
	RefusedFull                         // an addition to as many members as there may be
	RefusedPlaces                       // a change of voters that Raft.Judge does not allow now: try again
	RefusedKind                         // a proposal without a kind, or of a configuration: that is an InputChange
)

// String says the reason in a few words.
func (r Reason) String() string {
	switch r {
	case RefusedNotLeader:
		return "not leader"
	case RefusedBusy:
		return "busy"
	case RefusedTooLarge:
		return "too large"
	case RefusedLostTerm:
		return "leadership lost"
	case RefusedTransfer:
		return "leadership is being transferred"
	case RefusedNoTakeover:
		return "nobody took over"
	case RefusedEarly:
		return "no entry of this term is committed yet"
	case RefusedPending:
		return "another change of the membership is under way"
	case RefusedNoMember:
		return "no such member"
	case RefusedIsMember:
		return "another directory or address has this id"
	case RefusedWasRemoved:
		return "this directory was removed and never returns"
	case RefusedLastVoter:
		return "the only voter can't be removed"
	case RefusedFull:
		return "too many members"
	case RefusedPlaces:
		return "what is kept beside the log is not where the change needs it"
	case RefusedKind:
		return "no entry of this kind can be proposed"
	}
	return "refused"
}

// Refusal tells that the request with this ticket was not taken.
type Refusal struct {
	Ticket uint64
	Reason Reason
	Hint   NodeID // the leader as far as known, or zero
}

// Proposed tells where a proposal stands in the log. It is done when an entry
// with this index and term is committed; it never happened when an entry of
// another term is committed there.
type Proposed struct {
	Ticket uint64
	Index  Index
	Term   Term
}

// ReadReady tells that a read may be answered from any state that has applied
// at least Index.
type ReadReady struct {
	Ticket uint64
	Index  Index
}

// Changed tells that a change of the membership is committed, by the configuration
// at Index or one before it.
type Changed struct {
	Ticket uint64
	Index  Index
}

// Store is one write to the log on disk. The driver writes Stores in order and
// reports completion with InputStored.
type Store struct {
	Seq      WriteSeq
	Hard     HardState // always the current one
	Config   Index     // always the entry of the configuration in force, zero: the formation record
	Truncate Index     // if not zero: entries from this index on are gone
	Entries  []Entry   // follow Truncate-1, or the last entry stored before

	// Fill holds entries that repair: each takes the place of a damaged one of the same
	// index and term. Nothing else changes by them.
	Fill []Entry
	// Base, if its index is not zero: entries up to it are gone, because a snapshot holds
	// what they did. With Reset all the others are gone as well, and Entries follow Base.
	Base  EntryID
	Reset bool

	// Then holds promises: votes, vote requests and append acknowledgements.
	// They must not leave before the disk has this write and all before it.
	Then []Message
}

// IsBarrier reports whether there is nothing to write, only promises that wait
// for earlier writes.
func (s *Store) IsBarrier(before HardState) bool {
	return s.Hard == before && s.Truncate == 0 && len(s.Entries) == 0 && len(s.Fill) == 0 && s.Base.Index == 0
}

// Output is what a Step wants done. All of it is data; the driver acts on it in
// any order it likes, except that Stores keep theirs. Reset makes it ready
// for a Step, the first one too, and keeps the memory.
type Output struct {
	Store     []Store     // to the disk, in order
	Send      []Message   // to peers, may leave at once
	Proposed  []Proposed  // proposals that are now entries
	Refused   []Refusal   // proposals and reads that were not taken
	Committed []Entry     // committed, to be applied: in order, each exactly once per process
	Reads     []ReadReady // reads that may be answered
	Handed    []uint64    // transfers that another node's leadership completed
	Changed   []Changed   // changes of the membership that are committed
	Lagging   []Ident     // peers that need a snapshot: the log no longer has what they lack
	Installed Index       // not zero: the log goes on behind the snapshot of InputInstall, and so must the state
	Notes     []Note      // what happened, for traces, metrics and judges
	WakeAt    Mono        // call Step no later than this
}

// Reset empties the output: nothing is to be done, and nothing comes due.
func (o *Output) Reset() {
	clear(o.Store)
	clear(o.Send)
	clear(o.Committed)
	o.Store = o.Store[:0]
	o.Send = o.Send[:0]
	o.Proposed = o.Proposed[:0]
	o.Refused = o.Refused[:0]
	o.Committed = o.Committed[:0]
	o.Reads = o.Reads[:0]
	o.Handed = o.Handed[:0]
	o.Changed = o.Changed[:0]
	o.Lagging = o.Lagging[:0]
	o.Installed = 0
	o.Notes = o.Notes[:0]
	o.WakeAt = Never
}

// NoteKind names a Note.
type NoteKind uint8

// The notes. What A and B mean stands beside each.
const (
	NoteRole       NoteKind = iota + 1 // role changed; A: the new Role
	NoteTerm                           // currentTerm rose
	NoteVote                           // voted for Peer
	NoteLeader                         // Peer is the leader of Term
	NoteAppend                         // Index was appended to the own log; Trace: the caller's
	NoteTruncate                       // entries from Index on were removed
	NoteStored                         // the log is stored up to Index
	NoteCommit                         // commitIndex rose to Index
	NoteMatch                          // Peer is known to store everything up to Index
	NoteReject                         // Peer's log did not match at Index
	NoteRound                          // heartbeat round A was answered by a quorum
	NoteQuorumLost                     // a leader heard from no quorum and stepped down
	NoteConfig                         // the configuration at Index took effect, for the first time or again
	NoteTransfer                       // leadership is offered to Peer
	NoteRemoved                        // the entry at Index, which is committed, removed this node
	NoteBreach                         // a message from Peer contradicts what is proven; it was dropped. A: the Breach
	NoteApply                          // the entry at Index was applied (raft/node)
	NoteFormed                         // the formation record was accepted (raft/node)
	NoteCompact                        // the log begins behind Index; A: 1 if nothing of the old log is left
	NoteInstall                        // the state is that of a snapshot up to Index that came from a peer
	NoteHole                           // the entries from Index to A are lost, and no leader gives them back: the peers are asked
	NoteLost                           // every member has said that it does not have the lost entry at Index, and that does not show that it was never committed
	NoteFill                           // the lost entry at Index came back from Peer
	NoteCut                            // the lost entry at Index was never committed, and is gone
	NoteWhole                          // everything that was lost is repaired
	NoteLease                          // reads are answered under a lease; A: the last round that left
)

// Note tells one thing that happened. It holds no pointers, so that a stream of
// notes costs no allocation.
type Note struct {
	Kind  NoteKind
	Term  Term
	Index Index
	Peer  NodeID
	Trace uint64
	A, B  uint64
}

// Breach says how a message contradicted what is proven. A correct peer never
// sends such a message, so that each is a bug or a lie; it is dropped.
type Breach uint64

// The breaches.
const (
	BreachTwoLeaders Breach = iota + 1 // a second leader of one term [§5.2]
	BreachCommitted                    // an Append conflicts with a committed entry [§5.4]
	BreachChecksum                     // an entry does not match its entry checksum
	BreachTerm                         // a term that no cluster reaches
	BreachMatched                      // an acknowledgement beyond the leader's log
)
