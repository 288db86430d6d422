package wal

import (
	"fmt"

	"parley/raft"
)

// Damage is one place of a log that does not hold what was stored there.
type Damage struct {
	File   string // "0000000000000007.wal" or "seal"
	Number uint64 // of the segment, or zero
	Offset int64
	Batch  uint64 // or zero, if it is no batch that is damaged
	What   string

	// The entries that can't be read because of it: none if First is zero, all
	// from First on if Last is the highest index there can be.
	First, Last raft.Index
}

// String tells the place and what is wrong there.
func (d Damage) String() string {
	if d.Number != 0 {
		return fmt.Sprintf("segment %d, offset %d: %s", d.Number, d.Offset, d.What)
	}
	return fmt.Sprintf("%s, offset %d: %s", d.File, d.Offset, d.What)
}

// DamagedError says that a log holds something else than what was stored. The node
// must not start from it; nothing was changed.
type DamagedError struct {
	Damage Damage // the first
	More   int    // how many follow
}

// Error names the first place.
func (e *DamagedError) Error() string {
	if e.More > 0 {
		return fmt.Sprintf("wal: %s (and %d more places)", e.Damage, e.More)
	}
	return "wal: " + e.Damage.String()
}

// FormatError says that a file was written by a later release.
type FormatError struct {
	File    string
	Version uint32
}

// Error names both versions.
func (e *FormatError) Error() string {
	return fmt.Sprintf("wal: %s was written by a newer Parley: format %d, this build reads up to %d", e.File, e.Version, formatVersion)
}

// ClusterError says that a log belongs to another cluster.
type ClusterError struct {
	File      string
	Got, Want raft.ClusterID
}

// Error names both clusters.
func (e *ClusterError) Error() string {
	return fmt.Sprintf("wal: %s belongs to cluster %s, this node to %s", e.File, e.Got, e.Want)
}

// SumError says that an entry to be appended is not the one its leader made.
type SumError struct {
	Index raft.Index
	Term  raft.Term
}

// Error names the entry.
func (e *SumError) Error() string {
	return fmt.Sprintf("wal: entry %d of term %d does not match its checksum: it changed in memory on its way to the disk", e.Index, e.Term)
}
