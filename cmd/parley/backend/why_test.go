package backend

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/cmd/parley/shell"
	"parley/raft/node"
	"parley/rpc/client"
)

// The status line has room for a few words.
func TestAPersonIsToldInFewWordsWhyAConnectionBroke(t *testing.T) {
	said, err := status.New(codes.Unavailable, "The node stops: go elsewhere.").WithDetails(&errdetails.ErrorInfo{Domain: "parley", Reason: "STOPPING"})
	require.NoError(t, err)
	for _, c := range []struct {
		err  error
		want string
	}{
		{status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`), "the node does not answer (connection refused)"},
		{status.Error(codes.Unavailable, "error reading from server: EOF"), "the connection broke"},
		{status.Error(codes.Unavailable, "error reading from server: read tcp 127.0.0.1:2->127.0.0.1:1: read: connection reset by peer"), "the connection broke"},
		{said.Err(), "The node stops: go elsewhere."},
		{errors.New("127.0.0.1:1 said nothing for 4s"), "127.0.0.1:1 said nothing for 4s"},
	} {
		require.Equal(t, c.want, why(c.err))
	}
}

// What an error means decides what the shell does next: a message of unknown fate is asked for, one that failed is not.
func TestR98_AnErrorSaysWhetherItMayHaveHappened(t *testing.T) {
	for _, c := range []struct {
		err  client.Error
		want shell.ErrorKind
	}{
		{client.Error{Outcome: node.Unknown, Code: codes.Unavailable}, shell.Unknown},
		{client.Error{Outcome: node.Refused, Code: codes.Unavailable}, shell.Unavailable},
		{client.Error{Outcome: node.Done, Code: codes.InvalidArgument}, shell.Failed},
		{client.Error{Outcome: node.Done, Code: codes.ResourceExhausted}, shell.Failed},
		{client.Error{Outcome: node.Refused, Code: codes.ResourceExhausted, RetryAfter: 1}, shell.Unavailable},
		{client.Error{Outcome: node.Refused, Code: codes.Unauthenticated}, shell.NotLoggedIn},
		{client.Error{Outcome: node.Refused, Code: codes.FailedPrecondition, Reason: "NOT_YET"}, shell.Unavailable},
		{client.Error{Outcome: node.Refused, Code: codes.Unimplemented}, shell.NotAvailable},
	} {
		require.Equal(t, c.want, KindOf(&c.err), "%+v", c.err)
		require.Equal(t, c.want, kind(t, meant(&c.err)))
	}
}
