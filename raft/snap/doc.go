// Package snap keeps a node's snapshots: files that hold what all entries up to one did
// [§7]. It knows nothing of what is in them.
//
//	Create ──► new.tmp ──sync, rename, sync directory──► <index>.snap ──► Reader, Verify
//	                                                        │    ▲
//	                                         ReadChunk ◄────┘    │ Finish: sync, rename, sync directory
//	                                            │                │
//	                                          wire ──► Append ──► <index>-<sum>.part
//
// # What it promises
//
// When Create or Finish has returned nil, every later Open finds the snapshot, whatever
// crashes in between, as long as the disk keeps what it was told to keep. Before
// that nothing of it is to be seen. What Open lists is durable, too. No bit of a file can change
// unnoticed: what Reader and ReadChunk give away was checked, and Reader ends with io.EOF only if
// the whole file is what was written.
//
// Snapshots of one entry are the same bytes on every node, so that a download that one node began
// to serve goes on with another one.
//
// # What it asks of its caller
//
// The store and what it gives out are used by one goroutine at a time, and the directory by one
// process. A snapshot takes long: nothing of this is called from a node's loop.
//
// # Reading order
//
//	format.go   the file, byte by byte
//	verify.go   the one path on which bytes are checked
//	store.go    what is there, and what is removed
//	create.go   how a snapshot comes to be
//	reader.go   its body, and its pieces for the wire
//	partial.go  a download that goes on where it ended
//
// The argument why all this survives every crash is in docs/storage.md.
package snap
