package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/parley/keep"
	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// completeMax is how long a person who has pressed the tabulator waits for a cluster.
const completeMax = time.Second

// completion proposes what an argument could be.
type completion = cobra.CompletionFunc

func (a *app) completionCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print what makes a shell complete commands, channels and names",
		Long: `Prints a script for a shell.

  bash   source <(parley completion bash)
  zsh    source <(parley completion zsh)      (after compinit)
  fish   parley completion fish | source`,
		Args: args("bash|zsh|fish"), ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			}
			return usageOf(cmd, "%q is none of bash, zsh and fish", args[0])
		},
	}
}

// completeEach proposes something of its own for each argument.
func completeEach(each ...func(toComplete string) []string) completion {
	return func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(each) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return each[len(args)](toComplete), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeContext(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	dir, err := keep.DirOf(a.Getenv)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, _ := dir.List() // none are proposed where none can be read
	return names, cobra.ShellCompDirectiveNoFileComp
}

// places proposes channels, and users for who begins with their sign.
func (a *app) places(toComplete string) []string {
	if strings.HasPrefix(toComplete, "@") {
		return prefixed("@", a.users(strings.TrimPrefix(toComplete, "@")))
	}
	if strings.HasPrefix(toComplete, "#") {
		return prefixed("#", a.channels(""))
	}
	return a.channels(toComplete)
}

func prefixed(sign string, names []string) []string {
	for i := range names {
		names[i] = sign + names[i]
	}
	return names
}

func (a *app) channels(string) (names []string) {
	a.ask(func(ctx context.Context, c *client.Client) error {
		for ch, err := range c.AllChannels(ctx, false, client.Stale(true)) {
			if err != nil {
				return err
			}
			names = append(names, plain.Line(ch.GetName()))
		}
		return nil
	})
	return names
}

func (a *app) users(string) (names []string) {
	a.ask(func(ctx context.Context, c *client.Client) error {
		for u, err := range c.AllUsers(ctx, client.Stale(true)) {
			if err != nil {
				return err
			}
			names = append(names, plain.Line(u.GetUsername()))
		}
		return nil
	})
	return names
}

// documents proposes ids of documents, with their titles.
func (a *app) documents(string) (ids []string) {
	a.ask(func(ctx context.Context, c *client.Client) error {
		for d, err := range c.AllDocuments(ctx, &pb.ListDocumentsRequest{}, client.Stale(true)) {
			if err != nil {
				return err
			}
			ids = append(ids, plain.Line(d.GetId())+"\t"+plain.Line(d.GetTitle()))
		}
		return nil
	})
	return ids
}

// lockable proposes locks that are held, and documents.
func (a *app) lockable(toComplete string) (names []string) {
	a.ask(func(ctx context.Context, c *client.Client) error {
		for l, err := range c.AllLocks(ctx, client.Stale(true)) {
			if err != nil {
				return err
			}
			names = append(names, plain.Line(l.GetName())+"\theld by "+plain.Line(l.GetHolder()))
		}
		return nil
	})
	return append(names, a.documents(toComplete)...)
}

// ask asks the cluster for something that may be missing.
func (a *app) ask(do func(context.Context, *client.Client) error) {
	c, err := a.dial()
	if err != nil {
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completeMax)
	defer cancel()
	_ = do(ctx, c) // what is not known is not proposed
}
