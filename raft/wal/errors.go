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

	// The entries that can't be read because of it: none if First is zero.
	First, Last raft.Index
}

// String tells the place and what is wrong there.
func (d Damage) String() string {
	if d.Number != 0 {
		return fmt.Sprintf("segment %d, offset %d: %s", d.Number, d.Offset, d.What)
	}
	return fmt.Sprintf("%s, offset %d: %s", d.File, d.Offset, d.What)
}

// LostError says that a log does not tell any more where it ended, or what its node promised:
// every copy of it is bad. The node has lost its identity with it, and must not start from
// what is left; nothing was changed.
type LostError struct {
	Damage Damage // the first
	More   int    // how many follow
}

func lostError(found []Damage) error { return &LostError{Damage: found[0], More: len(found) - 1} }

// Error names the first place.
func (e *LostError) Error() string {
	if e.More > 0 {
		return fmt.Sprintf("wal: the end of the log is lost: %s (and %d more places)", e.Damage, e.More)
	}
	return fmt.Sprintf("wal: the end of the log is lost: %s", e.Damage)
}

// DamagedError says that a log has holes or a floor, for callers that can't go on with that.
type DamagedError struct {
	Damage Damage // the first place; none if the log was cut there before
	More   int    // how many follow
	Floor  raft.EntryID
}

// Error names the first place.
func (e *DamagedError) Error() string {
	switch {
	case e.Damage.File == "":
		return fmt.Sprintf("wal: the log was damaged and cut: it held entries up to %d of term %d", e.Floor.Index, e.Floor.Term)
	case e.More > 0:
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
