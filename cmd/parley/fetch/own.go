package fetch

import (
	"errors"
	"io/fs"
	"os"
)

// BusyError says that another call is writing what this one was to go on with.
type BusyError struct{ Path string }

func (e *BusyError) Error() string { return e.Path + ": another call is writing it" }

// errLocked is what lock says of a file that another has.
var errLocked = errors.New("locked by another")

// own takes a file that was opened for this call alone, until it is closed. now looks at what has its name: another call may have
// completed it meanwhile, and given it another. If it can't be had it is closed.
func own(f *os.File, path string, now func() (fs.FileInfo, error)) (*os.File, error) {
	err := lock(f)
	if err == nil {
		err = same(f, now)
	}
	switch {
	case errors.Is(err, errLocked):
		return nil, errors.Join(&BusyError{path}, f.Close())
	case err != nil:
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// same says whether a file still has its name.
func same(f *os.File, now func() (fs.FileInfo, error)) error {
	is, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := now()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(is, named) {
		return errLocked
	}
	return err
}
