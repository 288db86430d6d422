package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"parley/rpc/client"
)

// newNode are the flags that say who is to be added.
type newNode struct {
	id         uint64
	peerAddr   string
	clientAddr string
}

func (n *newNode) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&n.id, "id", 0, "the new node's id: one that no member has")
	f.StringVar(&n.peerAddr, "peer-addr", "", "where it listens for the other nodes, HOST:PORT")
	f.StringVar(&n.clientAddr, "client-addr", "", "where it listens for clients, HOST:PORT")
}

func (n *newNode) check(cmd *cobra.Command) error {
	switch {
	case n.id == 0:
		return usageOf(cmd, "--id is missing")
	case n.peerAddr == "":
		return usageOf(cmd, "--peer-addr is missing")
	case n.clientAddr == "":
		return usageOf(cmd, "--client-addr is missing")
	}
	return nil
}

// changed is what a change of the membership prints as JSON.
type changed struct {
	ID     uint64 `json:"id"`
	Change string `json:"change"` // added, or removed
}

func (a *app) addCommand() *cobra.Command {
	var n newNode
	cmd := &cobra.Command{
		Use:   "add --id N --peer-addr A --client-addr A",
		Short: "Add a node that was started with node start --join",
		Long: `Adds a node. Start it first, on an empty directory, with node start --join. It begins as a
learner, which does not count, and becomes a voter by itself when it has caught up.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.add(cmd, &n, 0) },
	}
	n.flags(cmd)
	return cmd
}

func (a *app) replaceCommand() *cobra.Command {
	var n newNode
	cmd := &cobra.Command{
		Use:   "replace N --id M --peer-addr A --client-addr A",
		Short: "Add node M, and remove node N in the change that makes M a voter",
		Args:  args("N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := nodeID(cmd, args[0])
			if err != nil {
				return err
			}
			return a.add(cmd, &n, old)
		},
	}
	n.flags(cmd)
	return cmd
}

func (a *app) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove N",
		Short: "Remove node N, running or dead; its directory never returns",
		Args:  args("N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := nodeID(cmd, args[0])
			if err != nil {
				return err
			}
			err = a.with(cmd, func(ctx context.Context, c *client.Client) error { return c.Remove(ctx, id) })
			if err != nil {
				return err
			}
			return a.print(changed{id, "removed"}, "node %d is removed: stop it if it runs, and delete its directory", id)
		},
	}
}

func (a *app) add(cmd *cobra.Command, n *newNode, replaces uint64) error {
	if err := n.check(cmd); err != nil {
		return err
	}
	return a.with(cmd, func(ctx context.Context, c *client.Client) error {
		if err := c.Add(ctx, n.id, n.peerAddr, n.clientAddr, replaces); err != nil {
			return err
		}
		text := added(n.id, replaces, false)
		if !a.json {
			if s, err := c.Status(ctx); err == nil { // it is added, whatever else there is to tell
				text = added(n.id, replaces, votes(&s, n.id) && !votes(&s, replaces))
			}
		}
		return a.print(changed{n.id, "added"}, "%s", text)
	})
}

// added says what becomes of a node that is a member now, or was one before. A voter has nothing to wait for: whom it replaces
// has left.
func added(id, replaces uint64, done bool) string {
	switch {
	case done && replaces != 0:
		return fmt.Sprintf("node %d is a voter, and node %d has left", id, replaces)
	case done:
		return fmt.Sprintf("node %d is a voter", id)
	case replaces != 0:
		return fmt.Sprintf("node %d is added and becomes a voter when it has caught up; node %d leaves in that moment", id, replaces)
	}
	return fmt.Sprintf("node %d is added and becomes a voter when it has caught up", id)
}

// votes reports whether a node has a vote in the membership in force.
func votes(s *client.ClusterStatus, id uint64) bool {
	return slices.ContainsFunc(s.Nodes, func(n client.NodeStatus) bool { return n.ID == id && n.Voter })
}

func nodeID(cmd *cobra.Command, arg string) (uint64, error) {
	id, err := strconv.ParseUint(arg, 10, 32)
	if err != nil || id == 0 {
		return 0, usageOf(cmd, "%q is no node id: ids are 1, 2, 3, …", arg)
	}
	return id, nil
}
