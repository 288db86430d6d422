package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// documentNotes is what is said of a revision that a model made.
var documentNotes = map[pb.DocumentTask]string{
	pb.DocumentTask_DOCUMENT_TASK_SUMMARIZE: "summary",
	pb.DocumentTask_DOCUMENT_TASK_GRAMMAR:   "grammar",
	pb.DocumentTask_DOCUMENT_TASK_ENHANCE:   "enhanced",
}

func (a *app) aiDocumentCommand(name, short string, task pb.DocumentTask) *cobra.Command {
	var apply bool
	u := &pb.UpdateDocumentRequest{}
	cmd := &cobra.Command{
		Use: name + " ID [--apply]", Short: short, Args: args("ID"), ValidArgsFunction: completeEach(a.documents),
		Long: short + `. With --apply what is shown becomes the document's newest revision, under its lock, unless somebody wrote
meanwhile: then nothing is changed and the exit code is 6. The lock is taken for that and given back, unless this login has it
already or --fence shows it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			u.DocumentId = args[0]
			if !apply && (cmd.Flags().Changed("fence") || cmd.Flags().Changed("if-version")) {
				return usageOf(cmd, "--fence and --if-version are for --apply")
			}
			return a.withModel(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.AssistDocument(ctx, args[0], task, a.fresh())
				if err != nil {
					return err
				}
				j := textJSON{Text: r.GetText(), originJSON: jsonOrigin(r.GetOrigin()), Version: r.GetVersion()}
				if apply {
					err = a.applyText(ctx, c, u, task, r, &j)
				}
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(j)
				}
				_, err = io.WriteString(a.Out, plain.Text(r.GetText()))
				if !strings.HasSuffix(r.GetText(), "\n") {
					fmt.Fprintln(a.Out)
				}
				a.by(r.GetOrigin())
				if j.Applied {
					a.note("%s is at version %d", plain.Line(args[0]), j.Version)
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&apply, "apply", false, "make it the document's newest revision")
	f.Uint64Var(&u.Fence, "fence", 0, "of the document's lock")
	f.Uint64Var(&u.IfVersion, "if-version", 0, "only if the document is at this version")
	f.StringVar(&u.Note, "note", "", "what is said of the revision")
	return cmd
}

// applyText makes a revision of what was shown: of the very text, and only if nobody wrote since it was made.
func (a *app) applyText(ctx context.Context, c *client.Client, u *pb.UpdateDocumentRequest, task pb.DocumentTask, r *pb.AssistDocumentResponse, j *textJSON) error {
	switch {
	case u.GetIfVersion() == 0:
		u.IfVersion = r.GetVersion()
	case u.GetIfVersion() != r.GetVersion():
		return &client.Error{Code: codes.Aborted, Reason: "VERSION_CONFLICT", Text: fmt.Sprintf("The document %s is at version %d, and not %d.", u.GetDocumentId(), r.GetVersion(), u.GetIfVersion())}
	}
	if u.GetNote() == "" {
		u.Note = documentNotes[task] + " by " + r.GetOrigin().GetSource()
	}
	u.Content = []byte(r.GetText())
	if task == pb.DocumentTask_DOCUMENT_TASK_SUMMARIZE {
		was, err := c.GetDocument(ctx, &pb.GetDocumentRequest{DocumentId: u.GetDocumentId(), Version: r.GetVersion()})
		if err != nil {
			return err
		}
		u.Content = []byte(withSummary(string(was.GetContent()), r.GetText()))
	}
	if u.GetFence() == 0 {
		held, err := c.Lock(ctx, u.GetDocumentId(), client.LockOptions{TTL: time.Minute})
		switch other, ok := errors.AsType[*client.HeldError](err); {
		case ok && other.Lock.GetMine(): // this login's own: the update takes it
		case ok: // the update says who has it
		case err != nil:
			return err
		default:
			u.Fence = held.Fence
			defer func() { _ = a.release(context.WithoutCancel(ctx), held) }() // else it ends with its time
		}
	}
	got, err := c.UpdateDocument(ctx, u, a.once())
	if err != nil {
		return err
	}
	j.Applied, j.Version, j.Position = true, got.GetDocument().GetVersion(), got.GetPosition()
	return nil
}

// summaryHeading stands above the summary that --apply puts before a document.
const summaryHeading = "## Summary"

// withSummary returns a document with a summary on top, in the place of the one that it has.
func withSummary(content, summary string) string {
	if rest, ok := strings.CutPrefix(content, summaryHeading+"\n\n"); ok {
		for strings.HasPrefix(rest, "- ") {
			_, rest, _ = strings.Cut(rest, "\n")
		}
		content = strings.TrimPrefix(rest, "\n")
	}
	return summaryHeading + "\n\n" + strings.TrimRight(summary, "\n") + "\n\n" + content
}
