package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/raft"
)

// timeOf returns a node's clock as the wire has it; none if it was never read.
func timeOf(w raft.Wall) *timestamppb.Timestamp {
	if w == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(0, int64(w)))
}

// count returns a number of things as the wire has it.
func count(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }
