package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"parley/cmd/parley/keep"
	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) accountCommands() []*cobra.Command {
	return []*cobra.Command{
		a.signupCommand(), a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.passwdCommand(),
		a.group("profile", "Your display name and email address", a.profileSetCommand()), a.sessionsCommand(),
	}
}

// userJSON is a user as --json prints him. Others' email addresses are not shown.
type userJSON struct {
	ID          string `json:"id"`
	Username    string `json:"username"`
	DisplayName string `json:"display_name"`
	Admin       bool   `json:"admin"`
	Disabled    bool   `json:"disabled"`
	Email       string `json:"email,omitempty"`
	Created     string `json:"created"`
	Position    uint64 `json:"position,omitempty"`
}

func jsonUser(u *pb.User) userJSON {
	return userJSON{u.GetId(), u.GetUsername(), u.GetDisplayName(), u.GetAdmin(), u.GetDisabled(), u.GetEmail(), jsonTime(u.GetCreated()), 0}
}

func (a *app) signupCommand() *cobra.Command {
	r := &pb.SignUpRequest{}
	var p passwords
	var inviteFile string
	cmd := &cobra.Command{
		Use: "signup USER --email E --display-name D", Short: "Make an account", Args: args("USER"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.Username, err = userOf(args[0]); err != nil {
				return err
			}
			if r.GetEmail() == "" {
				return usageOf(cmd, "--email is missing")
			}
			if inviteFile != "" {
				if r.Invite != "" {
					return usageOf(cmd, "--invite and --invite-file exclude each other")
				}
				if r.Invite, err = codeIn(inviteFile); err != nil {
					return err
				}
			}
			if r.Password, err = a.newPassword(cmd, &p, 0); err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				signed, err := c.SignUp(ctx, r, a.once())
				if err != nil {
					return err
				}
				j := jsonUser(signed.GetUser())
				j.Position = signed.GetPosition()
				return a.print(j, "signed up; log in with: parley login %s", plain.Line(j.Username))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Email, "email", "", "your email address; only you and the cluster's admins see it")
	f.StringVar(&r.DisplayName, "display-name", "", "the name that others see; left out, it is the username")
	f.StringVar(&r.Invite, "invite", "", "the code of an invite, where one is needed")
	f.StringVar(&inviteFile, "invite-file", "", "read it from a file; the first user of a new cluster takes bootstrap-token of a node's directory")
	p.flags(cmd)
	return cmd
}

// loginJSON is a login as --json prints it. The token is not in it.
type loginJSON struct {
	User    string `json:"user"`
	Login   string `json:"login"`
	Expires string `json:"expires"`
	Context string `json:"context"`
}

func (a *app) loginCommand() *cobra.Command {
	var p passwords
	cmd := &cobra.Command{
		Use: "login USER", Short: "Log in; the commands that follow are yours", Args: args("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.requestID != "" {
				return usageOf(cmd, "a log-in can't be repeated under a --request-id: log in again, and log out what is too much")
			}
			a.again = "log in again; a login that is too much stands in parley sessions until it is revoked or expires"
			name, err := userOf(args[0])
			if err != nil {
				return err
			}
			dir, kept, err := a.inUse()
			if err != nil {
				return err
			}
			password, err := a.password(cmd, &p, "Password of "+plain.Line(name)+": ", 0)
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				c.Use(client.Credentials{}) // who was logged in before stays so until it works
				who, err := c.LogIn(ctx, name, password)
				if err != nil {
					return err
				}
				if err := dir.Update(kept.Name, func(k *keep.Context) { k.Credentials, k.TLS = who, a.tlsOf(kept) }); err != nil {
					return err
				}
				if before := kept.Credentials; before.LoggedIn() {
					a.leave(ctx, c, before)
				}
				j := loginJSON{who.User, who.Login, who.Expires.UTC().Format("2006-01-02T15:04:05Z"), kept.Name}
				return a.print(j, "logged in as %s", plain.Line(who.User))
			})
		},
	}
	p.flags(cmd)
	return cmd
}

// leave ends a login whose place another one has taken. One that can't be ended expires.
func (a *app) leave(ctx context.Context, c *client.Client, before client.Credentials) {
	c.Use(before)
	if err := c.LogOut(ctx); err != nil {
		a.note("the login before, of %s, lives on until it expires: %v", plain.Line(before.User), clean(err.Error()))
	}
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Log out", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, kept, err := a.inUse()
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.LogOut(ctx); err != nil {
					return err
				}
				err := dir.Update(kept.Name, func(k *keep.Context) {
					if k.Credentials.Login == kept.Credentials.Login {
						k.Credentials = client.Credentials{}
					}
				})
				if err != nil {
					return err
				}
				who := kept.Credentials
				return a.print(loginJSON{User: who.User, Login: who.Login, Context: kept.Name}, "logged out %s", plain.Line(who.User))
			})
		},
	}
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: "Show who is logged in", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				me, err := c.WhoAmI(ctx, a.fresh())
				if err != nil {
					return err
				}
				u := jsonUser(me.GetUser())
				j := struct {
					userJSON
					Login   string `json:"login"`
					Expires string `json:"expires"`
				}{u, me.GetLoginId(), jsonTime(me.GetExpires())}
				admin := ""
				if u.Admin {
					admin = ", a cluster admin"
				}
				return a.print(j, "%s (%s)%s; until %s", plain.Line(u.Username), plain.Line(u.DisplayName), admin, shownTime(j.Expires))
			})
		},
	}
}

func (a *app) profileSetCommand() *cobra.Command {
	var display, email string
	cmd := &cobra.Command{
		Use: "set [--display-name D] [--email E]", Short: "Change your display name or email address", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := &pb.UpdateProfileRequest{}
			if cmd.Flags().Changed("display-name") {
				r.DisplayName = proto.String(display)
			}
			if cmd.Flags().Changed("email") {
				r.Email = proto.String(email)
			}
			if r.DisplayName == nil && r.Email == nil {
				return usageOf(cmd, "say what is to change: --display-name or --email")
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				changed, err := c.UpdateProfile(ctx, r, a.once())
				if err != nil {
					return err
				}
				j := jsonUser(changed.GetUser())
				j.Position = changed.GetPosition()
				return a.print(j, "%s is %s, %s", plain.Line(j.Username), plain.Line(j.DisplayName), plain.Line(j.Email))
			})
		},
	}
	cmd.Flags().StringVar(&display, "display-name", "", "the name that others see")
	cmd.Flags().StringVar(&email, "email", "", "your email address")
	return cmd
}

// sessionJSON is one of a user's logins as --json prints it.
type sessionJSON struct {
	ID      string `json:"id"`
	Client  string `json:"client"`
	Address string `json:"address"`
	Created string `json:"created"`
	Current bool   `json:"current"`
}

func (a *app) sessionsCommand() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "sessions [--user U]", Short: "Show where you are logged in, and end one of these logins", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := c.ListLogins(ctx, strings.TrimPrefix(user, "@"), a.fresh())
				if err != nil {
					return err
				}
				return list(a, all.GetLogins(), func(l *pb.Login) sessionJSON {
					return sessionJSON{l.GetId(), l.GetClient(), l.GetAddress(), jsonTime(l.GetCreated()), l.GetCurrent()}
				}, "ID SINCE ADDRESS CLIENT ", func(j sessionJSON) []string {
					return []string{j.ID, shownTime(j.Created), j.Address, j.Client, flags("(this one)", is(j.Current))}
				}, "no logins")
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "whose; others' are for cluster admins")
	cmd.AddCommand(a.deed(deed{
		use: "revoke ID", short: "End a login; others' are for cluster admins", args: []string{"ID"}, said: "login %s has ended",
		do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
			j.ID = args[0]
			return c.RevokeLogin(ctx, args[0], a.once())
		},
	}))
	return cmd
}
