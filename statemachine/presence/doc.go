// Package presence has the commands and queries about who is there.
//
// A user is online while he has a stream at some node. Which streams there are only the nodes know, each its own; so
// each node's server compares, now and then, who has a stream with it (wanted) with what the state says of it (rows),
// and proposes the difference:
//
//	streams of node 2:  ann, bob        ┐
//	                                    ├─ Reconcile ──▶ Announce{node 2: +bob, -cid}
//	rows of node 2:     ann, cid        ┘
//
// It tells levels, never edges: an announcement that is lost, doubled or overtaken is made good by the next
// comparison, and after a restart or a restore of everything the first one clears what is no longer so. Keep-alives
// are nobody's business but the stream's; the log has one entry for many changes. Of a node that is gone the
// leader's server says so.
//
// # Reading order
//
//	announce.go   what a node's server proposes, and what comes of it
//	reconcile.go  the difference
//	who.go        who is online, offline, and since when
//
// # What it promises
//
// Several streams of one user, at one node or at many, are one presence: an event is recorded when the first begins
// and when the last ends, and at no other time.
//
// # What it asks of its caller
//
// Announce and NodeGone and the queries Edges, Nodes and Difference are for servers: no caller's request becomes one.
package presence
