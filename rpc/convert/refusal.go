package convert

import (
	"strconv"

	"google.golang.org/grpc/codes"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/statemachine/state"
)

// stateCodes are the codes of the wire for those of the state machine. The reasons are the same there and here.
var stateCodes = [...]codes.Code{
	state.Malformed:       codes.InvalidArgument,
	state.Invalid:         codes.InvalidArgument,
	state.NotFound:        codes.NotFound,
	state.Exists:          codes.AlreadyExists,
	state.NotPermitted:    codes.PermissionDenied,
	state.Unauthenticated: codes.Unauthenticated,
	state.Conflict:        codes.Aborted,
	state.Exhausted:       codes.ResourceExhausted,
	state.Precondition:    codes.FailedPrecondition,
	state.NotYet:          codes.FailedPrecondition,
}

// RefusalError returns the error of a reply in which the state machine refused
// a request: an answer like any other, which a repetition gets again.
func RefusalError(r *state.Refusal, at raft.Position) error {
	return refusalError(r, map[string]string{
		keyOutcome:  node.Done.String(),
		keyPosition: strconv.FormatUint(uint64(at), 10),
	})
}

// RejectionError returns the error of a request that the state machine would refuse
// and that was not executed therefore.
func RejectionError(r *state.Refusal) error {
	return refusalError(r, map[string]string{keyOutcome: node.Refused.String()})
}

func refusalError(r *state.Refusal, meta map[string]string) error {
	if r.Field != "" {
		meta[keyField] = r.Field
	}
	return buildAfter(ruleOf(r), r.RetryAfter, r.Text, meta)
}

// ruleOf returns the line of the table of errors that a refusal of the state machine stands in.
func ruleOf(r *state.Refusal) rule {
	if int(r.Code) >= len(stateCodes) || stateCodes[r.Code] == codes.OK || r.Reason == reasonVersion {
		return rule{reasonVersion, codes.Unimplemented, false}
	}
	return rule{r.Reason, stateCodes[r.Code], r.RetryAfter > 0}
}

// reasonVersion is the reason of what this release does not know.
const reasonVersion = "VERSION"

// VersionError returns the error of a reply that this release can't read.
func VersionError(err error) error {
	return build(rule{reasonVersion, codes.Unimplemented, false}, "The reply is of a newer release: "+err.Error()+".", map[string]string{keyOutcome: node.Done.String()})
}

// authCodes are the codes of the wire for those of rpc/auth.
var authCodes = map[auth.Code]codes.Code{
	auth.Invalid:         codes.InvalidArgument,
	auth.Unauthenticated: codes.Unauthenticated,
	auth.Exhausted:       codes.ResourceExhausted,
	auth.Unavailable:     codes.Unavailable,
}

// authReasons are the reasons of rpc/auth that callers need not tell apart: one word of the table stands for each.
var authReasons = map[string]string{
	auth.ReasonTokenNotYetValid: "TOKEN_INVALID",
	auth.ReasonTokenOtherPlace:  "TOKEN_INVALID",
	auth.ReasonTokenKeyUnknown:  "TOKEN_INVALID",
	auth.ReasonNoSigningKey:     "NOT_FORMED",
	auth.ReasonPasswordNotUTF8:  "NOT_UTF8",
	auth.ReasonCredentials:      "CREDENTIALS_WRONG",
	auth.ReasonLoginLimited:     "TOO_MANY_ATTEMPTS",
	auth.ReasonHasherBusy:       "BUSY",
	auth.ReasonSecretMalformed:  "FIELD_INVALID",
	auth.ReasonTicketMalformed:  "FIELD_INVALID",
	auth.ReasonTicketOtherKind:  "FIELD_INVALID",
}

// AuthError returns the error of a request that rpc/auth refused: it was not executed.
func AuthError(r *auth.Refusal) error {
	meta := map[string]string{keyOutcome: node.Refused.String()}
	if r.Field != "" {
		meta[keyField] = r.Field
	}
	code := authCodes[r.Code]
	return buildAfter(rule{authReason(r.Reason), code, code == codes.ResourceExhausted || code == codes.Unavailable}, r.RetryAfter, r.Text, meta)
}

func authReason(reason string) string {
	if word, ok := authReasons[reason]; ok {
		return word
	}
	return reason
}
