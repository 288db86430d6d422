package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/llm/command"
	"parley/cmd/node/internal/inspect"
	"parley/cmd/node/internal/local"
	"parley/cmd/node/internal/process"
	"parley/cmd/node/internal/recovery"
)

func devCommand(stdout, stderr io.Writer) *cobra.Command {
	o := local.Options{ClientPort: -1, PeerPort: -1, LLMPort: -1}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster on this machine",
		Long: `Runs a cluster on this machine, each node a process of its own, with the users alice (password alice123, an
admin of the cluster), bob (bob123) and charlie (charlie123). When writes succeed and they can log in it
prints one line on stdout,

  ready leader=<id> clients=<address,address,...>

and runs until Ctrl-C, which stops every node under the directory. A node that
dies stays down; the line that starts it again is printed on stderr. On the same
directory the cluster resumes with all its data.

Beside the nodes runs an LLM server, which makes the texts of parley ai. It is told by the
environment which model it has (PARLEY_LLM_BACKEND and its like, see docs/ai.md); without any it has none.
If it dies it is started again; the nodes do without it meanwhile.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.Run(cmd.Context(), o, stdout, stderr)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Nodes, "nodes", 0, fmt.Sprintf("how many nodes (default %d)", local.DefaultNodes))
	f.StringVar(&o.Dir, "dir", "", fmt.Sprintf("where the data lies (default %q)", local.DefaultDir))
	f.IntVar(&o.ClientPort, "client-port", -1, fmt.Sprintf("node i listens for clients at this port + i - 1; 0 chooses free ports (default %d)", local.DefaultClientPort))
	f.IntVar(&o.PeerPort, "peer-port", -1, fmt.Sprintf("node i listens for its peers at this port + i - 1; 0 chooses free ports (default %d)", local.DefaultPeerPort))
	f.IntVar(&o.BcryptCost, "bcrypt-cost", 0, "the cost of the passwords' hashes (default 12); each one more doubles the time that a log-in takes")
	f.BoolVar(&o.Ephemeral, "ephemeral", false, "keep the data in a temporary directory, and remove it at the end")
	f.IntVar(&o.LLMPort, "llm-port", -1, fmt.Sprintf("where the LLM server listens; 0 chooses a free port (default %d, and %d with more than %d nodes)",
		local.DefaultLLMPort, local.DefaultLLMPortOfMany, local.DefaultLLMPort-local.DefaultClientPort))
	f.StringVar(&o.LLMCommand, "llm-command", "", "the program that is started as the LLM server (default: this one, which has no model; cmd/llm has all backends)")
	for _, name := range []string{"client-port", "peer-port", "llm-port"} {
		f.Lookup(name).DefValue = "0" // -1 means "not given"; the text has the default
	}
	return cmd
}

func startCommand(stdout, stderr io.Writer) *cobra.Command {
	var flags process.Flags
	var check bool
	cmd := &cobra.Command{
		Use:   "start --dir DIR [--id N --client-addr A --peer-addr P --cluster 1=P1,2=P2,3=P3|--join]",
		Short: "Run one node",
		Long: `Runs one node until SIGINT or SIGTERM. The first start on a directory needs all
flags and saves them there; later ones need --dir alone. A cluster is formed when every
node named in --cluster has been started once. With --join in the place of --cluster the
node waits until parley cluster add adds it to a cluster that runs.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check {
				s, err := process.Check(flags)
				if err == nil {
					fmt.Fprintf(stdout, "node %d can start on %s\n", s.ID, flags.Dir)
				}
				return err
			}
			log := slog.New(slog.NewTextHandler(stderr, nil))
			return process.Run(process.WithParent(cmd.Context()), flags, log)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.Dir, "dir", "", "the node's data directory")
	f.Uint64Var(&flags.ID, "id", 0, "the node's id, from 1 on")
	f.StringVar(&flags.ClientAddr, "client-addr", "", "where to listen for clients, HOST:PORT")
	f.StringVar(&flags.PeerAddr, "peer-addr", "", "where to listen for the other nodes, HOST:PORT")
	f.StringVar(&flags.Cluster, "cluster", "", "all nodes that found the cluster and their peer addresses, 1=HOST:PORT,2=HOST:PORT,...")
	f.BoolVar(&flags.Join, "join", false, "wait to be added to a cluster that runs: see parley cluster add")
	f.StringVar(&flags.Lease, "lease", "", "how long a leader may answer reads without asking the others, for example 200ms; 0 for not at all, as at first. "+
		"All nodes should have the same; it relies on clocks that never stand still: see docs/operations.md")
	f.IntVar(&flags.Edge.BcryptCost, "bcrypt-cost", 0, "the cost of the passwords' hashes (default 12); below 10 on loopback alone")
	f.BoolVar(&flags.Edge.DemoUsers, "demo-users", false, "make alice, bob and charlie, whose passwords everybody knows; on loopback alone")
	f.StringVar(&flags.Edge.SignUp, "sign-up", "", "who may sign up in a cluster that is just being made: open, invite or closed (default open on loopback, else invite)")
	f.StringVar(&flags.Edge.TokenLifetime, "token-lifetime", "", "how long a token is good before it has to be renewed (default 24h)")
	f.StringVar(&flags.Assistant.Addr, "llm-addr", "", "where the LLM server listens, HOST:PORT; none for no more (see docs/ai.md)")
	f.StringVar(&flags.Assistant.SecretFile, "llm-secret-file", "", "a file of mode 0600 with the secret that the LLM server wants to see")
	f.StringVar(&flags.Assistant.CAFile, "llm-ca", "", "the certificate that signed the LLM server's; off loopback it needs one")
	f.StringVar(&flags.Assistant.Instructions, "llm-instructions", "", "a folder with what a model is to be told, in the place of what is built in")
	f.BoolVar(&check, "check", false, "only tell whether the node could start")
	return cmd
}

func inspectCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR",
		Short: "Show what a stopped node's directory holds, and change nothing",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("name one data directory: see %s --help", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return inspect.Run(args[0], stdout)
		},
	}
}

func recoverCommand(stdout, stderr io.Writer) *cobra.Command {
	var o recovery.Options
	cmd := &cobra.Command{
		Use:   "recover --dir DIR",
		Short: "Make one survivor the start of a new cluster, when the majority is lost for good",
		Long: `Prints what a survivor's directory holds and what would be lost, asks for the id of the cluster
that is given up, and makes the directory the start of a new cluster: this node alone, with all that
it has, under another cluster id. Other nodes are added afterwards. The old directory is kept beside it.

While a majority can be started again, start it: then nothing is lost. What the survivor does not
have, because the majority went on without it, is lost for good.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask := recovery.Terminal{Out: stderr}
			if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				ask.In = os.Stdin
			}
			return recovery.Run(cmd.Context(), o, stdout, ask)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "", "the survivor's data directory")
	f.BoolVar(&o.Yes, "yes", false, "do it without asking")
	f.BoolVar(&o.AcceptDamage, "accept-damage", false, "if the survivor's own disk lost entries, give up the first of them and all behind it")
	return cmd
}

// llmCommand is the LLM server, as dev starts it. People who want one of their own run cmd/llm, which has more backends.
func llmCommand(stdout, stderr io.Writer) *cobra.Command {
	cmd := command.New("node llm", nil, os.Getenv, stdout, stderr)
	cmd.Use, cmd.Hidden = strings.TrimPrefix(cmd.Use, "node "), true
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		process.LowerPriority()
		cmd.SetContext(process.WithParent(cmd.Context()))
		return run(cmd, args)
	}
	return cmd
}
