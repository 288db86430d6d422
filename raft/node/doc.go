// Package node is the reactor around the protocol: one cluster member as a
// function of its inputs.
//
//	peers ──message──┐                         ┌──> Store  to the disk
//	disk ───stored───┤                         ├──> Send   to peers
//	callers ─command─┼──> Step(now, events) ───┼──> Done   to callers
//	         query   │    raft.Raft            ├──> Push   to subscribers
//	         subscr. ┘    sessions             └──> Notes  to traces and judges
//	                      state machine
//
// Events go in, an Output comes out; nothing here waits, sleeps, locks or does
// input and output. The simulator and the production pump (raft/host) drive the
// same Step and differ only in where an Output goes.
//
// # Reading order
//
// event.go has what goes in and comes out, settings.go and limits.go what an operator decides, machine.go what a state
// machine must be able to do. Then node.go: the node, Step and the way of an event. From there each file is one idea:
//
//	callers.go    what callers ask that goes through the log; waiters.go, those who wait for it
//	protocol.go   what the protocol is handed, and what becomes of what it says
//	apply.go      executes committed entries; envelope.go has their bytes, timed.go lets time pass
//	sessions.go   executes every command of a session once
//	requests.go   the same for commands without a session
//	reads.go      queries, when the state has come far enough
//	hub.go        feeds subscribers; notice.go, what they are told that never enters the log
//	tell.go       what a server tells the state machine by way of whoever leads
//
// How a cluster begins, grows and changes:
//
//	form.go       makes one out of empty directories; formcodec.go has the messages' bytes
//	join.go       adds a node to one that runs, and takes other changes of the membership
//	level.go      takes it from one release to the next
//	report.go     compares the nodes' states while they run
//	recover.go    makes a new cluster of one directory when the majority is lost; recoverdir.go, restore.go, founding.go
//
// Snapshots [§7] and files of callers:
//
//	snapshots.go  when one is made and what the log keeps; fetch.go, how one travels; task.go, snapdisk.go the worker's half
//	snapstate.go  the bytes of the node's own state; snapstate_sessions.go, snapstate_requests.go, snapstate_blobs.go, snapstate_pages.go
//	uploads.go    uploads and downloads; blobs.go wires them to raft/blob; pins.go and rows.go, what is kept of them
//
// The rest: disk.go is the data directory, pure over raft/vfs, with identity.go and identityfile.go; hash.go the state
// hash; state.go and status.go are for who looks on; invariant.go says what must hold.
//
// # What it promises
//
//   - Every request gets exactly one Answer: Done, Refused or Unknown.
//   - A command with a (session, seq) is executed at most once, whatever the number of
//     copies, leaders and restarts in between; one with a request id at most once in the day
//     for which its id is remembered.
//   - A node whose state differs from that of a majority answers nothing more.
//   - A subscriber sees every position after the one it named, once, in order,
//     or is told why not and where to go on.
//   - No bytes in the log, on the wire or in a command make it panic.
//
// # What it asks of its driver
//
//   - Call Step at once after New, then on every event and no later than WakeAt.
//   - Output.Identity goes to the disk before all else, then EventIdentityStored.
//   - What Output.Ahead is called for may be begun with in the middle of a Step, or left to its end: nothing else depends on it.
//   - Stores in order; a Store's Then leaves only when it is stored; then EventStored
//     with the last Seq.
//   - Tell what subscribers took (EventTaken): it is what bounds the queues.
//   - When Output.Stop is set, deliver Done, then end the process.
//   - A request handed in twice is two requests: a transport between caller and
//     node does not duplicate.
package node
