// Package host runs a node: it is the pump around node.Node that owns what the
// node itself may not touch, which is goroutines, files, sockets and clocks.
//
//	callers --Do--> inbox --batch--> loop: node.Step --Store--> disk goroutine
//	  ^               ^                |  |  \                    |    |
//	  |               |                |  |   `--Send--> Transport <Then'  |
//	  |               |                |   `--Push--> subscriptions        |
//	   `----Done------+----------------'                                   |
//	                  `------------- EventStored --------------------------'
//
// # A write on the leader
//
// Do puts the command into the inbox (1). The loop takes all that waits there
// in one swap, makes one Step of it, and hands what the Step wants to the disk
// and to the peers (2), which work side by side. The acknowledgements of the
// followers come into the inbox (3); the Step that takes them commits, applies and
// answers, and the waiting caller runs (4). Four hand-overs between
// goroutines, and each moves everything that is queued at that moment: the
// busier the node, the larger its batches.
//
// A Step that applies has its messages and stores taken out before it does (node.Output.Ahead): a follower hears of a commit with the
// next entry, and a busy leader commits one batch as it appends the next. Neither the disk nor the peers wait for the state machine.
//
// # A read on the leader
//
// A linearizable read is kept in the inbox until those who were just answered have been run, so that one round of heartbeats
// answers all of them (gather.go); the node gets them as one event. Its caller waits for nothing but the answer at
// first (patience.go).
//
// # The disk
//
// One goroutine owns the data directory. It takes every queued Store, writes them
// as one batch, syncs once (group commit), and only then sends the promises that
// ride in Store.Then and reports the last WriteSeq. A disk that is idle for 50 ms is
// sealed and then prepares the next segment, off the latency path; a clean
// stop seals too. A write or a sync that fails is final: the node is told, the
// host stops, and Err says why.
//
// # What it promises
//
//   - Every Do ends: with the node's answer, with Refused if the request never
//     reached the node, or with Unknown if the host stopped or the context ended
//     while it was under way.
//   - Nothing grows without bound; limits.go has the numbers and the reasons.
//   - After Stop returned, or Done was closed, no goroutine of the host runs.
//
// # Reading order
//
// transport.go (what it asks of a network), lane.go, pump.go (the loop), inbox.go,
// disk.go, courtesy.go, gather.go, calls.go, patience.go, subscription.go, probe.go (what others may count); queue.go is for those who write a Transport,
// network.go is one in memory.
package host
