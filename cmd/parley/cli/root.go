// Package cli is the parley command: flags in, calls to rpc/client, text or
// JSON out.
//
//	root.go                     global flags, the way of an error
//	dial.go, protect.go, context.go    which cluster, how it is reached, and who is logged in there
//	act.go, columns.go          what commands have in common; tables
//	account.go, password.go, user.go    accounts
//	channel.go                  channels
//	send.go, message.go, history.go, tail.go, dm.go    messages
//	file.go, get.go             files
//	document.go, docread.go, docshare.go, docedit.go    documents
//	lock.go, lockrun.go, tree_linux.go    locks, and commands that are run under them
//	ai.go, aidoc.go             help by a model
//	watch.go, event.go, who.go  what happens, and who is there
//	shell.go, inshell.go        the screen, and the other commands within it
//	cluster.go, member.go       who belongs to the cluster
//	operator.go, backup.go, audit.go    what it takes to run it for years
//	completion.go               what a shell completes
//	trace.go                    OpenTelemetry; which build this is
//	input.go, output.go, errors.go    what is read; text that is safe to show, JSON; exit codes and hints
package cli

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"parley/cmd/internal/usage"
	"parley/cmd/parley/keep"
	"parley/raft"
	"parley/rpc/client"
)

// Streams is where a command reads and writes, and its environment.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Spare has Ctrl-C mean nothing to this process, until end is called: it is for a program that has the terminal meanwhile, to
	// which the terminal sends it as well. That program is started before, or it would be as deaf. nil: Ctrl-C is no signal here.
	Spare func() (end func())
}

// app is one run of the command.
type app struct {
	Streams
	addrs   []string
	tls     keep.TLS
	client  *client.Client // the last that was dialled
	context string
	json    bool
	streams bool // it goes on until somebody ends it
	stale   bool
	staleAt raft.Position // of the newest answer to a read with --stale
	noInput bool
	// requestID makes a command one that is executed once, however often it is called with it.
	requestID string
	// again is what to do when nobody knows whether a command was executed that takes no request id.
	again   string
	timeout time.Duration

	traceEndpoint string
	dialOptions   []grpc.DialOption
	endTrace      func() // nil: nobody traces
}

// Run executes one command line and returns the exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	if s.Getenv == nil {
		s.Getenv = os.Getenv
	}
	if s.Spare == nil {
		s.Spare = func() func() { return func() {} }
	}
	out := usage.NewOutput(s.Out)
	s.Out = out
	a := &app{Streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if a.endTrace != nil {
		a.endTrace()
	}
	if err == nil {
		err = out.Err()
	}
	if err == nil {
		if a.staleAt > 0 {
			a.note("as of position %d, which may be old", a.staleAt)
		}
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
	root := a.group("parley", "Chat on a Parley cluster")
	root.Long = `Chat on a Parley cluster.

A PLACE is '#channel' (in quotes, as shells take # for a comment) or its name alone, or '@user'
for the direct conversation with somebody. Every cluster has #general.

Begin with parley signup NAME, then parley login NAME.`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.PersistentPreRunE = a.begin
	root.CompletionOptions.DisableDefaultCmd = true // completion.go has it
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageOf(cmd, "%v", usage.FlagMistake(err))
	})
	f := root.PersistentFlags()
	f.StringSliceVar(&a.addrs, "addrs", nil, "the nodes' client addresses; any one suffices (env PARLEY_ADDRS)")
	f.StringVar(&a.tls.CA, "tls-ca", "", "a file with the CA of the cluster's certificates (env PARLEY_TLS_CA; default: the CAs of this machine, and no TLS on loopback)")
	f.StringVar(&a.tls.Cert, "tls-cert", "", "a certificate to show, where a cluster asks for one")
	f.StringVar(&a.tls.Key, "tls-key", "", "its key")
	f.BoolVar(&a.tls.Insecure, "insecure", false, "talk to other machines in the clear, where everybody on the way reads passwords and messages")
	f.StringVar(&a.context, "context", "", "which cluster, of those in parley context list (env PARLEY_CONTEXT)")
	f.BoolVar(&a.json, "json", false, "print JSON, also of errors")
	f.BoolVar(&a.noInput, "no-input", false, "never ask for anything")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "how long to try; 0 is for ever")
	f.StringVar(&a.requestID, "request-id", "", "of what changes something: do it once, however often it is called with this id within 24 hours")
	f.BoolVar(&a.stale, "stale", false, "let any node answer reads from what it has, be it old")
	f.StringVar(&a.traceEndpoint, "trace-endpoint", "", "the OTLP/gRPC address of an OpenTelemetry collector (env OTEL_EXPORTER_OTLP_ENDPOINT)")
	_ = root.RegisterFlagCompletionFunc("context", a.completeContext)
	root.AddCommand(a.accountCommands()...)
	root.AddCommand(a.userCommand(), a.inviteCommand(), a.adminCommand())
	root.AddCommand(a.channelCommand(), a.sendCommand())
	root.AddCommand(a.messageCommands()...)
	root.AddCommand(a.historyCommand(), a.tailCommand(), a.searchCommand(), a.dmCommand(), a.fileCommand(), a.docCommand(), a.lockCommand(), a.aiCommand())
	root.AddCommand(a.watchCommand(), a.whoCommand(), a.shellCommand(), a.clusterCommand(), a.auditCommand(), a.contextCommand(), a.completionCommand(root), a.versionCommand())
	usage.Version(root)
	usage.Help(root, func(topic string) error { return usageOf(root, "there is no command %q%s", topic, meant(root, topic)) })
	return root
}

// begin refuses what is wrong with the global flags, and begins the trace.
func (a *app) begin(cmd *cobra.Command, args []string) error {
	switch {
	case a.timeout < 0:
		return usageOf(cmd, "--timeout %v: it is a time such as 10s, or 0 for ever", a.timeout)
	case a.requestID == "" && cmd.Flags().Changed("request-id"):
		// Most likely a variable that has no value: who repeats the command counts on its being done once.
		return usageOf(cmd, "--request-id is empty")
	case len(a.addrs) == 0 && cmd.Flags().Changed("addrs"): // the same: it would be done in a cluster that nobody named
		return usageOf(cmd, "--addrs is empty")
	case a.context == "" && cmd.Flags().Changed("context"):
		return usageOf(cmd, "--context is empty")
	}
	for _, condition := range [...]string{"fence", "if-version"} {
		// In a request 0 is none: what its caller wants to be done under a condition would be done without one.
		if f := cmd.Flags().Lookup(condition); f != nil && f.Changed && f.Value.String() == "0" {
			return usageOf(cmd, "--%s 0: nothing has that; left out, it is no condition", condition)
		}
	}
	return a.beginTrace(cmd, args)
}

// meant says which command somebody may have meant who mistyped it.
func meant(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(word); len(names) > 0 {
		return "; did you mean " + strings.Join(names, ", or ") + "?"
	}
	return ""
}

// group is a command that has only commands below it.
func (a *app) group(use, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageOf(cmd, "there is no command %q%s", args[0], meant(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(below...)
	return cmd
}

// args returns a check for exactly the named arguments; one in brackets may be left out.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names) && names[len(args)][0] != '[':
			return usageOf(cmd, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usageOf(cmd, "unexpected argument %q (text with spaces needs quotes)", args[len(names)])
		}
		return nil
	}
}
