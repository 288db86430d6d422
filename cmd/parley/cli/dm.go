package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// direct is the place of the conversation with a user.
func direct(arg string) (string, error) {
	user, err := userOf(arg)
	return "@" + user, err
}

func (a *app) dmCommand() *cobra.Command {
	send := &cobra.Command{
		Use: "send USER TEXT|-", Short: "Send a direct message; - reads it from stdin", Args: args("USER", "TEXT"),
		ValidArgsFunction: completeEach(a.users),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := direct(args[0])
			if err != nil {
				return err
			}
			return a.send(cmd, place, "", args[1])
		},
	}
	history := a.historyOf("history USER", "Show the messages of a conversation, oldest first", "USER", a.users, func(_ *cobra.Command, arg string) (string, error) {
		return direct(arg)
	})
	return a.group("dm", "Direct conversations", send, history, a.dmListCommand())
}

// conversationJSON is a direct conversation as --json prints it.
type conversationJSON struct {
	ID          string       `json:"id"`
	Place       string       `json:"place"`
	Partner     string       `json:"partner"`
	DisplayName string       `json:"display_name"`
	Online      bool         `json:"online"`
	Unread      uint32       `json:"unread"`
	Mentions    uint32       `json:"mentions"`
	Read        uint64       `json:"read"`
	Last        *messageJSON `json:"last,omitempty"`
}

func (a *app) dmListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show your direct conversations, those with the newest messages first", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllConversations(ctx, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, all, func(c *pb.Conversation) conversationJSON {
					j := conversationJSON{
						c.GetId(), c.GetPlace(), c.GetPartner(), c.GetDisplayName(), c.GetOnline(), c.GetUnread(), c.GetMentions(), c.GetRead(), nil,
					}
					if c.GetLast() != nil {
						last := jsonMessage(c.GetLast())
						j.Last = &last
					}
					return j
				}, "WITH NAME UNREAD LAST ", func(j conversationJSON) []string {
					unread, last, when := "", "", ""
					if j.Unread > 0 {
						unread = fmt.Sprint(j.Unread)
					}
					if j.Last != nil {
						last, when = shortened(j.Last.Sender+": "+j.Last.Text), shownTime(j.Last.Time)
					}
					return []string{"@" + j.Partner, j.DisplayName, unread, when, last}
				}, "no conversations")
			})
		},
	}
}

// shortenedMax is how much of a message stands in a table.
const shortenedMax = 60

// shortened is the beginning of a text, on one line.
func shortened(s string) string {
	runes := []rune(plain.Line(s))
	if len(runes) <= shortenedMax {
		return string(runes)
	}
	return string(runes[:shortenedMax-1]) + "…"
}
