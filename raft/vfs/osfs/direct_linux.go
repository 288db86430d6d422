package osfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// direct is a second descriptor of a file, which goes past the page cache (O_DIRECT of open(2)): no page to be found, marked, written back
// and waited for. Of a lone small write with its sync that is a third of the time. Where the system has a queue, a write is only begun, so that the
// device keeps it when it has ended, and whoever has the file synced waits for that. Else the write is with the device when it returns, and
// a sync has the device keep it.
//
// The kernel keeps both descriptors in step: it writes back and drops the pages that a direct write covers, and a read
// through the other one fetches them again.
type direct struct {
	os     *os.File
	sector int64  // offsets and lengths are multiples of it
	room   []byte // what is written is copied here, since addresses must be aligned: whole pages, not the collector's

	queue *queue // of the write that is under way; nil: none is
	bytes []byte // those in room that it writes
	off   int64  // and where
}

// directMax bounds one direct write, and the memory that is kept for it: what is longer gains nothing.
const directMax = 1 << 20

// openDirect opens a file of a directory a second time. It returns nil where the kernel does not say how direct writes are to be
// aligned, or the file system has none: then the page cache is the way.
func openDirect(root *os.Root, name string, same *os.File) *direct {
	var s unix.Statx_t
	err := unix.Statx(int(same.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &s)
	if err != nil || s.Mask&unix.STATX_DIOALIGN == 0 || s.Dio_offset_align == 0 || int(s.Dio_mem_align) > os.Getpagesize() {
		return nil
	}
	o, err := root.OpenFile(name, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil
	}
	if !sameFile(o, same) { // the name is another's by now
		_ = o.Close()
		return nil
	}
	return &direct{os: o, sector: int64(s.Dio_offset_align)}
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// takes reports whether bytes can be written at an offset.
func (d *direct) takes(p []byte, off int64) bool {
	return d != nil && len(p) > 0 && len(p) <= directMax && off%d.sector == 0 && int64(len(p))%d.sector == 0
}

// writeAt writes what takes has taken, or begins to: then end must follow, before anything else happens to the file.
func (d *direct) writeAt(p []byte, off int64) (n int, begun bool, err error) {
	if len(d.room) < len(p) {
		room, err := unix.Mmap(-1, 0, pages(len(p)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return 0, false, err
		}
		if err := d.free(); err != nil {
			return 0, false, err
		}
		d.room = room
	}
	bytes := d.room[:copy(d.room, p)]
	if q := takeQueue(); q != nil && q.begin(d.os, bytes, off) {
		d.queue, d.bytes, d.off = q, bytes, off
		return len(p), true, nil
	}
	n, err = d.os.WriteAt(bytes, off)
	return n, false, err
}

// underWay reports whether a write has begun that did not end.
func (d *direct) underWay() bool { return d != nil && d.queue != nil }

// end waits for the write that is under way, and returns the bytes of it that the device does not keep, and where they belong.
func (d *direct) end() (rest []byte, off int64, err error) {
	n, err := d.queue.wait()
	d.queue = nil
	return d.bytes[n:], d.off + int64(n), err
}

// refused reports whether an error says that direct writes are not for this file after all.
func (d *direct) refused(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

func (d *direct) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.free(), d.os.Close())
}

// free gives the room back.
func (d *direct) free() error {
	if d.room == nil {
		return nil
	}
	room := d.room
	d.room = nil
	return unix.Munmap(room)
}

// pages is n bytes in whole pages, and twice as many as needed, so that a log whose batches grow finds room seldom.
func pages(n int) int {
	page := os.Getpagesize()
	return (2*n + page - 1) / page * page
}
