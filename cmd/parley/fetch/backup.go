package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"parley/raft/backup"
	"parley/rpc/client"
)

// Copy is what a backup holds, as far as it can be told from outside.
type Copy struct {
	backup.Header
	backup.End
	Bytes int64
}

// Backup writes a copy of all that a cluster holds to a path that nothing has yet. Nobody but the user may read it. It
// gets its name when it is whole, was read again and found right, and is on the disk; before that it is PATH.part. What a call
// left there that was broken off is where the next one goes on.
func Backup(ctx context.Context, c *client.Client, path string, progress func(done int64)) (Copy, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return Copy{}, errors.Join(err, &ExistsError{Path: path})
	}
	part := path + ".part"
	f, err := openPart(part)
	if err != nil {
		return Copy{}, err
	}
	defer f.Close() // it was synced, or is nothing yet
	whole, err := write(ctx, c, f, progress)
	if err != nil {
		return Copy{}, err
	}
	if err := os.Link(part, path); err != nil { // unlike a rename it replaces nothing
		return Copy{}, err
	}
	return whole, errors.Join(os.Remove(part), syncDir(filepath.Dir(path)))
}

// openPart opens what a backup is written to, or goes on with. It is this call's alone.
func openPart(part string) (*os.File, error) {
	if info, err := os.Lstat(part); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file: remove it, or choose another path", part)
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return own(f, part, func() (fs.FileInfo, error) { return os.Lstat(part) })
}

// write has the file written and looks at what was.
func write(ctx context.Context, c *client.Client, f *os.File, progress func(int64)) (whole Copy, err error) {
	if err := c.Backup(ctx, f, progress); err != nil {
		return whole, err
	}
	if err := f.Sync(); err != nil {
		return whole, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return whole, err
	}
	if whole, err = Look(f); err != nil {
		return whole, fmt.Errorf("what came is not what was sent: %w", err)
	}
	return whole, nil
}

// Look reads a backup to its end.
func Look(f io.Reader) (Copy, error) {
	counted := &counter{r: f}
	r, err := backup.NewReader(counted)
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF {
		return Copy{}, err
	}
	return Copy{r.Header(), r.End(), counted.n}, nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
