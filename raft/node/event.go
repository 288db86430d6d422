package node

import (
	"time"

	"parley/raft"
	"parley/raft/blob"
)

// Ticket is the driver's name for a caller that waits: an answer carries the
// ticket of its request. Tickets are never used twice in a process; zero and the three highest are the
// node's own.
type Ticket uint64

// SessionID names a client session: the index of the entry that opened it.
// Zero is no session.
type SessionID uint64

// EventKind says which fields of an Event are meant.
type EventKind uint8

// The events. Time itself is none: every Step gets it as an argument.
const (
	EventMessage        EventKind = iota + 1 // Message arrived from a peer
	EventOpenSession                         // Ticket wants a client session under Principal
	EventCommand                             // Ticket wants Command applied exactly once
	EventQuery                               // Ticket wants Query answered
	EventSubscribe                           // Ticket wants the events after From, from now on
	EventCancel                              // the caller behind Ticket went away
	EventStored                              // the disk has all writes up to Stored
	EventIdentityStored                      // the disk has the identity of Output.Identity
	EventDiskFailed                          // a write or sync failed for good: Err
	EventPeerLost                            // messages to Peer were dropped
	EventTransfer                            // Ticket wants leadership handed to Peer, to the fittest voter if zero
	EventChange                              // Ticket wants Change made to the membership
	EventTaken                               // the subscriber behind Ticket took Frames frames, the last at From
	EventTask                                // the worker did a task: Done
	EventUploadBegin                         // Ticket begins the upload Blob.Upload, or asks where it goes on: Answer.Offset
	EventUploadAppend                        // Ticket adds Blob.Data at Blob.Offset
	EventUploadCommit                        // Ticket has uploaded all, and its content has Blob.Sum: to be pinned for Blob.Principal
	EventReadBlob                            // Ticket wants Blob.Bytes of Blob.Sum from Blob.Offset on, if this node has it
	EventBlob                                // the store of blobs did an operation: BlobDone
	EventCloseSession                        // Ticket gives up the session Command.Session that Command.Nonce opened
	EventTell                                // the state machine is to be told Command.Body; nobody waits (see tell.go)
	EventNotice                              // the streams of all nodes are to be told Command.Body; nobody waits, nothing is kept (see notice.go)
	EventMark                                // Ticket wants the nodes' states compared at one position: Answer.Position (see report.go)
	EventQueries                             // so many EventQuery, in the order of Asked
)

// Event is one thing that happened outside the node.
type Event struct {
	Kind      EventKind
	Ticket    Ticket
	Message   *raft.Message // the node keeps its payloads, not the struct
	Command   Command
	Query     Query
	Asked     []Asked       // EventQueries; the node keeps the bodies, not the slice
	From      raft.Position // EventSubscribe, EventTaken: the last position the caller has seen
	Reader    string        // EventSubscribe: on whose behalf, in the words of the state machine (Discreet)
	Audiences []string      // EventSubscribe: only what concerns one of these; none: all that the reader may see
	Change    raft.Change   // EventChange; of a new member id and addresses are enough
	Frames    int           // EventTaken: frames taken since the last EventTaken, progress notes included
	Stored    raft.WriteSeq
	Peer      raft.NodeID
	Err       error
	Done      *TaskDone // EventTask
	Blob      *BlobRequest
	BlobDone  *blob.Done // EventBlob
	Trace     uint64
}

// Command asks for one change of the state, exactly once: a repetition with the
// same (Session, Seq) gets the first answer [§8, T§6.3]. A one-shot command carries a RequestID
// instead of a session: a repetition under the same (Principal, RequestID) with the same
// Digest gets the first answer, and with another Digest is a conflict. A Plain one has neither, and nobody remembers it.
type Command struct {
	Session    SessionID
	Seq        uint64 // 1, 2, 3, … within the session
	AckedBelow uint64 // the caller has all answers below this Seq and needs none again
	Principal  string // EventOpenSession: under whom the session is opened. One-shot commands, and Owned: who sends it; empty before a login
	Owned      bool   // commands in a session: refused unless Principal opened it
	Nonce      uint64 // EventOpenSession: random; a repetition with it gets the same session. EventCloseSession: that one
	RequestID  string // one-shot commands: chosen by the caller, remembered for a day; before a login, random
	Digest     Digest // one-shot commands: of the caller's own fields, see DigestOf
	Plain      bool   // executed as often as it gets into the log: for what a repetition does not harm, and nobody need ask about
	Body       []byte // what the state machine reads; never changed from here on
}

// Consistency says how fresh an answer must be.
type Consistency uint8

// Linearizable answers wait for a heartbeat round of the leader, at whatever node [T§6.4], or come
// under the leader's lease; stale ones come at once from whatever this node has applied, with
// the position.
const (
	Linearizable Consistency = iota
	Stale
)

// Query asks the state machine without changing it.
type Query struct {
	Consistency Consistency
	Body        []byte
	// Off has the node answer with a view in the place of a reply, for a query that takes long: whoever asked reads
	// it where he does not hold the node up.
	Off bool
	// Whole has the node answer with all of its replicated state, for a backup. Body says nothing then.
	Whole bool
}

// Asked is a query and whoever wants it answered.
type Asked struct {
	Ticket Ticket
	Query  Query
}

// Outcome says how a request ended. There are no other ways.
type Outcome uint8

// The three ways a request ends.
const (
	// Done: applied (or answered), with Reply and Position.
	Done Outcome = iota + 1
	// Refused: it was not executed and never will be. Nearly always it never
	// entered the log; what only Apply can judge (CodeSessionUnknown, CodeBelowWindow,
	// CodeBusy of a full session table) is refused there, by every node alike. Code and Hint
	// tell the way out. It says nothing about other copies of the request.
	Refused
	// Unknown: it entered the log and may still commit or be cut. The caller
	// repeats the same request, never a new one in its place.
	Unknown
)

// Code says why a request was refused, or what its outcome hangs on.
type Code uint8

// The codes, with what the caller does about each.
const (
	CodeNone            Code = iota
	CodeNotLeader            // ask Hint, or another node
	CodeBusy                 // wait a little, then repeat
	CodeTooLarge             // make it smaller
	CodeSessionUnknown       // never opened, expired or closed: open another; outcomes of the old are unknown
	CodeBelowWindow          // the Seq was acknowledged, or is beyond the window: a caller's bug
	CodeNotFormed            // the cluster is not formed yet: wait
	CodeStopping             // the node is on its way down: ask another
	CodeCompacted            // events after From are no longer kept: read the state, then go on from Position
	CodeTooSlow              // a subscriber fell too far behind: resume from Position
	CodeLeaderLost           // leadership ended while the request was under way
	CodeNoTakeover           // nobody took leadership over in time: look at the cluster's status
	CodeChangePending        // another change of the membership is under way: wait, then repeat
	CodeNoMember             // no node of this id ever was a member
	CodeIsMember             // another directory or address has this id: remove it first, or take another id
	CodeWasRemoved           // this directory was removed and never returns: give it an empty one
	CodeLastVoter            // the only voter can't be removed
	CodeFull                 // the cluster has as many members as it may
	CodeNoAnswer             // nobody of this id answers at the address: start it, then repeat
	CodeOtherCluster         // the new node belongs to another cluster, or founds one
	CodeRequestConflict      // the request id is taken by a command that said something else: a caller's bug, or another's id
	CodeRequestsFull         // as many request ids are remembered as may be: wait for Answer.RetryAfter, or use a session
	CodeNoUpload             // no such upload here: begin it again
	CodeOffset               // the upload goes on at Answer.Offset
	CodeOtherContent         // what was uploaded has another sum than was said: begin it again
	CodeNoMajority           // no majority stored the blob in time: commit again
	CodeNoRoom               // this node's disk is full, or failed: ask another
	CodeNoBlob               // this node does not have the blob, or not yet: ask Holder, or wait
	CodeBlobsFull            // too many blobs are stored, or wait to be used: wait, or use those
	CodePlaces               // blobs are not yet stored where the change needs them: wait, then repeat
	CodeNotYet               // the cluster's level is too low: some node still runs an older release
	CodeReaderGone           // the login that the stream was opened under has ended, or never was: log in
	CodeSessionForeign       // the session was opened by somebody else: open another
)

// String says the code in a few words, as logs and the command line show it.
func (c Code) String() string {
	switch c {
	case CodeNone:
		return "ok"
	case CodeNotLeader:
		return "not leader"
	case CodeBusy:
		return "busy"
	case CodeTooLarge:
		return "too large"
	case CodeSessionUnknown:
		return "session unknown"
	case CodeBelowWindow:
		return "outside the session's window"
	case CodeNotFormed:
		return "cluster not formed yet"
	case CodeStopping:
		return "node stops"
	case CodeCompacted:
		return "events compacted"
	case CodeTooSlow:
		return "subscriber too slow"
	case CodeLeaderLost:
		return "leadership lost"
	case CodeNoTakeover:
		return "nobody took leadership over"
	case CodeChangePending:
		return "another change of the membership is under way"
	case CodeNoMember:
		return "no such member"
	case CodeIsMember:
		return "another directory or address has this id"
	case CodeWasRemoved:
		return "this directory was removed and never returns"
	case CodeLastVoter:
		return "the only voter can't be removed"
	case CodeFull:
		return "the cluster is full"
	case CodeNoAnswer:
		return "the new node does not answer"
	case CodeOtherCluster:
		return "the new node belongs to another cluster or founds one"
	case CodeRequestConflict:
		return "the request id was used for something else"
	case CodeRequestsFull:
		return "too many request ids are remembered"
	case CodeNoUpload:
		return "no such upload here"
	case CodeOffset:
		return "the upload goes on at another offset"
	case CodeOtherContent:
		return "the content has another sum"
	case CodeNoMajority:
		return "no majority stored it in time"
	case CodeNoRoom:
		return "no room on this node's disk"
	case CodeNoBlob:
		return "not stored here"
	case CodeBlobsFull:
		return "too many files are stored or wait to be used"
	case CodePlaces:
		return "files are not yet stored where the change needs them"
	case CodeNotYet:
		return "not before every node runs the newer release"
	case CodeReaderGone:
		return "the login has ended"
	case CodeSessionForeign:
		return "somebody else's session"
	}
	return "unknown code"
}

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Refused:
		return "refused"
	case Unknown:
		return "unknown"
	}
	return "no outcome"
}

// Answer ends a request, or a subscription.
type Answer struct {
	Ticket   Ticket
	Outcome  Outcome
	Code     Code
	Position raft.Position // of the entry (Done), of the view (queries), to resume from (streams)
	Session  SessionID     // EventOpenSession
	Reply    []byte        // EventReadBlob: what was read, fewer bytes at its end
	View     StateMachine  // Query.Off: the state at Position, only to be read; all who ask at one position share it
	State    *State        // Query.Whole: the state at Position
	Term     raft.Term     // Query.Whole: of the entry at Position
	Offset   int64         // EventUpload…: how much of the upload is here
	// RetryAfter is when what was refused as CodeRequestsFull has a chance: in this much log time.
	RetryAfter time.Duration
	Hint       raft.NodeID // the leader as far as known, or zero
	Holder     raft.NodeID // CodeNoBlob: a node that has the blob, as far as known, or zero
}

// Frame is all that happened at one position, for one subscriber. Frames come
// in rising positions without gap and without repetition. A frame
// without a body is a progress note: everything up to Position was delivered.
type Frame struct {
	Ticket      Ticket
	Position    raft.Position
	Body        []byte
	LeaderQuiet time.Duration // progress notes: time since the leader was last heard
	Notice      bool          // Body is no event, but a notice (see notice.go): all up to Position was delivered before it
}

// Output is what a Step wants done.
type Output struct {
	Identity *Identity      // to the disk before all else; then EventIdentityStored
	Store    []raft.Store   // to the disk, in order; Then leaves when stored
	Send     []raft.Message // to peers, may leave at once
	Tasks    []Task         // to the worker, in order; each is answered with an EventTask
	Blobs    []blob.Op      // to the store of blobs, in order, by a worker of its own; each is answered with an EventBlob
	Done     []Answer       // to callers
	Push     []Frame        // to subscribers, in order
	Notes    []raft.Note    // for traces, metrics and judges
	Stop     error          // not nil: the node can't go on and says why
	WakeAt   raft.Mono      // call Step no later than this

	// Ahead, unless it is nil, is called in a Step that is about to apply entries while there is something to store or to
	// send. The driver may begin with Identity, Store and Send then, and takes them out: a disk and the peers need not wait
	// until all is applied, which has nothing to do with them. It may as well leave them, and gets them behind the Step. It
	// must not call the node.
	Ahead func(*Output)
}

// goAhead has the driver begin with what waits for nothing any more.
func (o *Output) goAhead() {
	if o.Ahead != nil && len(o.Store)+len(o.Send) > 0 {
		o.Ahead(o)
	}
}

// Begun takes out what the driver began with.
func (o *Output) Begun() {
	clear(o.Store)
	clear(o.Send)
	o.Identity, o.Store, o.Send = nil, o.Store[:0], o.Send[:0]
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() {
	o.Begun()
	clear(o.Done)
	clear(o.Push)
	clear(o.Tasks)
	clear(o.Blobs)
	o.Blobs = o.Blobs[:0]
	o.Tasks = o.Tasks[:0]
	o.Done = o.Done[:0]
	o.Push = o.Push[:0]
	o.Notes = o.Notes[:0]
	o.Stop = nil
	o.WakeAt = raft.Never
}
