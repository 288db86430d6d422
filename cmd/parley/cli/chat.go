package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) sendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "send PLACE TEXT|-",
		Short: "Send a message; - reads it from stdin",
		Args:  args("PLACE", "TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			channel, err := channel(args[0])
			if err != nil {
				return err
			}
			text := args[1]
			if text == "-" {
				if text, err = a.readText(); err != nil {
					return err
				}
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := a.bounded(cmd.Context())
			defer cancel()
			sent, err := c.SendOnce(ctx, a.requestID, channel, text)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					ID       string `json:"id"`
					Channel  string `json:"channel"`
					Position uint64 `json:"position"`
				}{sent.GetId(), strings.TrimPrefix(sent.GetPlace(), "#"), sent.GetPosition()})
			}
			_, err = fmt.Fprintf(a.Out, "sent %s to %s at position %d\n", sent.GetId(), clean(sent.GetPlace()), sent.GetPosition())
			return err
		},
	}
}

// readText reads a message from stdin, without the new line that ends a text file. Of
// what is too long to be sent it reads just so much that Send says so.
func (a *app) readText() (string, error) {
	b, err := io.ReadAll(io.LimitReader(a.In, client.TextBytesMax+2)) // one too many, and the new line
	if err != nil {
		return "", fmt.Errorf("read stdin: %w", err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

func (a *app) historyCommand() *cobra.Command {
	var o client.HistoryOptions
	var before, after uint64
	cmd := &cobra.Command{
		Use:   "history PLACE",
		Short: "Show messages, oldest first",
		Args:  args("PLACE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Limit < 1 {
				return usageOf(cmd, "-n %d: show at least one message", o.Limit)
			}
			if cmd.Flags().Changed("before") && cmd.Flags().Changed("after") {
				return usageOf(cmd, "--before and --after exclude each other")
			}
			if cmd.Flags().Changed("before") && before == 0 {
				return usageOf(cmd, "--before 0: nothing stands before the first position")
			}
			if o.Channel, err = channel(args[0]); err != nil {
				return err
			}
			o.Before, o.After, o.Stale = raft.Position(before), raft.Position(after), a.stale
			o.Forward = cmd.Flags().Changed("after")
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			messages, err := a.pages(cmd.Context(), c, o)
			if err != nil {
				return err
			}
			return a.printMessages(messages)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Limit, "number", "n", 20, "how many messages")
	f.Uint64Var(&before, "before", 0, "show the last ones before this position")
	f.Uint64Var(&after, "after", 0, "show the first ones after this position")
	return cmd
}

// pages reads o.Limit messages: a page holds at most 1,000, and fewer if they are long.
func (a *app) pages(ctx context.Context, c *client.Client, o client.HistoryOptions) (all []*pb.Message, err error) {
	for number := o.Limit; ; {
		o.Limit = number - len(all)
		page, err := a.page(ctx, c, o)
		if err != nil {
			return nil, err
		}
		got := page.GetMessages()
		if o.Forward {
			all = append(all, got...)
		} else {
			all = append(got, all...)
		}
		if len(all) >= number || len(got) == 0 || !page.GetMore() {
			return all, nil
		}
		if o.Forward {
			o.After = raft.Position(got[len(got)-1].GetPosition())
		} else {
			o.Before = raft.Position(got[0].GetPosition())
		}
	}
}

func (a *app) page(ctx context.Context, c *client.Client, o client.HistoryOptions) (*pb.HistoryResponse, error) {
	ctx, cancel := a.bounded(ctx) // each page has its time
	defer cancel()
	return c.History(ctx, o)
}

// message is a message as --json prints it.
type message struct {
	ID       string `json:"id"`
	Position uint64 `json:"position"`
	Sender   string `json:"sender"`
	Text     string `json:"text"`
	Time     string `json:"time"`
}

func jsonMessage(m *pb.Message) message {
	return message{m.GetId(), m.GetPosition(), m.GetSender(), m.GetText(),
		m.GetTime().AsTime().UTC().Format(time.RFC3339Nano)}
}

func (a *app) printMessages(messages []*pb.Message) error {
	if a.json {
		all := make([]message, 0, len(messages))
		for _, m := range messages {
			all = append(all, jsonMessage(m))
		}
		return a.printJSON(all)
	}
	for _, m := range messages {
		if err := a.printMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// printMessage writes a message for a person:
//
//	12  2026-11-22 00:21:36  anonymous: hello
func (a *app) printMessage(m *pb.Message) error {
	dim, bold := style(a.Out, "2"), style(a.Out, "1")
	_, err := fmt.Fprintf(a.Out, "%s %s: %s\n",
		dim(fmt.Sprintf("%-6d %s ", m.GetPosition(), m.GetTime().AsTime().Local().Format(time.DateTime))),
		bold(clean(m.GetSender())), clean(m.GetText()))
	return err
}

func (a *app) tailCommand() *cobra.Command {
	var from uint64
	cmd := &cobra.Command{
		Use:   "tail PLACE",
		Short: "Show messages as they come, until Ctrl-C",
		Long: `Shows messages as they come, each once and in order, until Ctrl-C. When the node that
streams dies, another one goes on where it stopped. --timeout bounds the wait for the
first connection.`,
		Args: args("PLACE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := client.TailOptions{ConnectMax: a.timeout}
			if o.Channel, err = channel(args[0]); err != nil {
				return err
			}
			if cmd.Flags().Changed("from") {
				position := raft.Position(from)
				o.From = &position
			}
			stream := trouble{note: a.note, now: time.Now}
			o.OnTrouble = stream.interrupted
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			for m, err := range c.Tail(cmd.Context(), o) {
				if err != nil {
					return err
				}
				stream.goesOn()
				if err := a.printEvent(o.Channel, m); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "begin after this position instead of now; 0 is the beginning")
	return cmd
}

func (a *app) printEvent(channel string, m *pb.Message) error {
	if !a.json {
		return a.printMessage(m)
	}
	j := jsonMessage(m)
	return a.printJSON(struct {
		Position uint64 `json:"position"`
		Type     string `json:"type"`
		ID       string `json:"id"`
		Channel  string `json:"channel"`
		Sender   string `json:"sender"`
		Text     string `json:"text"`
		Time     string `json:"time"`
	}{j.Position, "message", j.ID, channel, j.Sender, j.Text, j.Time})
}
