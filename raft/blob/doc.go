// Package blob keeps file contents, named by their SHA-256, on enough nodes that no minority can lose
// them. They are too large for the log; the log only says which are wanted.
//
//	client ──upload──► Store ──confirm──► Replicator ◄──offer, ack, pull, chunk──► peers
//	                     ▲                    │
//	                     └────── Op, Done ────┤
//	                                          ▼
//	                                     Confirmation ──► an entry of the log ──► Table: pinned,
//	                                                                              named, unnamed
//	                         Replicator ◄── Want, Unwant, as entries are applied ──┘
//
// Three parts that meet only as data:
//
//   - Store is the files of one node, over vfs. What it says it holds is on disk, name and all. Every
//     bit of a file is under a checksum; what is damaged is found before it is served, and counts as
//     missing from then on.
//   - Replicator is a function of its arguments like raft.Step. It sees to it that an upload is durable
//     on a majority before anybody is told so, that every member has what is wanted, that rot is found
//     and repaired from peers, and that nothing is collected that is wanted or promised.
//   - Table is the replicated state: pins with a deadline in log time, and counts of names. It lives in
//     rows that the state machine lends it. They are under the state machine's own hash, in
//     its snapshots and its copy-on-write clones; a table with a store of its own would need
//     each of these a second time, and a clone of it would cost what it holds.
//
// # What it promises
//
// A confirmed blob is durable on a majority of the configuration that confirmed it, of both halves if that
// was joint, and no copy that counted is given up before the entry that pins it is applied or is
// too late. While a blob is named or pinned no node collects it. With a connected majority that
// holds a good copy of every chunk between them, every member comes to hold it. Memory and work under way are
// bounded by Options, whatever peers send.
//
// # What it asks of its caller
//
//   - Operations are done one after the other, and each Done is handed to Step in that
//     order: those of uploads and clients, too. OpRead and OpWrite carry data that must not change.
//   - Messages of members arrive with From and To as the connection proved them. They may be lost, doubled, delayed and
//     reordered.
//   - InputWant, InputUnwant and InputApplied are given as entries are applied, in order; InputMembers
//     when a configuration takes effect.
//   - InputClock is given now and then, with the last entry's log time and what the node's clock has counted since.
//     Without it an upload to an idle cluster is promised for a time that is past when its pin is appended.
//   - InputCaughtUp is given once, when the node has applied all that was committed when its process
//     started: after its first ReadIndex, say. Nothing is collected before.
//   - The entry that pins carries the Confirmation, and Apply calls Table.Confirm with the entry's own log
//     time and configuration.
//   - MayPromote, MayRemove and MayAdopt are asked in the Step that appends the configuration entry.
//
// # Reading order
//
//	sum.go, limits.go       names and bounds
//	format.go               a file, byte by byte
//	store.go, part.go, upload.go   how a file comes to count, and how it ceases to
//	disk.go                 the store as data: Op and Done
//	output.go, message.go   what goes into a Step and what comes out
//	record.go, members.go   what is known of a blob; majorities
//	confirm.go, fetch.go, serve.go, inventory.go, collect.go, scrub.go   one protocol each
//	table.go                the replicated state
//
// docs/blobs.md has the crash argument, the protocols as numbered steps, and the honest limits.
package blob
