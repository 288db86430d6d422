// Package wal keeps a node's log and hard state on disk: the three things that
// Figure 2 calls persistent, in one stream of batches.
//
//	Append ──► page cache ──Sync──► disk          one batch at a time
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
// # What it asks of its caller
//
// Append, Sync, Append, Sync: two batches are never unsynced at a time. After an
// error the log is failed for good, and the node stops. One process at a time:
// the directory's lock is the caller's. Call Seal when the disk has been idle for
// 50 ms and before Close, Prepare when there is nothing else to do.
//
// # Reading order
//
//	format.go   segments and seals, byte by byte
//	batch.go    batches, byte by byte, and how they are made
//	log.go      append, sync, seal
//	segment.go  how a new segment comes to count
//	read.go     what the sectors at one place hold
//	replay.go   the log that batches add up to; the four answers
//	scan.go     the files, the chain of segments, damaged or torn
//	gap.go      what damage costs
//	recover.go  how an opened log goes on
//
// The argument why all this survives every crash is in docs/storage.md.
package wal
