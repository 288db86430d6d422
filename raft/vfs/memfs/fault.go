package memfs

import (
	"errors"
	"fmt"
	"slices"

	"parley/raft/vfs"
)

// OpKind names an operation.
type OpKind uint8

// The operations that a hook sees.
const (
	OpOpen OpKind = iota + 1
	OpCreate
	OpRename
	OpRemove
	OpMkdir
	OpList
	OpSyncDir
	OpLock
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpPreallocate
	OpSize
)

var opNames = [...]string{
	OpOpen: "open", OpCreate: "create", OpRename: "rename", OpRemove: "remove", OpMkdir: "mkdir",
	OpList: "list", OpSyncDir: "sync directory", OpLock: "lock", OpRead: "read", OpWrite: "write",
	OpSync: "sync", OpTruncate: "truncate", OpPreallocate: "preallocate", OpSize: "size",
}

// String names the operation as errors do.
func (k OpKind) String() string {
	if int(k) < len(opNames) && opNames[k] != "" {
		return opNames[k]
	}
	return fmt.Sprintf("op%d", uint8(k))
}

// Changes reports whether the operation may leave something else behind than it
// found. A crash before one that does not is a crash before the next.
func (k OpKind) Changes() bool {
	switch k {
	case OpOpen, OpList, OpRead, OpSize:
		return false
	}
	return true
}

// ErrStopped is for a hook to return when the process is to end before an
// operation: that one never happens, and even a Sync leaves no more doubt behind
// than there was.
var ErrStopped = errors.New("the process has stopped")

// Op is an operation that is about to happen.
type Op struct {
	Seq  int // counts all operations since the hook was set, from 1
	Kind OpKind
	Name string
	To   string // OpRename
	Off  int64  // OpRead, OpWrite; the size for OpTruncate and OpPreallocate
	Len  int    // OpRead, OpWrite
}

// ShortWrite is an error for a hook to return: the first N bytes of the write
// arrive, then Err happens.
type ShortWrite struct {
	N   int
	Err error
}

// Error says how far the write came.
func (s *ShortWrite) Error() string { return fmt.Sprintf("after %d bytes: %v", s.N, s.Err) }

// Unwrap returns the cause.
func (s *ShortWrite) Unwrap() error { return s.Err }

// faults is what was arranged to go wrong.
type faults struct {
	hook     func(Op) error
	seq      int
	capacity int64
	astray   []misdirection
	lies     []Lie
	failures []Failure
	struck   int
	lying    bool
}

// misdirection sends the next write of a file elsewhere.
type misdirection struct {
	name string
	off  int64
}

func (f *faults) clone() faults {
	return faults{capacity: f.capacity, astray: slices.Clone(f.astray), lies: slices.Clone(f.lies), failures: slices.Clone(f.failures)}
}

// SetHook has hook called before every operation; an error it returns becomes
// the operation's, which then does not happen (but see ShortWrite, and Sync,
// whose failure leaves doubt behind). A clone has no hook.
func (f *FS) SetHook(hook func(Op) error) { f.hook, f.seq = hook, 0 }

// SetCapacity limits the sum of all files' sizes; zero is no limit.
func (f *FS) SetCapacity(bytes int64) { f.capacity = bytes }

// Changes counts whatever may change what a process finds: operations, rot, crashes and arranged failures. While it stays,
// all that was read can be read again.
func (f *FS) Changes() uint64 { return f.changes }

// before counts the operation and asks the hook.
func (f *FS) before(op Op) error {
	f.seq++
	if op.Kind.Changes() {
		f.changes++
	}
	if len(f.failures) > 0 {
		if err := f.arranged(op); err != nil {
			return err
		}
	}
	if f.hook == nil {
		return nil
	}
	op.Seq = f.seq
	if err := f.hook(op); err != nil {
		return fail(op.Kind.String(), op.Name, err)
	}
	return nil
}

// Misdirect sends the next write to the file to another offset.
func (f *FS) Misdirect(name string, off int64) {
	f.changes++
	f.astray = append(f.astray, misdirection{name, off})
}

func (f *FS) misdirected(name string, off int64) int64 {
	for i, m := range f.astray {
		if m.name == name {
			f.astray = append(f.astray[:i], f.astray[i+1:]...)
			return m.off
		}
	}
	return off
}

// FlipBit turns one bit of a file, in the cache and on the disk.
func (f *FS) FlipBit(name string, bit int64) error {
	var b [1]byte
	return f.rot(name, bit/8, b[:], func() { b[0] ^= 1 << (bit % 8) })
}

// Overwrite puts other bytes into a file, in the cache and on the disk: what a
// rotten sector or another file's misdirected write leaves.
func (f *FS) Overwrite(name string, off int64, p []byte) error {
	b := make([]byte, len(p))
	return f.rot(name, off, b, func() { copy(b, p) })
}

// rot reads bytes, changes them and puts them back behind every checksum and
// every Sync.
func (f *FS) rot(name string, off int64, b []byte, change func()) error {
	ino := f.lookup(name)
	if ino == none {
		return fail("damage", name, vfs.ErrNotExist)
	}
	in := f.inodes[ino]
	if off < 0 || off+int64(len(b)) > in.size {
		return fail("damage", name, fmt.Errorf("offset %d is outside its %d bytes", off, in.size))
	}
	in.read(b, off)
	change()
	f.changes++
	f.put(in, b, off)
	for i := range in.dirty {
		s := &in.dirty[i]
		for j, c := range b {
			if at := off + int64(j) - s.no*SectorBytes; at >= 0 && at < SectorBytes {
				s.old[at] = c
			}
		}
	}
	return nil
}

// Contents returns a copy of a file as processes see it.
func (f *FS) Contents(name string) ([]byte, error) {
	ino := f.lookup(name)
	if ino == none {
		return nil, fail("read", name, vfs.ErrNotExist)
	}
	in := f.inodes[ino]
	b := make([]byte, in.size)
	in.read(b, 0)
	return b, nil
}

// Peek fills p from an offset of a file as processes see it. No hook sees it.
func (f *FS) Peek(name string, off int64, p []byte) error {
	ino := f.lookup(name)
	if ino == none {
		return fail("read", name, vfs.ErrNotExist)
	}
	in := f.inodes[ino]
	if off < 0 || off+int64(len(p)) > in.size {
		return fail("read", name, fmt.Errorf("offset %d is outside its %d bytes", off, in.size))
	}
	in.read(p, off)
	return nil
}
