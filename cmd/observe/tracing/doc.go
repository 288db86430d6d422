// Package tracing tells an OpenTelemetry collector what became of a command: from the client's call to the entry that each
// node stored and applied.
//
//	client          ChatService/Send ─────────────────────────────────────────────────┐
//	leader            parley.v1.ChatService/Send ────────────────────────────────────┐ │
//	                    raft.propose ──┐       in the inbox, until it is an entry    │ │
//	                                   └ raft.entry ────────────────────────────┐    │ │
//	                                       raft.store ─────┐                    │
//	                                       raft.commit ────────────┐            │
//	                                       raft.apply              └────────────┘
//	followers                              raft.store ────────┐
//	                                       raft.apply              ───────────────┘
//
// A node's spans come from the notes of its Steps, the one stream that metrics and judges read, too. A leader knows
// from the notes which entry a call became. A follower does not, as the log carries no trace: the leader tells it beside the
// protocol which entries belong to which trace (peer.Transport.Aside), and what that says is put together with the follower's own
// notes, whichever comes first. If it gets lost a span is missing and nothing else.
//
// Nothing of this runs unless it was asked for; then it is never waited for: what the recorder can't take at once is
// dropped and counted.
//
// Spans have ids, positions, names of methods and codes. What people wrote, and who they are, is in none.
package tracing
