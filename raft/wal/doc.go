// Package wal keeps a node's log and hard state on disk: the three things that
// Figure 2 calls persistent, in one stream of batches.
//
//	Append ──► system ──Sync──► disk              one batch at a time
//	                                 │
//	Seal    ─► "all up to here is synced"         when the disk is idle
//	                                 │
//	Open    ◄────────────────────────┘            present, absent, torn or damaged
//
// # What it promises
//
// When Sync has returned nil, the batch and all before it are found by every later
// Open, whatever crashes in between, as long as the disk keeps what it was told
// to keep. When the disk does not, Open says so, with the place: a batch that was
// acknowledged is never taken for one that was not (but see the one
// ambiguity in docs/storage.md). What Open returns is on disk already.
//
// Damage never becomes absence. An entry that can't be read is a hole: its index and term are
// known all the same, and Batch.Fill puts it back. Where they are not known, the log is cut
// and HardState.Floor stands for what it held; a good snapshot of the node's own covers what
// lies at or below it. Only a log that does not tell where it ended is refused.
//
// # What it asks of its caller
//
// Append, Sync, Append, Sync: two batches are never unsynced at a time. After an
// error the log is failed for good, and the node stops. One process at a time:
// the directory's lock is the caller's. Call Seal when the disk has been idle for
// 50 ms and before Close, Prepare when there is nothing else to do, and Trim now and then
// between two batches while there always is. Raise the base only to a snapshot that is durable,
// and keep that one, or a newer one, as long as the base stays.
//
// # Reading order
//
//	format.go   segments and seals, byte by byte
//	claim.go    how node and log stand, byte by byte
//	batch.go    batches, byte by byte, and how they are made
//	tag.go      what the number at the start of a sector proves
//	log.go      append, sync, seal
//	ledger.go   what an open log knows of its contents, and which batches fit it
//	segment.go  how a new segment comes to count, and an old one goes or is used again
//	read.go     what the sectors at one place hold
//	replay.go   the log that batches add up to
//	scan.go     the files; damaged or torn
//	chain.go    the segments that are part of the log
//	gap.go      what lost batches cost
//	decide.go   what becomes of damage
//	answer.go   what a log tells when it is opened; the four answers
//	recover.go  how an opened log goes on
//
// The argument why all this survives every crash is in docs/storage.md.
package wal
