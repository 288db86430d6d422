package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// printedError is an error of which all was printed; what is left is the exit code.
type printedError struct{ exit int }

func (e *printedError) Error() string { return fmt.Sprintf("exit %d", e.exit) }

// checkJSON is what a comparison of the nodes prints as JSON.
type checkJSON struct {
	OK       bool       `json:"ok"`
	Position uint64     `json:"position"`
	Nodes    []hashJSON `json:"nodes"`
}

type hashJSON struct {
	ID       uint64 `json:"id"`
	Position uint64 `json:"position"` // 0: it did not answer
	Hash     string `json:"hash"`
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Compare the states of all nodes at one position", Args: args(),
		Long: `Has every node note the hash of its state at one position, and compares them. A node that does not answer within
five seconds is shown without a hash; the exit code is 1 if nodes differ, or if fewer than a majority answer.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.Check(ctx)
				if err != nil {
					return err
				}
				return a.printCheck(r)
			})
		},
	}
}

func (a *app) printCheck(r *pb.CheckResponse) error {
	j := checkJSON{OK: r.GetOk(), Position: r.GetPosition(), Nodes: []hashJSON{}}
	rows, silent := [][]string{}, 0
	for _, n := range r.GetNodes() {
		j.Nodes = append(j.Nodes, hashJSON{n.GetId(), n.GetPosition(), n.GetHash()})
		shown := n.GetHash()
		if shown == "" {
			shown = "no answer"
			silent++
		}
		rows = append(rows, []string{strconv.FormatUint(n.GetId(), 10), shown})
	}
	if a.json {
		if err := a.printJSON(j); err != nil {
			return err
		}
	} else {
		said := "the nodes agree at position %d\n"
		switch {
		case !j.OK:
			said = "THE NODES DO NOT AGREE at position %d: see docs/operations.md\n"
		case silent > 0:
			said = "the nodes that answer agree at position %d\n"
		}
		fmt.Fprintf(a.Out, said, j.Position)
		if err := a.table("NODE STATE", rows); err != nil {
			return err
		}
	}
	if !j.OK {
		return &printedError{exitError}
	}
	return nil
}

func (a *app) rotateKeyCommand() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use: "rotate-key [--now]", Short: "Have another key sign tokens", Args: args(),
		Long: `Draws another key that signs tokens. Tokens that were signed before are good until they expire, and are renewed with the
new key; with --now they end at once, and everybody logs in anew: for a key that is in the wrong hands.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.RotateKey(ctx, now, a.once())
				if err != nil {
					return err
				}
				return a.print(acted{Position: r.GetPosition()}, "another key signs tokens")
			})
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "end the tokens of the older keys at once")
	return cmd
}

// retentionJSON is for how long things are kept; 0 is for ever.
type retentionJSON struct {
	Messages uint64 `json:"messages_s"`
	Files    uint64 `json:"files_s"`
	Events   uint64 `json:"events_s"`
	Position uint64 `json:"position"`
}

func (a *app) retentionCommand() *cobra.Command {
	var messages, files, events string
	cmd := &cobra.Command{
		Use: "retention [--messages D] [--files D] [--events D]", Short: "Show, or say, for how long things are kept", Args: args(),
		Long: `Without flags shows for how long messages, files and the events of streams are kept. With flags says it, for cluster
admins: a number of days as 90d, or a duration as 36h, or forever. What is older goes within an hour, some of it with
every entry; messages with their edits and reactions, files with their contents.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := &pb.SetRetentionRequest{}
			for _, one := range []struct {
				flag, text string
				to         **uint64
			}{{"messages", messages, &r.Messages}, {"files", files, &r.Files}, {"events", events, &r.Events}} {
				if !cmd.Flags().Changed(one.flag) {
					continue
				}
				seconds, err := secondsOf(one.text)
				if err != nil {
					return usageOf(cmd, "--%s: %v", one.flag, err)
				}
				*one.to = &seconds
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				if r.Messages == nil && r.Files == nil && r.Events == nil {
					kept, err := c.GetRetention(ctx, a.fresh())
					if err != nil {
						return err
					}
					return a.printRetention(kept.GetRetention(), kept.GetPosition())
				}
				kept, err := c.SetRetention(ctx, r, a.once())
				if err != nil {
					return err
				}
				return a.printRetention(kept.GetRetention(), kept.GetPosition())
			})
		},
	}
	cmd.Flags().StringVar(&messages, "messages", "", "for how long messages are kept, an hour or more: 90d, 36h, forever")
	cmd.Flags().StringVar(&files, "files", "", "for how long files are kept, an hour or more")
	cmd.Flags().StringVar(&events, "events", "", "for how long streams can go on from a position, a minute or more")
	return cmd
}

func (a *app) printRetention(r *pb.Retention, at uint64) error {
	if a.json {
		return a.printJSON(retentionJSON{r.GetMessages(), r.GetFiles(), r.GetEvents(), at})
	}
	return a.table("WHAT KEPT", [][]string{{"messages", keptText(r.GetMessages())}, {"files", keptText(r.GetFiles())}, {"events", keptText(r.GetEvents())}})
}

const daySeconds = 24 * 60 * 60

// secondsOf reads a time: 90d, 36h, forever.
func secondsOf(text string) (uint64, error) {
	if text == "forever" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 32); err == nil && n > 0 {
			return n * daySeconds, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= time.Second {
		return uint64(d / time.Second), nil
	}
	return 0, fmt.Errorf("%q is no time; write for example 90d, 36h or forever", text)
}

// keptText is what secondsOf reads.
func keptText(seconds uint64) string {
	switch {
	case seconds == 0:
		return "forever"
	case seconds%daySeconds == 0:
		return fmt.Sprintf("%dd", seconds/daySeconds)
	}
	return (time.Duration(seconds) * time.Second).String()
}
