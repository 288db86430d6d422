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
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, out := &cobra.Command{Use: "node", Short: "Runs nodes of a Parley cluster"}, usage.NewOutput(stdout)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	root.AddCommand(devCommand(out, stderr), startCommand(out, stderr), inspectCommand(out), recoverCommand(out, stderr),
		certsCommand(out), llmCommand(out, stderr), versionCommand(out))
	usage.Root(root)

	err := usage.Executed(root, root.ExecuteContext(ctx))
	if err != nil { // one line, also of errors that were joined
		fmt.Fprintf(stderr, "node: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return usage.Code(err)
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage.Errorf("unexpected argument %q: see %s --help", args[0], cmd.CommandPath())
	}
	return nil
}
