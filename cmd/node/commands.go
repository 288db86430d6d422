package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
	"parley/cmd/llm/command"
	"parley/cmd/node/internal/inspect"
	"parley/cmd/node/internal/local"
	"parley/cmd/node/internal/process"
	"parley/cmd/node/internal/recovery"
)

func devCommand(stdout, stderr io.Writer) *cobra.Command {
	ports := []string{"client-port", "peer-port", "http-port", "llm-port"}
	o := local.Options{ClientPort: -1, PeerPort: -1, HTTPPort: -1, LLMPort: -1}
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
			if o.Nodes == 0 && cmd.Flags().Changed("nodes") {
				return local.WrongNodes(o.Nodes)
			}
			for _, port := range ports {
				if f := cmd.Flags().Lookup(port); f.Changed && strings.HasPrefix(f.Value.String(), "-") {
					return usage.Errorf("--%s %s: a port is a number from 1 to 65535, or 0 for any that is free", port, f.Value)
				}
			}
			if err := process.CheckCost(o.BcryptCost, true); err != nil {
				return usage.Wrong(err)
			}
			if err := process.CheckSegment(o.SegmentMiB); err != nil {
				return usage.Wrong(err)
			}
			return local.Run(cmd.Context(), o, stdout, stderr)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Nodes, "nodes", 0, fmt.Sprintf("how many nodes (default %d)", local.DefaultNodes))
	f.StringVar(&o.Dir, "dir", "", fmt.Sprintf("where the data lies (default %q)", local.DefaultDir))
	f.IntVar(&o.ClientPort, "client-port", -1, fmt.Sprintf("node i listens for clients at this port + i - 1; 0 chooses free ports (default %d)", local.DefaultClientPort))
	f.IntVar(&o.PeerPort, "peer-port", -1, fmt.Sprintf("node i listens for its peers at this port + i - 1; 0 chooses free ports (default %d)", local.DefaultPeerPort))
	f.IntVar(&o.HTTPPort, "http-port", -1, fmt.Sprintf("node i serves /metrics, health and profiles at this port + i - 1; 0 chooses free ports (default %d, or free ports if those are taken)", local.DefaultHTTPPort))
	f.IntVar(&o.BcryptCost, "bcrypt-cost", 0, "the cost of the passwords' hashes (default 12); each one more doubles the time that a log-in takes")
	f.IntVar(&o.SegmentMiB, "segment-mib", 0, fmt.Sprintf("the size of a file of a node's log in MiB (default %d); a node keeps two and more of them", local.DefaultSegmentMiB))
	f.BoolVar(&o.Ephemeral, "ephemeral", false, "keep the data in a temporary directory, and remove it at the end")
	f.IntVar(&o.LLMPort, "llm-port", -1, fmt.Sprintf("where the LLM server listens; 0 chooses a free port (default %d, and %d with more than %d nodes)",
		local.DefaultLLMPort, local.DefaultLLMPortOfMany, local.DefaultLLMPort-local.DefaultClientPort))
	f.StringVar(&o.LLMCommand, "llm-command", "", "the program that is started as the LLM server (default: this one, which has no model; cmd/llm has all backends)")
	for _, port := range ports {
		f.Lookup(port).DefValue = "0" // -1 means "not given"; the text has the default
	}
	return cmd
}

func inspectCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR",
		Short: "Show what a stopped node's directory holds, and change nothing",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("name one data directory: see %s --help", cmd.CommandPath())
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
