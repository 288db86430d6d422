package blob

import (
	"errors"
	"fmt"

	"parley/raft/vfs"
)

// The errors that callers tell apart; they come wrapped with the facts.
var (
	ErrMissing  = errors.New("no such blob here")
	ErrNoUpload = errors.New("no such upload: begin it again")
	ErrBusy     = errors.New("too many uploads are under way: try again later")
	ErrChanged  = errors.New("the blob was stored meanwhile and stays")
)

// DamagedError says that a blob's file does not hold what was stored. The blob counts as
// missing from then on; chunks that are good are kept for its repair.
type DamagedError struct {
	Sum    Sum
	Offset int64 // in the file
	What   string
}

// Error names the blob and the place.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("blob %s, offset %d: %s", e.Sum.Short(), e.Offset, e.What)
}

// SumError says that content is not what its name says.
type SumError struct {
	Want, Got Sum
}

// Error names both sums.
func (e *SumError) Error() string {
	return fmt.Sprintf("blob %s: the content has the sum %s", e.Want.Short(), e.Got.Short())
}

// TooLargeError says that a blob would exceed the bound.
type TooLargeError struct {
	Bytes, Max int64
}

// Error names both sizes.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("blob of %d bytes: at most %d are taken", e.Bytes, e.Max)
}

// OffsetError says where an upload goes on.
type OffsetError struct {
	Got, Want int64
}

// Error names both offsets.
func (e *OffsetError) Error() string {
	return fmt.Sprintf("upload goes on at offset %d, not %d", e.Want, e.Got)
}

// FormatError says that a file was written by a later release.
type FormatError struct {
	File    string
	Version uint32
}

// Error names both versions.
func (e *FormatError) Error() string {
	return fmt.Sprintf("blob: %s was written by a newer Parley: format %d, this build reads up to %d", e.File, e.Version, formatVersion)
}

// Fault says in one word what came of an operation, so that it can be input to a
// function.
type Fault uint8

// The faults.
const (
	FaultNone    Fault = iota
	FaultMissing       // the blob, the chunk or the upload is not here
	FaultDamaged       // a DamagedError
	FaultSum           // a SumError
	FaultRefused       // too large, too many, another offset: the caller's to mend
	FaultChanged       // ErrChanged
	FaultNoSpace       // the disk is full
	FaultDisk          // any other failure of the disk
)

// String says the fault in a few words.
func (f Fault) String() string {
	switch f {
	case FaultNone:
		return "done"
	case FaultMissing:
		return "missing"
	case FaultDamaged:
		return "damaged"
	case FaultSum:
		return "other content"
	case FaultRefused:
		return "refused"
	case FaultChanged:
		return "stored again"
	case FaultNoSpace:
		return "no space"
	}
	return "disk error"
}

func faultOf(err error) Fault {
	if err == nil {
		return FaultNone // mostly, and for nothing
	}
	var damaged *DamagedError
	var sum *SumError
	var large *TooLargeError
	var offset *OffsetError
	switch {
	case errors.As(err, &damaged):
		return FaultDamaged
	case errors.As(err, &sum):
		return FaultSum
	case errors.As(err, &large), errors.As(err, &offset), errors.Is(err, ErrBusy):
		return FaultRefused
	case errors.Is(err, ErrMissing), errors.Is(err, ErrNoUpload):
		return FaultMissing
	case errors.Is(err, ErrChanged):
		return FaultChanged
	case errors.Is(err, vfs.ErrNoSpace):
		return FaultNoSpace
	}
	return FaultDisk
}
