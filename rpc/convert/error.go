// Package convert translates between what nodes say and what the wire says. It
// is the one place where outcomes become gRPC errors and errors become outcomes
// again; parley/v1/common.proto has the table for readers.
package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"parley/raft"
	"parley/raft/node"
)

// Domain is the domain of every ErrorInfo that a node makes.
const Domain = "parley"

// Keys of an ErrorInfo's metadata, and the values of keyOutcome.
const (
	keyOutcome       = "outcome"
	keyLeader        = "leader"
	keyLeaderAddress = "leader_address"
	keyPosition      = "position"
	keyField         = "field"
	keyOffset        = "offset"
)

// The reasons that come neither from a node.Code nor from a refusal of the state machine or of rpc/auth.
const (
	ReasonOutcomeUnknown = "OUTCOME_UNKNOWN"
	ReasonPanic          = "PANIC"
	ReasonBadRequest     = "MALFORMED"
)

// retryDelay is what RetryInfo proposes: about a heartbeat for what clears up by
// itself, less than an election.
const retryDelay = 50 * time.Millisecond

// rule is one line of the table of errors.
type rule struct {
	reason string
	code   codes.Code
	retry  bool
}

var nodeRules = map[node.Code]rule{
	node.CodeNotLeader:      {"NOT_LEADER", codes.Unavailable, true},
	node.CodeBusy:           {"BUSY", codes.ResourceExhausted, true},
	node.CodeTooLarge:       {"TOO_LARGE", codes.InvalidArgument, false},
	node.CodeSessionUnknown: {"SESSION_UNKNOWN", codes.FailedPrecondition, false},
	node.CodeBelowWindow:    {"BELOW_WINDOW", codes.OutOfRange, false},
	node.CodeNotFormed:      {"NOT_FORMED", codes.Unavailable, true},
	node.CodeStopping:       {"STOPPING", codes.Unavailable, true},
	node.CodeCompacted:      {"COMPACTED", codes.OutOfRange, false},
	node.CodeTooSlow:        {"TOO_SLOW", codes.ResourceExhausted, true},
	node.CodeLeaderLost:     {"LEADER_LOST", codes.Unavailable, true},
	node.CodeNoTakeover:     {"NO_TAKEOVER", codes.Unavailable, true},
	node.CodeChangePending:  {"CHANGE_PENDING", codes.Unavailable, true},
	node.CodeNoAnswer:       {"NO_ANSWER", codes.Unavailable, false},
	node.CodeNoMember:       {"NO_MEMBER", codes.NotFound, false},
	node.CodeIsMember:       {"IS_MEMBER", codes.AlreadyExists, false},
	node.CodeWasRemoved:     {"WAS_REMOVED", codes.FailedPrecondition, false},
	node.CodeOtherCluster:   {"OTHER_CLUSTER", codes.FailedPrecondition, false},
	node.CodeLastVoter:      {"LAST_VOTER", codes.FailedPrecondition, false},
	node.CodeFull:           {"FULL", codes.FailedPrecondition, false},

	node.CodeRequestConflict: {"REQUEST_CONFLICT", codes.AlreadyExists, false},
	node.CodeRequestsFull:    {"REQUESTS_FULL", codes.ResourceExhausted, true},
	node.CodeNoUpload:        {"NO_UPLOAD", codes.NotFound, false},
	node.CodeOffset:          {"UPLOAD_OFFSET", codes.OutOfRange, true},
	node.CodeOtherContent:    {"OTHER_CONTENT", codes.DataLoss, false},
	node.CodeNoMajority:      {"NO_MAJORITY", codes.Unavailable, true},
	node.CodeNoRoom:          {"NO_ROOM", codes.ResourceExhausted, false},
	node.CodeNoBlob:          {"NO_BLOB", codes.NotFound, true},
	node.CodeBlobsFull:       {"BLOBS_FULL", codes.ResourceExhausted, false},
	node.CodePlaces:          {"FILES_MISPLACED", codes.Unavailable, true},
	node.CodeNotYet:          {"NOT_YET", codes.FailedPrecondition, false},
	node.CodeReaderGone:      {"LOGIN_ENDED", codes.Unauthenticated, false},
	node.CodeSessionForeign:  {"SESSION_FOREIGN", codes.FailedPrecondition, false},
}

// ReasonOf returns the reason that the wire has for a code of the node; empty if it has none.
func ReasonOf(code node.Code) string { return nodeRules[code].reason }

// AnswerError returns the error of an answer that is not Done. leaderAddr is
// where the node in a.Hint listens for clients, if that is known.
func AnswerError(a node.Answer, leaderAddr string) error {
	r, ok := nodeRules[a.Code]
	if !ok {
		r = rule{ReasonOutcomeUnknown, codes.Unavailable, true}
	}
	meta := map[string]string{keyOutcome: a.Outcome.String()}
	text := a.Code.String()
	if a.Code == node.CodeNone {
		text = "the outcome is unknown"
	}
	if a.Hint != 0 {
		meta[keyLeader] = strconv.FormatUint(uint64(a.Hint), 10)
		text += fmt.Sprintf("; the leader is node %d", a.Hint)
		if leaderAddr != "" {
			meta[keyLeaderAddress] = leaderAddr
			text += " at " + leaderAddr
		}
	}
	if a.Position != 0 {
		meta[keyPosition] = strconv.FormatUint(uint64(a.Position), 10)
	}
	if a.Code == node.CodeOffset {
		meta[keyOffset] = strconv.FormatInt(a.Offset, 10)
	}
	return buildAfter(r, cmp.Or(a.RetryAfter, retryDelay), strings.ToUpper(text[:1])+text[1:]+".", meta)
}

// ContextError returns the error of a request whose caller ran out of time
// while the node had it.
func ContextError(err error) error {
	code := codes.DeadlineExceeded
	if errors.Is(err, context.Canceled) {
		code = codes.Canceled
	}
	return build(rule{ReasonOutcomeUnknown, code, false}, "The caller ran out of time: "+err.Error()+".",
		map[string]string{keyOutcome: node.Unknown.String()})
}

// RequestError returns the error of a request that makes no sense and was not
// executed.
func RequestError(format string, args ...any) error {
	return build(rule{ReasonBadRequest, codes.InvalidArgument, false}, fmt.Sprintf(format, args...),
		map[string]string{keyOutcome: node.Refused.String()})
}

// PanicError returns the error of a handler that panicked; the log has the rest.
func PanicError() error {
	return build(rule{ReasonPanic, codes.Internal, false}, "Something is wrong in the node: its log has the details.",
		map[string]string{keyOutcome: node.Unknown.String()})
}

func build(r rule, text string, meta map[string]string) error {
	return buildAfter(r, retryDelay, text, meta)
}

func buildAfter(r rule, retry time.Duration, text string, meta map[string]string) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: r.reason, Domain: Domain, Metadata: meta}}
	if field := meta[keyField]; field != "" && r.code == codes.InvalidArgument {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: field, Description: text, Reason: r.reason}}})
	}
	if r.retry {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
	}
	s, err := status.New(r.code, text).WithDetails(details...)
	if err != nil {
		panic(err) // the details are ours and not OK
	}
	return s.Err()
}

// Failure is what an error of a node tells a client.
type Failure struct {
	Outcome    node.Outcome
	Code       node.Code // CodeNone if the error has none: a refusal of the state machine, a broken connection
	Status     codes.Code
	Reason     string // of ErrorInfo; "" for an error that no node made
	Field      string // of the request, if the reason is about one
	Text       string // for a person
	Offset     int64  // where an upload goes on
	Position   raft.Position
	Leader     raft.NodeID
	LeaderAddr string
	Retry      time.Duration // 0: the node proposes none
}

// ParseError reads an error that a call returned. An error that carries nothing of
// ours (a broken connection, a deadline, a proxy) has outcome Unknown; but what
// gRPC itself finds too large never reached a handler. (It says the same of a response
// that is too large for the client; those of commands are a few bytes.)
func ParseError(err error) Failure {
	s := status.Convert(err)
	f := Failure{Outcome: node.Unknown, Status: s.Code(), Text: s.Message()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.Domain == Domain {
				f.readInfo(d)
			}
		case *errdetails.RetryInfo:
			f.Retry = d.RetryDelay.AsDuration()
		}
	}
	if f.Reason == "" && s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max") {
		f.Outcome, f.Code, f.Reason = node.Refused, node.CodeTooLarge, nodeRules[node.CodeTooLarge].reason
	}
	return f
}

func (f *Failure) readInfo(info *errdetails.ErrorInfo) {
	f.Reason = info.Reason
	for code, r := range nodeRules {
		if r.reason == info.Reason {
			f.Code = code
		}
	}
	for _, o := range []node.Outcome{node.Done, node.Refused} {
		if info.Metadata[keyOutcome] == o.String() {
			f.Outcome = o
		}
	}
	// What does not parse is zero: not known.
	position, _ := strconv.ParseUint(info.Metadata[keyPosition], 10, 53)
	leader, _ := strconv.ParseUint(info.Metadata[keyLeader], 10, 64)
	f.Position, f.Leader = raft.Position(position), raft.NodeID(leader)
	f.LeaderAddr, f.Field = info.Metadata[keyLeaderAddress], info.Metadata[keyField]
	f.Offset, _ = strconv.ParseInt(info.Metadata[keyOffset], 10, 64)
}
