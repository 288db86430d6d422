package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// messageCommands are those that work on messages which are there.
func (a *app) messageCommands() []*cobra.Command {
	unsend := a.deed(deed{
		use: "unsend MSG", short: "Delete a message of yours, or, as an admin of the channel, any", args: []string{"MSG"}, said: "%s is deleted",
		do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
			j.ID = args[0]
			return c.Unsend(ctx, args[0], a.once())
		},
	})
	return []*cobra.Command{a.editCommand(), unsend, a.editsCommand(), a.threadCommand(), a.reactCommand(), a.mentionsCommand(), a.readCommand()}
}

// messageJSON is a message as --json prints it.
type messageJSON struct {
	ID        string         `json:"id"`
	Place     string         `json:"place"`
	Position  uint64         `json:"position"`
	Sender    string         `json:"sender"`
	Text      string         `json:"text"`
	Time      string         `json:"time"`
	ReplyTo   string         `json:"reply_to,omitempty"`
	Replies   uint32         `json:"replies,omitempty"`
	Mentions  []string       `json:"mentions,omitempty"`
	Edited    string         `json:"edited,omitempty"`
	Deleted   *deletionJSON  `json:"deleted,omitempty"`
	Reactions []reactionJSON `json:"reactions,omitempty"`
}

type deletionJSON struct {
	By      string `json:"by"`
	ByAdmin bool   `json:"by_admin"`
	Time    string `json:"time"`
}

type reactionJSON struct {
	Emoji string `json:"emoji"`
	Count uint32 `json:"count"`
	Mine  bool   `json:"mine"`
}

func jsonMessage(m *pb.Message) messageJSON {
	j := messageJSON{
		ID: m.GetId(), Place: m.GetPlace(), Position: m.GetPosition(), Sender: m.GetSender(), Text: m.GetText(), Time: jsonTime(m.GetTime()),
		ReplyTo: m.GetReplyTo(), Replies: m.GetReplies(), Mentions: m.GetMentions(), Edited: jsonTime(m.GetEdited()),
		Reactions: jsonReactions(m.GetReactions()),
	}
	if d := m.GetDeleted(); d != nil {
		j.Deleted = &deletionJSON{d.GetUsername(), d.GetByAdmin(), jsonTime(d.GetTime())}
	}
	return j
}

func jsonReactions(all []*pb.Reaction) (j []reactionJSON) {
	for _, r := range all {
		j = append(j, reactionJSON{r.GetEmoji(), r.GetCount(), r.GetMine()})
	}
	return j
}

// printMessages prints messages in their order; placed: a person is told where each stands. Without a message none says so to him.
func (a *app) printMessages(messages []*pb.Message, placed bool, none string) error {
	if a.json {
		all := make([]messageJSON, 0, len(messages))
		for _, m := range messages {
			all = append(all, jsonMessage(m))
		}
		return a.printJSON(all)
	}
	if len(messages) == 0 {
		a.note("%s", none)
	}
	for _, m := range messages {
		if err := a.printMessage(m, placed); err != nil {
			return err
		}
	}
	return nil
}

// printMessage writes a message for a person:
//
//	12  2026-11-22 00:21:36  #tech  alice: hello  (msg_c; edited; 👍 2; 3 replies)
func (a *app) printMessage(m *pb.Message, placed bool) error {
	dim, bold := a.style("2"), a.style("1")
	head := fmt.Sprintf("%-6d %s ", m.GetPosition(), m.GetTime().AsTime().Local().Format(time.DateTime))
	if placed {
		head += plain.Line(m.GetPlace()) + " "
	}
	text := clean(m.GetText())
	if d := m.GetDeleted(); d != nil {
		text = "(deleted)"
		if d.GetByAdmin() {
			text = "(deleted by the admin " + plain.Line(d.GetUsername()) + ")"
		}
	}
	notes := []string{plain.Line(m.GetId())}
	if m.GetReplyTo() != "" {
		notes = append(notes, "answers "+plain.Line(m.GetReplyTo()))
	}
	if m.GetEdits() > 0 && m.GetDeleted() == nil {
		notes = append(notes, "edited")
	}
	for _, r := range m.GetReactions() {
		notes = append(notes, fmt.Sprintf("%s %d", plain.Line(r.GetEmoji()), r.GetCount()))
	}
	if n := m.GetReplies(); n > 0 {
		notes = append(notes, fmt.Sprintf("replies: %d", n))
	}
	_, err := fmt.Fprintf(a.Out, "%s %s: %s  %s\n", dim(head), bold(plain.Line(m.GetSender())), text, dim("("+strings.Join(notes, "; ")+")"))
	return err
}

func (a *app) editCommand() *cobra.Command {
	return &cobra.Command{
		Use: "edit MSG TEXT|-", Short: "Give a message of yours another text", Args: args("MSG", "TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := a.textOf(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.Edit(ctx, args[0], text, a.once())
				if err != nil {
					return err
				}
				return a.print(struct {
					Message  messageJSON `json:"message"`
					Position uint64      `json:"position"`
				}{jsonMessage(r.GetMessage()), r.GetPosition()}, "%s is edited", plain.Line(args[0]))
			})
		},
	}
}

func (a *app) editsCommand() *cobra.Command {
	type revision struct {
		Position uint64 `json:"position"`
		Text     string `json:"text"`
		Time     string `json:"time"`
	}
	return &cobra.Command{
		Use: "edits MSG", Short: "Show the texts that a message had, oldest first", Args: args("MSG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.EditsOf(ctx, args[0], a.fresh())
				if err != nil {
					return err
				}
				return list(a, r.GetRevisions(), func(r *pb.Revision) revision {
					return revision{r.GetPosition(), r.GetText(), jsonTime(r.GetTime())}
				}, "POSITION TIME TEXT", func(j revision) []string {
					return []string{fmt.Sprint(j.Position), shownTime(j.Time), j.Text}
				}, "no texts")
			})
		},
	}
}

func (a *app) threadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "thread MSG", Short: "Show a message and all replies to it", Args: args("MSG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				var all []*pb.Message
				for after := uint64(0); ; {
					page, err := c.Thread(ctx, &pb.ThreadRequest{MessageId: args[0], Limit: 1000, After: after}, a.fresh())
					if err != nil {
						return err
					}
					if len(all) == 0 {
						all = append(all, page.GetRoot())
					}
					all = append(all, page.GetReplies()...)
					if !page.GetMore() || len(page.GetReplies()) == 0 {
						return a.printMessages(all, false, "no messages") // the root is one
					}
					after = all[len(all)-1].GetPosition()
				}
			})
		},
	}
}

func (a *app) reactCommand() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use: "react MSG EMOJI [--remove]", Short: "Add an emoji to a message, or take it back", Args: args("MSG", "EMOJI"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.React(ctx, args[0], args[1], remove, a.once())
				if err != nil {
					return err
				}
				j := struct {
					ID        string         `json:"id"`
					Reactions []reactionJSON `json:"reactions"`
					Position  uint64         `json:"position"`
				}{args[0], append([]reactionJSON{}, jsonReactions(r.GetReactions())...), r.GetPosition()}
				var now []string
				for _, r := range j.Reactions {
					now = append(now, fmt.Sprintf("%s %d", plain.Line(r.Emoji), r.Count))
				}
				return a.print(j, "%s has %s", plain.Line(args[0]), strings.Join(append(now, "no other reactions")[:max(1, len(now))], ", "))
			})
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take it back")
	return cmd
}

func (a *app) mentionsCommand() *cobra.Command {
	r := &pb.MentionsRequest{}
	cmd := &cobra.Command{
		Use: "mentions [--unread] [--cursor C]", Short: "Show the messages that mention you, newest first", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				page, err := c.Mentions(ctx, r, a.fresh())
				if err != nil {
					return err
				}
				none := "no mentions"
				if r.GetUnread() {
					none = "no unread mentions"
				}
				if err := a.printMessages(page.GetMessages(), true, none); err != nil {
					return err
				}
				a.more(page.GetNextCursor())
				if n := page.GetUnread(); n > 0 && !a.json {
					a.note("unread mentions: %d", n)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&r.Unread, "unread", false, "only those that you have not read")
	cmd.Flags().StringVar(&r.Cursor, "cursor", "", "go on with this page")
	return cmd
}

// more tells how to see what lies behind a page. With --json it does so on stderr, too: the data is an array.
func (a *app) more(cursor string) {
	if cursor != "" {
		a.note("there is more: --cursor %s", plain.Line(cursor))
	}
}

func (a *app) readCommand() *cobra.Command {
	return &cobra.Command{
		Use: "read PLACE [POS]", Short: "Say that you have read a place, all of it or up to a position", Args: args("PLACE", "[POS]"),
		ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			var through uint64
			if len(args) > 1 {
				if through, err = strconv.ParseUint(args[1], 10, 53); err != nil || through == 0 {
					return usageOf(cmd, "%q is no position", args[1])
				}
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.MarkRead(ctx, place, through, a.once())
				if err != nil {
					return err
				}
				return a.print(struct {
					Place    string `json:"place"`
					Read     uint64 `json:"read"`
					Unread   uint32 `json:"unread"`
					Mentions uint32 `json:"mentions"`
					Position uint64 `json:"position"`
				}{place, r.GetRead(), r.GetUnread(), r.GetMentions(), r.GetPosition()}, "unread: %d", r.GetUnread())
			})
		},
	}
}
