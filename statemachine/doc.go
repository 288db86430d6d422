// Package statemachine is what Parley remembers: the replicated state that
// committed commands change and queries read. It is a function of its arguments;
// every node that applies the same entries holds the same state, byte for byte.
//
//	 entry's time ──▶ Advance                      (every entry, before the command in it)
//	command bytes ──▶ Apply ──▶ reply bytes        (committed, in log order)
//	                    │
//	                 tables ── 128-bit state hash  (one write function)
//	                    │
//	  query bytes ──▶ Query ──▶ reply bytes        (any applied state)
//	 from position ─▶ EventsAfter ──▶ frames       (what happened since)
//
// # Reading order
//
//	limits.go    every bound, with the reason for its number
//	command.go   what can be asked: Send, History, and their bytes; lockcommand.go the same of locks
//	reply.go     what is answered: SendReply, HistoryReply, a Refusal
//	machine.go   Apply and Query, one line a command
//	chat.go      channels and messages
//	lock.go      locks and their fences; lockexpiry.go how they end by log time
//	event.go     the backlog of events and what subscribers read
//	tables.go    rows, the one write function and the hash
//	snapshot.go  all rows as a stream, and back
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
// goroutine at a time; a clone may be read by another. Whoever a command comes
// from is told by the session it came in, not by its bytes.
package statemachine
