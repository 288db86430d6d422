package peer

import (
	"log/slog"
	"sync"
	"time"
)

// seldom spaces the log lines about one kind of trouble, so that a broken or
// hostile peer can't fill the disk.
type seldom struct {
	mu     sync.Mutex
	next   time.Time
	hidden int
}

// warn logs the line, or counts it if the last one is too recent.
func (s *seldom) warn(log *slog.Logger, msg string, args ...any) {
	s.mu.Lock()
	now := time.Now()
	if now.Before(s.next) {
		s.hidden++
		s.mu.Unlock()
		return
	}
	s.next = now.Add(logEvery)
	hidden := s.hidden
	s.hidden = 0
	s.mu.Unlock()
	if hidden > 0 {
		args = append(args, "similar_lines_left_out", hidden)
	}
	log.Warn(msg, args...)
}
