// Package backend is the cluster as the shell sees it: the shell's Backend over the Go client.
//
//	backend.go    a Backend, and what the answers of a cluster mean for one who sees them
//	accounts.go   accounts and administration
//	places.go     channels and conversations
//	messages.go   messages
//	files.go      files
//	assistant.go  help by a model
//	events.go     one stream of what happens, over log-ins and nodes that come and go
//	event.go      one event of the API as the shell has it
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
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/cmd/parley/fetch"
	"parley/cmd/parley/shell"
	"parley/raft"
	"parley/raft/node"
	"parley/rpc/client"
)

// Backend is a shell's view of one cluster. Its methods are those of shell.Backend.
type Backend struct {
	c    *client.Client
	keep Keep

	changed   chan struct{}   // somebody has logged in or out; of capacity 1
	reconnect chan chan error // whoever asks for another node, and is told how that went

	mu      sync.Mutex
	login   string        // the login that from is of
	from    raft.Position // what happens after it is told; what is read is not older
	leaving string        // the login that this shell is ending
}

// Keep remembers for the next time that now is logged in, where before was. Either may be nobody.
type Keep func(before, now client.Credentials) error

var _ shell.Backend = (*Backend)(nil)

// New returns a Backend over a client, which may be logged in already.
func New(c *client.Client, keep Keep) *Backend {
	return &Backend{c: c, keep: keep, changed: make(chan struct{}, 1), reconnect: make(chan chan error)}
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
	return &shell.Error{Kind: KindOf(e), Text: e.Text, Hint: hintOf(e)}
}

// KindOf is what an error means. The kinds are the exit codes of the command line, too.
func KindOf(e *client.Error) shell.ErrorKind {
	switch e.Reason {
	case "NOT_YET", "REQUESTS_FULL":
		return shell.Unavailable
	case client.ReasonCompacted:
		return shell.Conflict
	}
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

// hints say what to do, in the shell's words.
var hints = map[string]string{
	"CHANNEL_NOT_FOUND":  "/channels lists them",
	"USER_NOT_FOUND":     "/users lists them",
	"FILE_NOT_FOUND":     "/files lists those of a place",
	"LOGIN_NOT_FOUND":    "/sessions lists them",
	"NOT_A_MEMBER":       "/join it first",
	"INVITATION_NEEDED":  "an admin of the channel adds you with /add_user",
	"CREDENTIALS_WRONG":  "no account yet? /signup",
	"INVITE_NEEDED":      "with a code from a cluster admin: /accept CODE USER EMAIL NAME",
	"LAST_CHANNEL_ADMIN": "/promote somebody first",
	"AI_OFF":             "who looks after it says so with /parley channel set NAME --ai on, or /doc set ID --ai on",
	"LAST_CLUSTER_ADMIN": "/grant_admin to somebody first",
}

func hintOf(e *client.Error) string {
	switch hint := hints[e.Reason]; {
	case hint != "":
		return hint
	case e.Code == codes.Unauthenticated:
		return "/login USER"
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
