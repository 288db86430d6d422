package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"parley/cmd/parley/backend"
	"parley/cmd/parley/fetch"
	"parley/cmd/parley/keep"
	"parley/cmd/parley/plain"
	"parley/cmd/parley/shell"
	"parley/rpc/client"
)

// The exit codes.
const (
	exitError        = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitNotLoggedIn  = 4
	exitNotPermitted = 5
	exitConflict     = 6
	exitUnavailable  = 7
	exitUnknown      = 8
	exitInterrupted  = 130
)

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// codeInterrupted is the Code of what a signal ended.
const codeInterrupted = "INTERRUPTED"

// usageError is an error in how the command was called.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), "see parley --help"}
}

// usageOf is an error in how one command was called.
func usageOf(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), "usage: " + cmd.UseLine() + "; see " + cmd.CommandPath() + " --help"}
}

// failure is an error as a person and a script get it.
type failure struct {
	Code    string `json:"code"`    // upper case, stable
	Message string `json:"message"` // what happened
	Hint    string `json:"hint"`    // what to do about it
	Field   string `json:"field,omitempty"`
	exit    int
}

// describe is the one place where errors become exit codes and hints.
func describe(err error) failure {
	f := failure{Code: "INTERNAL", Message: err.Error(), exit: exitError}
	if e, ok := errors.AsType[*usageError](err); ok {
		return failure{Code: "USAGE", Message: e.text, Hint: e.hint, exit: exitUsage}
	}
	if errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
		return failure{Code: codeInterrupted, Message: "interrupted", Hint: "a change that was on its way may have happened", exit: exitInterrupted}
	}
	if e, ok := errors.AsType[*brokenError](err); ok {
		return failure{Code: "AUDIT_BROKEN", Message: e.Error(), Hint: "this is not what the cluster had; export it again, and compare", exit: exitError}
	}
	if errors.Is(err, errEmptyAudit) {
		return failure{Code: "AUDIT_EMPTY", Message: err.Error(), Hint: "nothing shows that nothing was taken out; export it from an earlier position: parley audit export --from POS", exit: exitError}
	}
	if e, ok := errors.AsType[*commandError](err); ok {
		return failure{Code: "COMMAND_FAILED", Message: e.Error(), Hint: "the lock was given up", exit: e.code}
	}
	if e, ok := errors.AsType[*notGrantedError](err); ok {
		return failure{Code: "LOCK_HELD", Message: e.Error(), Hint: "wait for it with --wait 30s, or see parley lock list", exit: exitConflict}
	}
	if e, ok := errors.AsType[*client.LostError](err); ok {
		return failure{Code: "LOCK_LOST", Message: e.Error(), Hint: "what was done since then may have been done beside another holder", exit: exitConflict}
	}
	if e, ok := errors.AsType[*conflictError](err); ok {
		return failure{Code: "CONFLICT", Message: e.Error(), Hint: "your text is kept in " + e.path, exit: exitConflict}
	}
	switch e, exists, open, unknown := (*client.Error)(nil), (*fetch.ExistsError)(nil), (*keep.OpenError)(nil), (*keep.UnknownError)(nil); {
	case errors.As(err, new(*shell.Error)):
		return describeShell(err)
	case errors.As(err, &e):
		return describeAnswer(e)
	case errors.As(err, &exists):
		f.Code, f.exit, f.Hint = "FILE_EXISTS", exitConflict, "nothing was written; take another path"
		if exists.MayForce {
			f.Hint += " with -o, or replace it with --force"
		}
	case errors.As(err, new(*fetch.BusyError)):
		f.Code, f.exit, f.Hint = "FILE_BUSY", exitConflict, "nothing was written by this call; wait for the other one, or take another path"
	case errors.As(err, &open):
		f.Code, f.Hint = "CREDENTIALS_OPEN", "whoever reads them is you: log out if others may have; to go on: chmod 600 "+open.Path
	case errors.As(err, &unknown):
		f.Code, f.exit, f.Hint = "CONTEXT_NOT_FOUND", exitNotFound, "see parley context list; make it with parley context add NAME --addrs A"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist), errors.As(err, new(*fs.PathError)), errors.As(err, new(*os.LinkError)):
		f.Code = "FILE"
	}
	return f
}

// describeShell is describe for how a shell ended, or a line of it.
func describeShell(err error) failure {
	var e *shell.Error
	errors.As(err, &e)
	codes := [...]string{
		shell.Failed: "FAILED", shell.Usage: "USAGE", shell.NotFound: "NOT_FOUND", shell.NotLoggedIn: "NOT_LOGGED_IN", shell.NotPermitted: "NOT_PERMITTED",
		shell.Conflict: "CONFLICT", shell.Unavailable: "UNAVAILABLE", shell.Unknown: "OUTCOME_UNKNOWN", shell.NotAvailable: "NOT_AVAILABLE",
	}
	return failure{Code: codes[e.Kind], Message: e.Text, Hint: e.Hint, exit: shell.ExitCode(err)}
}

// describeAnswer is describe for what the cluster, or the client in its place, answered. The code gives the exit; reasons about which there
// is more to say follow.
func describeAnswer(e *client.Error) failure {
	f := failure{Code: e.Reason, Message: e.Error(), Hint: hints[e.Reason], Field: e.Field, exit: exitOf(e)}
	if f.Code == "" { // no node made it
		f.Code = "UNAVAILABLE"
	}
	switch {
	case f.Hint != "":
	case f.exit == exitUnknown:
		f.Hint = "it may have happened: look before you repeat it; with --request-id a command can be repeated safely"
	case f.exit == exitUnavailable && e.RetryAfter > 0 && e.Code == codes.ResourceExhausted:
		f.Hint = fmt.Sprintf("nothing happened; try again in %v", max(time.Second, e.RetryAfter.Round(time.Second)))
	case f.exit == exitUnavailable:
		f.Hint = "nothing happened; see which nodes run with parley cluster status, and check --addrs, and --tls-ca if the nodes have certificates"
	case f.exit == exitNotLoggedIn:
		f.Hint = "log in with: parley login NAME"
	default:
		f.Hint = "nothing was changed"
	}
	return f
}

// exitOf is the exit code of an answer.
func exitOf(e *client.Error) int { return shell.ExitCode(&shell.Error{Kind: backend.KindOf(e)}) }

// hints say what to do.
var hints = map[string]string{
	"CHANNEL_NOT_FOUND":      "see parley channel list; every cluster has #general",
	"USER_NOT_FOUND":         "see parley user list",
	"MESSAGE_NOT_FOUND":      "ids of messages stand in parley history",
	"FILE_NOT_FOUND":         "see parley file list PLACE",
	"DOCUMENT_NOT_FOUND":     "see parley doc list",
	"DOCUMENT_DELETED":       "its owner can bring it back: parley doc undelete ID",
	"LOCK_REQUIRED":          "take its lock first: parley lock acquire ID, or write it with parley doc edit ID",
	"LOCK_HELD":              "nothing was changed; see parley lock list",
	"STALE_FENCE":            "nothing was changed; the lock was lost: take it again, and look at what was written meanwhile",
	"VERSION_CONFLICT":       "nothing was changed; see what was written meanwhile with parley doc diff ID A B",
	"AI_OFF":                 "see parley channel set NAME --ai on, and parley doc set ID --ai on",
	"LAST_OWNER":             "make somebody else an owner first: parley doc share ID USER --role owner",
	"LOGIN_NOT_FOUND":        "see parley sessions",
	"NOT_A_MEMBER":           "parley channel join NAME makes you one where anybody may join; else an admin of it adds you",
	"INVITATION_NEEDED":      "ask an admin of the channel: parley channel add NAME USER",
	"CREDENTIALS_WRONG":      "no account yet? parley signup NAME",
	"LOGIN_ENDED":            "this login was ended; log in with: parley login NAME",
	"TOKEN_EXPIRED":          "this login has expired; log in with: parley login NAME",
	"INVITE_NEEDED":          "sign up with --invite CODE, which a cluster admin makes (parley invite create), or as the first of all with --invite-file bootstrap-token",
	"TEXT_TOO_LONG":          "nothing was sent; change the text",
	"TEXT_EMPTY":             "nothing was sent; change the text",
	"TEXT_NOT_UTF8":          "nothing was sent; change the text",
	"CONVERSATION_WITH_SELF": "nothing was sent; direct messages go to others",
	"LAST_CHANNEL_ADMIN":     "promote somebody first: parley channel promote NAME USER",
	"LAST_CLUSTER_ADMIN":     "make another one first: parley user grant-admin USER",
	"NOT_UPLOADED":           "it was uploaded too long ago; put it again",
	"REQUEST_CONFLICT":       "nothing was changed by this request; give every command a --request-id of its own",
	"REQUESTS_FULL":          "nothing happened; send it later, or without --request-id",
	"NOT_YET":                "nothing happened; upgrade every node, or send it without --request-id",
	"TOO_LARGE":              "nothing happened; make the request smaller",
	"COMPACTED":              "what you want to begin with is no longer kept as events; read parley history, and go on from now",
	"NO_TAKEOVER":            "the leader leads on; see with parley cluster status whether that node runs, keeps up and is a voter",
	"CHANGE_PENDING":         "nothing was changed; try again when parley cluster status shows no learner that still catches up",
	"NO_ANSWER":              "nothing was changed; start it with node start --join, and check --peer-addr",
	"NO_MEMBER":              "nothing was changed; parley cluster status shows the members",
	"IS_MEMBER":              "nothing was changed; remove that node first, or take another id",
	"WAS_REMOVED":            "nothing was changed; start the node with --join and an empty directory",
	"OTHER_CLUSTER":          "nothing was changed; start the node with --join and an empty directory",
}

// fail prints an error and returns the exit code.
func (a *app) fail(err error) int {
	f := a.traced(describe(err))
	if e, ok := errors.AsType[*notGrantedError](err); ok && e.printed {
		return f.exit
	}
	if e, ok := errors.AsType[*printedError](err); ok {
		return e.exit
	}
	switch {
	case f.exit == exitUnknown && a.requestID != "":
		f.Hint = "it may have happened: call it again with the same --request-id, and it happens once"
	case f.exit == exitUnknown && a.again != "":
		f.Hint = "it may have happened: " + a.again
	}
	if a.json {
		said := a.printJSON(struct {
			Error failure `json:"error"`
		}{f})
		if said == nil { // stdout is where scripts look; if it can't be written, a person may
			return f.exit
		}
	}
	if f.Code == codeInterrupted && a.streams {
		return f.exit // nothing was to be changed, and he has seen what came
	}
	text := "parley: " + plain.Indented(f.Message, "  ")
	if f.Hint != "" {
		text += "\n  " + f.Hint
	}
	fmt.Fprintln(a.Err, text)
	return f.exit
}
