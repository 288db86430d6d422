package osfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MakeDir makes a directory and its parents, and has them on disk when it
// returns. A log that is synced in a directory without an entry in its parent is
// as lost as one that was never written.
//
// The parent of a directory that exists already is synced, too: whoever made it
// may have died before it could do so.
func MakeDir(dir string) error {
	if err := makeDir(dir, real{}); err != nil {
		return wrap("make directory", dir, err)
	}
	return nil
}

// maker is what makeDir asks of the operating system.
type maker interface {
	exists(dir string) (bool, error)
	mkdir(dir string) error
	syncParent(dir string, made bool) error
}

// makeDir makes one directory after the other, from the top, and syncs the parent of
// each before it makes the next: only the lowest that exists may be one that is
// not durable.
func makeDir(dir string, m maker) error {
	exists, err := m.exists(dir)
	if err != nil {
		return err
	}
	if !exists {
		if err := makeDir(filepath.Dir(dir), m); err != nil {
			return err
		}
		if err := m.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return m.syncParent(dir, !exists)
}

// real is the operating system.
type real struct{}

// exists reports whether a directory exists. Any other thing that has its name is an error.
func (real) exists(dir string) (bool, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
		return false, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, syscall.ENOTDIR
	}
	return true, nil
}

func (real) mkdir(dir string) error { return os.Mkdir(dir, 0o700) }

// syncParent syncs the directory that holds a directory's entry: "..", which is the right
// one behind a symbolic link, too. One that exists in a parent that this user
// may not read was made by somebody else, who answers for it.
func (real) syncParent(dir string, made bool) error {
	d, err := os.Open(dir + string(filepath.Separator) + "..")
	if !made && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
