// Package raft is the Raft consensus protocol as one pure function.
//
//	             +---------------------------- Step(now, inputs) ---+
//	 messages -->|  election.go   timers, votes, becoming leader      |--> Send      messages that promise nothing
//	proposals -->|  replicate.go  Append, conflicts, commit rule      |--> Store     one write, and the promises that wait for it
//	    reads -->|  read.go       heartbeats, ReadIndex, leases       |--> Committed entries to apply
//	   stored -->|  log.go        entries, terms as runs, stored mark |--> Reads     reads that may be answered
//	             +--------------------------------------------------+--> WakeAt    the next deadline
//
// Nothing in here waits, reads a clock, draws a random number or touches a
// file. Step takes the time and what happened and says what should be done; the driver
// does it and reports back. The same node therefore runs in production and in
// the simulator, and every run can be repeated.
//
// # Reading order
//
// Read types.go and message.go for the words, output.go for the contract, then
// raft.go (the state of Figure 2 and Step), election.go [§5.2, §5.4.1], replicate.go
// [§5.3, §5.4.2], read.go and ask.go [T§6.4], lease.go [T§6.4.1], change.go and removed.go [§6, T§4.3], transfer.go
// [T§3.10]. quorum.go, log.go and progress.go hold the
// arithmetic. invariant.go says what must hold after each Step.
//
// [§5.3] is the extended version of "In Search of an Understandable Consensus
// Algorithm" (Ongaro, Ousterhout 2014); [T§6.4] is Ongaro's thesis. Departures
// from both are in docs/consensus.md.
//
// # What the package promises
//
// If the driver keeps its part: Election Safety, Leader Append-Only, Log
// Matching, Leader Completeness and State Machine Safety [Figure 3]. Every proposal
// and read is answered by Proposed, Reads or Refused. Memory beside the log is bounded
// by Limits. No message, however malformed, makes Step panic if
// DecodeMessage accepted it.
//
// # What it asks of the driver
//
//   - Call Step from one goroutine, with a time that never falls, no later than WakeAt. Read the
//     clock after the inputs are there: what a lease allows, it allows at that time.
//   - Write Stores in order. Report completion with InputStored only when the
//     disk has them; a write that failed is final.
//   - Send what is in Store.Then only after that Store and all before it are
//     stored. Send what is in Output.Send whenever you like.
//   - Messages may be lost, doubled, delayed and reordered. They must not be invented:
//     Cluster and From must be what the sender proved to be.
//   - Hand New exactly what the disk kept, entries from index 1 on.
package raft
