package snap

import (
	"errors"
	"fmt"

	"parley/raft"
	"parley/raft/vfs"
)

// DamagedError says that a snapshot holds something else than what was stored, or that
// it can't be read. The store lists it no longer; the file stays until another one takes its place.
type DamagedError struct {
	File   string
	Index  raft.Index // of the entry, as the file's name tells
	Offset int64
	What   string
	Err    error // what the disk said, nil if it gave bytes and they are wrong
}

// Error names the place.
func (e *DamagedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("snap: %s, offset %d: %s: %v", e.File, e.Offset, e.What, e.Err)
	}
	return fmt.Sprintf("snap: %s, offset %d: %s", e.File, e.Offset, e.What)
}

// Unwrap returns what the disk said.
func (e *DamagedError) Unwrap() error { return e.Err }

// FormatError says that a file was written by a later release.
type FormatError struct {
	File    string
	Version uint32
}

// Error names both versions.
func (e *FormatError) Error() string {
	return fmt.Sprintf("snap: %s was written by a newer Parley: format %d, this build reads up to %d", e.File, e.Version, formatVersion)
}

// ClusterError says that a snapshot belongs to another cluster.
type ClusterError struct {
	File      string
	Got, Want raft.ClusterID
}

// Error names both clusters.
func (e *ClusterError) Error() string {
	return fmt.Sprintf("snap: %s belongs to cluster %s, this node to %s", e.File, e.Got, e.Want)
}

// TransferError says that what arrived is not what was asked for. The download goes on from
// Have: from the beginning if the pieces that arrived do not make the snapshot that was offered.
type TransferError struct {
	Entry  raft.EntryID
	Offset int64
	What   string
}

// Error names the place.
func (e *TransferError) Error() string {
	return fmt.Sprintf("snap: download of the snapshot at entry %d, offset %d: %s", e.Entry.Index, e.Offset, e.What)
}

var (
	// ErrGone is returned for a snapshot that the store does not list, or no more.
	ErrGone = errors.New("snap: there is no such snapshot here any more")
	// ErrIncomplete is returned for a download that is finished before all is there.
	ErrIncomplete = errors.New("snap: the download is not complete")
	errClosed     = errors.New("snap: the download is closed")
)

// The ways out, by what the disk said.
const (
	adviceNoSpace  = "free space on the disk of the data directory; until a newer snapshot is complete the log keeps growing, and nothing is lost"
	adviceReadOnly = "the disk of the data directory went read-only: look after it and start the node again"
	adviceDisk     = "the disk of the data directory fails: look after it; the log and the older snapshots are kept"
)

// explain adds the way out to an error of the disk, which names the file.
func explain(err error) error {
	advice := adviceDisk
	switch {
	case errors.Is(err, vfs.ErrNoSpace):
		advice = adviceNoSpace
	case errors.Is(err, vfs.ErrReadOnly):
		advice = adviceReadOnly
	}
	return fmt.Errorf("snap: %w (%s)", err, advice)
}
