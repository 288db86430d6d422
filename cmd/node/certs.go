package main

import (
	"io"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/certs"
)

func certsCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "Make a CA for a cluster, and certificates of its nodes and clients",
		Long: `Makes the files with which nodes and clients of several machines know each other:

  node certs ca --dir CERTS --name my-team
  node certs node --dir CERTS --id 1 --host node1.example.org,10.0.0.1
  node certs client --dir CERTS --name laptop

Give each node its own two files and ca.crt (node start --tls-cert --tls-key --tls-ca), and clients
ca.crt (parley --tls-ca). The CA's key, ca.key, is needed here alone: whoever has it can be any node.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage.Errorf("there is no command %q: see %s --help", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	type options = certs.Options
	sub := func(use, short string, args cobra.PositionalArgs, days int, run func(*options, []string) error) (*cobra.Command, *options) {
		o := &options{}
		c := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(_ *cobra.Command, args []string) error { return run(o, args) }}
		if days > 0 {
			c.Flags().StringVar(&o.Dir, "dir", "certs", "the directory of the CA, where the files are made")
			c.Flags().IntVar(&o.Days, "days", days, "how many days the certificate is good")
		}
		cmd.AddCommand(c)
		return c, o
	}
	ca, o := sub("ca [--dir CERTS] [--name NAME]", "Make the CA of a cluster", noArgs, certs.DaysOfCA,
		func(o *options, _ []string) error { return certs.MakeCA(*o, stdout) })
	ca.Flags().StringVar(&o.Name, "name", "", "what the cluster is called in its certificates (default: something drawn)")

	const force = "replace a certificate that is there"
	node, o := sub("node --id N --host H,... [--dir CERTS]", "Make a node's certificate", noArgs, certs.DaysOfCert,
		func(o *options, _ []string) error { return certs.MakeNode(*o, stdout) })
	node.Flags().Uint64Var(&o.ID, "id", 0, "the node's id")
	node.Flags().StringSliceVar(&o.Hosts, "host", nil, "the names and IP addresses at which clients reach the node")
	node.Flags().StringVar(&o.Cluster, "cluster-id", "", "the cluster's id, once it is formed: the certificate is good in no other (node inspect shows it)")
	node.Flags().BoolVar(&o.Force, "force", false, force)

	client, o := sub("client --name NAME [--dir CERTS]", "Make a client's certificate, for nodes that ask for one (--client-certs)", noArgs, certs.DaysOfCert,
		func(o *options, _ []string) error { return certs.MakeClient(*o, stdout) })
	client.Flags().StringVar(&o.Name, "name", "", "what the client is called")
	client.Flags().BoolVar(&o.Force, "force", false, force)

	sub("renew FILE.crt... [--dir CERTS]", "Make certificates anew, with the names that they have", someFiles, certs.DaysOfCert,
		func(o *options, args []string) error { return certs.Renew(*o, args, stdout) })
	sub("show FILE.crt...", "Show whose certificates are, and until when", someFiles, 0,
		func(_ *options, args []string) error { return certs.Show(args, stdout) })
	sub("secret FILE", "Make a secret, for the nodes of a cluster on one machine", oneFile, 0,
		func(_ *options, args []string) error { return certs.Secret(args[0], stdout) })
	return cmd
}

func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage.Errorf("name a certificate's file: see %s --help", cmd.CommandPath())
	}
	return nil
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.Errorf("name one file: see %s --help", cmd.CommandPath())
	}
	return nil
}
