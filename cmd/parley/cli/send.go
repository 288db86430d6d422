package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
)

func (a *app) sendCommand() *cobra.Command {
	var replyTo string
	cmd := &cobra.Command{
		Use:   "send PLACE TEXT|-",
		Short: "Send a message; - reads it from stdin",
		Args:  args("PLACE", "TEXT"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			return a.send(cmd, place, replyTo, args[1])
		},
	}
	cmd.Flags().StringVar(&replyTo, "reply-to", "", "the message that this one answers")
	return cmd
}

// send sends a text, or what stands on stdin.
func (a *app) send(cmd *cobra.Command, place, replyTo, text string) error {
	text, err := a.textOf(cmd.Context(), text)
	if err != nil {
		return err
	}
	return a.with(cmd, func(ctx context.Context, c *client.Client) error {
		sent, err := c.Reply(ctx, place, replyTo, text, a.once())
		if err != nil {
			return err
		}
		return a.print(struct {
			ID       string `json:"id"`
			Channel  string `json:"channel"`
			Place    string `json:"place"`
			Position uint64 `json:"position"`
		}{sent.GetId(), bare(sent.GetPlace()), sent.GetPlace(), sent.GetPosition()},
			"sent %s to %s at position %d", plain.Line(sent.GetId()), plain.Line(sent.GetPlace()), sent.GetPosition())
	})
}

// bare is a place as the field "channel" has it: a channel without its sign, a conversation with it.
func bare(place string) string { return strings.TrimPrefix(place, "#") }

// textOf is a text argument, or, if that is -, what stands on stdin.
func (a *app) textOf(ctx context.Context, arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	return a.readText(ctx)
}

// readText reads a message from stdin, without the new line that ends a text file. Of
// what is too long to be sent it reads just so much that Send says so.
func (a *app) readText(ctx context.Context) (string, error) {
	b, err := io.ReadAll(io.LimitReader(input{ctx, a.In}, client.TextBytesMax+2)) // one too many, and the new line
	if err != nil {
		return "", fmt.Errorf("read stdin: %w", err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}
