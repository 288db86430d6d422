package main

import (
	"sync"
	"time"

	"parley/cmd/bench/load"
	"parley/raft/vfs"
)

// syncTimes is a file system that measures every sync of a file, or leaves it
// out.
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
	return &timedFile{f, s}
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
}

func (f *timedFile) Sync() error {
	if f.times.skip {
		return nil
	}
	start := time.Now()
	err := f.File.Sync()
	took := time.Since(start)
	f.times.mu.Lock()
	f.times.took.Add(took)
	f.times.mu.Unlock()
	return err
}
