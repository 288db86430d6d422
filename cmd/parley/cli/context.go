package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/parley/keep"
)

// contextJSON is a context as --json prints it. The token is not in it.
type contextJSON struct {
	Name    string   `json:"name"`
	Current bool     `json:"current"`
	Addrs   []string `json:"addrs"`
	User    string   `json:"user"`
	TLSCA   string   `json:"tls_ca,omitempty"`
	Clear   bool     `json:"insecure,omitempty"`
}

func (a *app) contextCommand() *cobra.Command {
	return a.group("context", "Named clusters: which there are, and which one is in use",
		a.contextListCommand(), a.contextUseCommand(), a.contextAddCommand(), a.contextRemoveCommand())
}

func (a *app) contextListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the contexts, and who is logged in where", Args: args(),
		RunE: func(*cobra.Command, []string) error {
			dir, current, err := a.inUse()
			if err != nil {
				return err
			}
			names, err := dir.List()
			if err != nil {
				return err
			}
			var all []keep.Context
			for _, name := range names {
				c, err := dir.Load(name)
				if err != nil {
					return err
				}
				all = append(all, c)
			}
			return list(a, all, func(c keep.Context) contextJSON {
				addrs, _ := (&app{Streams: Streams{Getenv: func(string) string { return "" }}}).addresses(c)
				return contextJSON{c.Name, c.Name == current.Name, addrs, c.Credentials.User, c.TLS.CA, c.TLS.Insecure}
			}, "CONTEXT USER ADDRESSES", func(j contextJSON) []string {
				name := j.Name
				if j.Current {
					name = "* " + name
				}
				return []string{name, j.User, strings.Join(j.Addrs, ",")}
			}, "")
		},
	}
}

func (a *app) contextUseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Have the commands that follow work in another context", Args: args("NAME"),
		ValidArgsFunction: a.completeContext,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := keep.DirOf(a.Getenv)
			if err != nil {
				return err
			}
			if err := checkContext(args[0]); err != nil {
				return err
			}
			if err := dir.Use(args[0]); err != nil {
				return err
			}
			return a.print(contextJSON{Name: args[0], Current: true, Addrs: []string{}}, "context %s is in use", args[0])
		},
	}
}

func (a *app) contextAddCommand() *cobra.Command {
	return &cobra.Command{
		Use: "add NAME --addrs A,B,C [--tls-ca FILE]", Short: "Name a cluster, or give a name other addresses", Args: args("NAME"),
		Long: "Names a cluster: its addresses, and how they are reached (--tls-ca, --tls-cert and --tls-key, or --insecure). What is not given stays.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkContext(args[0]); err != nil {
				return err
			}
			if len(a.addrs) == 0 {
				return usageOf(cmd, "--addrs is missing")
			}
			addrs, err := a.addresses(keep.Context{})
			if err != nil {
				return err
			}
			dir, err := keep.DirOf(a.Getenv)
			if err != nil {
				return err
			}
			if err := a.checkTLS(); err != nil {
				return err
			}
			var tls keep.TLS
			if err := dir.Update(args[0], func(c *keep.Context) {
				tls = a.tlsOf(*c)
				c.Addrs, c.TLS = addrs, tls
			}); err != nil {
				return err
			}
			return a.print(contextJSON{Name: args[0], Addrs: addrs, TLSCA: tls.CA, Clear: tls.Insecure}, "context %s is kept", args[0])
		},
	}
}

func (a *app) contextRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Forget a context, and who is logged in there", Args: args("NAME"),
		Long:              "Forgets a context. The login lives on at the cluster until it expires: log out first.",
		ValidArgsFunction: a.completeContext,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := keep.DirOf(a.Getenv)
			if err != nil {
				return err
			}
			if err := checkContext(args[0]); err != nil {
				return err
			}
			if current, err := dir.Current(); err == nil && current == args[0] && current != keep.Default {
				return usagef("context %s is in use; use another one first: parley context use default", current)
			}
			if err := dir.Remove(args[0]); err != nil {
				return err
			}
			return a.print(contextJSON{Name: args[0], Addrs: []string{}}, "context %s is forgotten", args[0])
		},
	}
}

func checkContext(name string) error {
	if err := keep.CheckName(name); err != nil {
		return usagef("%v", err)
	}
	return nil
}
