// Package vfs is the file system as Parley's log sees it: about a dozen
// operations with exactly the durability that POSIX gives and no more.
//
// Two implementations exist, and both run vfstest, the conformance test:
//
//	vfs/osfs    the real one
//	vfs/memfs   one in memory that can crash, tear, flip, fill up, stall and fail
//
// # What survives a crash
//
// A crash of the process loses nothing that was written. A crash of the machine
// may lose, sector by sector and each on its own, whatever was written to a file since its
// last Sync, and whatever was done to a directory (create, rename, remove) since
// its last SyncDir. A Sync that failed is never repaired by a later one: what
// it was to keep is in doubt until it is written again to another file.
package vfs

import (
	"errors"
	"io"
)

// The errors that callers tell apart; implementations wrap them with the place.
var (
	ErrNotExist = errors.New("does not exist")
	ErrExist    = errors.New("exists already")
	ErrLocked   = errors.New("in use by another process")
	ErrNoSpace  = errors.New("no space left on device")
	ErrReadOnly = errors.New("read-only file system")
	ErrIO       = errors.New("input/output error")
)

// FS is a file system. Names use '/' and are relative to the root that the
// implementation was given. Errors name operation and file. A node's parts use one FS from
// several goroutines in raft/host: osfs bears that, memfs does not.
type FS interface {
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Create makes an empty file; one that exists is ErrExist.
	Create(name string) (File, error)
	// Rename replaces newName atomically with oldName. A directory goes with all that is in it,
	// to a name that is free.
	Rename(oldName, newName string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// MkdirAll makes a directory and its parents, mode 0700.
	MkdirAll(name string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on a name until the Closer is closed or the
	// process ends; a lock held elsewhere is ErrLocked.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Reads and writes name their offset; there is no cursor.
type File interface {
	// ReadAt fills p from offset off; fewer bytes come with io.EOF.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt writes p at offset off, growing the file if needed.
	WriteAt(p []byte, off int64) (int, error)
	// Sync makes the file's bytes and its size durable (fdatasync).
	Sync() error
	// Truncate sets the size; a longer file reads zeros at its end.
	Truncate(size int64) error
	// Preallocate reserves size bytes that read as zeros, so that later writes
	// within change no metadata.
	Preallocate(size int64) error
	// Direct advises that the file will be written in whole sectors, each time followed by a Sync, and hardly
	// be read: past the page cache such a write and its Sync take a third less time. It is no more
	// than advice. What may be written, what is read, and what survives a crash stay the same. That a write failed may be
	// said by the next call of the file, by Sync at the latest.
	Direct()
	// Size returns the length in bytes.
	Size() (int64, error)
	Close() error
}
