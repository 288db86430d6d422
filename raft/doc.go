// Package raft is the Raft consensus protocol as one pure function.
//
//	             +------------------------------- Step(now, inputs) ---+
//	 messages -->|  election.go   timers, votes, becoming leader       |--> Send      messages that promise nothing
//	proposals -->|  replicate.go  Appends, conflicts, commit rule      |--> Store     one write, and the promises that wait for it
//	    reads -->|  read.go       heartbeats and reads                 |--> Committed entries to apply
//	   stored -->|  log.go        entries, terms as runs, stored mark  |--> Reads     reads that may be answered
//	             +-----------------------------------------------------+--> WakeAt    the next deadline
//
// Nothing in here waits, reads a clock, draws a random number or touches a
// file. Step takes the time and what happened and says what should be done; the driver
// does it and reports back. The same node therefore runs in production and in
// the simulator, and every run can be repeated.
//
// The package's Example is a driver by hand: three nodes, an election and a command, on one page.
//
// # Reading order
//
// Read types.go and message.go for the words, output.go for the contract, then raft.go: the state of Figure 2, Step,
// and the dispatch of inputs and messages. After that each file is one idea:
//
//	election.go   timers, pre-vote, votes, becoming leader       [§5.2, §5.4.1, T§9.6]
//	replicate.go  Appends, conflicts, the commit rule            [§5.3, §5.4.2]
//	store.go      promises, and the one write of a Step          [Figure 2, State]
//	read.go       heartbeats and the reads that join their rounds [T§6.4]
//	ask.go        reads at followers                             [T§6.4]
//	lease.go      reads without a round                          [T§6.4.1]
//	change.go     membership by joint consensus                  [§6, T§4.3]
//	inforce.go    which configuration counts                     [§6]
//	removed.go    what becomes of who was removed                [§6, T§4.2.3]
//	snapshot.go   what snapshots do to the log                   [§7]
//	transfer.go   handing leadership on                          [T§3.10]
//	repair.go     entries that the disk lost, with holes.go
//
// log.go, progress.go, quorum.go and member.go hold the arithmetic, mix.go the chance. codec.go, codec_config.go,
// codec_base.go and frame.go are the bytes, limits.go the bounds with their reasons. invariant.go says what must hold
// after each Step. status.go is for who looks on, state.go and shape.go for who searches through states.
//
// # Who answers which message
//
//	PreVote          handlePreVote          election.go
//	PreVoteReply     handlePreVoteReply     election.go
//	Vote             handleVote             election.go   RequestVote of Figure 2, receiver
//	VoteReply        handleVoteReply        election.go
//	Append           handleAppend           replicate.go  AppendEntries of Figure 2, receiver
//	AppendReply      handleAppendReply      replicate.go
//	Heartbeat        handleHeartbeat        read.go
//	HeartbeatReply   handleHeartbeatReply   read.go
//	TimeoutNow       handleTimeoutNow       transfer.go
//	Removed          wasRemoved             removed.go
//	RepairAsk        handleRepairAsk        repair.go
//	RepairReply      handleRepairReply      repair.go
//	ReadIndex        handleReadIndex        ask.go
//	ReadIndexReply   handleReadIndexReply   ask.go
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
