package cli

import (
	"context"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// grantees are the flags that say with whom a document is shared.
type grantees struct {
	channel string
	all     bool
}

func (g *grantees) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.channel, "channel", "", "whoever is a member of this channel")
	cmd.Flags().BoolVar(&g.all, "all", false, "every user")
}

func (g *grantees) of(cmd *cobra.Command, args []string) (*pb.Grantee, error) {
	switch {
	case len(args) == 2 && g.channel == "" && !g.all:
		user, err := userOf(args[1])
		return &pb.Grantee{With: &pb.Grantee_User{User: user}}, err
	case len(args) == 1 && g.channel != "" && !g.all:
		channel, err := channelOf(g.channel)
		return &pb.Grantee{With: &pb.Grantee_Channel{Channel: channel}}, err
	case len(args) == 1 && g.channel == "" && g.all:
		return &pb.Grantee{With: &pb.Grantee_All{All: true}}, nil
	}
	return nil, usageOf(cmd, "name one USER, or --channel C, or --all")
}

func (a *app) docShareCommand() *cobra.Command {
	var g grantees
	var role string
	cmd := &cobra.Command{
		Use: "share ID USER|--channel C|--all --role owner|editor|viewer", Short: "Let others read a document, or write it", Args: args("ID", "[USER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			with, err := g.of(cmd, args)
			if err != nil {
				return err
			}
			r, ok := worded(roleWords, role)
			if !ok {
				return usageOf(cmd, "--role is owner, editor or viewer, and not %q", role)
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				got, err := c.ShareDocument(ctx, &pb.ShareDocumentRequest{DocumentId: args[0], With: with, Role: r}, a.once())
				if err != nil {
					return err
				}
				return a.print(acted{ID: args[0], Position: got.GetPosition()}, "%s is shared", plain.Line(args[0]))
			})
		},
	}
	g.add(cmd)
	cmd.Flags().StringVar(&role, "role", "", "what they may do")
	return cmd
}

func (a *app) docUnshareCommand() *cobra.Command {
	var g grantees
	cmd := &cobra.Command{
		Use: "unshare ID USER|--channel C|--all", Short: "Take somebody off the access list", Args: args("ID", "[USER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			with, err := g.of(cmd, args)
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				got, err := c.UnshareDocument(ctx, &pb.UnshareDocumentRequest{DocumentId: args[0], With: with}, a.once())
				if err != nil {
					return err
				}
				return a.print(acted{ID: args[0], Position: got.GetPosition()}, "%s is not shared so any more", plain.Line(args[0]))
			})
		},
	}
	g.add(cmd)
	return cmd
}

// grantJSON is a line of an access list as --json prints it.
type grantJSON struct {
	With string `json:"with"` // @user, #channel, all
	ID   string `json:"id"`
	Role string `json:"role"`
}

func (a *app) docAccessCommand() *cobra.Command {
	return &cobra.Command{
		Use: "access ID", Short: "Show who may do what with a document", Args: args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.ListGrants(ctx, args[0], a.fresh())
				if err != nil {
					return err
				}
				return list(a, r.GetGrants(), func(g *pb.Grant) grantJSON {
					with := "all"
					switch w := g.GetWith().GetWith().(type) {
					case *pb.Grantee_User:
						with = "@" + w.User
					case *pb.Grantee_Channel:
						with = "#" + w.Channel
					case nil:
						with = ""
					}
					return grantJSON{with, g.GetId(), roleWords[g.GetRole()]}
				}, "WITH ROLE ID", func(j grantJSON) []string { return []string{j.With, j.Role, j.ID} }, "nobody")
			})
		},
	}
}
