package cli

import (
	"github.com/spf13/cobra"

	"parley/cmd/parley/backend"
	"parley/cmd/parley/keep"
	"parley/cmd/parley/shell"
	"parley/rpc/client"
)

func (a *app) shellCommand() *cobra.Command {
	return &cobra.Command{
		Use: "shell [PLACE]", Short: "Chat: a screen with channels and live messages",
		Long: `Shows a screen with your channels and conversations, live messages and a line to write in; /help there lists what it
can do. Without a terminal it does the lines that it reads, up to the first one that fails.`,
		Args: args("[PLACE]"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json {
				return usageOf(cmd, "the shell writes no JSON; the other commands do")
			}
			dir, kept, err := a.inUse()
			if err != nil {
				return err
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			b := backend.New(c, func(before, now client.Credentials) error {
				return dir.Update(kept.Name, func(k *keep.Context) {
					if now.LoggedIn() || k.Credentials.Login == before.Login { // nobody has logged in meanwhile, by another process
						k.Credentials, k.TLS = now, a.tlsOf(kept)
					}
				})
			})
			o := shell.Options{In: a.In, Out: a.stdout(), Err: a.Err, Color: a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb",
				Plain: &inShell{a, kept.Name}, Spare: a.Spare}
			if len(args) > 0 {
				o.Open = args[0]
			}
			return shell.Run(cmd.Context(), b, o)
		},
	}
}
