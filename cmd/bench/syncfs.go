package main

import (
	"sync"
	"time"

	"parley/cmd/bench/load"
	"parley/raft/vfs"
)

// syncTimes is a file system that measures every sync of a file, with the writes before it, or leaves it
// out. The writes belong to it: how much of the work they do is the system's affair.
type syncTimes struct {
	vfs.FS
	skip bool

	mu   sync.Mutex
	took load.Histogram
}

func (s *syncTimes) Open(name string) (vfs.File, error) {
	f, err := s.FS.Open(name)
	return s.wrap(f), err
}

func (s *syncTimes) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	return s.wrap(f), err
}

func (s *syncTimes) wrap(f vfs.File) vfs.File {
	if f == nil {
		return nil
	}
	return &timedFile{File: f, times: s}
}

// reset forgets what was measured so far.
func (s *syncTimes) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = load.Histogram{}
}

func (s *syncTimes) median() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took.At(0.5)
}

// count is how many syncs were measured since the reset.
func (s *syncTimes) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took.Count()
}

type timedFile struct {
	vfs.File
	times *syncTimes
	wrote time.Duration // since the last sync, by the one goroutine that writes
}

func (f *timedFile) WriteAt(p []byte, off int64) (int, error) {
	start := time.Now()
	n, err := f.File.WriteAt(p, off)
	f.wrote += time.Since(start)
	return n, err
}

func (f *timedFile) Sync() error {
	if f.times.skip {
		return nil
	}
	start := time.Now()
	err := f.File.Sync()
	took := f.wrote + time.Since(start)
	f.wrote = 0
	f.times.mu.Lock()
	f.times.took.Add(took)
	f.times.mu.Unlock()
	return err
}
