package raft

import "time"

// Limits bounds what one node's protocol may hold. The worst case of its
// memory beside the log itself is about
//
//	UncommittedBytesMax + peers x InflightBytesMax (shared payloads, counted once)
//	+ ReadsPendingMax x 32 B + peers x InflightMessagesMax x 16 B
//
// Zero fields take the defaults.
type Limits struct {
	// CommandBytesMax bounds one entry's payload. 1 MiB of document plus its envelope;
	// Apply runs inside the node's Step, so that one entry must stay short.
	CommandBytesMax int
	// AppendBytesMax bounds the payloads of one Append: large enough to amortise
	// a system call, small enough that a heartbeat behind it on a 1 Gbit/s
	// link waits less than 10 ms. One entry always fits.
	AppendBytesMax int
	// AppendEntriesMax bounds the entries of one Append, for the same reason
	// where entries are tiny.
	AppendEntriesMax int
	// InflightMessagesMax bounds the Appends sent and not answered, per peer: the
	// pipeline needs (round trip + sync) / time per Append, which is below 64
	// for 10 ms and group commit.
	InflightMessagesMax int
	// InflightBytesMax bounds their payloads, per peer. A transport's queue must
	// hold more than this, so that a live peer never drops.
	InflightBytesMax int
	// UncommittedBytesMax bounds what a leader appended and could not commit
	// yet, so that a minority leader's memory stays flat.
	UncommittedBytesMax int
	// UnstoredBytesMax bounds what a leader appended and its own disk has not
	// stored yet.
	UnstoredBytesMax int
	// DeliverEntriesMax and DeliverBytesMax bound what one Step puts out to be applied: a
	// few milliseconds of work, so that a heartbeat is never late by more.
	DeliverEntriesMax int
	DeliverBytesMax   int
	// ReadsPendingMax bounds the reads that wait for a round or for the leader's answer. At a
	// leader, a question of another member counts as one read.
	ReadsPendingMax int
	// RoundsInflightMax bounds the heartbeat rounds that reads may start before
	// the oldest is answered; two keep the link busy, more only add messages. As many
	// questions a follower has at its leader.
	RoundsInflightMax int
}

// leaseRounds is how many rounds a leader remembers the departure of. Answers to older ones
// mean nothing to a lease: reads start no round while two are under way, and timed
// rounds leave several to an election timeout.
const leaseRounds = 64

// membersMax bounds a configuration: nobody runs a quorum of more, and the
// decoder needs a bound.
const membersMax = 64

const (
	// diskStallTimeouts is how many election timeouts a leader's write may take
	// before the leader hands over: far above a slow sync, below what people wait.
	diskStallTimeouts = 4
	// handOverEvery keeps leadership from wandering while all disks are slow.
	handOverEvery = 10 * time.Second
)

// promoteLagMax is how many entries a learner may be behind when it becomes a voter: few
// enough that a quorum that needs it waits for some milliseconds, many enough that a
// busy leader's pipeline never exceeds it for long.
const promoteLagMax = 1 << 10

// termMax is far beyond what elections can reach in a cluster's life: one a
// nanosecond for a century. Above it a message lies.
const termMax = Term(1) << 62

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.CommandBytesMax, 1<<20+64<<10)
	def(&l.AppendBytesMax, 1<<20)
	def(&l.AppendEntriesMax, 4096)
	def(&l.InflightMessagesMax, 64)
	def(&l.InflightBytesMax, 8<<20)
	def(&l.UncommittedBytesMax, 64<<20)
	def(&l.UnstoredBytesMax, 32<<20)
	def(&l.DeliverEntriesMax, 4096)
	def(&l.DeliverBytesMax, 4<<20)
	def(&l.ReadsPendingMax, 1<<16)
	def(&l.RoundsInflightMax, 2)
	return l
}
