// Command bench measures Parley: how fast it is (bench raft, bench service, bench sim), what its slowest writes wait for (bench tail), and how it behaves in
// real time (bench check), and what it takes (bench size). It prints one line a point on stdout, as JSON with
// --json, and what it is doing on stderr. docs/benchmarks.md has the commands and
// the figures.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	if err := usage.Executed(root, root.ExecuteContext(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(usage.Code(err))
	}
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "bench", Short: "Measure Parley"}
	asJSON := root.PersistentFlags().Bool("json", false, "print JSON, one object a line")
	show := func(r report) error { return printReport(r, *asJSON) }
	root.AddCommand(raftCommand(show), tailCommand(show), serviceCommand(show), catchupCommand(show), simCommand(show), checkCommand(show), sizeCommand(show), memberCommand())
	usage.Root(root)
	return root
}

// report is a line of results.
type report interface {
	// line is what a person reads.
	line() string
}

// reporter prints a report on stdout.
type reporter func(report) error

func printReport(r report, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Println(r.line())
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// say tells on stderr what is going on.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
