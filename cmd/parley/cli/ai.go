package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/parley/keep"
	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// aiTimeout is how long a model is waited for, if --timeout says nothing.
const aiTimeout = 90 * time.Second

func (a *app) aiCommand() *cobra.Command {
	cmd := a.group("ai", "Help with reading and writing, by a model if the cluster has one",
		a.aiReplyCommand(), a.aiSummarizeCommand(), a.aiSuggestCommand(), a.aiAskCommand(),
		a.aiDocumentCommand("doc-summarize", "Say in three lines what a document is about", pb.DocumentTask_DOCUMENT_TASK_SUMMARIZE),
		a.aiDocumentCommand("doc-grammar", "Correct a document", pb.DocumentTask_DOCUMENT_TASK_GRAMMAR),
		a.aiDocumentCommand("doc-enhance", "Write a document better", pb.DocumentTask_DOCUMENT_TASK_ENHANCE),
		a.aiSetCommand(), a.aiBackendCommand())
	cmd.Long = `Suggests, summarises, answers and corrects. Every answer says where it is from: by a model of the cluster, or, marked
offline, without one. A model reads what you may read, and nothing is sent or changed but by you: with --send and --apply.
A --timeout that is not given is 90s.`
	return cmd
}

// originJSON is where an answer is from, in JSON.
type originJSON struct {
	Source string `json:"source"`
	Model  string `json:"model,omitempty"`
	Note   string `json:"note,omitempty"`
}

func jsonOrigin(o *pb.Origin) originJSON { return originJSON{o.GetSource(), o.GetModel(), o.GetNote()} }

// by tells a person, beside the answer, where it is from.
func (a *app) by(o *pb.Origin) {
	from := o.GetSource()
	if o.GetModel() != "" {
		from += ", " + o.GetModel()
	}
	a.note("by %s", plain.Line(from))
	if o.GetNote() != "" {
		a.note("%s", plain.Line(o.GetNote()))
	}
}

// withModel is with for what waits for a model.
func (a *app) withModel(cmd *cobra.Command, do func(context.Context, *client.Client) error) error {
	if !cmd.Flags().Changed("timeout") {
		a.timeout = aiTimeout
	}
	return a.with(cmd, do)
}

// replyJSON is what ai reply prints.
type replyJSON struct {
	Suggestions []string `json:"suggestions"`
	originJSON
	Sent     int    `json:"sent,omitempty"` // which of them, from 1 on
	ID       string `json:"id,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Position uint64 `json:"position,omitempty"`
}

func (a *app) aiReplyCommand() *cobra.Command {
	var number int
	cmd := &cobra.Command{
		Use: "reply PLACE [--send N]", Short: "Suggest three answers to the last messages, and send one of them", Args: args("PLACE"),
		ValidArgsFunction: completeEach(a.places),
		Long: `Suggests three answers to the last five messages of a place. With --send the one of that number is sent, of
those that were shown last for this place; if none were, new ones are made and shown.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("send") && (number < 1 || number > 3) {
				return usageOf(cmd, "--send is the number of a suggestion, 1 to 3")
			}
			dir, c, err := a.inUse()
			if err != nil {
				return err
			}
			return a.withModel(cmd, func(ctx context.Context, cl *client.Client) error {
				if number == 0 {
					_, err := a.suggestReplies(ctx, cl, dir, c.Name, where, true)
					return err
				}
				return a.sendSuggested(ctx, cl, dir, c.Name, where, number)
			})
		},
	}
	cmd.Flags().IntVar(&number, "send", 0, "send the suggestion of this number")
	return cmd
}

// suggestReplies has replies suggested, remembers them, and prints them if that is all that is wanted.
func (a *app) suggestReplies(ctx context.Context, c *client.Client, dir keep.Dir, name, where string, alone bool) (keep.Suggested, error) {
	r, err := c.SmartReply(ctx, where, a.fresh())
	if err != nil {
		return keep.Suggested{}, err
	}
	s := keep.Suggested{Login: c.Credentials().Login, Place: strings.TrimPrefix(where, "#"), Texts: r.GetSuggestions(), From: r.GetOrigin().GetSource()}
	if err := dir.PutSuggested(name, s); err != nil {
		a.note("what is suggested could not be kept for --send: %v", err)
	}
	if a.json {
		if !alone {
			return s, nil
		}
		return s, a.printJSON(replyJSON{Suggestions: r.GetSuggestions(), originJSON: jsonOrigin(r.GetOrigin())})
	}
	for i, text := range r.GetSuggestions() {
		fmt.Fprintf(a.Out, "%d  %s\n", i+1, plain.Line(text))
	}
	a.by(r.GetOrigin())
	return s, nil
}

// sendSuggested sends what was shown.
func (a *app) sendSuggested(ctx context.Context, c *client.Client, dir keep.Dir, name, where string, number int) error {
	s, err := dir.Suggested(name)
	if err != nil {
		return err
	}
	if s.Login != c.Credentials().Login || s.Place != strings.TrimPrefix(where, "#") || len(s.Texts) == 0 {
		if s, err = a.suggestReplies(ctx, c, dir, name, where, false); err != nil {
			return err
		}
	}
	if number > len(s.Texts) {
		return fmt.Errorf("there is no suggestion %d", number)
	}
	text := s.Texts[number-1]
	sent, err := c.Send(ctx, where, text, a.once())
	if err != nil {
		return err
	}
	if err := dir.DropSuggested(name); err != nil {
		a.note("the suggestions could not be forgotten: %v", err)
	}
	return a.print(replyJSON{Suggestions: s.Texts, originJSON: originJSON{Source: s.From}, Sent: number, ID: sent.GetId(), Channel: bare(sent.GetPlace()), Position: sent.GetPosition()},
		"sent %s to %s: %s", plain.Line(sent.GetId()), plain.Line(sent.GetPlace()), plain.Line(text))
}

func (a *app) aiSummarizeCommand() *cobra.Command {
	var number int
	cmd := &cobra.Command{
		Use: "summarize PLACE [-n 20]", Short: "Say what the last messages are about", Args: args("PLACE"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			if number < 5 || number > 100 {
				return usageOf(cmd, "-n %d: a summary is of 5 to 100 messages", number)
			}
			return a.withModel(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.Summarize(ctx, where, number, a.fresh())
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(struct {
						Summary   string   `json:"summary"`
						KeyPoints []string `json:"key_points"`
						originJSON
					}{r.GetSummary(), listOf(r.GetKeyPoints()), jsonOrigin(r.GetOrigin())})
				}
				fmt.Fprintln(a.Out, plain.Line(r.GetSummary()))
				for _, p := range r.GetKeyPoints() {
					fmt.Fprintf(a.Out, "- %s\n", plain.Line(p))
				}
				a.by(r.GetOrigin())
				return nil
			})
		},
	}
	cmd.Flags().IntVarP(&number, "number", "n", 20, "how many messages")
	return cmd
}

// listOf is a list that JSON has as one, be it empty.
func listOf(texts []string) []string { return append([]string{}, texts...) }

func (a *app) aiSuggestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "suggest PLACE TEXT", Short: "Say how a text could go on", Args: args("PLACE", "TEXT"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			text, err := a.textOf(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			return a.withModel(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.Suggest(ctx, where, text, a.fresh())
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(struct {
						Completions []string `json:"completions"`
						Topics      []string `json:"topics"`
						originJSON
					}{listOf(r.GetCompletions()), listOf(r.GetTopics()), jsonOrigin(r.GetOrigin())})
				}
				for _, t := range r.GetCompletions() {
					fmt.Fprintln(a.Out, plain.Line(t))
				}
				if len(r.GetTopics()) > 0 {
					fmt.Fprintln(a.Out, "topics: "+plain.Line(strings.Join(r.GetTopics(), ", ")))
				}
				a.by(r.GetOrigin())
				return nil
			})
		},
	}
}

// textJSON is an answer that is a text.
type textJSON struct {
	Text string `json:"text"`
	originJSON
	Version  uint64 `json:"version,omitempty"`  // of the document that was read, or that was made of it
	Applied  bool   `json:"applied,omitempty"`  // it is the document's content
	Position uint64 `json:"position,omitempty"` // of the revision
}

func (a *app) aiAskCommand() *cobra.Command {
	var in string
	cmd := &cobra.Command{
		Use: "ask QUESTION [--in PLACE]", Short: "Ask a question, about what was said in a place if one is named", Args: args("QUESTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			question, err := a.textOf(cmd.Context(), args[0])
			if err == nil && in != "" {
				_, err = place(cmd, in)
			}
			if err != nil {
				return err
			}
			return a.withModel(cmd, func(ctx context.Context, c *client.Client) error { return a.answerTo(ctx, c, question, in) })
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "the place whose messages may be answered from")
	_ = cmd.RegisterFlagCompletionFunc("in", func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		return a.places(toComplete), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// answerTo asks, and shows the answer line by line as it comes: a piece may be half of what has to be cleaned.
func (a *app) answerTo(ctx context.Context, c *client.Client, question, in string) error {
	var all, line strings.Builder
	show := func(rest string) error {
		for {
			head, tail, whole := strings.Cut(rest, "\n")
			line.WriteString(head)
			if !whole {
				return nil
			}
			if _, err := fmt.Fprintln(a.Out, plain.Line(line.String())); err != nil {
				return err
			}
			line.Reset()
			rest = tail
		}
	}
	origin, err := c.Ask(ctx, question, in, func(piece string, anew bool) error {
		if anew {
			if all.Len() > 0 && !a.json {
				_ = show("\n")
				a.note("the model broke off; another answer follows")
			}
			all.Reset()
			line.Reset()
			return nil
		}
		all.WriteString(piece)
		if a.json {
			return nil
		}
		return show(piece)
	}, a.fresh())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(textJSON{Text: strings.TrimSpace(all.String()), originJSON: jsonOrigin(origin)})
	}
	if line.Len() > 0 {
		_ = show("\n")
	}
	a.by(origin)
	return nil
}

func (a *app) aiSetCommand() *cobra.Command {
	var external string
	cmd := &cobra.Command{
		Use: "set PLACE|DOC --external on|off", Short: "Say whether an external model may read what is written there", Args: args("PLACE|DOC"),
		ValidArgsFunction: completeEach(a.places),
		Long: `Says whether what is written in a place or a document may leave the machine, for the external backend that an admin of the
cluster named (parley ai backend NAME). Of a channel or a document it may until somebody who looks after it says no; of a conversation
not before both of its parties have said yes. Without --external it shows what holds. That no model at all may read a channel or a
document says parley channel set NAME --ai off, and parley doc set ID --ai off.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes := cmd.Flags().Changed("external")
			if changes && external != "on" && external != "off" {
				return usageOf(cmd, "--external is on or off, and not %q", external)
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				if !changes {
					r, err := c.GetAssistance(ctx, args[0], a.fresh())
					if err != nil {
						return err
					}
					return a.printAssistance(r.GetAssistance())
				}
				r, err := c.SetExternal(ctx, args[0], external == "on", a.once())
				if err != nil {
					return err
				}
				return a.printAssistance(r.GetAssistance())
			})
		},
	}
	cmd.Flags().StringVar(&external, "external", "", "whether it may leave the machine: on, or off")
	return cmd
}

func (a *app) aiBackendCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backend [NAME|off]", Short: "Name the external backend that texts may go to, or show it", Args: args("[NAME|off]"),
		Long: `Names the external backend that texts may go to: gemini or openai, as docs/ai.md has them. As long as none is named no text
leaves the machine, whatever the LLM server was started with. It is for admins of the cluster, and audited.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				if len(args) == 0 {
					r, err := c.GetAssistance(ctx, "", a.fresh())
					if err != nil {
						return err
					}
					return a.printAssistance(r.GetAssistance())
				}
				named := args[0]
				if named == "off" {
					named = ""
				}
				r, err := c.NameBackend(ctx, named, a.once())
				if err != nil {
					return err
				}
				return a.printAssistance(r.GetAssistance())
			})
		},
	}
}

// printAssistance says which models may read something.
func (a *app) printAssistance(s *pb.Assistance) error {
	if a.json {
		return a.printJSON(struct {
			Of       string `json:"of,omitempty"`
			AI       bool   `json:"ai"`
			Backend  string `json:"backend"`
			External bool   `json:"external"`
			Mine     bool   `json:"mine,omitempty"`
			Other    bool   `json:"other,omitempty"`
		}{s.GetOf(), s.GetAi(), s.GetBackend(), s.GetExternal(), s.GetMine(), s.GetOther()})
	}
	of, named := plain.Line(s.GetOf()), plain.Line(s.GetBackend())
	switch {
	case of == "" && named == "":
		fmt.Fprintln(a.Out, "no external backend is named: nothing leaves the machine")
	case of == "":
		fmt.Fprintf(a.Out, "texts may go to the external backend %s\n", named)
	case !s.GetAi():
		fmt.Fprintf(a.Out, "no model reads %s\n", of)
	case s.GetExternal() && named == "":
		fmt.Fprintf(a.Out, "%s may go to an external backend, and none is named\n", of)
	case s.GetExternal():
		fmt.Fprintf(a.Out, "%s may go to the external backend %s\n", of, named)
	case s.GetMine():
		fmt.Fprintf(a.Out, "%s stays on the machine: the other has not agreed\n", of)
	case s.GetOther():
		fmt.Fprintf(a.Out, "%s stays on the machine: you have not agreed\n", of)
	default:
		fmt.Fprintf(a.Out, "%s stays on the machine\n", of)
	}
	return nil
}
