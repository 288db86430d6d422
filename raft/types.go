package raft

import (
	"cmp"
	"fmt"
	"time"
)

// NodeID names a member of a cluster. It is chosen by the operator, starts at
// 1 and is never used for two directories at a time. Zero is "nobody".
type NodeID uint64

// Incarnation is drawn at random when a data directory is made. A node whose
// directory was lost comes back with another incarnation, so that nobody
// mistakes the promises of the lost directory for its own.
type Incarnation uint64

// ClusterID is drawn at random when a cluster is formed. Zero is "no cluster
// yet"; only formation messages carry it.
type ClusterID uint64

// Term is a term of the paper: at most one leader each [§5.1]. Terms start at
// 1; zero is "before the first election".
type Term uint64

// Index is a place in the log. The first entry has index 1; zero is the place
// before it, which every log has.
type Index uint64

// Position is the index of an entry as users see it: read token, event
// position and fence at once. It stays below 2^53, so that JSON can carry it.
type Position uint64

// WriteSeq numbers the writes a node hands to its disk. Completion of n means
// that all writes up to n are stored.
type WriteSeq uint64

// Ident is a node as promises see it: this id, in this directory.
type Ident struct {
	ID  NodeID
	Inc Incarnation
}

// IsZero reports whether the ident names nobody.
func (i Ident) IsZero() bool { return i == Ident{} }

// Compare orders idents by id, then by incarnation.
func (i Ident) Compare(j Ident) int {
	if c := cmp.Compare(i.ID, j.ID); c != 0 {
		return c
	}
	return cmp.Compare(i.Inc, j.Inc)
}

// String prints the id and the first two bytes of the incarnation: "2/9f3c".
func (i Ident) String() string {
	if i.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%d/%04x", uint64(i.ID), uint64(i.Inc)>>48)
}

// String prints the id as 16 hexadecimal digits.
func (c ClusterID) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// String prints the incarnation as 16 hexadecimal digits.
func (i Incarnation) String() string { return fmt.Sprintf("%016x", uint64(i)) }

// Mono is a reading of a process's monotonic clock, in nanoseconds since an
// arbitrary start. It never falls within a process; it may drift and freeze.
// Timers use only it.
type Mono int64

// Add returns the reading d later.
func (m Mono) Add(d time.Duration) Mono { return m + Mono(d) }

// Sub returns the time from o to m.
func (m Mono) Sub(o Mono) time.Duration { return time.Duration(m - o) }

// Never is a deadline that does not come.
const Never Mono = 1<<63 - 1

// Wall is wall-clock time in nanoseconds since 1970, UTC. It may jump. It is
// shown to people and nothing in the protocol depends on it.
type Wall int64

// LogTime is the time that entries carry, in nanoseconds. The leader's log time
// is the stamp of the last entry in its log at its election plus the Mono
// elapsed since; it never falls along the log. Whatever expires in
// replicated state expires by it.
type LogTime int64

// Add returns the log time d later.
func (t LogTime) Add(d time.Duration) LogTime { return t + LogTime(d) }

// EntryKind says who reads an entry's payload.
type EntryKind uint8

// The kinds of entries. Their numbers are on disk; they never change.
const (
	EntryNoop    EntryKind = 1 // no payload: a leader's first entry in its term [§8]
	EntryCommand EntryKind = 2 // a command for the node above the protocol
	EntryConfig  EntryKind = 3 // an encoded Configuration
	EntryClock   EntryKind = 4 // no payload: only its log time matters
	EntryLevel   EntryKind = 5 // a level: gates changes of Apply's behaviour
)

// String names the kind as traces print it.
func (k EntryKind) String() string {
	switch k {
	case EntryNoop:
		return "noop"
	case EntryCommand:
		return "command"
	case EntryConfig:
		return "config"
	case EntryClock:
		return "clock"
	case EntryLevel:
		return "level"
	}
	return fmt.Sprintf("kind%d", uint8(k))
}

// Entry is one entry of the log. It is immutable from the moment the leader
// made it: log, wire and apply share the payload's bytes.
type Entry struct {
	Index   Index
	Term    Term
	Time    LogTime
	Kind    EntryKind
	Sum     uint32 // entry checksum, computed once by the leader; see EntrySum
	Payload []byte
}

// EntryID names an entry: two logs that have an entry of the same index and term have the
// same entry there, and the same ones before it [§5.3, Log Matching].
type EntryID struct {
	Index Index
	Term  Term
}

// Before reports whether a log that ends with this entry is less up to date than one that
// ends with the other [§5.4.1].
func (e EntryID) Before(o EntryID) bool {
	return e.Term < o.Term || e.Term == o.Term && e.Index < o.Index
}

// HardState is what a node promises to remember before it answers
// (currentTerm and votedFor of Figure 2; the log is the third part).
type HardState struct {
	Term Term
	Vote Ident // zero: no vote in this term
	// Floor is where the log ended before a part of it was lost to damage, zero if none was.
	// Until the log is as up to date again, the node votes as if it still ended there,
	// and does not campaign: what it acknowledged once, it never denies.
	Floor EntryID
}
