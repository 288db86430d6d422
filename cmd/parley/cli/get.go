package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) fileGetCommand() *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use: "get ID [-o PATH] [--force]", Short: "Get a file", Args: args("ID"),
		Long: `Gets a file, into the working directory under its own name, or to where -o says: a path, or a directory. What is there
already is replaced with --force only. What has come when the connection breaks, or the command ends, stays in a
file beside it, .ID.part, and the next call goes on there. --timeout bounds how long nothing may come.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := a.bounded(cmd.Context())
			of, err := c.GetFile(ctx, args[0], a.fresh())
			cancel()
			if err != nil {
				return err
			}
			t, err := targetOf(to, of.GetFile(), force)
			if err != nil {
				return err
			}
			defer t.root.Close()
			if err := a.get(cmd.Context(), c, of.GetFile(), t); err != nil {
				return err
			}
			j := struct {
				fileJSON
				Path string `json:"path"`
			}{jsonFile(of.GetFile()), t.path}
			return a.print(j, "%s: %d bytes", plain.Line(t.path), j.Size)
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "where to write it")
	cmd.Flags().BoolVar(&force, "force", false, "replace what is there")
	return cmd
}

// target is where a file is to be written. Everything is done through root, which no name leads out of.
type target struct {
	root  *os.Root
	name  string // in root
	path  string // for people
	force bool
}

// existsError says that something is there already.
type existsError struct{ path string }

func (e *existsError) Error() string { return e.path + " exists" }

// targetOf says where a file is to be written: its uploader chose its name, and is not to choose where it goes.
func targetOf(to string, f *pb.File, force bool) (target, error) {
	dir, name := ".", plain.Name(f.GetName())
	if info, err := os.Stat(to); to != "" && err == nil && info.IsDir() {
		dir = to
	} else if to != "" {
		dir, name = filepath.Dir(to), filepath.Base(to)
	}
	t := target{name: name, path: filepath.Join(dir, name), force: force}
	var err error
	if t.root, err = os.OpenRoot(dir); err != nil {
		return t, err
	}
	if err := t.free(); err != nil {
		return t, errors.Join(err, t.root.Close())
	}
	return t, nil
}

// free returns an error if the file may not be written where it is to be.
func (t *target) free() error {
	info, err := t.root.Lstat(t.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", t.path)
	case !t.force:
		return &existsError{t.path}
	}
	return nil
}

// part opens what has come of a file so far. A link that somebody left there is not followed.
func (t *target) part(name string) (*os.File, error) {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is in the way", name)
	}
	return t.root.OpenFile(name, os.O_RDWR, 0)
}

// take gives what has come its name. Whoever has put something there meanwhile keeps it, without --force.
func (t *target) take(part string) error {
	if !t.force {
		reserved, err := t.root.OpenFile(t.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return &existsError{t.path}
		}
		if err != nil {
			return err
		}
		if err := reserved.Close(); err != nil {
			return err
		}
	}
	return t.root.Rename(part, t.name)
}

// get downloads a file.
func (a *app) get(ctx context.Context, c *client.Client, of *pb.File, t target) error {
	name := "." + plain.Name(of.GetId()) + ".part"
	part, err := t.part(name)
	if err != nil {
		return err
	}
	bar := a.progress(t.name)
	moving, moved, stop := a.whileMoving(ctx)
	_, err = c.Download(moving, of.GetId(), part, func(f *pb.File, done int64) {
		moved()
		bar.at(done, int64(f.GetSize()))
	})
	stop()
	bar.end()
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	return t.take(name)
}
