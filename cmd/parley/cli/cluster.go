package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) clusterCommand() *cobra.Command {
	cmd := a.group("cluster", "See how the cluster is, and change who belongs to it")
	cmd.AddCommand(&cobra.Command{
		Use:   "status",
		Short: "Show every node, as far as any answers",
		Args:  args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				return a.printStatus(s)
			})
		},
	})
	cmd.AddCommand(&cobra.Command{
		Use:   "transfer N",
		Short: "Hand leadership to node N, for instance before its present holder is serviced",
		Args:  args("N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := nodeID(cmd, args[0])
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				leader, err := c.Transfer(ctx, to)
				if err != nil {
					return err
				}
				return a.print(struct {
					Leader uint64 `json:"leader"`
				}{leader}, "node %d leads", leader)
			})
		},
	})
	cmd.AddCommand(a.addCommand(), a.removeCommand(), a.replaceCommand(), a.checkCommand(), a.backupCommand(), a.restoreCommand(),
		a.rotateKeyCommand(), a.retentionCommand())
	return cmd
}

// statusJSON is the cluster as --json prints it.
type statusJSON struct {
	Leader uint64     `json:"leader"` // 0: none
	Term   uint64     `json:"term"`
	Nodes  []nodeJSON `json:"nodes"`
}

type nodeJSON struct {
	ID      uint64 `json:"id"`
	Address string `json:"address"`
	Role    string `json:"role"`  // leader, follower, candidate, learner, or unknown
	State   string `json:"state"` // serving, no-leader, damaged, forming, removed, or unreachable
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	Lag     uint64 `json:"lag"` // entries behind the newest commit
	Version string `json:"version"`
	Alive   bool   `json:"alive"`
}

func statusOf(s client.ClusterStatus) statusJSON {
	j := statusJSON{Leader: s.Leader, Term: s.Term, Nodes: []nodeJSON{}}
	for _, n := range s.Nodes {
		j.Nodes = append(j.Nodes, nodeJSON{
			ID: n.ID, Address: n.Address, Role: n.Role(), State: stateOf(s, n), Commit: n.Self.GetCommit(),
			Applied: n.Self.GetApplied(), Lag: n.Lag, Version: n.Self.GetVersion(), Alive: n.Alive,
		})
	}
	return j
}

func stateOf(s client.ClusterStatus, n client.NodeStatus) string {
	switch {
	case n.Removed:
		return "removed"
	case !n.Alive:
		return "unreachable"
	case s.Cluster == 0:
		return "forming"
	case n.Self.GetHole() != 0 || n.Self.GetFloor() != 0:
		return "damaged"
	case s.Leader == 0:
		return "no-leader"
	}
	return "serving"
}

// damageOf says what a node's disk lost and what follows from it; nothing if it lost nothing.
func damageOf(self *pb.NodeStatus) string {
	switch {
	case self.GetLost() != 0:
		return fmt.Sprintf("the disk lost position %d, and no member has it any more: nothing from there on is served. "+
			"Bring back a member that is away, or see \"recovery\" in docs/operations.md", self.GetLost())
	case self.GetHole() != 0:
		return fmt.Sprintf("the disk lost position %d; the other members are asked for it. Look after the disk", self.GetHole())
	case self.GetFloor() != 0:
		return fmt.Sprintf("the disk lost the end of the log, up to position %d; the other members give it back. Look after the disk", self.GetFloor())
	}
	return ""
}

func (a *app) printStatus(s client.ClusterStatus) error {
	j := statusOf(s)
	if a.json {
		return a.printJSON(j)
	}
	leader := "none"
	if j.Leader != 0 {
		leader = fmt.Sprint(j.Leader)
	}
	fmt.Fprintf(a.Out, "leader %s, term %d\n\n", leader, j.Term)
	var rows [][]string
	for _, n := range j.Nodes {
		rows = append(rows, []string{fmt.Sprint(n.ID), n.Address, n.Role, n.State, fmt.Sprint(n.Commit), fmt.Sprint(n.Applied), fmt.Sprint(n.Lag), n.Version})
	}
	if err := a.table("NODE ADDRESS ROLE STATE COMMIT APPLIED LAG VERSION", rows); err != nil {
		return err
	}
	for _, n := range s.Nodes {
		if d := damageOf(n.Self); d != "" {
			fmt.Fprintf(a.Out, "\nnode %d: %s\n", n.ID, d)
		}
	}
	return nil
}
