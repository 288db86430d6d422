// Package memfs is a file system in memory that keeps two truths apart: what a
// process sees (the cache) and what a machine would find after losing its power
// (the disk). Between the two lie the unsynced items, and a crash of the
// machine decides about each of them:
//
//	write  ─►  cache  ──Sync──►  disk         a sector of 512 bytes is one item,
//	create ─►  names  ─SyncDir─► disk         so is a size, so is a directory entry
//
//	CrashProcess   open files die, locks drop, the cache survives
//	CrashMachine   the same, and every unsynced item is kept, dropped or torn, by choice
//
// On top of that it can be made to fail: a hook sees every operation before it
// happens and may refuse it, operations fail by arrangement, a capacity fills up, bits
// flip, a write lands in the wrong place or nowhere. Everything is a function of the calls made; nothing here
// is drawn from a clock or a global source of chance.
//
// Reading order: memfs.go (names), file.go (contents), crash.go (what survives),
// fault.go (what goes wrong), device.go (what goes wrong in the device).
package memfs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"parley/raft/vfs"
)

// FS is the file system. It is for one goroutine.
type FS struct {
	seed    uint64
	crashes uint64 // machine crashes so far: no two tear alike
	changes uint64 // see Changes

	names   []entry  // what processes see, sorted by name
	durable []entry  // what the disk holds, sorted by name
	pending []nameOp // what lies between, in the order it was done
	inodes  []*inode // by number; nil once nothing refers to it
	owner   *token   // pages with another owner are shared with a clone

	epoch int   // rises at a crash; files opened before are dead
	locks []int // inodes, sorted

	loose bool   // an inode may be there that nothing refers to
	used  []bool // memory of collect
	near  int    // where the name stood that was looked up last

	handles []file            // memory of the next files that are opened
	blank   [][pageBytes]byte // and of the next pages

	faults
}

// entry is one name. Its parent directory is the part before the last slash.
type entry struct {
	name string
	ino  int
}

// nameOp is one unsynced change of a directory: after it, name is inode ino, or
// gone if ino is none; a rename also takes away gone.
type nameOp struct {
	name  string
	ino   int
	gone  string
	tree  bool // what is renamed is a directory, with all that is in it
	stuck bool // a SyncDir failed over it: no later one makes it durable
}

const none = -1

// errDead is what a file opened before a crash says.
var errDead = errors.New("the process that opened it has crashed")

// New returns an empty file system. The seed only decides where torn sectors tear
// and what Chance chooses.
func New(seed uint64) *FS {
	return &FS{seed: seed, owner: new(token)}
}

// Clone returns a copy that shares pages until one side writes. Open files and
// locks stay with the original: to the clone they are a process that is gone.
func (f *FS) Clone() *FS {
	c := &FS{
		seed:    f.seed,
		crashes: f.crashes,
		names:   slices.Clone(f.names),
		durable: slices.Clone(f.durable),
		pending: slices.Clone(f.pending),
		inodes:  clones(f.inodes),
		epoch:   f.epoch + 1,
		loose:   f.loose,
	}
	c.faults = f.faults.clone()
	f.owner, c.owner = new(token), new(token)
	return c
}

// Open opens an existing file.
func (f *FS) Open(name string) (vfs.File, error) {
	if err := f.before(Op{Kind: OpOpen, Name: name}); err != nil {
		return nil, err
	}
	ino := f.lookup(name)
	if ino == none {
		return nil, fail("open", name, vfs.ErrNotExist)
	}
	if f.inodes[ino].dir {
		return nil, fail("open", name, errors.New("is a directory"))
	}
	return f.handle(name, ino), nil
}

// Create makes an empty file.
func (f *FS) Create(name string) (vfs.File, error) {
	if err := f.before(Op{Kind: OpCreate, Name: name}); err != nil {
		return nil, err
	}
	ino, err := f.create("create", name, false)
	if err != nil {
		return nil, err
	}
	return f.handle(name, ino), nil
}

// Rename gives a file or a directory another name within its directory. One of a directory must be
// free, and what is in it goes along.
func (f *FS) Rename(oldName, newName string) error {
	if err := f.before(Op{Kind: OpRename, Name: oldName, To: newName}); err != nil {
		return err
	}
	ino := f.lookup(oldName)
	if ino == none {
		return fail("rename", oldName, vfs.ErrNotExist)
	}
	if parent(oldName) != parent(newName) {
		return fail("rename", oldName, errors.New("the new name is in another directory"))
	}
	if oldName == newName {
		return nil
	}
	tree, to := f.inodes[ino].dir, f.lookup(newName)
	if to != none && (tree || f.inodes[to].dir) {
		return fail("rename", oldName, fmt.Errorf("to %s: %w", newName, vfs.ErrExist))
	}
	if tree {
		f.moveTree(oldName, newName)
	}
	f.renamed(oldName, newName)
	f.change(nameOp{name: newName, ino: ino, gone: oldName, tree: tree})
	return nil
}

// moveTree renames the unsynced changes inside a directory: a SyncDir under its new name makes them durable,
// and they are lost where the rename is.
func (f *FS) moveTree(oldName, newName string) {
	for i := range f.pending {
		op := &f.pending[i]
		op.name = moved(op.name, oldName, newName)
		op.gone = moved(op.gone, oldName, newName)
	}
}

// moved returns a name as it is after a directory was renamed.
func moved(name, oldDir, newDir string) string {
	if rest, ok := strings.CutPrefix(name, oldDir+"/"); ok {
		return newDir + "/" + rest
	}
	return name
}

// Remove removes a file or an empty directory.
func (f *FS) Remove(name string) error {
	if err := f.before(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	ino := f.lookup(name)
	if ino == none {
		return fail("remove", name, vfs.ErrNotExist)
	}
	if f.inodes[ino].dir && len(f.within(name)) > 0 {
		return fail("remove", name, errors.New("directory not empty"))
	}
	f.removed(name)
	f.change(nameOp{name: name, ino: none})
	return nil
}

// MkdirAll makes a directory and its parents.
func (f *FS) MkdirAll(name string) error {
	if err := f.before(Op{Kind: OpMkdir, Name: name}); err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	for end := 0; end < len(name); {
		if next := strings.IndexByte(name[end+1:], '/'); next >= 0 {
			end += 1 + next
		} else {
			end = len(name)
		}
		dir := name[:end]
		if ino := f.lookup(dir); ino == none {
			if _, err := f.create("mkdir", dir, true); err != nil {
				return err
			}
		} else if !f.inodes[ino].dir {
			return fail("mkdir", dir, vfs.ErrExist)
		}
	}
	return nil
}

// List returns the names in a directory, sorted.
func (f *FS) List(dir string) ([]string, error) {
	if err := f.before(Op{Kind: OpList, Name: dir}); err != nil {
		return nil, err
	}
	if !f.isDir(dir) {
		return nil, fail("list", dir, vfs.ErrNotExist)
	}
	return f.within(dir), nil
}

// SyncDir makes what was done to a directory durable.
func (f *FS) SyncDir(dir string) error {
	if err := f.before(Op{Kind: OpSyncDir, Name: dir}); err != nil {
		if errors.Is(err, ErrStopped) {
			return err
		}
		for i := range f.pending {
			f.pending[i].stuck = f.pending[i].stuck || parent(f.pending[i].name) == dir
		}
		return err
	}
	if !f.isDir(dir) {
		return fail("sync directory", dir, vfs.ErrNotExist)
	}
	if f.lying {
		return nil
	}
	kept := f.pending[:0]
	for _, op := range f.pending {
		if parent(op.name) == dir && !op.stuck {
			f.durable = f.apply(f.durable, op)
			if n := len(kept); n > 0 {
				kept = slices.DeleteFunc(kept, op.settles)
				f.loose = f.loose || len(kept) < n
			}
		} else {
			kept = append(kept, op)
		}
	}
	clear(f.pending[len(kept):])
	f.pending = kept
	f.collect()
	return nil
}

// settles says whether a change that is on disk leaves nothing of an earlier one that never got there: both are of the
// same name, or the earlier one was in a directory of that name, which is gone or another now.
func (op nameOp) settles(earlier nameOp) bool {
	return earlier.name == op.name || op.gone != "" && earlier.name == op.gone || op.ino == none && strings.HasPrefix(earlier.name, op.name+"/")
}

// Lock takes a lock on a name, making the file if there is none.
func (f *FS) Lock(name string) (io.Closer, error) {
	if err := f.before(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, err
	}
	ino := f.lookup(name)
	if ino == none {
		var err error
		if ino, err = f.create("lock", name, false); err != nil {
			return nil, err
		}
	}
	at, taken := slices.BinarySearch(f.locks, ino)
	if taken {
		return nil, fail("lock", name, vfs.ErrLocked)
	}
	f.locks = slices.Insert(f.locks, at, ino)
	return &lock{fs: f, ino: ino, epoch: f.epoch}, nil
}

// lock is a held lock.
type lock struct {
	fs    *FS
	ino   int
	epoch int
}

// Close gives the lock back, unless a crash already did.
func (l *lock) Close() error {
	if l.epoch != l.fs.epoch {
		return nil
	}
	l.epoch = none
	if at, held := slices.BinarySearch(l.fs.locks, l.ino); held {
		l.fs.locks = slices.Delete(l.fs.locks, at, at+1)
	}
	return nil
}

// token is an owner of pages. It has a size, so that no two are at one address.
type token struct{ _ byte }

// opError is an error with operation and file. It is put into words when somebody reads it: most are that there is no such file.
type opError struct {
	op, name string
	err      error
}

func (e *opError) Error() string { return fmt.Sprintf("memfs: %s %s: %v", e.op, e.name, e.err) }

func (e *opError) Unwrap() error { return e.err }

// fail wraps an error with operation and file.
func fail(op, name string, err error) error { return &opError{op, name, err} }

// create makes a file or directory under a name that is free.
func (f *FS) create(op, name string, dir bool) (int, error) {
	if f.lookup(name) != none {
		return none, fail(op, name, vfs.ErrExist)
	}
	if !f.isDir(parent(name)) {
		return none, fail(op, name, vfs.ErrNotExist)
	}
	f.inodes = append(f.inodes, &inode{dir: dir})
	ino := len(f.inodes) - 1
	f.change(nameOp{name: name, ino: ino})
	return ino, nil
}

// change does one thing to a directory: at once in the cache, some day on disk.
func (f *FS) change(op nameOp) {
	f.names = f.apply(f.names, op)
	f.pending = append(f.pending, op)
}

// apply returns the names after one change.
func (f *FS) apply(names []entry, op nameOp) []entry {
	if op.gone != "" {
		if at, ok := find(names, op.gone); ok {
			f.loose = f.loose || names[at].ino != op.ino
			names = slices.Delete(names, at, at+1)
		}
	}
	if op.tree {
		for i := range names {
			names[i].name = moved(names[i].name, op.gone, op.name)
		}
		slices.SortFunc(names, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	}
	at, ok := find(names, op.name)
	switch {
	case op.ino == none && ok: // of a directory: with all that it held
		f.loose = true
		names = slices.Delete(names, at, at+1)
		inside := op.name + "/"
		from, _ := find(names, inside)
		to := from
		for to < len(names) && strings.HasPrefix(names[to].name, inside) {
			to++
		}
		return slices.Delete(names, from, to)
	case op.ino == none:
		return names
	case ok:
		f.loose = f.loose || names[at].ino != op.ino
		names[at].ino = op.ino
		return names
	}
	return slices.Insert(names, at, entry{name: op.name, ino: op.ino})
}

// find returns where a name stands, or would. It is by hand because every operation begins with it.
func find(names []entry, name string) (int, bool) {
	from, to := 0, len(names)
	for from < to {
		middle := int(uint(from+to) >> 1)
		if names[middle].name < name {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, from < len(names) && names[from].name == name
}

// lookup returns the inode of a name. Mostly it is the name of the last time, or one beside it.
func (f *FS) lookup(name string) int {
	for at := max(f.near-1, 0); at <= f.near+1 && at < len(f.names); at++ {
		if e := &f.names[at]; e.name == name {
			f.near = at
			return e.ino
		}
	}
	at, ok := find(f.names, name)
	if !ok {
		return none
	}
	f.near = at
	return f.names[at].ino
}

func (f *FS) isDir(name string) bool {
	if name == "." {
		return true
	}
	ino := f.lookup(name)
	return ino != none && f.inodes[ino].dir
}

// within returns the names directly inside a directory, sorted. All that is in it at any depth stands together.
func (f *FS) within(dir string) []string {
	from, inside := 0, ""
	if dir != "." {
		inside = dir + "/"
		from, _ = find(f.names, inside)
	}
	to := from
	for to < len(f.names) && strings.HasPrefix(f.names[to].name, inside) {
		to++
	}
	in := make([]string, 0, to-from)
	for _, e := range f.names[from:to] {
		if base := e.name[len(inside):]; strings.IndexByte(base, '/') < 0 {
			in = append(in, base)
		}
	}
	return in
}

// parent returns the directory that a name is in; the root is ".".
func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return "."
}

// collect forgets inodes that no name, no unsynced change and no open file
// refers to.
func (f *FS) collect() {
	if !f.loose {
		return
	}
	f.loose = false
	f.used = slices.Grow(f.used[:0], len(f.inodes))[:len(f.inodes)]
	used := f.used
	clear(used)
	for _, e := range f.names {
		used[e.ino] = true
	}
	for _, e := range f.durable {
		used[e.ino] = true
	}
	for _, op := range f.pending {
		if op.ino != none {
			used[op.ino] = true
		}
	}
	for i, in := range f.inodes {
		switch {
		case in == nil || used[i]:
		case in.open > 0:
			f.loose = true // until it is closed
		default:
			f.inodes[i] = nil
		}
	}
}
