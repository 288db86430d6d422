package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) docEditCommand() *cobra.Command {
	l := lockFlags{}
	var note string
	cmd := &cobra.Command{
		Use: "edit ID [--wait 10s] [--note T]", Short: "Edit a document in $EDITOR, under its lock", Args: args("ID"),
		Long: `Takes the document's lock, opens its content in $VISUAL or $EDITOR, and writes what was made of it. The lock is kept while the
editor is open, and Ctrl-C is the editor's. If it is lost all the same and somebody else wrote meanwhile, nothing of yours is written over his: your text is
kept in a file, and both changes are shown.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(cmd); err != nil {
				return err
			}
			editor := a.editor()
			if editor == nil {
				return usageOf(cmd, "there is no editor: set EDITOR")
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			held, err := a.hold(cmd.Context(), c, args[0], l)
			if err != nil {
				return err
			}
			err = a.edit(cmd.Context(), c, held, editor, note)
			if released := a.release(cmd.Context(), held); err == nil {
				if _, lost := errors.AsType[*client.LostError](released); !lost { // it was written, or there was nothing to write
					err = released
				}
			}
			return err
		},
	}
	l.add(cmd)
	cmd.Flags().StringVar(&note, "note", "", "what is said of the revision")
	return cmd
}

// editor is the command line of the user's editor.
func (a *app) editor() []string {
	for _, name := range [...]string{"VISUAL", "EDITOR"} {
		if words := strings.Fields(a.Getenv(name)); len(words) > 0 {
			return words
		}
	}
	return nil
}

// editingEvery is how often the others are told that a document is edited: as often as their shells forget it.
const editingEvery = 3 * time.Second

// announce tells those who may read a document that it is edited, until it is called or the lock is lost. Who is not told
// misses nothing that he could not ask for.
func (a *app) announce(ctx context.Context, c *client.Client, document string) (quiet func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for timer := time.NewTimer(0); ; timer.Reset(editingEvery) {
			select {
			case <-timer.C:
				_ = c.Editing(ctx, document)
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// conflicts are the reasons for which a text is kept that was not written.
var conflicts = []string{"VERSION_CONFLICT", "STALE_FENCE", "LOCK_HELD", "LOCK_REQUIRED"}

// conflictError says that a text was not written, and where it is.
type conflictError struct {
	path string
	err  error
}

func (e *conflictError) Error() string { return e.err.Error() }
func (e *conflictError) Unwrap() error { return e.err }

// edit has a document edited under its lock. What the user wrote is in a file from the first key to the answer that it is
// in the cluster.
func (a *app) edit(ctx context.Context, c *client.Client, held *client.HeldLock, editor []string, note string) error {
	was, err := a.read(ctx, c, held.Name)
	if err != nil {
		return err
	}
	path, err := draft(held.Name, was.GetContent())
	if err != nil {
		return err
	}
	quiet := a.announce(held.Context(), c, held.Name)
	err = a.runEditor(ctx, append(slices.Clone(editor), path))
	quiet()
	if err != nil {
		a.note("what was written is in %s", path) // an interrupt takes the place of the error
		return fmt.Errorf("%s: %w", editor[0], err)
	}
	mine, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if bytes.Equal(mine, was.GetContent()) {
		a.note("nothing was changed")
		return os.Remove(path)
	}
	limited, cancel := a.bounded(ctx)
	got, err := c.UpdateDocument(limited, &pb.UpdateDocumentRequest{
		DocumentId: held.Name, Content: mine, Fence: held.Fence, IfVersion: was.GetRevision().GetVersion(), Note: note}, a.once())
	cancel()
	if e, ok := errors.AsType[*client.Error](err); ok && slices.Contains(conflicts, e.Reason) {
		a.threeWay(ctx, c, held.Name, was, mine, path)
		return &conflictError{path, err}
	}
	if err != nil {
		a.note("your text is kept in %s", path)
		return err
	}
	return errors.Join(os.Remove(path), a.written(got.GetDocument()))
}

// runEditor waits until the editor ends. To many editors Ctrl-C is a key like others, and the terminal sends it to all
// who are in front of it: it must not take the editor away from its user. One that is told to end has time to save what it holds.
func (a *app) runEditor(ctx context.Context, words []string) error {
	run := exec.CommandContext(ctx, words[0], words[1:]...)
	run.Stdin, run.Stdout, run.Stderr = a.In, a.stdout(), a.Err
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = killAfter
	if err := run.Start(); err != nil {
		return err
	}
	defer a.Spare()()
	return run.Wait()
}

func (a *app) read(ctx context.Context, c *client.Client, id string) (*pb.GetDocumentResponse, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	return c.GetDocument(ctx, &pb.GetDocumentRequest{DocumentId: id})
}

// draft leaves a text in a file that nobody else reads.
func draft(id string, content []byte) (path string, err error) {
	f, err := os.CreateTemp("", "parley-"+plain.Name(id)+"-*.txt")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Close())
}

// threeWay shows what others wrote since a text was read, what the user wrote, and, if the two do not touch, leaves both put
// together beside his text.
func (a *app) threeWay(ctx context.Context, c *client.Client, id string, was *pb.GetDocumentResponse, mine []byte, path string) {
	base, of := string(was.GetContent()), fmt.Sprintf("%s %d", id, was.GetRevision().GetVersion())
	now, err := a.read(context.WithoutCancel(ctx), c, id)
	if err != nil {
		a.note("what others wrote can't be read: %v", err)
		return
	}
	theirs := string(now.GetContent())
	show := func(what, from, to string) {
		fmt.Fprintf(a.Err, "%s\n", what)
		_, _ = io.WriteString(a.Err, plain.Text(udiff.Unified(of, to, base, from)))
	}
	if theirs != base {
		show("What others wrote meanwhile:", theirs, fmt.Sprintf("%s %d", id, now.GetRevision().GetVersion()))
	}
	show("What you wrote:", string(mine), path)
	both, ok := udiff.Merge(udiff.Strings(base, theirs), udiff.Strings(base, string(mine)))
	if !ok || theirs == base {
		return
	}
	merged, err := udiff.Apply(base, both)
	if err == nil {
		err = os.WriteFile(path+".merged", []byte(merged), 0o600)
	}
	if err == nil {
		a.note("both do not touch: put together they are in %s.merged", path)
	}
}
