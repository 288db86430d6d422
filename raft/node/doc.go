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
// node.go has Step and the way of an event. form.go makes a cluster out of
// empty directories, join.go adds one to a cluster that runs. apply.go executes committed entries: sessions.go keeps
// every command at exactly one execution, requests.go those without a session; timed.go lets the state machine's time
// pass; waiters.go tells the callers. reads.go answers
// queries, hub.go feeds subscribers. report.go compares the nodes' states while they run, level.go
// takes a cluster from one release to the next. disk.go is the data directory, pure over raft/vfs. recover.go makes a new cluster
// of one directory when the majority is lost; no node runs then.
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
//   - Stores in order; a Store's Then leaves only when it is stored; then EventStored
//     with the last Seq.
//   - Tell what subscribers took (EventTaken): it is what bounds the queues.
//   - When Output.Stop is set, deliver Done, then end the process.
//   - A request handed in twice is two requests: a transport between caller and
//     node does not duplicate.
package node
