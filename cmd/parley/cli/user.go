package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) userCommand() *cobra.Command {
	cmd := a.group("user", "Accounts: who has one, and what cluster admins do with them", a.userListCommand())
	for _, v := range []struct {
		name, short, said string
		do                func(*client.Client, context.Context, string) (positioned, error)
	}{
		{"disable", "End a user's logins and let him make no more", "%s is disabled", func(c *client.Client, ctx context.Context, u string) (positioned, error) {
			return c.DisableUser(ctx, u, a.once())
		}},
		{"enable", "Let a user log in again", "%s may log in", func(c *client.Client, ctx context.Context, u string) (positioned, error) {
			return c.EnableUser(ctx, u, a.once())
		}},
		{"grant-admin", "Make a user a cluster admin", "%s is a cluster admin", func(c *client.Client, ctx context.Context, u string) (positioned, error) {
			return c.GrantAdmin(ctx, u, a.once())
		}},
		{"revoke-admin", "Make a cluster admin a user like others", "%s is no cluster admin", func(c *client.Client, ctx context.Context, u string) (positioned, error) {
			return c.RevokeAdmin(ctx, u, a.once())
		}},
	} {
		cmd.AddCommand(a.deed(deed{
			use: v.name + " USER", short: v.short, args: []string{"USER"}, said: v.said, complete: completeEach(a.users),
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (_ positioned, err error) {
				if j.User, err = userOf(args[0]); err != nil {
					return nil, err
				}
				return v.do(c, ctx, j.User)
			},
		}))
	}
	cmd.AddCommand(a.resetPasswordCommand())
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show all accounts", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllUsers(ctx, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, all, jsonUser, "USER NAME SINCE ", func(j userJSON) []string {
					return []string{j.Username, j.DisplayName, shownTime(j.Created), flags("cluster admin", is(j.Admin), "disabled", is(j.Disabled))}
				}, "no users")
			})
		},
	}
}

// codeJSON is a code that somebody is to be given, as --json prints it.
type codeJSON struct {
	Code     string `json:"code"`
	Expires  string `json:"expires"`
	Position uint64 `json:"position"`
}

// noRequestID refuses to repeat what draws a code: the second code would not be the one that counts.
func (a *app) noRequestID(cmd *cobra.Command) error {
	a.again = "make another code; one that nobody was given does no harm"
	if a.requestID == "" {
		return nil
	}
	return usageOf(cmd, "each call draws a code of its own, so it can't be repeated under a --request-id")
}

func (a *app) resetPasswordCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reset-password USER", Short: "Make a code with which a user sets another password, once, within 24 hours", Args: args("USER"),
		ValidArgsFunction: completeEach(a.users),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.noRequestID(cmd); err != nil {
				return err
			}
			user, err := userOf(args[0])
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				code := client.NewCode()
				r, err := c.CreateReset(ctx, user, code)
				if err != nil {
					return err
				}
				if !a.json {
					a.note("%s sets another password with: parley passwd --reset %s (until %s)", plain.Line(user), plain.Line(user), shownTime(jsonTime(r.GetExpires())))
				}
				return a.print(codeJSON{code, jsonTime(r.GetExpires()), r.GetPosition()}, "%s", code)
			})
		},
	}
}

func (a *app) inviteCommand() *cobra.Command {
	var uses uint32
	var lasts time.Duration
	create := &cobra.Command{
		Use: "create [--uses N] [--for D]", Short: "Make a code with which others sign up", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.noRequestID(cmd); err != nil {
				return err
			}
			if uses == 0 {
				return usageOf(cmd, "--uses 0: nobody could sign up with it")
			}
			seconds := int64(lasts / time.Second)
			if cmd.Flags().Changed("for") && seconds < 1 || seconds > 1<<31 {
				return usageOf(cmd, "--for %v: an invite is good for a second at least, and 30 days at most", lasts)
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				code := client.NewCode()
				r, err := c.CreateInvite(ctx, &pb.CreateInviteRequest{Code: code, Uses: uses, Seconds: uint32(seconds)})
				if err != nil {
					return err
				}
				if !a.json {
					a.note("sign up with: parley signup USER --invite CODE … (until %s)", shownTime(jsonTime(r.GetExpires())))
				}
				return a.print(codeJSON{code, jsonTime(r.GetExpires()), r.GetPosition()}, "%s", code)
			})
		},
	}
	create.Flags().Uint32Var(&uses, "uses", 1, "how many may sign up with it")
	create.Flags().DurationVar(&lasts, "for", 0, "for how long it is good (7 days)")
	return a.group("invite", "Invites to sign up", create)
}

func (a *app) adminCommand() *cobra.Command {
	return a.group("admin", "Become a cluster admin, and say who may sign up", a.adminClaimCommand(), a.signUpModeCommand())
}

func (a *app) adminClaimCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "claim --token-file F", Short: "Become the first cluster admin, with the bootstrap-token of a node's directory", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageOf(cmd, "--token-file is missing: it is bootstrap-token in the directory of a node")
			}
			token, err := codeIn(file)
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.ClaimAdmin(ctx, token, a.once())
				if err != nil {
					return err
				}
				user := c.Credentials().User
				return a.print(acted{User: user, Position: r.GetPosition()}, "%s is a cluster admin", plain.Line(user))
			})
		},
	}
	cmd.Flags().StringVar(&file, "token-file", "", "the file that the first start of the cluster left")
	return cmd
}

// codeIn reads a code from a file, where no other user of the machine sees it.
func codeIn(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err == nil && len(b) > secretLineMax {
		err = fmt.Errorf("%s holds no code", file)
	}
	return strings.TrimSpace(string(b)), err
}

func (a *app) signUpModeCommand() *cobra.Command {
	modes := map[string]pb.SignUpMode{
		"open": pb.SignUpMode_SIGN_UP_MODE_OPEN, "invite": pb.SignUpMode_SIGN_UP_MODE_INVITE, "closed": pb.SignUpMode_SIGN_UP_MODE_CLOSED,
	}
	return &cobra.Command{
		Use: "sign-up open|invite|closed", Short: "Say who may sign up", Args: args("open|invite|closed"),
		ValidArgs: []string{"open", "invite", "closed"},
		RunE: func(cmd *cobra.Command, args []string) error {
			mode, ok := modes[args[0]]
			if !ok {
				return usageOf(cmd, "%q is none of open, invite and closed", args[0])
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.SetSignUpMode(ctx, mode, a.once())
				if err != nil {
					return err
				}
				return a.print(struct {
					Mode     string `json:"mode"`
					Position uint64 `json:"position"`
				}{args[0], r.GetPosition()}, "signing up is %s", args[0])
			})
		},
	}
}
