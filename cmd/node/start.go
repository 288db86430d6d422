package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/config"
	"parley/cmd/node/internal/process"
)

// startOptions is the command line of node start.
type startOptions struct {
	flags  process.Flags
	config string // a file with more flags
	check  bool

	clientCerts, insecure bool
}

func startCommand(stdout, stderr io.Writer) *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start --dir DIR [--id N --client-addr A --peer-addr P --cluster 1=P1,2=P2,3=P3|--join]",
		Short: "Run one node",
		Long: `Runs one node until SIGINT or SIGTERM. The first start on a directory needs all
flags and saves them there; later ones need --dir alone. A cluster is formed when every
node named in --cluster has been started once. With --join in the place of --cluster the
node waits until parley cluster add adds it to a cluster that runs.

A node that other machines can reach has certificates (node certs), or --insecure. SIGHUP
has it read them again. Every flag can stand in a file (--config); what the command line
says counts.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Apply(o.config, cmd.Flags(), notInFile...)
			if err != nil {
				return usage.Wrong(err)
			}
			return file.Explain(o.run(cmd, stdout, stderr))
		},
	}
	o.add(cmd.Flags())
	return cmd
}

// notInFile are the flags that are about one call.
var notInFile = []string{"config", "check", "help"}

func (o *startOptions) run(cmd *cobra.Command, stdout, stderr io.Writer) error {
	for name, one := range map[string]struct {
		is bool
		at **bool
	}{"client-certs": {o.clientCerts, &o.flags.Wire.ClientCerts}, "insecure": {o.insecure, &o.flags.Wire.Insecure}} {
		if cmd.Flags().Changed(name) {
			*one.at = &one.is
		}
	}
	if o.check {
		s, err := process.Check(o.flags)
		if err == nil {
			fmt.Fprintf(stdout, "node %d can start on %s\n", s.ID, o.flags.Dir)
		}
		return err
	}
	return process.Run(process.WithParent(cmd.Context()), o.flags, stderr)
}

// add makes the flags. docs/operations.md has a row for each.
func (o *startOptions) add(f *pflag.FlagSet) {
	flags := &o.flags
	f.StringVar(&flags.Dir, "dir", "", "the node's data directory")
	f.Uint64Var(&flags.ID, "id", 0, "the node's id, from 1 on")
	f.StringVar(&flags.ClientAddr, "client-addr", "", "where to listen for clients, HOST:PORT")
	f.StringVar(&flags.PeerAddr, "peer-addr", "", "where to listen for the other nodes, HOST:PORT")
	f.StringVar(&flags.Cluster, "cluster", "", "all nodes that found the cluster and their peer addresses, 1=HOST:PORT,2=HOST:PORT,...")
	f.BoolVar(&flags.Join, "join", false, "wait to be added to a cluster that runs: see parley cluster add")
	f.StringVar(&flags.Lease, "lease", "", "how long a leader may answer reads without asking the others, for example 200ms; 0 for not at all, as at first. "+
		"All nodes should have the same; it relies on clocks that never stand still: see docs/operations.md")
	f.IntVar(&flags.SegmentMiB, "segment-mib", 0, "the size of a file of the log in MiB (default 64); a node keeps two and more of them, and each is full of zeros at first")

	f.IntVar(&flags.Edge.BcryptCost, "bcrypt-cost", 0, "the cost of the passwords' hashes (default 12); below 10 on loopback alone")
	f.BoolVar(&flags.Edge.DemoUsers, "demo-users", false, "make alice, bob and charlie, whose passwords everybody knows; on loopback alone")
	f.StringVar(&flags.Edge.SignUp, "sign-up", "", "who may sign up in a cluster that is just being made: open, invite or closed (default open on loopback, else invite)")
	f.StringVar(&flags.Edge.TokenLifetime, "token-lifetime", "", "how long a token is good before it has to be renewed (default 24h)")

	f.StringVar(&flags.Wire.Cert, "tls-cert", "", "the node's certificate, a PEM file: see node certs")
	f.StringVar(&flags.Wire.Key, "tls-key", "", "its key")
	f.StringVar(&flags.Wire.CA, "tls-ca", "", "the cluster's CA, or both while one takes the place of another")
	f.StringVar(&flags.Wire.ClientCert, "client-tls-cert", "", "another certificate for clients, by whatever CA they trust (default: the node's)")
	f.StringVar(&flags.Wire.ClientKey, "client-tls-key", "", "its key")
	f.BoolVar(&o.clientCerts, "client-certs", false, "let only clients connect that have a certificate of the cluster's CA")
	f.StringVar(&flags.SecretFile, "secret-file", "", "by which nodes on one machine know each other; made if it is not there (default: one for all clusters of this user)")
	f.StringVar(&flags.Wire.Transport, "transport", "", "how nodes talk to nodes, the same on all: tcp, or grpc where nothing else passes (default tcp)")
	f.BoolVar(&o.insecure, "insecure", false, "listen off loopback without certificates, where everybody on the way reads passwords and messages")

	f.StringVar(&flags.Assistant.Addr, "llm-addr", "", "where the LLM server listens, HOST:PORT; none for no more (see docs/ai.md)")
	f.StringVar(&flags.Assistant.SecretFile, "llm-secret-file", "", "a file of mode 0600 with the secret that the LLM server wants to see")
	f.StringVar(&flags.Assistant.CAFile, "llm-ca", "", "the certificate that signed the LLM server's; off loopback it needs one")
	f.StringVar(&flags.Assistant.Instructions, "llm-instructions", "", "a folder with what a model is to be told, in the place of what is built in")
	observeFlags(f, &flags.Observe)

	f.StringVar(&o.config, "config", "", "a file in YAML that has flags, each a line: client-addr: 10.0.0.1:50051")
	f.BoolVar(&o.check, "check", false, "only tell whether the node could start")
}
