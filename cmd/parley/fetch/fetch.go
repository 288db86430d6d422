// Package fetch writes files of a cluster into directories of this machine. Their names were chosen by others, who are
// not to choose where they go: nothing is written outside of the directory that was asked for, and nothing over what is
// there, unless that was asked for, too.
//
// What has come of a file stays, when the connection breaks or the process ends, in a file beside it, .ID.part, and the next
// call goes on there. Only whole files, whose sum was compared, get their name.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// Options say where a file goes.
type Options struct {
	// To is a path, or a directory, where the file has its own name; empty is the working directory.
	To string
	// Force has it replace what is there.
	Force bool
	// Progress, if it is not nil, is told of how much there is, now and then.
	Progress func(done, all int64)
}

// File downloads a file and returns its path.
func File(ctx context.Context, c *client.Client, f *pb.File, o Options) (path string, err error) {
	t, err := targetOf(o.To, f, o.Force)
	if err != nil {
		return "", err
	}
	defer t.root.Close()
	name := "." + plain.Name(f.GetId()) + ".part"
	part, err := t.part(name)
	if err != nil {
		return "", err
	}
	_, err = c.Download(ctx, f.GetId(), part, func(f *pb.File, done int64) {
		if o.Progress != nil {
			o.Progress(done, int64(f.GetSize()))
		}
	})
	if err == nil {
		err = part.Sync()
	}
	if err == nil {
		err = t.take(name)
	}
	return t.path, errors.Join(err, part.Close()) // it is this call's until it has its name
}

// Content downloads a file and writes it to w, once all of it is here and its sum was compared: nobody goes on with half of it.
func Content(ctx context.Context, c *client.Client, f *pb.File, w io.Writer, progress func(done, all int64)) (err error) {
	part, err := os.CreateTemp("", "parley-*.part")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.Close(), os.Remove(part.Name())) }()
	if _, err := c.Download(ctx, f.GetId(), part, func(f *pb.File, done int64) { progress(done, int64(f.GetSize())) }); err != nil {
		return err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, part)
	return err
}

// target is where a file is to be written. Everything is done through root, which no name leads out of.
type target struct {
	root  *os.Root
	name  string // in root
	path  string // for people
	force bool
}

// ExistsError says that something is there already.
type ExistsError struct {
	Path     string
	MayForce bool // Options.Force would have replaced it
}

func (e *ExistsError) Error() string { return e.Path + " exists" }

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
		return &ExistsError{t.path, true}
	}
	return nil
}

// part opens what has come of a file so far. It is this call's alone: of two that write to it at once each would give its name to
// what the other one writes. A link that somebody left there is not followed.
func (t *target) part(name string) (*os.File, error) {
	flags, mode := os.O_RDWR, fs.FileMode(0)
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		flags, mode = flags|os.O_CREATE|os.O_EXCL, 0o666
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is in the way", name)
	}
	f, err := t.root.OpenFile(name, flags, mode)
	if errors.Is(err, fs.ErrExist) { // since a moment ago
		return nil, &BusyError{filepath.Join(filepath.Dir(t.path), name)}
	}
	if err != nil {
		return nil, err
	}
	return own(f, filepath.Join(filepath.Dir(t.path), name), func() (fs.FileInfo, error) { return t.root.Lstat(name) })
}

// take gives what has come its name. Whoever has put something there meanwhile keeps it, without --force.
func (t *target) take(part string) error {
	if !t.force {
		reserved, err := t.root.OpenFile(t.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return &ExistsError{t.path, true}
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
