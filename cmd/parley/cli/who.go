package cli

import (
	"context"

	"github.com/spf13/cobra"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// presenceJSON is whether somebody is there, as --json prints it.
type presenceJSON struct {
	Username    string `json:"username"`
	DisplayName string `json:"display_name"`
	Online      bool   `json:"online"`
	LastSeen    string `json:"last_seen,omitempty"`
}

func (a *app) whoCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "who [--all]", Short: "Show who is online", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				users, err := collect(c.Everybody(ctx, all, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, users, func(p *pb.Presence) presenceJSON {
					return presenceJSON{p.GetUsername(), p.GetDisplayName(), p.GetOnline(), jsonTime(p.GetLastSeen())}
				}, "USER NAME ", func(j presenceJSON) []string {
					return []string{j.Username, j.DisplayName, seen(j.Online, j.LastSeen)}
				}, "nobody is online")
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also who is not")
	return cmd
}
