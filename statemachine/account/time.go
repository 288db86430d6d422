package account

import (
	"math"
	"time"

	"parley/raft"
)

// later adds to a log time, and stays at its end.
func later(t raft.LogTime, d time.Duration) raft.LogTime {
	if d <= 0 {
		return t
	}
	if raft.LogTime(d) > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + raft.LogTime(d)
}
