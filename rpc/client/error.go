package client

import (
	"fmt"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
)

// Error says how a request ended that did not end well.
type Error struct {
	// Outcome: node.Done, the cluster answered with a refusal that a repetition
	// would get again; node.Refused, it did not happen and never will;
	// node.Unknown, it may have happened or may yet.
	Outcome node.Outcome
	// Reason is one of those in parley/v1/common.proto, or UNAVAILABLE if no
	// node that could do it was found in time.
	Reason string
	// Text is a sentence for a person.
	Text string
	// Position where the refusal stands in the log, or from where to go on.
	Position raft.Position
	// RetryAfter, if not zero, is when it may be tried again: with REQUESTS_FULL, hours perhaps.
	RetryAfter time.Duration
}

// The reasons that the client itself gives.
const (
	// ReasonUnavailable: no node was reachable, or none led, until the deadline.
	ReasonUnavailable = "UNAVAILABLE"
	// ReasonOutcomeUnknown: the request was sent and its answer never came.
	ReasonOutcomeUnknown = convert.ReasonOutcomeUnknown
)

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func failed(f convert.Failure) *Error {
	return &Error{Outcome: f.Outcome, Reason: f.Reason, Text: f.Text, Position: f.Position}
}

func unavailable(format string, args ...any) *Error {
	return &Error{Outcome: node.Refused, Reason: ReasonUnavailable, Text: fmt.Sprintf(format, args...)}
}
