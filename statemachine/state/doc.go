// Package state is the replicated state of the team tool: rows in tables, what may be done to them, and what every command
// and query shares. The packages beside it (account, chat, file, document, lock, presence, assist) have the commands and
// queries themselves; package statemachine decodes them and calls them.
//
//	         head: login, proof                         an actor: User, Login
//	bytes ──▶ Coder ──▶ Authenticate ──▶ Command.Apply(Txn) ──▶ rows, through one function ──▶ 128-bit hash
//	                                 └─▶ Query.Answer(View)         │
//	                                        both ask access.go      └──▶ events, each with its audience
//
// # Reading order
//
//	state.go    the state, a command, a query, and who speaks: Head, Txn, View
//	tables.go   rows, the one write function and the hash; snapshot.go, all of them as a stream and back
//	codec.go    every type's bytes, by one method each way
//	ids.go      what things are called: a prefix and the position of the entry that made them
//	access.go   who may do what to a place, in one table; docaccess.go the same for documents; target.go resolves names
//	refusal.go  what is answered instead
//	limits.go   every bound, with the reason for its number
//	event.go    what happened, for whom, and for how long it is kept; show.go, as subscribers see it; notice.go, what passes
//	            the log by
//	audit.go    what somebody may look up later
//
// What rows there are, each file with its rules:
//
//	user.go login.go names.go setting.go external.go             people, and how the cluster is set
//	place.go post.go reaction.go mention.go emoji.go presence.go  what they say, and who is there
//	file.go document.go                                           what they keep
//	lock.go locktime.go wait.go                                   locks, how log time ends them, and the line for them
//	deadline.go retention.go                                      what ends by itself, and when
//	refound.go                                                    what a new cluster takes over from a backup or a survivor
//
// # What it promises
//
// A Txn that answers with a refusal has changed nothing. Every row is written through one function of tables.go, so that
// the hash is that of the rows, always: Recompute shows it. What a reader may not see he is told of in the same words as of
// what there is not.
package state
