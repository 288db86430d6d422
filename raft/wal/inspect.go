package wal

import (
	"parley/raft"
	"parley/raft/vfs"
)

// Report is what a person may want to know about the log of a stopped node.
type Report struct {
	Cluster  raft.ClusterID
	Segments []SegmentReport // that belong to the log, oldest first
	Left     []uint64        // segments that do not matter any more and were not removed yet
	Oldest   uint64          // segments before this one do not matter any more
	Last     uint64          // the last good batch
	Sealed   uint64          // all batches through this one are certainly synced
	Was      Recovered
}

// SegmentReport is one segment of a log.
type SegmentReport struct {
	Number  uint64
	From    uint64 // the segment that it continues from, or zero
	Batches uint64
	End     int64 // where its last batch ends
}

// Inspect reads a log without changing anything. Damage is in the report; only a
// newer format, files of two clusters, and what the file system says are
// errors.
func Inspect(fs vfs.FS, dir string) (Report, error) {
	s, err := look(fs, dir, 0, new(Memory))
	if err != nil {
		return Report{}, err
	}
	r := Report{Cluster: s.cluster, Last: s.tail.batch, Sealed: s.seal.at.batch, Oldest: s.p.claim.oldest, Was: s.was}
	for _, g := range s.chain {
		r.Segments = append(r.Segments, SegmentReport{Number: g.number, From: g.at.segment, Batches: g.batches, End: g.end})
	}
	for _, number := range s.numbers {
		if s.linkOf(number) == nil {
			r.Left = append(r.Left, number)
		}
	}
	return r, nil
}
