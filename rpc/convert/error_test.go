package convert

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft/node"
	"parley/statemachine"
)

// What a client does next hangs on outcome, code and hint; at stake is a command that
// is sent anew though it was executed.
func TestAnAnswerSurvivesTheWire(t *testing.T) {
	for code := node.CodeNotLeader; code <= node.CodeNotYet; code++ {
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
	for code := statemachine.CodeMalformed; code <= statemachine.CodeNotUTF8; code++ {
		err := RefusalError(&statemachine.Refusal{Code: code, Reason: "No."}, 9)
		f := ParseError(err)
		require.Equal(t, node.Done, f.Outcome)
		require.Equal(t, node.CodeNone, f.Code)
		require.Equal(t, "No.", f.Text)
		require.EqualValues(t, 9, f.Position)
		require.NotContains(t, []codes.Code{codes.OK, codes.Unknown}, status.Code(err), "%v has no rule", code)
	}
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
	for _, r := range stateRules {
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
