package caller

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// What goes into a Step and what comes out of it.

// Config is what a caller is told at its start. Zero fields take the defaults.
type Config struct {
	// Targets are the addresses of the nodes, at least one. Any can be asked.
	Targets []string
	// Seed keys nonces and jitter: drawn at random, for two processes with the same
	// seed and principal would share one session.
	Seed uint64
	// Principal is under whom the session is opened.
	Principal string
	// WindowMax bounds the commands between the oldest unanswered and the newest. It must
	// not exceed node.Rules.WindowMax.
	WindowMax int
	// PendingMax bounds the operations submitted and not ended; one more is
	// refused with CodeBusy.
	PendingMax int
	// BackoffMin and BackoffMax bound the wait after a failed attempt, which grows
	// from one to the other: the first is a round trip, the second a good part of
	// an election, so that a new leader is found soon and not asked to death.
	BackoffMin time.Duration
	BackoffMax time.Duration
	// AttemptTimeout is when a request without answer counts as lost: well above
	// any round trip and sync, well below what a person waits.
	AttemptTimeout time.Duration
	// ReadAnywhere has queries stay with whatever node answers them, from the first target on,
	// instead of following the commands to the leader. Their answers are no less fresh: a
	// node that does not lead asks the leader how far its state must have come.
	ReadAnywhere bool
	// RepeatMax is for how long a one-shot command that is in doubt is repeated: after it the
	// cluster might have forgotten the request id, and execute the command again. It must be
	// well below node.Rules.RequestAgeMax, since log time and this clock are two.
	RepeatMax time.Duration
}

func (c Config) withDefaults() Config {
	if c.WindowMax == 0 {
		c.WindowMax = 64
	}
	if c.PendingMax == 0 {
		c.PendingMax = 1024
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 10 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = 200 * time.Millisecond
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 3 * time.Second
	}
	if c.RepeatMax == 0 {
		c.RepeatMax = 12 * time.Hour
	}
	return c
}

// Op is one thing that somebody wants.
type Op struct {
	Ticket      uint64 // comes back in Result; the driver's, never used twice
	Body        []byte // of the command or query; never changed from here on
	Query       bool
	Consistency node.Consistency // of a query
	Deadline    raft.Mono        // end it by then; zero or raft.Never: no deadline

	// RequestID makes it a one-shot command, which needs no session: this process or another
	// may repeat it under the same id. Digest is of the caller's own fields (node.DigestOf),
	// zero if it is made where the request comes in.
	RequestID string
	Digest    node.Digest

	// Span is how many numbers of the session it takes, for a request that stands for so many
	// commands: its own Seq and those that follow. 0 is 1; at most WindowMax. A one-shot command has none.
	Span uint64
}

// span is how many numbers of the session an operation takes.
func (o *Op) span() uint64 { return max(1, o.Span) }

// InputKind says which fields of an Input are meant.
type InputKind uint8

// The inputs.
const (
	InputSubmit   InputKind = iota + 1 // Op is wanted
	InputResponse                      // request ID was answered
	InputLost                          // request ID will not be answered
	InputCancel                        // nobody wants Op.Ticket any more
	InputClose                         // the session is not needed for now
)

// Input is one thing that happened outside the caller.
type Input struct {
	Kind     InputKind
	Op       Op
	ID       uint64
	Answer   node.Answer
	HintAddr string // where the node in Answer.Hint takes clients, if known
}

// RequestKind names what is asked of a node.
type RequestKind uint8

// The requests.
const (
	RequestOpenSession  RequestKind = iota + 1 // Command.Principal and Command.Nonce
	RequestCommand                             // Command.Session, Seq, AckedBelow and Body
	RequestQuery                               // Query
	RequestCloseSession                        // Command.Session and Nonce; its answer may be left out
	RequestOnce                                // Command.RequestID, Digest, Principal and Body: needs no session
)

// Request is one message to one node.
type Request struct {
	ID      uint64
	Target  string
	Kind    RequestKind
	Ticket  uint64 // of the operation; zero: it is about the session
	Command node.Command
	Query   node.Query
	// Patience is how long an answer is waited for; then the request counts as lost.
	Patience time.Duration
}

// Result ends an operation.
type Result struct {
	Ticket   uint64
	Outcome  node.Outcome
	Code     node.Code // why, if not Done: what the last attempt was told
	Position raft.Position
	Reply    []byte
	// RetryAfter is when a one-shot command that ended with CodeRequestsFull has a chance.
	RetryAfter time.Duration
}

// Output is what a Step wants done.
type Output struct {
	Send   []Request
	Done   []Result
	WakeAt raft.Mono
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() {
	clear(o.Send)
	clear(o.Done)
	o.Send = o.Send[:0]
	o.Done = o.Done[:0]
	o.WakeAt = raft.Never
}
