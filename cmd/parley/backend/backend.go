// Package backend is the cluster as the shell sees it: the shell's Backend over the Go client.
//
//	backend.go    a Backend, and what the answers of a cluster mean for one who sees them
//	accounts.go   accounts and administration
//	places.go     channels and conversations
//	messages.go   messages
//	files.go      files
//	events.go     what happens, over log-ins and nodes that come and go
//
// A place is named as the API names it in all that it says, "#general" or "@bob": names never change, and
// are never given to another.
package backend

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/cmd/parley/fetch"
	"parley/cmd/parley/shell"
	"parley/raft/node"
	"parley/rpc/client"
)

// Backend is a shell's view of one cluster. Its methods are those of shell.Backend.
type Backend struct {
	c *client.Client
	// keep is told of every log-in, and of its end by the zero value.
	keep func(client.Credentials) error

	login     chan struct{}    // somebody has logged in or out; of capacity 1
	reconnect chan chan string // whoever asks for another node, told its address
}

var _ shell.Backend = (*Backend)(nil)

// New returns a Backend over a client. keep is told who is logged in from now on, so that he is next time, too.
func New(c *client.Client, keep func(client.Credentials) error) *Backend {
	return &Backend{c: c, keep: keep, login: make(chan struct{}, 1), reconnect: make(chan chan string)}
}

// Status says how the cluster is.
func (b *Backend) Status(ctx context.Context) (shell.Status, error) {
	s, err := b.c.Status(ctx)
	if err != nil {
		return shell.Status{}, meant(err)
	}
	out := shell.Status{Term: s.Term}
	if s.Leader != 0 {
		out.Leader = strconv.FormatUint(s.Leader, 10)
	}
	for _, n := range s.Nodes {
		out.Nodes = append(out.Nodes, shell.Node{
			ID: strconv.FormatUint(n.ID, 10), Address: n.Address, Role: n.Role(), Version: n.Self.GetVersion(), Alive: n.Alive,
			Commit: shell.Position(n.Self.GetCommit()), Applied: shell.Position(n.Self.GetApplied()),
		})
	}
	return out, nil
}

// meant says what an error means for who sees it.
func meant(err error) error {
	if err == nil {
		return nil
	}
	if exists := new(fetch.ExistsError); errors.As(err, &exists) {
		return &shell.Error{Kind: shell.Conflict, Text: err.Error(), Hint: "name another path"}
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	return &shell.Error{Kind: kindOf(e), Text: e.Text, Hint: hintOf(e)}
}

func kindOf(e *client.Error) shell.ErrorKind {
	if e.Outcome == node.Unknown {
		return shell.Unknown
	}
	switch e.Code {
	case codes.NotFound:
		return shell.NotFound
	case codes.Unauthenticated:
		return shell.NotLoggedIn
	case codes.PermissionDenied:
		return shell.NotPermitted
	case codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted:
		return shell.Conflict
	case codes.Unavailable:
		return shell.Unavailable
	case codes.Unimplemented:
		return shell.NotAvailable
	case codes.ResourceExhausted:
		if e.RetryAfter > 0 {
			return shell.Unavailable
		}
	}
	return shell.Failed
}

func hintOf(e *client.Error) string {
	switch {
	case e.Reason == "NOT_A_MEMBER":
		return "/join it first"
	case e.Reason == "CREDENTIALS_WRONG":
		return "no account yet? /signup"
	case e.Code == codes.Unauthenticated:
		return "/login"
	case e.Reason == "INVITATION_NEEDED":
		return "an admin of the channel adds you"
	case e.RetryAfter > time.Second:
		return fmt.Sprintf("try again in %v", e.RetryAfter.Round(time.Second))
	}
	return ""
}

// timeOf is a time, or the zero one if there is none.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// direct reports whether a place is a conversation, and with whom.
func direct(id shell.PlaceID) (partner string, ok bool) { return strings.CutPrefix(string(id), "@") }

// channelID is the place that a channel's name is; the API writes it with its sign or without.
func channelID(name string) shell.PlaceID { return shell.PlaceID("#" + strings.TrimPrefix(name, "#")) }
