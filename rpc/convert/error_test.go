package convert

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft/node"
	"parley/rpc/auth"
	"parley/statemachine/state"
)

// What a client does next hangs on outcome, code and hint; at stake is a command that
// is sent anew though it was executed.
func TestAnAnswerSurvivesTheWire(t *testing.T) {
	for code := node.CodeNotLeader; code <= node.CodeSessionForeign; code++ {
		for _, outcome := range []node.Outcome{node.Refused, node.Unknown} {
			err := AnswerError(node.Answer{Outcome: outcome, Code: code, Hint: 2, Position: 7}, "127.0.0.1:50052")
			f := ParseError(err)
			require.Equal(t, outcome, f.Outcome, "%v", code)
			require.Equal(t, code, f.Code)
			require.EqualValues(t, 7, f.Position)
			require.EqualValues(t, 2, f.Leader)
			require.Equal(t, "127.0.0.1:50052", f.LeaderAddr)
			require.NotContains(t, []codes.Code{codes.OK, codes.Unknown}, status.Code(err), "%v has no rule", code)
		}
	}
}

func TestARefusalOfTheStateMachineIsAnAnswer(t *testing.T) {
	for code := state.Malformed; code <= state.NotYet; code++ {
		refusal := &state.Refusal{Code: code, Reason: "WHY", Field: "text", Text: "No.", RetryAfter: time.Minute}
		f := ParseError(RefusalError(refusal, 9))
		require.Equal(t, node.Done, f.Outcome)
		require.Equal(t, node.CodeNone, f.Code)
		require.Equal(t, "No.", f.Text)
		require.Equal(t, "WHY", f.Reason)
		require.Equal(t, "text", f.Field)
		require.Equal(t, time.Minute, f.Retry)
		require.EqualValues(t, 9, f.Position)
		require.NotContains(t, []codes.Code{codes.OK, codes.Unknown}, f.Status, "%v has no rule", code)

		f = ParseError(RejectionError(refusal))
		require.Equal(t, node.Refused, f.Outcome)
		require.Zero(t, f.Position)
	}
	require.Equal(t, codes.Unimplemented, status.Code(RefusalError(&state.Refusal{Code: 200, Reason: "NEW"}, 9)), "of a newer release")
	require.Equal(t, codes.Unimplemented, status.Code(VersionError(state.ErrVersion)))
}

// Programs find what is wrong with a field in the place that all of gRPC has for it.
func TestABadFieldIsNamedInABadRequest(t *testing.T) {
	s := status.Convert(RejectionError(state.Invalidf("email", "EMAIL_INVALID", "That is no address.")))
	require.Equal(t, codes.InvalidArgument, s.Code())
	violation := s.Details()[1].(*errdetails.BadRequest).GetFieldViolations()[0]
	require.Equal(t, "email", violation.GetField())
	require.Equal(t, "That is no address.", violation.GetDescription())
	for _, detail := range status.Convert(RejectionError(&state.Refusal{Code: state.Exists, Reason: "EMAIL_TAKEN", Field: "email"})).Details() {
		_, bad := detail.(*errdetails.BadRequest)
		require.False(t, bad, "the field is good, only taken")
	}
}

func TestWhatCredentialsAreRefusedForHasOneWordOfTheTable(t *testing.T) {
	f := ParseError(AuthError(&auth.Refusal{Code: auth.Invalid, Reason: auth.ReasonPasswordTooShort, Field: "new_password", Text: "Make it longer."}))
	require.Equal(t, Failure{Outcome: node.Refused, Status: codes.InvalidArgument, Reason: "PASSWORD_TOO_SHORT", Field: "new_password",
		Text: "Make it longer."}, f)
	f = ParseError(AuthError(&auth.Refusal{Code: auth.Exhausted, Reason: auth.ReasonLoginLimited, Text: "Too many.", RetryAfter: time.Minute}))
	require.Equal(t, Failure{Outcome: node.Refused, Status: codes.ResourceExhausted, Reason: "TOO_MANY_ATTEMPTS", Text: "Too many.", Retry: time.Minute}, f)
}

// Who sent one request id too many waits for as long as the cluster says.
func TestTheDelayOfAFullTableSurvivesTheWire(t *testing.T) {
	f := ParseError(AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeRequestsFull, RetryAfter: 3 * time.Hour}, ""))
	require.Equal(t, 3*time.Hour, f.Retry)
	f = ParseError(AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, ""))
	require.Equal(t, retryDelay, f.Retry)
}

func TestReasonsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range nodeRules {
		require.False(t, seen[r.reason], r.reason)
		seen[r.reason] = true
	}
}

// Nobody knows what a broken connection, a deadline or a proxy did to a request.
func TestAnErrorThatNoNodeMadeMeansUnknown(t *testing.T) {
	for _, err := range []error{
		status.Error(codes.Unavailable, "connection reset"), status.Error(codes.DeadlineExceeded, "too late"),
		io.EOF, errors.New("anything"), ContextError(context.Canceled), ContextError(context.DeadlineExceeded), PanicError(),
	} {
		require.Equal(t, node.Unknown, ParseError(err).Outcome, "%v", err)
	}
	require.Equal(t, node.Refused, ParseError(RequestError("no")).Outcome)
	require.Equal(t, codes.Canceled, status.Code(ContextError(context.Canceled)))
}
