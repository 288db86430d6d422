package osfs

import (
	"os"
	"path"
	"sync"
	"syscall"
	"time"
)

// A file of many megabytes that is removed gives all its blocks back at once. Where the file system is mounted with
// discard the device is told of them, and meanwhile it syncs for nobody: 64 MiB took 15 to 20 ms, and every write
// to the log waited. So a removed file is held open and gets shorter piece by piece, with pauses.
//
// Two rules keep that invisible. Nothing is cut off while somebody still has the file open, since a removed file can be
// read to its end. And nothing is cut off before the removal itself is on disk: after a crash
// there is the whole file or none.
const (
	releasePiece = 1 << 20               // what goes back at a time
	releasePause = 10 * time.Millisecond // 100 MB/s, faster than a log grows
	releaseLeast = 4 << 20               // smaller files go at once
	releaseFiles = 64                    // held at a time; more go at once
)

// inode is a file, whatever its name.
type inode struct{ dev, ino uint64 }

// removed is a file without a name.
type removed struct {
	os   *os.File
	sync func() error // makes its removal durable
}

// releaser is what gives space back. There is one for the process, since two FS may be of one directory.
type releaser struct {
	mu      sync.Mutex
	idle    sync.Cond
	open    map[inode]int     // how many handles there are
	waiting map[inode]removed // for the last handle to be closed
	queue   []removed
	running bool
	hurry   bool // the disk is full: no pieces and no pauses
}

var space = newReleaser()

func newReleaser() *releaser {
	r := &releaser{open: map[inode]int{}, waiting: map[inode]removed{}}
	r.idle.L = &r.mu
	return r
}

// inodeOf tells one file from another; links is by how many names it is known.
func inodeOf(info os.FileInfo) (id inode, links uint64, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, 0, false
	}
	return inode{uint64(s.Dev), s.Ino}, uint64(s.Nlink), true
}

// opened counts a handle, and closed one less.
func (r *releaser) opened(id inode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[id]++
}

func (r *releaser) closed(id inode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[id]--; r.open[id] > 0 {
		return
	}
	delete(r.open, id)
	if w, ok := r.waiting[id]; ok {
		delete(r.waiting, id)
		r.take(w)
	}
}

// hold opens a file that is about to be removed, if it is worth it.
func (f *FS) hold(name string) (*os.File, inode) {
	before, err := f.root.Lstat(name)
	if err != nil || !before.Mode().IsRegular() || before.Size() < releaseLeast {
		return nil, inode{}
	}
	o, err := f.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, inode{}
	}
	if info, err := o.Stat(); err == nil {
		if id, links, ok := inodeOf(info); ok && links == 1 {
			return o, id
		}
	}
	_ = o.Close()
	return nil, inode{}
}

// release gives the space of a file back that was removed.
func (f *FS) release(name string, o *os.File, id inode) {
	dir := path.Dir(name)
	gone := removed{o, func() error { return f.SyncDir(dir) }}
	space.mu.Lock()
	defer space.mu.Unlock()
	if space.open[id] > 0 {
		space.waiting[id] = gone
		return
	}
	space.take(gone)
}

// take queues a file, under the lock.
func (r *releaser) take(gone removed) {
	if len(r.queue) >= releaseFiles {
		_ = gone.os.Close()
		return
	}
	r.queue = append(r.queue, gone)
	if !r.running {
		r.running = true
		go r.run()
	}
}

// run releases what is queued, and ends when that is done.
func (r *releaser) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.mu.Unlock()
		r.shorten(next)
		r.mu.Lock()
	}
	r.running, r.hurry = false, false
	r.idle.Broadcast()
}

// shorten cuts a file down to nothing. Whatever fails, closing it gives back the rest.
func (r *releaser) shorten(gone removed) {
	defer func() { _ = gone.os.Close() }()
	info, err := gone.os.Stat()
	if err != nil || r.hurried() || gone.sync() != nil {
		return
	}
	for left := info.Size() - releasePiece; left > 0 && !r.hurried(); left -= releasePiece {
		if gone.os.Truncate(left) != nil {
			return
		}
		time.Sleep(releasePause)
	}
}

func (r *releaser) hurried() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hurry
}

// now gives everything back at once, for somebody who needs the space, and reports whether there was anything.
func (r *releaser) now() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		return false
	}
	r.hurry = true
	for r.running {
		r.idle.Wait()
	}
	return true
}
