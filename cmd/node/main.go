// Command node runs nodes of a Parley cluster.
//
//	node dev        a whole cluster on this machine
//	node start      one node
//	node inspect    what a stopped node's directory holds
//	node recover    a new cluster from one survivor, when the majority is lost
//	node version    which build this is
//	node certs      a CA for a cluster, and certificates of nodes and clients
//
// An error is one line on stderr that says what happened, where, and what to do.
// Exit codes: 0 ok, 1 error, 2 usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"parley/cmd/llm/command"
	"parley/cmd/node/internal/process"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "node",
		Short:         "Runs nodes of a Parley cluster",
		Version:       process.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.DisableSuggestions = true // they are lines of their own
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(devCommand(stdout, stderr), startCommand(stdout, stderr), inspectCommand(stdout), recoverCommand(stdout, stderr),
		certsCommand(stdout), llmCommand(stdout, stderr), versionCommand(stdout))

	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if strings.HasPrefix(err.Error(), "unknown command") { // cobra has no type for it
		err = usageError{fmt.Errorf("%w: see %s --help", err, root.CommandPath())}
	}
	// One line, also of errors that were joined.
	fmt.Fprintf(stderr, "node: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if _, ok := errors.AsType[usageError](err); ok || command.Usage(err) {
		return 2
	}
	return 1
}

// usageError is an error in how the command was called.
type usageError struct{ error }

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q: see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}
