// Package osfs is the real file system below one directory. Directories are made
// with mode 0700 and files with 0600: a log is nobody else's business. Names
// can't leave the directory, not even through a symbolic link.
package osfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"parley/raft/vfs"
)

// FS is the file system below a directory. Its methods may be called from any
// goroutine.
type FS struct {
	dir  string
	root *os.Root
}

// New returns the file system below dir, which it makes if there is none; its
// entry is durable, see MakeDir.
func New(dir string) (*FS, error) {
	if err := MakeDir(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, wrap("open directory", dir, err)
	}
	return &FS{dir: dir, root: root}, nil
}

// Close gives back the directory. Open files and locks stay.
func (f *FS) Close() error { return f.root.Close() }

// Open opens an existing file for reading and writing.
func (f *FS) Open(name string) (vfs.File, error) {
	return f.open("open", name, os.O_RDWR)
}

// Create makes an empty file.
func (f *FS) Create(name string) (vfs.File, error) {
	return f.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (f *FS) open(op, name string, flag int) (vfs.File, error) {
	o, err := f.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, f.wrap(op, name, err)
	}
	info, err := o.Stat()
	if err != nil || info.IsDir() {
		return nil, f.wrap(op, name, errors.Join(err, errors.New("not a regular file"), o.Close()))
	}
	h := &file{fs: f, name: name, os: o}
	h.id, _, h.counted = inodeOf(info)
	if h.counted {
		space.opened(h.id)
	}
	return h, nil
}

// Rename replaces newName atomically with oldName.
func (f *FS) Rename(oldName, newName string) error {
	return f.wrap("rename", oldName, f.root.Rename(oldName, newName))
}

// Remove removes a file or an empty directory. The space of a long file comes back little by little, see
// releaser; a write that finds no space left waits for all of it.
func (f *FS) Remove(name string) error {
	held, id := f.hold(name)
	if err := f.root.Remove(name); err != nil {
		if held != nil {
			_ = held.Close()
		}
		return f.wrap("remove", name, err)
	}
	if held != nil {
		f.release(name, held, id)
	}
	return nil
}

// MkdirAll makes a directory and its parents.
func (f *FS) MkdirAll(name string) error {
	return f.wrap("make directory", name, f.root.MkdirAll(name, 0o700))
}

// List returns the names in a directory, sorted.
func (f *FS) List(dir string) ([]string, error) {
	d, err := f.root.Open(dir)
	if err != nil {
		return nil, f.wrap("list", dir, err)
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, f.wrap("list", dir, err)
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir makes what was done to a directory durable.
func (f *FS) SyncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return f.wrap("sync directory", dir, err)
	}
	return f.wrap("sync directory", dir, errors.Join(d.Sync(), d.Close()))
}

// Lock takes the lock on a name with flock, making the file if there is none. The
// kernel drops it when the process ends, however it ends.
func (f *FS) Lock(name string) (io.Closer, error) {
	o, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, f.wrap("lock", name, err)
	}
	err = again(func() error { return unix.Flock(int(o.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		_ = o.Close()
		return nil, f.wrap("lock", name, err)
	}
	return o, nil
}

// file is an open file.
type file struct {
	fs      *FS
	name    string
	os      *os.File
	id      inode
	counted bool    // among the handles of id
	direct  *direct // nil: all goes through the page cache
	kept    bool    // the device keeps all that this handle did and that is not under way
}

// ReadAt fills p from off.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	if err := h.settle(); err != nil {
		return 0, h.fs.wrap("write", h.name, err)
	}
	n, err := h.os.ReadAt(p, off)
	if err == io.EOF {
		return n, err
	}
	return n, h.fs.wrap("read", h.name, err)
}

// WriteAt writes p at off.
func (h *file) WriteAt(p []byte, off int64) (int, error) {
	var n int
	err := roomy(func() (err error) {
		n, err = h.writeAt(p, off)
		return err
	})
	return n, h.fs.wrap("write", h.name, err)
}

// writeAt writes whole sectors past the page cache if that was advised.
func (h *file) writeAt(p []byte, off int64) (int, error) {
	if err := h.settle(); err != nil {
		return 0, err
	}
	if !h.direct.takes(p, off) {
		h.kept = false
		return h.os.WriteAt(p, off)
	}
	n, begun, err := h.direct.writeAt(p, off)
	h.kept = h.kept && begun
	if err == nil || !h.direct.refused(err) {
		return n, err
	}
	return h.writeOrdinarily(p, off)
}

// writeOrdinarily writes what was refused past the page cache, and all that follows.
func (h *file) writeOrdinarily(p []byte, off int64) (int, error) {
	err := h.direct.close()
	h.direct, h.kept = nil, false
	if err != nil {
		return 0, err
	}
	return h.os.WriteAt(p, off)
}

// settle waits for the write that is under way. What the system did not take it writes again.
func (h *file) settle() error {
	if !h.direct.underWay() {
		return nil
	}
	rest, off, err := h.direct.end()
	switch {
	case err != nil && !h.direct.refused(err):
		h.kept = false
		return err
	case err != nil || len(rest) > 0:
		_, err = h.writeOrdinarily(slices.Clone(rest), off)
	}
	return err
}

// Direct has whole sectors written past the page cache from now on, where the system can.
func (h *file) Direct() {
	if h.direct == nil {
		h.direct = openDirect(h.fs.root, h.name, h.os)
	}
}

// Sync makes bytes and size durable, if the device does not keep them already.
func (h *file) Sync() error {
	err := h.settle()
	if err == nil && !h.kept {
		err = again(func() error { return datasync(h.os) })
		h.kept = err == nil
	}
	return h.fs.wrap("sync", h.name, err)
}

// Truncate sets the size.
func (h *file) Truncate(size int64) error {
	err := h.settle()
	if err == nil {
		h.kept = false
		err = h.os.Truncate(size)
	}
	return h.fs.wrap("truncate", h.name, err)
}

// zeros is what Preallocate writes.
var zeros [1 << 18]byte

// Preallocate reserves the space first, so that a full disk says so at once, and
// then writes zeros into what is new: a block that was only reserved
// costs a change of metadata at its first write, in the middle of a sync.
func (h *file) Preallocate(size int64) error {
	from, err := h.Size()
	if err != nil || from >= size {
		return err
	}
	h.kept = false
	err = roomy(func() error { return again(func() error { return reserve(h.os, from, size-from) }) })
	for err == nil && from < size {
		part := zeros[:min(size-from, int64(len(zeros)))]
		err = roomy(func() error {
			_, err := h.os.WriteAt(part, from)
			return err
		})
		from += int64(len(part))
	}
	return h.fs.wrap("preallocate", h.name, err)
}

// Size returns the length in bytes.
func (h *file) Size() (int64, error) {
	if err := h.settle(); err != nil {
		return 0, h.fs.wrap("write", h.name, err)
	}
	info, err := h.os.Stat()
	if err != nil {
		return 0, h.fs.wrap("stat", h.name, err)
	}
	return info.Size(), nil
}

// Close closes the file.
func (h *file) Close() error {
	err := errors.Join(h.settle(), h.direct.close(), h.os.Close())
	h.direct = nil
	if err == nil && h.counted {
		space.closed(h.id)
	}
	return h.fs.wrap("close", h.name, err)
}

// wrap names the file as the operator knows it.
func (f *FS) wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return wrap(op, filepath.Join(f.dir, name), err)
}

// wrap turns an error of the operating system into one of vfs, with the place.
func wrap(op, path string, err error) error {
	for _, k := range known {
		if errors.Is(err, k.os) {
			return fmt.Errorf("%s %s: %w", op, path, k.vfs)
		}
	}
	// The path stands in the error already; the cause alone is the news.
	if in := (*fs.PathError)(nil); errors.As(err, &in) {
		err = in.Err
	} else if in := (*os.LinkError)(nil); errors.As(err, &in) {
		err = in.Err
	}
	return fmt.Errorf("%s %s: %w", op, path, err)
}

// known pairs the causes that callers tell apart with their names in vfs.
var known = []struct{ os, vfs error }{
	{fs.ErrNotExist, vfs.ErrNotExist},
	{syscall.ENOTEMPTY, syscall.ENOTEMPTY}, // which Go counts among ErrExist
	{fs.ErrExist, vfs.ErrExist},
	{unix.EWOULDBLOCK, vfs.ErrLocked},
	{unix.ENOSPC, vfs.ErrNoSpace},
	{unix.EDQUOT, vfs.ErrNoSpace},
	{unix.EROFS, vfs.ErrReadOnly},
	{unix.EIO, vfs.ErrIO},
}

// roomy repeats a write once that found no space left, if removed files still had some.
func roomy(write func() error) error {
	err := write()
	if errors.Is(err, unix.ENOSPC) && space.now() {
		err = write()
	}
	return err
}

// again repeats a system call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
