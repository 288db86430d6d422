package sim

import (
	"time"

	"parley/raft"
)

// Plan is everything that a run depends on: the same plan gives the same trace.
// A seed makes one (Generate); its text can be printed, edited and replayed
// (Format, Parse).
type Plan struct {
	Seed     uint64
	Nodes    int // founding members
	Spares   int // nodes behind them that run and wait to be added
	Duration time.Duration

	// The liveness phase begins at Heal: all faults end, and the nodes of Core,
	// a majority, stay healthy from then on. Every other node lives on as Rest
	// says, possibly broken for good.
	Heal time.Duration
	Core []raft.NodeID
	Rest []Rest

	// Old are the founding nodes that run an older release, until a fault upgrades them. OldLevel is the newest level
	// that this one takes part in; zero: 1, that of the first.
	Old      []raft.NodeID
	OldLevel int64
	// Lost: at the end something is lost for good. What counts then is that no node
	// denies it, and that some node says what it is.
	Lost bool

	Node        NodePlan
	Requests    RequestPlan
	Link        LinkPlan
	Bulk        BulkPlan
	Disk        DiskPlan
	Clocks      []ClockPlan
	Clients     []ClientPlan
	Subscribers []SubscriberPlan
	Blobs       BlobPlan
	Uploaders   []UploaderPlan
	Locks       LockPlan
	Events      int64 // frames that the backlog of events keeps; zero: as in production
	Team        TeamPlan
	Teammates   []TeammatePlan
	Faults      []Fault
	Scheduler   SchedulerPlan
}

// servers is how many machines the world has.
func (p *Plan) servers() int { return p.Nodes + p.Spares }

// changes reports whether the membership changes in this world.
func (p *Plan) changes() bool {
	for i := range p.Faults {
		if k := p.Faults[i].Kind; k == AddNode || k == RemoveNode || k == PromoteNode {
			return true
		}
	}
	return false
}

// harms reports whether disks lose in this world what they had stored.
func (p *Plan) harms() bool {
	for i := range p.Faults {
		if p.Faults[i].destroys() {
			return true
		}
	}
	return false
}

// fades reports whether a file may be lost in this world by no fault of a node: to a disk that loses or withholds
// what it had stored.
func (p *Plan) fades() bool {
	for i := range p.Faults {
		if p.Faults[i].destroys() || p.Faults[i].Kind == ReadError {
			return true
		}
	}
	return false
}

// NodePlan configures all nodes alike.
type NodePlan struct {
	Election  time.Duration
	Heartbeat time.Duration
	Segment   int64 // bytes of a log segment: small ones roll often
	// Loop is the longest time the node's loop is busy with other things. What
	// comes meanwhile is one Step. Zero: every event is a Step of its own.
	Loop time.Duration

	// Bounds small enough to be felt; zero: production's.
	Append      int64         // entries of one Append: replication in pieces
	Inflight    int64         // Appends under way to one peer
	Uncommitted int64         // bytes that a leader may hold uncommitted: callers are told it is busy
	Idle        time.Duration // after which a client session expires
	Deliver     int64         // entries that one Step may apply
	Push        int64         // frames that one Step may push to a subscriber
	Frames      int64         // frames that a subscriber may hold
	Snapshot    int64         // bytes of log between two snapshots

	// Leases: how long one may last (zero: none), how wrong clocks may be meanwhile, and who
	// starts without them, so that its word counts nothing.
	Lease     time.Duration
	LeasePPM  int64
	LeaseLess []raft.NodeID
}

// leaseOf returns the lease that a node is started with.
func (p *Plan) leaseOf(id raft.NodeID) time.Duration {
	if contains(p.Node.LeaseLess, id) {
		return 0
	}
	return p.Node.Lease
}

// LinkPlan says how messages travel. Rates are per 1,000 messages.
type LinkPlan struct {
	Delay     time.Duration // least one-way delay
	Spread    time.Duration // mean of the exponential part on top
	Tail      int64         // rate of messages that take up to TailMax more
	TailMax   time.Duration
	Loss      int64
	Duplicate int64
	Told      int64 // rate of lost messages whose sender is told (a broken connection)
	FIFO      bool  // a link keeps the order of its messages, as one connection would
}

// DiskPlan says how long the disk takes.
type DiskPlan struct {
	WriteMin, WriteMax time.Duration
	SyncMin, SyncMax   time.Duration
	Slow               int64 // rate of syncs that take up to SlowMax more
	SlowMax            time.Duration
}

// ClockPlan says how one node's clocks differ from simulated time.
type ClockPlan struct {
	Node raft.NodeID
	PPM  int64         // parts per million that Mono runs fast
	Wall time.Duration // by which Wall is ahead
}

// ClientPlan is one client: a caller with a stream of operations.
type ClientPlan struct {
	Every    time.Duration // mean time between operations
	Pipeline int           // operations under way at a time
	Read     int64         // rate of reads per 1,000 operations
	Stale    int64         // rate of stale ones per 1,000 reads
	Text     int64         // longest text in bytes
	Patience time.Duration // deadline of an operation before Heal
	Timeout  time.Duration // after which a request is given up as lost
	Quit     int64         // rate per 1,000 operations whose caller goes away
	Close    int64         // rate per 1,000 operations after which the client closes its session
	Anywhere bool          // its reads stay with whatever node answers, instead of following its writes
	At       raft.NodeID   // not zero: it only watches this node, until the liveness phase
	Once     int64         // rate of one-shot commands per 1,000 writes
	Again    int64         // rate of request ids used before per 1,000 one-shot commands
	Nap      int64         // rate per 1,000 operations after which the client sleeps for a while
	Clash    int64         // rate of those that say something else, per 1,000 ids used before
	Lock     int64         // rate per 1,000 operations of those on locks
	Names    int64         // of how many locks
	TTL      time.Duration // the longest for which it takes one
	Until    time.Duration // it wants nothing from then on; zero: it does as long as there is time
	User     int64         // not zero: whose session it is, so that several clients are one user's
}

// SubscriberPlan is one follower of the event stream. It moves to another
// node whenever its own goes away, and after about Stay.
type SubscriberPlan struct {
	Stay time.Duration
	Slow time.Duration // it takes up to so long over each frame before it takes the next
}

// RestKind says how a node outside the core lives in the liveness phase.
type RestKind uint8

// The ways.
const (
	RestWell  RestKind = iota + 1 // healthy
	RestDown                      // crashed
	RestCut                       // reaches nobody
	RestDeaf                      // hears nobody, and talks
	RestMute                      // hears, and is not heard
	RestStuck                     // its disk completes nothing
)

// Rest is one node outside the core.
type Rest struct {
	Node raft.NodeID
	Kind RestKind
}

// FaultKind names a fault.
type FaultKind uint8

// The faults. Those with a duration end after Fault.For, at the latest at Heal.
const (
	CrashProcess FaultKind = iota + 1 // the process dies: the page cache survives
	CrashMachine                      // the machine dies: unsynced sectors survive or not
	Isolate                           // no messages from or to Node
	Split                             // Side and the others don't reach each other
	OneWay                            // no messages from From to To, or from Side to the others
	Deaf                              // Node hears nobody
	Mute                              // nobody hears Node
	Pause                             // Node's process stands still; nothing is lost
	Drift                             // Node's Mono runs PPM fast
	Freeze                            // Node's Mono stands still
	Jump                              // Node's Wall jumps by By
	Loss                              // Rate more messages per 1,000 are lost, of all links or some
	Slow                              // delays are Factor times as long, of all links or some
	Stall                             // Node's disk completes nothing
	DiskError                         // Node's next sync fails: the node must stop

	// What operators do, in the midst of it all. They ask the leader of the moment, and
	// ask again until it is done or the liveness phase begins.
	AddNode     // Node joins, in the place of From if there is one
	RemoveNode  // Node leaves
	PromoteNode // Node, a learner, becomes a voter
	Transfer    // Node takes leadership over

	CorruptState // behind its next command Node's state is another than it should be
	Upgrade      // Node's process ends, and the next one is of the newest release
	// What a disk does that lies or fails; see device.go. Those that destroy something
	// strike only as far as the cluster can recover, unless Beyond says otherwise.
	Rot        // bits of Node's disk turn: Bits of them, or a burst
	LostWrite  // a synced write of Node turns out to be nowhere
	Misdirect  // a synced write of Node turns out to be in another place
	ReadError  // a place of Node's disk can't be read: for so long, or for good
	WriteError // Node's next write fails: the node must stop
	SyncError  // Node's next sync fails, the one after it would not: the node must stop
	Full       // Node's disk is full
	Wipe       // Node's directory is emptied while it is down

	// What links do. Those that choose their links name them by Node (all of its links, both ways), by Side (all that lead
	// out of it), or by From, To or both; with none of these it is the whole network. So do Loss, Slow and OneWay.
	Corrupt    // in Rate messages per 1,000 bits turn: Bits of them, or a burst
	Substitute // in the place of Rate messages per 1,000 an earlier one arrives, or one that is for another node
	Clog       // links deliver nothing, and at the end all that came meanwhile
	Capacity   // links hold Packets messages on each lane, and drop more
	Flap       // links are cut and come back, once in each Period
	Ring       // the nodes of Side, in their order, see each a majority of them, and no two the same
	Bridge     // Side and the others don't reach each other, but Node reaches and hears all

	DirError  // Node's next sync of a directory fails, the one after it would not
	SlowApply // each entry that Node applies keeps its loop busy for Period
	LyingDisk // Node's syncs succeed and store nothing: what no log can survive, and no seed draws
	BackUp    // an operator backs the cluster up by way of Node, and restores it after the run
)

// LastEntry stands for the index of the last entry that a node has.
const LastEntry raft.Index = 1<<63 - 1

// Target says whom a fault hits. Positive: the node with this id. The others
// are resolved when the fault begins.
type Target int32

// The targets that depend on what is going on.
const (
	NodeLeader   Target = -1 // the leader of the highest term, else by chance
	NodeAll      Target = -2
	NodeFollower Target = -3 // by chance, one that does not lead
	NodeMajority Target = -4 // by chance, the smallest majority
)

// Stage is a moment of a write at which a crash may strike.
type Stage uint8

// The stages, in the order of a write's life. A fault with a stage lies in wait
// until its node gets there.
const (
	StageNow       Stage = iota // at once
	StageSubmit                 // queued, nothing written
	StageWrite                  // in the page cache, not synced
	StageSync                   // synced, not told
	StageOperation              // at one of the next file operations, which may come in part
	StageVote                   // its vote or its request for votes has just left
	StageElected                // it has just become leader, and said so
	StageCommit                 // it has just committed as leader, and nobody else knows
	StageRecovery               // at once, and again in the midst of the recovery
	StageTransfer               // it has just told another node to take over (Isolate, Deaf, Mute)
	StageDownload               // it is about to write a piece of a snapshot that came from a peer, or to decode all of it
	StageFailure                // at the file operation behind one that failed
	StageLeave                  // it has just appended C_new, the end of a joint configuration, and said so
	StageDecode                 // all of a snapshot that came from a peer is there, and is to be decoded (Stall)
	StageInstall                // its log on disk has just gone on behind a snapshot that came from a peer
)

// Fault is one line of trouble. Which fields are meant depends on the kind.
type Fault struct {
	At     time.Duration
	Kind   FaultKind
	Node   Target
	Side   []raft.NodeID
	From   raft.NodeID
	To     raft.NodeID
	On     Stage
	After  int64         // with StageOperation and StageRecovery: the file operation that is refused; with StageDownload: the piece; zero: drawn. Of SyncError and DirError: how many go well before
	For    time.Duration // how long; for crashes: until the restart
	Rate   int64
	Factor int64
	PPM    int64
	By     time.Duration

	// Where a disk goes bad. Whatever is zero is drawn.
	File   FileKind
	Off    int64      // of the first byte in the file
	Bits   int64      // of Rot and Corrupt: how many bits of one sector or message turn; zero: a burst
	Index  raft.Index // of Rot: in the payload of this entry; LastEntry: of the last in the log
	Beyond bool       // strikes even if the cluster can't recover from it

	Packets int64
	Period  time.Duration
}
