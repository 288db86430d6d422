// Package sim runs whole clusters in one thread and breaks them on purpose. The
// nodes are those of production, down to the bytes of their logs and messages; network,
// disks, clocks, crashes and clients are simulated, and judges look on.
//
//	seed ──Generate──▶ Plan ──Run──▶ Result: hash, verdict
//	                    ▲ │
//	              Parse │ ▼ Format
//	                    text
//
//	           agenda of events ──▶ happen ──▶ node.Step ──▶ Output
//	                  ▲                                        │
//	                  └── messages, writes, answers, frames ◀──┤
//	                                 judges, trace ◀───────────┘
//
// A seed makes a plan, and a plan makes a run: nothing else has any influence. The
// trace of a run is hashed as it grows, so that two runs can be compared, on
// any two machines.
//
// # Reading order
//
// world.go is the loop and its dispatcher. server.go is one machine: the pump of
// raft/host as a function of events; disk.go, network.go and clock.go are what it runs
// on; client.go, operation.go and subscriber.go are who uses it;
// locker.go and resource.go what some of them want of locks, and what that is good for. plan.go says what can be
// arranged to go wrong, generate.go and generatedevice.go what a seed arranges, nemesis.go and
// trap.go how it happens. device.go is what a disk does wrong and rot.go what it destroys,
// as far as recoverable.go allows; replace.go is who looks after the nodes that it cost. scheduler.go decides
// what comes next where chance alone does not. judge.go lists what must hold; the other judge files, lockmodel.go,
// history.go and liveness.go look after it, history.go with sim/linear. trace.go records, differ.go compares, record.go keeps a stretch of a run as
// data for a page. shrink.go, shrinkedits.go and ddmin.go make a plan that fails as small as they can.
//
// # What it promises
//
//   - The same plan gives the same trace on every processor, whatever the garbage
//     collector, the race detector or the number of processors do.
//   - Taking a fault out of a plan moves no other decision of chance.
//   - A verdict names an invariant and says in words what broke it.
//   - Asking for the trace, as text or as data, changes nothing.
//
// # What it asks of its caller
//
// One goroutine a run. Runs share nothing; to use many processors, make many runs.
package sim
