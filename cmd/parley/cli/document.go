package cli

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) docCommand() *cobra.Command {
	cmd := a.group("doc", "Documents: texts with a history, an access list and a lock",
		a.docCreateCommand(), a.docListCommand(), a.docShowCommand(), a.docEditCommand(), a.docUpdateCommand(), a.docHistoryCommand(), a.docDiffCommand(),
		a.docRestoreCommand(), a.docSetCommand(), a.docShareCommand(), a.docUnshareCommand(), a.docAccessCommand(),
		a.deed(deed{
			use: "delete ID", short: "Delete a document; undelete brings it back", args: []string{"ID"}, said: "%s is deleted",
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
				j.ID = args[0]
				return c.DeleteDocument(ctx, args[0], a.once())
			}}),
		a.deed(deed{
			use: "undelete ID", short: "Bring a document back", args: []string{"ID"}, said: "%s is back",
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
				j.ID = args[0]
				return c.UndeleteDocument(ctx, args[0], a.once())
			}}))
	for _, below := range cmd.Commands() {
		if strings.Contains(below.Use, " ID") {
			below.ValidArgsFunction = completeEach(a.documents)
		}
	}
	return cmd
}

// docJSON is a document as --json prints it.
type docJSON struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Author   string    `json:"author"`
	Version  uint64    `json:"version"`
	Position uint64    `json:"position"`
	Size     uint64    `json:"size"`
	Role     string    `json:"role"`
	LockMode string    `json:"lock_mode"`
	Lock     *lockJSON `json:"lock,omitempty"`
	Updated  string    `json:"updated"`
	By       string    `json:"updated_by"`
	Deleted  bool      `json:"deleted,omitempty"`
	AI       bool      `json:"ai"`
}

var (
	roleWords = map[pb.DocumentRole]string{pb.DocumentRole_DOCUMENT_ROLE_VIEWER: "viewer", pb.DocumentRole_DOCUMENT_ROLE_EDITOR: "editor", pb.DocumentRole_DOCUMENT_ROLE_OWNER: "owner"}
	modeWords = map[pb.LockMode]string{pb.LockMode_LOCK_MODE_REQUIRED: "required", pb.LockMode_LOCK_MODE_ADVISORY: "advisory"}
)

// worded returns the value of a word.
func worded[T comparable](words map[T]string, word string) (value T, ok bool) {
	for v, w := range words {
		if w == word {
			return v, true
		}
	}
	return value, false
}

func jsonDoc(d *pb.Document) docJSON {
	j := docJSON{d.GetId(), d.GetTitle(), d.GetAuthor(), d.GetVersion(), d.GetPosition(), d.GetSize(), roleWords[d.GetRole()], modeWords[d.GetLockMode()], nil,
		jsonTime(d.GetUpdated()), d.GetUpdatedBy(), d.GetDeleted(), !d.GetNoAi()}
	if d.GetLock().GetFence() != 0 {
		l := jsonLock(d.GetLock())
		j.Lock = &l
	}
	return j
}

// contentOf reads what --file names.
func (a *app) contentOf(cmd *cobra.Command, path string) ([]byte, error) {
	switch path {
	case "":
		return nil, usageOf(cmd, "--file is missing; - reads stdin")
	case "-":
		return io.ReadAll(io.LimitReader(input{cmd.Context(), a.In}, contentBytesMax))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(input{cmd.Context(), f}, contentBytesMax))
}

// contentBytesMax bounds what is read: one byte more than a document may have, so that what is too long is refused and
// not cut.
const contentBytesMax = 1<<20 + 1

func (a *app) docCreateCommand() *cobra.Command {
	var title, file, mode, note string
	cmd := &cobra.Command{
		Use: "create --title T --file PATH|- [--lock required|advisory]", Short: "Make a document, which is yours alone until you share it", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lock, ok := worded(modeWords, mode)
			if !ok {
				return usageOf(cmd, "--lock is required or advisory, and not %q", mode)
			}
			content, err := a.contentOf(cmd, file)
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.CreateDocument(ctx, &pb.CreateDocumentRequest{Title: title, Content: content, Note: note, LockMode: lock}, a.once())
				if err != nil {
					return err
				}
				j := jsonDoc(r.GetDocument())
				return a.print(j, "%s is %s", plain.Line(j.Title), plain.Line(j.ID))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&title, "title", "", "what it is called")
	f.StringVar(&file, "file", "", "its content; - is stdin")
	f.StringVar(&mode, "lock", "required", "whether it is written under its lock only")
	f.StringVar(&note, "note", "", "what is said of the first revision")
	return cmd
}

func (a *app) docUpdateCommand() *cobra.Command {
	r := &pb.UpdateDocumentRequest{}
	var file string
	cmd := &cobra.Command{
		Use: "update ID [--fence F] [--if-version N] [--note T] --file PATH|-", Short: "Give a document another content", Args: args("ID"),
		Long: `Gives a document another content, as a new revision. Without --fence the lock of this login is taken, if it has it. If
somebody else holds the lock, or it is required and nobody does, or the document is not at --if-version, the exit code is 6.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.DocumentId = args[0]
			if r.Content, err = a.contentOf(cmd, file); err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				got, err := c.UpdateDocument(ctx, r, a.once())
				if err != nil {
					return err
				}
				return a.written(got.GetDocument())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "the content; - is stdin")
	f.Uint64Var(&r.Fence, "fence", 0, "of the document's lock")
	f.Uint64Var(&r.IfVersion, "if-version", 0, "only if the document is at this version")
	f.StringVar(&r.Note, "note", "", "what is said of the revision")
	return cmd
}

// written says which version a document is at.
func (a *app) written(d *pb.Document) error {
	j := jsonDoc(d)
	return a.print(j, "%s is at version %d", plain.Line(j.ID), j.Version)
}

func (a *app) docRestoreCommand() *cobra.Command {
	r := &pb.RestoreDocumentRequest{}
	cmd := &cobra.Command{
		Use: "restore ID N [--fence F] [--if-version N] [--note T]", Short: "Make the content of an older revision the newest one", Args: args("ID", "N"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.Version, err = versionOf(cmd, args[1]); err != nil {
				return err
			}
			r.DocumentId = args[0]
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				got, err := c.RestoreDocument(ctx, r, a.once())
				if err != nil {
					return err
				}
				return a.written(got.GetDocument())
			})
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&r.Fence, "fence", 0, "of the document's lock")
	f.Uint64Var(&r.IfVersion, "if-version", 0, "only if the document is at this version")
	f.StringVar(&r.Note, "note", "", "what is said of the revision")
	return cmd
}

// versionOf reads the number of a revision.
func versionOf(cmd *cobra.Command, arg string) (uint64, error) {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || n == 0 {
		return 0, usageOf(cmd, "%q is no revision: they are 1, 2, 3, …", arg)
	}
	return n, nil
}

func (a *app) docSetCommand() *cobra.Command {
	var title, mode, ai string
	cmd := &cobra.Command{
		Use: "set ID [--title T] [--lock required|advisory] [--ai on|off]", Short: "Change a document's title, how it is written, and whether a model may read it", Args: args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := &pb.SetDocumentRequest{DocumentId: args[0]}
			if f := cmd.Flags(); !f.Changed("title") && !f.Changed("lock") && !f.Changed("ai") {
				return usageOf(cmd, "say what is to change: --title, --lock or --ai")
			}
			if cmd.Flags().Changed("title") {
				r.Title = &title
			}
			if cmd.Flags().Changed("lock") {
				lock, ok := worded(modeWords, mode)
				if !ok {
					return usageOf(cmd, "--lock is required or advisory, and not %q", mode)
				}
				r.LockMode = &lock
			}
			if cmd.Flags().Changed("ai") {
				on := ai == "on"
				if !on && ai != "off" {
					return usageOf(cmd, "--ai is on or off, and not %q", ai)
				}
				r.Ai = &on
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				got, err := c.SetDocument(ctx, r, a.once())
				if err != nil {
					return err
				}
				return a.print(jsonDoc(got.GetDocument()), "%s is changed", plain.Line(args[0]))
			})
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "what it is called")
	cmd.Flags().StringVar(&mode, "lock", "", "whether it is written under its lock only")
	cmd.Flags().StringVar(&ai, "ai", "", "whether a model may read it")
	return cmd
}
