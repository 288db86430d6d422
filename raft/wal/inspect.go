package wal

import (
	"parley/raft"
	"parley/raft/vfs"
)

// Report is what a person may want to know about the log of a stopped node.
type Report struct {
	Cluster  raft.ClusterID
	Segments []SegmentReport // that belong to the log, oldest first
	Left     []uint64        // superseded segments that were not removed yet
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
	s, err := look(fs, dir, 0)
	if err != nil {
		return Report{}, err
	}
	r := Report{Cluster: s.cluster, Last: s.tail.batch, Sealed: s.seal.at.batch, Was: s.was}
	for i, h := range s.chain {
		r.Segments = append(r.Segments, SegmentReport{
			Number: h.segment, From: h.from.segment, Batches: s.read[i].batches, End: s.read[i].end,
		})
	}
	for _, number := range s.numbers {
		if s.headerOf(number).segment == 0 {
			r.Left = append(r.Left, number)
		}
	}
	return r, nil
}
