package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"parley/raft/node"
	"parley/rpc/client"
)

// The exit codes.
const (
	exitError       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 6
	exitUnavailable = 7
	exitUnknown     = 8
	exitInterrupted = 130
)

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")

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
	exit    int
}

// describe is the one place where errors become exit codes and hints.
func describe(err error) failure {
	f := failure{Code: "INTERNAL", Message: err.Error(), exit: exitError}
	if e, ok := errors.AsType[*usageError](err); ok {
		return failure{Code: "USAGE", Message: e.text, Hint: e.hint, exit: exitUsage}
	}
	if errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
		return failure{Code: "INTERRUPTED", Message: "interrupted", Hint: "what was being sent may have been sent", exit: exitInterrupted}
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return f
	}
	f.Code = e.Reason
	switch {
	case e.Reason == "CHANNEL_NOT_FOUND":
		f.exit, f.Hint = exitNotFound, "every cluster has #general"
	case e.Reason == "TEXT_TOO_LONG", e.Reason == "TEXT_EMPTY", e.Reason == "TEXT_NOT_UTF8":
		f.Hint = "nothing was sent; change the text"
	case e.Reason == "REQUEST_CONFLICT":
		f.exit, f.Hint = exitConflict, "nothing was changed by this request; give every command a --request-id of its own"
	case e.Reason == "REQUESTS_FULL":
		f.exit, f.Hint = exitUnavailable, "nothing happened; send it later, or without --request-id"
	case e.Reason == "NOT_YET":
		f.exit, f.Hint = exitUnavailable, "nothing happened; upgrade every node, or send it without --request-id"
	case e.Reason == "TOO_LARGE":
		f.Hint = "nothing happened; make the request smaller"
	case e.Reason == "NO_TAKEOVER":
		f.exit, f.Hint = exitUnavailable, "the leader leads on; see with parley cluster status whether that node runs, keeps up and is a voter"
	case e.Reason == "CHANGE_PENDING":
		f.exit, f.Hint = exitUnavailable, "nothing was changed; try again when parley cluster status shows no learner that still catches up"
	case e.Reason == "NO_ANSWER":
		f.exit, f.Hint = exitUnavailable, "nothing was changed; start it with node start --join, and check --peer-addr"
	case e.Reason == "NO_MEMBER":
		f.exit, f.Hint = exitNotFound, "nothing was changed; parley cluster status shows the members"
	case e.Reason == "IS_MEMBER":
		f.exit, f.Hint = exitConflict, "nothing was changed; remove that node first, or take another id"
	case e.Reason == "WAS_REMOVED", e.Reason == "OTHER_CLUSTER":
		f.exit, f.Hint = exitConflict, "nothing was changed; start the node with --join and an empty directory"
	case e.Reason == "LAST_VOTER", e.Reason == "FULL":
		f.exit, f.Hint = exitConflict, "nothing was changed"
	case e.Outcome == node.Done:
		f.Hint = "nothing was changed"
	case e.Outcome == node.Unknown:
		f.exit, f.Hint = exitUnknown, "it may have happened: look with parley history before you repeat it; with --request-id a command can be repeated safely"
	case e.Outcome == node.Refused:
		f.exit, f.Hint = exitUnavailable, "nothing happened; see which nodes run with parley cluster status, and check --addrs"
	}
	return f
}

// fail prints an error and returns the exit code.
func (a *app) fail(err error) int {
	f := describe(err)
	if f.exit == exitUnknown && a.requestID != "" {
		f.Hint = "it may have happened: call it again with the same --request-id, and it happens once"
	}
	if a.json {
		// stdout is where scripts look; if even that fails there is nobody to tell.
		_ = a.printJSON(struct {
			Error failure `json:"error"`
		}{f})
		return f.exit
	}
	text := "parley: " + clean(f.Message)
	if f.Hint != "" {
		text += "\n  " + f.Hint
	}
	fmt.Fprintln(a.Err, text)
	return f.exit
}
