package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) docListCommand() *cobra.Command {
	var deleted, all bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show the documents that you may read, newest first", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				docs, err := collect(c.AllDocuments(ctx, &pb.ListDocumentsRequest{Deleted: deleted, All: all}, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, docs, jsonDoc, "ID TITLE AUTHOR VERSION ROLE LOCKED-BY LEFT UPDATED", func(j docJSON) []string {
					holder, until := "", ""
					if j.Lock != nil {
						holder, until = j.Lock.Holder, left(j.Lock.Left)
					}
					return []string{j.ID, j.Title, j.Author, fmt.Sprint(j.Version), j.Role, holder, until, shownTime(j.Updated)}
				}, "no documents")
			})
		},
	}
	cmd.Flags().BoolVar(&deleted, "deleted", false, "those that were deleted, of which you are an owner")
	cmd.Flags().BoolVar(&all, "all", false, "all that there are, for cluster admins; it is audited")
	return cmd
}

func (a *app) docShowCommand() *cobra.Command {
	var rev uint64
	var at string
	cmd := &cobra.Command{
		Use: "show ID [--rev N] [--at TIME|POS]", Short: "Show a document's content, the newest or an older one", Args: args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := &pb.GetDocumentRequest{DocumentId: args[0], Version: rev}
			if rev == 0 && cmd.Flags().Changed("rev") {
				return usageOf(cmd, "--rev 0: revisions are 1, 2, 3, …; left out, it is the newest")
			}
			if err := atOf(cmd, at, q); err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.GetDocument(ctx, q, a.fresh())
				if err != nil {
					return err
				}
				if !a.json {
					_, err := io.WriteString(a.Out, a.shownContent(r.GetContent()))
					return err
				}
				return a.printJSON(struct {
					ID       string `json:"id"`
					Title    string `json:"title"`
					Version  uint64 `json:"version"`
					Content  string `json:"content"`
					Author   string `json:"author"`
					Time     string `json:"time"`
					Note     string `json:"note"`
					SHA256   string `json:"sha256"`
					Position uint64 `json:"position"`
				}{r.GetDocument().GetId(), r.GetDocument().GetTitle(), r.GetRevision().GetVersion(), string(r.GetContent()), r.GetRevision().GetAuthor(),
					jsonTime(r.GetRevision().GetTime()), r.GetRevision().GetNote(), r.GetRevision().GetSha256(), r.GetRevision().GetPosition()})
			})
		},
	}
	cmd.Flags().Uint64Var(&rev, "rev", 0, "this revision")
	cmd.Flags().StringVar(&at, "at", "", "as it was then (RFC 3339), or at this position")
	return cmd
}

// shownContent is a content as it is written out: for a terminal without what controls it, else byte for byte.
func (a *app) shownContent(content []byte) string {
	if a.onTerminal() {
		return plain.Text(string(content))
	}
	return string(content)
}

// atOf reads --at.
func atOf(cmd *cobra.Command, at string, q *pb.GetDocumentRequest) error {
	if at == "" {
		return nil
	}
	if q.GetVersion() != 0 {
		return usageOf(cmd, "--rev and --at exclude each other")
	}
	if position, err := strconv.ParseUint(at, 10, 64); err == nil && position > 0 {
		q.At = position
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return usageOf(cmd, "--at %s is no position, and no time such as 2026-11-22T14:00:00Z", at)
	}
	q.Time = timestamppb.New(t)
	return nil
}

// revisionJSON is a revision as --json prints it.
type revisionJSON struct {
	Version  uint64 `json:"version"`
	Position uint64 `json:"position"`
	Author   string `json:"author"`
	Time     string `json:"time"`
	Note     string `json:"note"`
	Size     uint64 `json:"size"`
	SHA256   string `json:"sha256"`
	Fence    uint64 `json:"fence,omitempty"`
	Restored uint64 `json:"restored,omitempty"`
}

func (a *app) docHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "history ID", Short: "Show the revisions of a document, newest first", Args: args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllRevisions(ctx, args[0], a.fresh()))
				if err != nil {
					return err
				}
				return list(a, all, func(r *pb.DocumentRevision) revisionJSON {
					return revisionJSON{r.GetVersion(), r.GetPosition(), r.GetAuthor(), jsonTime(r.GetTime()), r.GetNote(), r.GetSize(), r.GetSha256(), r.GetFence(), r.GetRestored()}
				}, "VERSION AUTHOR TIME SIZE NOTE", func(j revisionJSON) []string {
					note := j.Note
					if j.Restored != 0 {
						note = strings.TrimSpace(fmt.Sprintf("(restored %d) %s", j.Restored, note))
					}
					return []string{fmt.Sprint(j.Version), j.Author, shownTime(j.Time), fmt.Sprint(j.Size), note}
				}, "no revisions")
			})
		},
	}
}

func (a *app) docDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use: "diff ID A B", Short: "Show what differs between two revisions", Args: args("ID", "A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var text [2]string
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				for i := range text {
					version, err := versionOf(cmd, args[1+i])
					if err != nil {
						return err
					}
					r, err := c.GetDocument(ctx, &pb.GetDocumentRequest{DocumentId: args[0], Version: version}, a.fresh())
					if err != nil {
						return err
					}
					text[i] = string(r.GetContent())
				}
				diff := udiff.Unified(args[0]+" "+args[1], args[0]+" "+args[2], text[0], text[1])
				if a.json {
					return a.printJSON(map[string]string{"id": args[0], "diff": diff})
				}
				_, err := io.WriteString(a.Out, a.shownContent([]byte(diff)))
				return err
			})
		},
	}
}
