// Package statemachine is what Parley remembers: the replicated state that
// committed commands change and queries read. It is a function of its arguments;
// every node that applies the same entries holds the same state, byte for byte.
//
//	 entry's time ──▶ Advance                      (every entry, before the command in it)
//	command bytes ──▶ Apply ──▶ reply bytes        (committed, in log order; a refusal is a reply)
//	                    │
//	                 tables ── 128-bit state hash  (one write function)
//	                    │
//	  query bytes ──▶ Query ──▶ reply bytes        (any applied state)
//	 from position ─▶ EventsAfter ──▶ frames       (what happened since)
//
// The rows, and who may do what to them, are in package state. What people can ask for is in packages of its own, one a
// subject: account, chat, file, document, lock, presence, assist. This one puts them together.
//
// # Reading order
//
//	machine.go   Apply, Query and Advance: bytes are decoded, their login is looked up, and a command or query is called
//	registry.go  all kinds of commands and queries, and their numbers
//	event.go     the backlog of events as subscribers read it; notice.go, what never enters the log
//	retention.go what is too old goes, a few rows an entry
//
// Then state/state.go, state/tables.go and state/access.go, and of the subjects chat/send.go first.
//
// What was there before accounts is still in the logs of clusters that began with it, and so executed as ever; commands
// of today do not reach it: anonymous.go, command.go, lockcommand.go, reply.go and codec.go have its bytes, chat.go its
// channels, lock.go and lockexpiry.go its locks. The plain clients of the simulator (sim/client.go) still speak it.
//
// # What it promises
//
// Apply and Query never panic, whatever the bytes. A command that can't be
// done is answered by a [Refusal], which is a reply like any other: it is
// replicated, remembered for the session and the same on every node. Nothing read from
// a command is kept without being copied. Clone costs a few words and shares
// immutable rows.
//
// # What it asks of its caller
//
// Entries and commands come in log order, each position once. A machine is used by one
// goroutine at a time; a clone may be read by another. Whom a command comes from its head says: a login and the proof that
// the caller has its secret, which must fit the login in the very state that the command runs on. The principal under which
// it was proposed must be the same user's.
package statemachine
