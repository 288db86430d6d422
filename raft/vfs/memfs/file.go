package memfs

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"parley/raft/vfs"
)

// SectorBytes is what a disk writes in one piece.
const SectorBytes = 512

// pageBytes is the unit of sharing between clones; it is a multiple of a sector. It is little more than most writes have: what is
// written to first after a clone is copied, and disks that are looked at are cloned all the time.
const pageBytes = 1024

// pagesAhead bounds for how many pages there is room before they are written.
const pagesAhead = 64

// handlesAhead is for how many open files there is memory at a time: whoever looks at a disk opens one after the other.
const handlesAhead = 16

// pagesTogether is for how many pages memory is taken at a time: one by one each eighth would have the allocator look for room.
const pagesTogether = 32

// page is a piece of a file; without bytes it is zeros. Only the file system that owns it may write to it. The owner stands
// beside the bytes: with it they would be a little more than 1 KiB, and hold a pointer to be followed.
type page struct {
	owner *token
	b     *[pageBytes]byte
}

// inode is a file's contents: the cache as pages, and the disk as what is
// different there.
type inode struct {
	dir    bool
	open   int // open files
	pages  []page
	size   int64 // in the cache
	synced int64 // on disk
	stuck  bool  // a Sync failed over the size
	dirty  []sector
}

// sector is one that the cache holds otherwise than the disk.
type sector struct {
	no    int64
	stuck bool // a Sync failed over it: only writing it again helps
	old   [SectorBytes]byte
}

// clones copies inodes, with one piece of memory for all of them and one for their pages.
func clones(inodes []*inode) []*inode {
	files, pages := 0, 0
	for _, in := range inodes {
		if in != nil {
			files, pages = files+1, pages+len(in.pages)
		}
	}
	copies, all, list := make([]inode, 0, files), make([]page, 0, pages), make([]*inode, len(inodes))
	for i, in := range inodes {
		if in == nil {
			continue
		}
		copies = append(copies, *in)
		c := &copies[len(copies)-1]
		from := len(all)
		all = append(all, in.pages...)
		c.open, c.pages, c.dirty = 0, all[from:len(all):len(all)], slices.Clone(in.dirty)
		list[i] = c
	}
	return list
}

// file is an open file.
type file struct {
	fs     *FS
	ino    int
	name   string
	epoch  int
	closed bool
}

func (f *FS) handle(name string, ino int) *file {
	f.inodes[ino].open++
	if len(f.handles) == 0 {
		f.handles = make([]file, handlesAhead)
	}
	h := &f.handles[0]
	f.handles = f.handles[1:]
	*h = file{fs: f, ino: ino, name: name, epoch: f.epoch}
	return h
}

// enter checks that the file is alive and lets the hook have its say.
func (h *file) enter(op Op) (*inode, error) {
	if h.closed {
		return nil, fail(op.Kind.String(), h.name, errors.New("file is closed"))
	}
	if h.epoch != h.fs.epoch {
		return nil, fail(op.Kind.String(), h.name, errDead)
	}
	op.Name = h.name
	if err := h.fs.before(op); err != nil {
		return h.fs.inodes[h.ino], err
	}
	return h.fs.inodes[h.ino], nil
}

// ReadAt fills p from off.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	in, err := h.enter(Op{Kind: OpRead, Off: off, Len: len(p)})
	if err != nil {
		return 0, err
	}
	n := int(min(int64(len(p)), max(in.size-off, 0)))
	in.read(p[:n], off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes p at off, into the cache.
func (h *file) WriteAt(p []byte, off int64) (int, error) {
	in, err := h.enter(Op{Kind: OpWrite, Off: off, Len: len(p)})
	if err != nil {
		n := 0
		if short := (*ShortWrite)(nil); errors.As(err, &short) {
			n = min(short.N, len(p))
			h.fs.write(in, p[:n], off)
		}
		return n, err
	}
	off = h.fs.misdirected(h.name, off)
	if len(h.fs.failures) > 0 {
		h.fs.rewritten(h.name, off, int64(len(p)))
	}
	return h.fs.writeWithin(in, h.name, p, off)
}

// Sync brings contents and size to the disk. A failed one leaves everything it
// was to keep in doubt for good: the kernel calls the pages clean all the same.
func (h *file) Sync() error {
	in, err := h.enter(Op{Kind: OpSync})
	if in == nil || errors.Is(err, ErrStopped) {
		return err
	}
	if err != nil {
		in.stuck = in.stuck || in.size != in.synced
		for i := range in.dirty {
			in.dirty[i].stuck = true
		}
		return err
	}
	if h.fs.lying {
		return nil
	}
	if len(h.fs.lies) > 0 {
		h.fs.lie(in, h.name)
	}
	in.clean()
	if !in.stuck {
		in.synced = in.size
	}
	return nil
}

// Truncate sets the size.
func (h *file) Truncate(size int64) error {
	in, err := h.enter(Op{Kind: OpTruncate, Off: size})
	if err != nil {
		return err
	}
	if err := h.fs.room(in, size); err != nil {
		return fail("truncate", h.name, err)
	}
	h.fs.resize(in, size)
	return nil
}

// Preallocate grows the file with zeros.
func (h *file) Preallocate(size int64) error {
	in, err := h.enter(Op{Kind: OpPreallocate, Off: size})
	if err != nil {
		return err
	}
	if err := h.fs.room(in, size); err != nil {
		return fail("preallocate", h.name, err)
	}
	if size > in.size {
		h.fs.resize(in, size)
	}
	return nil
}

// Direct changes nothing: with or without a page cache, what was not synced is lost in the same ways.
func (h *file) Direct() {}

// Size returns the length.
func (h *file) Size() (int64, error) {
	in, err := h.enter(Op{Kind: OpSize})
	if err != nil {
		return 0, err
	}
	return in.size, nil
}

// Close closes the file; closing does not sync.
func (h *file) Close() error {
	if h.closed || h.epoch != h.fs.epoch {
		h.closed = true
		return nil
	}
	h.closed = true
	if in := h.fs.inodes[h.ino]; in.open > 0 {
		in.open--
	}
	return nil
}

// read copies from the cache; the range is within the size.
func (in *inode) read(p []byte, off int64) {
	for len(p) > 0 {
		at, from := int(off/pageBytes), int(off%pageBytes)
		n := min(len(p), pageBytes-from)
		if in.has(at) {
			copy(p[:n], in.pages[at].b[from:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// write changes the cache and remembers what the disk holds instead.
func (f *FS) write(in *inode, p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	end := off + int64(len(p))
	if n := int((end-1)/SectorBytes - off/SectorBytes); n > 0 {
		in.dirty = slices.Grow(in.dirty, n+1)
	}
	for no := off / SectorBytes; no*SectorBytes < end; no++ {
		in.touch(no)
	}
	f.put(in, p, off)
	if end > in.size {
		in.size, in.stuck = end, false
	}
}

// put copies into the cache, nothing more.
func (f *FS) put(in *inode, p []byte, off int64) {
	for len(p) > 0 {
		at, from := int(off/pageBytes), int(off%pageBytes)
		n := min(len(p), pageBytes-from)
		copy(f.own(in, at)[from:], p[:n])
		p, off = p[n:], off+int64(n)
	}
}

// has reports whether a page is anything but zeros.
func (in *inode) has(at int) bool { return at < len(in.pages) && in.pages[at].b != nil }

// own returns a page that may be written to.
func (f *FS) own(in *inode, at int) *[pageBytes]byte {
	if n := len(in.pages); n <= at { // with room for those that a preallocated file will have next
		all := int((in.size + pageBytes - 1) / pageBytes)
		in.pages = slices.Grow(in.pages, max(at+1, min(all, at+pagesAhead))-n)[:at+1]
	}
	pg := &in.pages[at]
	if pg.owner != f.owner {
		b := pg.b
		if b == nil {
			b = f.newPage()
		} else {
			b = (*[pageBytes]byte)(bytes.Clone(b[:])) // which clears nothing before
		}
		*pg = page{f.owner, b}
	}
	return pg.b
}

// newPage returns a page of zeros.
func (f *FS) newPage() *[pageBytes]byte {
	if len(f.blank) == 0 {
		f.blank = make([][pageBytes]byte, pagesTogether)
	}
	b := &f.blank[0]
	f.blank = f.blank[1:]
	return b
}

// touch makes a sector dirty. The disk's contents are what the cache held when it
// was last clean.
func (in *inode) touch(no int64) {
	at, end := 0, len(in.dirty) // by hand: package slices would hand around whole sectors
	for at < end {
		if middle := int(uint(at+end) >> 1); in.dirty[middle].no < no {
			at = middle + 1
		} else {
			end = middle
		}
	}
	if at < len(in.dirty) && in.dirty[at].no == no {
		in.dirty[at].stuck = false
		return
	}
	in.dirty = slices.Grow(in.dirty, 1)[:len(in.dirty)+1]
	copy(in.dirty[at+1:], in.dirty[at:])
	s := &in.dirty[at]
	s.no, s.stuck = no, false
	in.read(s.old[:], no*SectorBytes)
}

// clean makes sectors that are on the disk now like it.
func (in *inode) clean() {
	stuck := in.dirty[:0]
	for i := range in.dirty {
		if in.dirty[i].stuck {
			stuck = append(stuck, in.dirty[i])
		}
	}
	in.dirty = stuck
}

// resize sets the size; what lies behind a smaller one reads as zeros later.
func (f *FS) resize(in *inode, size int64) {
	if size < in.size {
		var zeros [SectorBytes]byte
		for off := size; off < in.size; {
			n := min(SectorBytes-off%SectorBytes, in.size-off)
			if in.has(int(off / pageBytes)) {
				in.touch(off / SectorBytes)
				f.put(in, zeros[:n], off)
			}
			off += n
		}
	}
	in.size, in.stuck = size, false
}

// room says whether a file may grow to a size.
func (f *FS) room(in *inode, size int64) error {
	if f.capacity == 0 || size <= in.size {
		return nil
	}
	used := size - in.size
	for _, other := range f.inodes {
		if other != nil {
			used += other.size
		}
	}
	if used > f.capacity {
		return vfs.ErrNoSpace
	}
	return nil
}
