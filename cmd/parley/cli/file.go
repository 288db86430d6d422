package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) fileCommand() *cobra.Command {
	remove := a.deed(deed{
		use: "delete ID", short: "Delete a file", args: []string{"ID"}, said: "%s is deleted",
		do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
			j.ID = args[0]
			return c.DeleteFile(ctx, args[0], a.once())
		},
	})
	return a.group("file", "Files in channels and conversations", a.filePutCommand(), a.fileGetCommand(), a.fileListCommand(), remove)
}

// fileJSON is a file as --json prints it.
type fileJSON struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Size        uint64 `json:"size"`
	SHA256      string `json:"sha256"`
	Type        string `json:"type"`
	Place       string `json:"place"`
	Uploader    string `json:"uploader"`
	Description string `json:"description"`
	Time        string `json:"time"`
	Position    uint64 `json:"position"`
}

func jsonFile(f *pb.File) fileJSON {
	return fileJSON{f.GetId(), f.GetName(), f.GetSize(), f.GetSha256(), f.GetType(), f.GetPlace(), f.GetUploader(), f.GetDescription(), jsonTime(f.GetTime()), f.GetPosition()}
}

func (a *app) fileListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list PLACE", Short: "Show the files of a place, newest first", Args: args("PLACE"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllFiles(ctx, place, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, all, jsonFile, "ID NAME SIZE TYPE FROM TIME DESCRIPTION", func(j fileJSON) []string {
					return []string{j.ID, j.Name, fmt.Sprint(j.Size), j.Type, j.Uploader, shownTime(j.Time), j.Description}
				}, "no files")
			})
		},
	}
}

func (a *app) filePutCommand() *cobra.Command {
	var description, name string
	cmd := &cobra.Command{
		Use: "put PLACE PATH [--description T]", Short: "Put a file into a channel or a conversation", Args: args("PLACE", "PATH"),
		Long: `Puts a file into a channel or a conversation. When the connection breaks the upload goes on where it was broken
off. --timeout bounds how long nothing may come of it, not the upload.`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.places(toComplete), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			f, size, err := regular(args[1])
			if err != nil {
				return err
			}
			defer f.Close()
			if name == "" {
				name = filepath.Base(args[1])
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			return a.put(cmd.Context(), c, io.NewSectionReader(f, 0, size), &pb.PostFileRequest{Place: place, Name: name, Description: description})
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "what it is")
	cmd.Flags().StringVar(&name, "name", "", "its name there, if it is to be another")
	return cmd
}

// regular opens a file that has a beginning and an end.
func regular(path string) (*os.File, int64, error) {
	// To open a pipe would be to wait for who writes to it.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// put uploads a content and makes a file of it.
func (a *app) put(ctx context.Context, c *client.Client, content client.Content, r *pb.PostFileRequest) error {
	bar := a.progress(r.GetName())
	moving, moved, stop := a.whileMoving(ctx)
	kept, err := c.Upload(moving, r.GetPlace(), content, func(done int64) {
		moved()
		bar.at(done, content.Size())
	})
	stop()
	bar.end()
	if err != nil {
		return err
	}
	r.Sha256, r.Size = kept.GetSha256(), kept.GetSize()
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	posted, err := c.PostFile(ctx, r, a.once())
	if err != nil {
		return err
	}
	j := jsonFile(posted.GetFile())
	return a.print(j, "%s is %s in %s, %d bytes", plain.Line(j.Name), plain.Line(j.ID), plain.Line(j.Place), j.Size)
}

// whileMoving is a context that ends when nothing has moved for --timeout.
func (a *app) whileMoving(ctx context.Context) (_ context.Context, moved, stop func()) {
	if a.timeout <= 0 {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, func() {}, cancel
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(a.timeout, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() { timer.Reset(a.timeout) }, func() {
		timer.Stop()
		cancel(nil)
	}
}

// bar shows a person how far something has come, on a line of its own that it writes again and again. Who is no terminal sees nothing.
type bar struct {
	out   io.Writer // nil: nobody looks
	name  string
	shown int // percent; -1: nothing yet
}

func (a *app) progress(name string) *bar {
	b := &bar{name: plain.Line(name), shown: -1}
	if f, ok := a.Err.(*os.File); ok && !a.json && term.IsTerminal(int(f.Fd())) {
		b.out = f
	}
	return b
}

func (b *bar) at(done, all int64) {
	percent := 100
	if all > 0 {
		percent = int(done * 100 / all)
	}
	if b.out == nil || percent == b.shown {
		return
	}
	b.shown = percent
	fmt.Fprintf(b.out, "\r%s: %3d %% of %d bytes", b.name, percent, all)
}

// end leaves the line.
func (b *bar) end() {
	if b.out != nil && b.shown >= 0 {
		fmt.Fprintln(b.out)
	}
}
