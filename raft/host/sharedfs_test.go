package host_test

import (
	"io"
	"sync"

	"parley/raft/vfs"
)

// sharedFS lets the goroutines of a host, which a real disk serves all at once, have one file system
// in memory, which is for one goroutine.
type sharedFS struct {
	mu sync.Mutex
	fs vfs.FS
}

func (s *sharedFS) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *sharedFS) file(open func() (vfs.File, error)) (f vfs.File, err error) {
	s.do(func() { f, err = open() })
	if err != nil {
		return nil, err
	}
	return &sharedFile{s, f}, nil
}

func (s *sharedFS) Open(name string) (vfs.File, error) {
	return s.file(func() (vfs.File, error) { return s.fs.Open(name) })
}

func (s *sharedFS) Create(name string) (vfs.File, error) {
	return s.file(func() (vfs.File, error) { return s.fs.Create(name) })
}

func (s *sharedFS) Rename(from, to string) (err error) {
	s.do(func() { err = s.fs.Rename(from, to) })
	return err
}

func (s *sharedFS) Remove(name string) (err error) {
	s.do(func() { err = s.fs.Remove(name) })
	return err
}

func (s *sharedFS) MkdirAll(name string) (err error) {
	s.do(func() { err = s.fs.MkdirAll(name) })
	return err
}

func (s *sharedFS) List(dir string) (names []string, err error) {
	s.do(func() { names, err = s.fs.List(dir) })
	return names, err
}

func (s *sharedFS) SyncDir(dir string) (err error) {
	s.do(func() { err = s.fs.SyncDir(dir) })
	return err
}

func (s *sharedFS) Lock(name string) (lock io.Closer, err error) {
	s.do(func() { lock, err = s.fs.Lock(name) })
	if err != nil {
		return nil, err
	}
	return &sharedLock{s, lock}, nil
}

type sharedLock struct {
	fs   *sharedFS
	lock io.Closer
}

func (l *sharedLock) Close() (err error) {
	l.fs.do(func() { err = l.lock.Close() })
	return err
}

type sharedFile struct {
	fs *sharedFS
	f  vfs.File
}

func (f *sharedFile) ReadAt(p []byte, off int64) (n int, err error) {
	f.fs.do(func() { n, err = f.f.ReadAt(p, off) })
	return n, err
}

func (f *sharedFile) WriteAt(p []byte, off int64) (n int, err error) {
	f.fs.do(func() { n, err = f.f.WriteAt(p, off) })
	return n, err
}

func (f *sharedFile) Sync() (err error) {
	f.fs.do(func() { err = f.f.Sync() })
	return err
}

func (f *sharedFile) Truncate(size int64) (err error) {
	f.fs.do(func() { err = f.f.Truncate(size) })
	return err
}

func (f *sharedFile) Preallocate(size int64) (err error) {
	f.fs.do(func() { err = f.f.Preallocate(size) })
	return err
}

func (f *sharedFile) Direct() { f.fs.do(f.f.Direct) }

func (f *sharedFile) Size() (n int64, err error) {
	f.fs.do(func() { n, err = f.f.Size() })
	return n, err
}

func (f *sharedFile) Close() (err error) {
	f.fs.do(func() { err = f.f.Close() })
	return err
}
