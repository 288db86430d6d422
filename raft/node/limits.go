package node

import (
	"time"

	"parley/raft"
	"parley/raft/blob"
)

// Limits bounds everything a node holds for its own callers. They may differ
// from node to node. Zero fields take the defaults. With Rules and raft.Limits a
// node's worst case, beside the log and the state machine, is about
//
//	  WaitersMax x 32 B                                             (   2 MiB)
//	+ ReadsMax x (QueryBytesMax + 40 B)                             ( 256 MiB if every query is of full size; 1 MiB typical)
//	+ SubscribersMax x (200 B + SubscriberFramesMax x 4 B)          (  34 MiB)
//	+ SubscribersMax x SubscriberFramesMax x 72 B                   ( 576 MiB if every subscriber hangs at once, for 10 s)
//	+ SubscribersMax x (SubscriberBytesMax + one event)             (   8 GiB if, besides, each hangs at a place of its own and events are large)
//	+ Rules.SessionsMax x (200 B + Rules.PrincipalBytesMax)         (  29 MiB)
//	+ Rules.ReplyBytesMax + one reply                               (  64 MiB)
//	+ Rules.RequestsMax x 240 B                                     ( 120 MiB if the table is full)
//	+ Rules.RequestBytesMax + one reply                             (  64 MiB)
//	+ Rules.Blobs.BlobsMax x 1.2 KiB, and the replicator's, see blob.Options (4.8 GiB and 1 GiB if the table is full)
//	+ BlobCallBytesMax
//	+ the protocol's own, see raft.Limits
//
// Subscribers share the bodies that they are pushed in the same Step from the same
// position: those that follow the live stream. Each that catches up has its own.
type Limits struct {
	// CommandBytesMax bounds a command's body: 1 MiB of document, and 32 KiB for what stands beside it, such as who writes
	// and the document's title. It leaves room for the envelope below raft.Limits.CommandBytesMax.
	CommandBytesMax int
	// QueryBytesMax bounds a query's body; queries name things, they carry none.
	QueryBytesMax int
	// WaitersMax bounds the callers whose command is appended and not yet applied:
	// 64 Ki at 100 bytes each is what raft.Limits lets wait anyway.
	WaitersMax int
	// ReadsMax bounds the linearizable queries that wait for a heartbeat round.
	ReadsMax int
	// SubscribersMax bounds the event streams of one node: five thousand people, and room for those who come back while
	// their old streams are not known to be dead.
	SubscribersMax int
	// SubscriberFramesMax bounds the frames pushed to one subscriber and not yet
	// taken by it. When it is reached the subscriber's backlog waits in the state machine,
	// where it costs nothing.
	SubscriberFramesMax int
	// SubscriberBytesMax bounds the bodies of those frames. The last one may go
	// beyond it, so that an event of any size gets through. 1 MiB is a second of
	// 8 Mbit/s: more under way makes no stream faster.
	SubscriberBytesMax int
	// PushFramesMax bounds the frames one Step pushes to one subscriber, so that
	// a long backlog does not hold up everybody's heartbeat.
	PushFramesMax int
	// PieceBytesMax bounds what one request uploads or reads of a blob, and what a peer is asked for of a snapshot at
	// a time: 1 MiB is 10 ms of 100 MB/s, and keeps a link busy over a round trip.
	PieceBytesMax int
	// BlobCallsMax bounds the callers that wait for the store of blobs, or for a pin, and
	// BlobCallBytesMax what they carry and ask for: sixteen pieces keep a disk busy.
	BlobCallsMax     int
	BlobCallBytesMax int
}

// Bounds and intervals that nobody needs to set.
const (
	// subscriberStallMax is how long a subscriber may hold frames without
	// taking any before it is cut off: longer than a phone's radio sleeps, shorter
	// than a person waits for a dead stream.
	subscriberStallMax = 10 * time.Second
	// progressEvery is how often a subscriber hears that nothing happened.
	progressEvery = time.Second
	// lookEvery is how often all subscribers are looked at, at most, whose notes are due: what a note comes late by
	// costs nobody anything, and looking at 5,000 some twenty microseconds.
	lookEvery = 50 * time.Millisecond
	// formRetry is how often formation repeats what was not answered. It happens
	// once in a cluster's life, and a person is waiting.
	formRetry = 100 * time.Millisecond
	// joinPatience is how long a leader looks for a node that is to be added: some
	// connections' worth, while the operator waits.
	joinPatience = 5 * time.Second
	// showEvery is how often a leader shows itself to members that do not answer.
	showEvery = 500 * time.Millisecond
	// metMax bounds the nodes that introduced themselves: leaders, one after another.
	metMax = 8
	// formerMax bounds the former members whose addresses are kept to answer them.
	formerMax = 16
	// clockEvery bounds how often clock entries are appended, so that a thousand
	// sessions that expire one by one do not cost a thousand writes.
	clockEvery = time.Second
	// levelEvery bounds how often a leader tries to raise the level: once is enough, unless
	// the leader's log is full.
	levelEvery = time.Second
	// expiriesPerEntryMax bounds the sessions that one entry drops, and as many requests, so that
	// Apply stays short. One past its deadline is unknown even before its turn.
	expiriesPerEntryMax = 256
	// noticeBytesMax bounds a notice: who says it, and the name of a place or a document.
	noticeBytesMax = 1 << 10
	// noticesPerStepMax bounds the notices of one Step; the next ones are dropped, as they would be a second later. With each
	// of them goes a look at every stream.
	noticesPerStepMax = 64
	// noticesUntakenMax is how much a stream may have under way to get a notice beside it: whoever does not keep up reads
	// what stays.
	noticesUntakenMax = 32
)

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.CommandBytesMax, 1<<20+32<<10)
	def(&l.QueryBytesMax, 16<<10)
	def(&l.WaitersMax, 1<<16)
	def(&l.ReadsMax, 1<<14)
	def(&l.SubscribersMax, 1<<13)
	def(&l.SubscriberFramesMax, 1<<10)
	def(&l.SubscriberBytesMax, 1<<20)
	def(&l.PushFramesMax, 1<<8)
	def(&l.PieceBytesMax, 1<<20)
	def(&l.BlobCallsMax, 1<<10)
	def(&l.BlobCallBytesMax, 16<<20)
	return l
}

// DefaultLimits are the limits of a node that is told nothing else.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// Rules are the bounds that Apply judges by. They are part of what the
// log means: every node of a cluster must have the same, or the nodes' states
// drift apart. Production runs on the defaults; tests and the simulator choose
// small ones. Zero fields take the defaults.
type Rules struct {
	// SessionIdleMax is the log time after its last command at which a session
	// expires: longer than any client repeats a request. 15 minutes by default.
	SessionIdleMax time.Duration
	// UnusedIdleMax is the same for a session that never executed a command: nothing
	// can be in doubt there, so that it need not outlive its client. With it,
	// clients that come and go without a word fill the table for a minute at most.
	UnusedIdleMax time.Duration
	// SessionsMax bounds the sessions, 65,536 by default; the next one is refused with CodeBusy. Nobody's
	// session is evicted early: that would turn its commands' outcomes unknown.
	SessionsMax int
	// WindowMax bounds the commands of one session between the oldest whose answer
	// the client has not acknowledged and the newest, DefaultWindow by default.
	WindowMax uint64
	// ReplyBytesMax bounds the kept replies of all sessions, 64 MiB by default; a command that comes
	// when they exceed it is refused with CodeBusy.
	ReplyBytesMax int
	// PrincipalBytesMax bounds the name under which a session is opened, or a one-shot
	// command sent.
	PrincipalBytesMax int
	// SnapshotBytes is how much log is applied, at least, between two snapshots, 64 MiB by default; where the newest one is
	// larger, as much as that, so that writing snapshots costs no more than writing the log. A node
	// that starts replays up to twice as much, and holds up to three times as much in memory.
	SnapshotBytes int64

	// RequestAgeMax is the log time for which a request id is remembered after its command was
	// executed: a day, so that a script that runs every night may repeat last night's.
	RequestAgeMax time.Duration
	// AnonymousAgeMax is the same for the random ids of the empty principal. Their clients
	// repeat for as long as a person waits; remembered for a day, ids that anybody may send
	// would keep people from logging in.
	AnonymousAgeMax time.Duration
	// RequestIDBytesMax bounds a request id.
	RequestIDBytesMax int
	// RequestsPerPrincipalMax bounds the ids that are remembered under one principal; the next
	// one is refused with CodeRequestsFull. None is forgotten early: its command would
	// be executed twice. One every nine seconds, day and night, reaches it.
	RequestsPerPrincipalMax int
	// AnonymousRequestsMax is the same for the empty principal, which all share who have no login.
	AnonymousRequestsMax int
	// RequestsMax bounds the ids of all principals together: fifty that send as many as they may.
	RequestsMax int
	// RequestBytesMax bounds their principals, ids and replies; a command that comes when they
	// exceed it is refused like one too many.
	RequestBytesMax int

	// Blobs bounds the blobs that are named or pinned.
	Blobs blob.Rules
}

// DefaultWindow is the default of Rules.WindowMax; a client that keeps to it
// never meets CodeBelowWindow.
const DefaultWindow = 256

// DefaultRules are the rules of a cluster that is told nothing else.
func DefaultRules() Rules { return Rules{}.withDefaults() }

func (r Rules) withDefaults() Rules {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if r.SessionIdleMax == 0 {
		r.SessionIdleMax = 15 * time.Minute
	}
	if r.UnusedIdleMax == 0 {
		r.UnusedIdleMax = min(time.Minute, r.SessionIdleMax)
	}
	if r.WindowMax == 0 {
		r.WindowMax = DefaultWindow
	}
	if r.SnapshotBytes == 0 {
		r.SnapshotBytes = 64 << 20
	}
	def(&r.SessionsMax, 1<<16)
	def(&r.ReplyBytesMax, 64<<20)
	def(&r.PrincipalBytesMax, 256)
	if r.RequestAgeMax == 0 {
		r.RequestAgeMax = 24 * time.Hour
	}
	if r.AnonymousAgeMax == 0 {
		r.AnonymousAgeMax = min(15*time.Minute, r.RequestAgeMax)
	}
	def(&r.RequestIDBytesMax, 128)
	def(&r.RequestsPerPrincipalMax, 10_000)
	def(&r.AnonymousRequestsMax, 1<<16)
	def(&r.RequestsMax, 1<<19)
	def(&r.RequestBytesMax, 64<<20)
	return r
}

// addLog adds without wrapping around: log times come from entries, and a
// deadline at the end of time is never, not the beginning.
func addLog(t raft.LogTime, d time.Duration) raft.LogTime {
	if sum := t.Add(d); sum >= t {
		return sum
	}
	return 1<<63 - 1
}
