// Package cli is the parley command: flags in, calls to rpc/client, text or
// JSON out.
//
//	root.go     global flags, the way of an error
//	chat.go     send, history, tail
//	cluster.go  cluster status
//	output.go   text that is safe to show, JSON
//	errors.go   exit codes and hints
package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/rpc/client"
)

// Streams is where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// addrsDefault are the nodes of a local cluster as `node dev` starts it.
var addrsDefault = []string{"127.0.0.1:50051", "127.0.0.1:50052", "127.0.0.1:50053"}

// app is one run of the command.
type app struct {
	Streams
	addrs []string
	json  bool
	stale bool
	// requestID makes a command one that is executed once, however often it is called with it.
	requestID string
	timeout   time.Duration
}

// Run executes one command line and returns the exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	a := &app{Streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// A flag that does not parse ends parsing, so --json may not be known.
	a.json = a.json || slices.Contains(args, "--json")
	return a.fail(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "Chat on a Parley cluster",
		Long: `Chat on a Parley cluster.

A PLACE is '#channel' (in quotes, as shells take # for a comment) or its name alone.
Every cluster has #general.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q", args[0])
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageOf(cmd, "%v", err)
	})
	f := root.PersistentFlags()
	f.StringSliceVar(&a.addrs, "addrs", addrsFromEnv(), "the nodes' client addresses; any one suffices (env PARLEY_ADDRS)")
	f.BoolVar(&a.json, "json", false, "print JSON, also of errors")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "how long to try; 0 is for ever")
	f.StringVar(&a.requestID, "request-id", "", "send: execute it once, however often it is called with this id within 24 hours")
	f.BoolVar(&a.stale, "stale", false, "let any node answer reads from what it has, be it old")
	root.AddCommand(a.sendCommand(), a.historyCommand(), a.tailCommand(), a.clusterCommand())
	return root
}

func addrsFromEnv() []string {
	if env := os.Getenv("PARLEY_ADDRS"); env != "" {
		return strings.Split(env, ",")
	}
	return addrsDefault
}

// dial makes a client of the global flags.
func (a *app) dial() (*client.Client, error) {
	var addrs []string
	for _, addr := range a.addrs {
		addr = strings.TrimSpace(addr)
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return nil, usagef("--addrs: %q is not HOST:PORT", addr)
		}
		addrs = append(addrs, addr)
	}
	if len(addrs) == 0 {
		return nil, usagef("--addrs names no node")
	}
	return client.New(client.Config{Addrs: addrs})
}

// bounded returns a context that ends after --timeout.
func (a *app) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.timeout)
}

// args returns a check for exactly the named arguments.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageOf(cmd, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usageOf(cmd, "unexpected argument %q (text with spaces needs quotes)", args[len(names)])
		}
		return nil
	}
}

// channel reads a PLACE.
func channel(place string) (string, error) {
	if strings.HasPrefix(place, "@") {
		return "", usagef("%q: this cluster has no direct messages; name a channel such as '#general'", place)
	}
	name := strings.TrimPrefix(place, "#")
	if name == "" {
		return "", usagef("%q names no channel; write '#general', in quotes", place)
	}
	return name, nil
}

func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Err, "parley: "+format+"\n", args...)
}
