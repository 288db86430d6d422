package client

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	// Code is the kind, as the table in parley/v1/common.proto has it.
	Code codes.Code
	// Reason is one of those in parley/v1/common.proto, or UNAVAILABLE if no
	// node that could do it was found in time.
	Reason string
	// Field is the path of the field that Reason is about; empty if it is about none.
	Field string
	// Text is a sentence for a person.
	Text string
	// Position where the refusal stands in the log, or from where to go on.
	Position raft.Position
	// RetryAfter, if not zero, is when it may be tried again: with REQUESTS_FULL, hours perhaps.
	RetryAfter time.Duration
}

// The reasons that the client itself gives, or looks at.
const (
	// ReasonUnavailable: no node was reachable, or none led, until the deadline.
	ReasonUnavailable = "UNAVAILABLE"
	// ReasonOutcomeUnknown: the request was sent and its answer never came.
	ReasonOutcomeUnknown = convert.ReasonOutcomeUnknown
	// ReasonTokenMissing: nobody is logged in.
	ReasonTokenMissing = "TOKEN_MISSING"
	// ReasonLoginEnded: the login was logged out or revoked.
	ReasonLoginEnded = "LOGIN_ENDED"
	// ReasonCompacted: what a stream was to begin with is no longer kept.
	ReasonCompacted = "COMPACTED"
)

const codeUnauthenticated = codes.Unauthenticated

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// unauthenticated reports whether it says that whoever asked is not logged in.
func (e *Error) unauthenticated() bool { return loginReasons[e.Reason] }

// failed reads what a node said. What no node said is of unknown outcome.
func failed(err error) *Error {
	f := convert.ParseError(err)
	s := status.Convert(err)
	e := &Error{Outcome: f.Outcome, Code: s.Code(), Reason: f.Reason, Text: f.Text, Position: f.Position, RetryAfter: f.Retry}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == convert.Domain {
			e.Field = info.GetMetadata()["field"]
		}
	}
	return e
}

// failedAs is the *Error in an error, or nil.
func failedAs(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

func unavailable(format string, args ...any) *Error {
	return &Error{Outcome: node.Refused, Code: codes.Unavailable, Reason: ReasonUnavailable, Text: fmt.Sprintf(format, args...)}
}
