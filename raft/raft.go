package raft

import (
	"fmt"
	"time"
)

// Role is what a node takes itself to be [§5.1].
type Role uint8

// The roles. A pre-candidate asks whether it would win before it disturbs
// anybody with a new term [T§9.6].
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
)

// String names the role.
func (r Role) String() string {
	switch r {
	case Follower:
		return "follower"
	case PreCandidate:
		return "pre-candidate"
	case Candidate:
		return "candidate"
	case Leader:
		return "leader"
	}
	return fmt.Sprintf("role%d", uint8(r))
}

// Defaults of Config.
const (
	DefaultElectionTimeout = 250 * time.Millisecond
	DefaultHeartbeat       = 50 * time.Millisecond
	// PriorityMax is the default: such a node waits for one election timeout.
	PriorityMax = 100
)

// Config is what a node is told at its start.
type Config struct {
	Self    Ident
	Cluster ClusterID
	// Seed keys the election timeouts and the numbers of questions. Nodes need not differ in
	// it: their ids are part of every draw. The starts of one node should.
	Seed uint64
	// ElectionTimeout is the shortest time without a leader before a follower
	// campaigns, DefaultElectionTimeout if zero; each wait is drawn from [1, 2) times it [§5.2]. It is also how
	// long a voter stays loyal to a leader it heard from, and how long a leader leads
	// without hearing from a quorum.
	ElectionTimeout time.Duration
	// Heartbeat is how often a leader shows that it lives, DefaultHeartbeat if zero. Keep it well below ElectionTimeout, a
	// fifth or less; raft/node refuses one that is not below it.
	Heartbeat time.Duration
	// Priority, 1 to PriorityMax, scales the election timeout and nothing more: at
	// PriorityMax (and if out of range) by 1, at 1 by nearly 2.
	Priority int
	// Lease is how long, in real time, a leader may answer reads without asking anybody; zero:
	// never. It is cut to LeaseMax. What it assumes stands in lease.go.
	Lease time.Duration
	// ClockDriftPPM bounds how wrong any node's clock is over the length of a lease, in
	// parts per million, by running fast or slow or by standing still; zero is DefaultClockDriftPPM.
	ClockDriftPPM int64
	// CommitDelay is how long a leader that has nothing else to send keeps a new commitIndex to itself; zero: not at
	// all. What it sends meanwhile tells it along (replicate.go).
	CommitDelay time.Duration
	// LeaderReadsOnly has a node that does not lead refuse reads instead of asking its leader.
	LeaderReadsOnly bool
	// Limits bounds memory and messages; what is zero in it is the default.
	Limits Limits
}

// withDefaults puts the defaults where nothing, or nothing possible, was said.
func (c Config) withDefaults() Config {
	if c.ElectionTimeout == 0 {
		c.ElectionTimeout = DefaultElectionTimeout
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	if c.Priority <= 0 || c.Priority > PriorityMax {
		c.Priority = PriorityMax
	}
	c.limitLease()
	c.Limits = c.Limits.withDefaults()
	return c
}

// Restored is what the disk kept.
type Restored struct {
	Hard HardState
	Base Base
	// Applied is what the newest snapshot covers, at least the base: nothing up to it is
	// delivered again.
	Applied Index
	// Entries follow the base; all of them are stored. One without a kind (0) is a hole: the disk lost
	// it, and knows its index and term and perhaps its checksum.
	Entries []Entry
}

// Raft is the protocol of one node: Figure 2 with pre-vote, check-quorum and
// pipelined replication. It is made by New, and only Step changes it.
type Raft struct {
	cfg  Config
	hard HardState
	log  raftLog

	role      Role
	leader    Ident // of the current term, as far as known
	commit    Index // [commitIndex]
	delivered Index // committed entries up to here were put out
	accepted  Index // matches this term's leader up to here, stored or not

	configs []configAt // newest last; the first is in force at the base
	baseAt  LogTime    // log time of the base
	gone    []Removal  // who left up to the base
	removed Index      // the committed entry that removed this node, as far as it knows
	repair  repair
	// startTerm is currentTerm at the start: what the disk lost was acknowledged in terms up to it.
	startTerm Term

	now        Mono
	electionAt Mono // follower, candidate: campaign at this time
	leaderSeen Mono // last sign of the term's leader; a long time ago if none
	draws      uint64
	mayForm    bool // an empty log may campaign: all members accepted the formation
	campaign   uint64
	granted    []Ident // who granted in this campaign, self included once stored
	selfVote   WriteSeq
	boundTo    Mono // leases: no vote before, whatever the term
	asks       asks // reads that wait for the leader

	// Leader only.
	peers       []progress // without self, in the order of the configuration
	beatAt      Mono       // the next timed heartbeat
	tellAt      Mono       // when peers are told a commitIndex that nothing else told them; Never: they know it
	termStart   Index      // the first entry of the own term
	clockBase   LogTime    // log time at clockMono
	clockMono   Mono
	uncommitted int // payload bytes above commit
	reads       reads
	transfer    transfer
	handOverAt  Mono // no earlier does a stalled disk make the leader hand over again
	change      pendingChange
	judge       func(next *Configuration) bool // nil: every change is allowed; see Judge

	// Writes.
	nextSeq    WriteSeq
	storedSeq  WriteSeq
	handedHard HardState
	hardSeq    WriteSeq // the write that holds handedHard
	promised   promised // the last acknowledgement that waits for the disk

	// One Step.
	out      *Output
	promises []Message
	batch    []Entry // the entries of this Step's Store, shared with the Appends
	was      delta
}

// New returns a follower that remembers what the disk kept. It keeps the entries' payloads. What no node can have written
// makes it panic: entries out of order or of a term beyond the current one, a snapshot beyond the log or a hole.
func New(cfg Config, was Restored, now Mono) *Raft {
	cfg = cfg.withDefaults()
	r := &Raft{
		cfg:        cfg,
		hard:       was.Hard,
		handedHard: was.Hard,
		startTerm:  was.Hard.Term,
		now:        now,
		leaderSeen: now - Mono(cfg.ElectionTimeout),
		boundTo:    now,
		asks:       newAsks(&cfg, now),
	}
	if was.Hard.Term > 0 {
		r.giveWord() // what a former process promised still holds
	}
	r.log.resetTo(was.Base.Entry)
	r.log.rebased, r.log.reset = false, false
	r.beginAt(&was.Base)
	for i := range was.Entries {
		e := was.Entries[i]
		r.log.append(e)
		if e.Kind == 0 {
			r.log.dig(e.Index)
		}
		r.configAppended(&e)
	}
	r.log.handed, r.log.stored = r.log.last, r.log.last
	r.commit = max(was.Base.Entry.Index, was.Applied)
	r.delivered, r.accepted = r.commit, r.commit
	if r.log.lastTerm() > r.hard.Term {
		impossible("log of term %d beyond current term %d", r.log.lastTerm(), r.hard.Term)
	}
	if r.commit >= r.log.firstHole() || r.commit > r.log.last {
		impossible("a snapshot up to %d in a log up to %d whose first hole is %d", r.commit, r.log.last, r.log.firstHole())
	}
	if at := r.removedAt(cfg.Self); at != 0 {
		r.removed = at
	}
	r.resetElectionTimer()
	r.was = r.delta()
	return r
}

// Step tells the protocol what happened and what time it is, and appends to out what
// is to be done. Inputs are handled in order; then what is due is done;
// then everything the Step brought about leaves as one write and one batch of messages per
// peer, however many inputs there were. Out is what Reset made of it, or holds what other Steps want done.
// A time that falls, a write that was never asked for and an input of no kind are bugs of the driver: Step panics.
func (r *Raft) Step(now Mono, in []Input, out *Output) {
	if now < r.now {
		impossible("time fell from %d to %d", r.now, now)
	}
	r.now = now
	r.out = out
	for i := range in {
		r.input(&in[i])
	}
	r.tick()
	if r.role == Leader {
		r.advanceCommit()
		r.finishChange()
		r.advanceConfig()
	}
	r.deliver()
	if r.role == Leader {
		r.startRound()
		r.replicateAll()
		r.offerLeadership()
	} else {
		r.askLeader()
	}
	r.store()
	out.WakeAt = min(out.WakeAt, r.wakeAt())
	r.check()
	r.out = nil
}

// input hands an input to the rule for its kind.
func (r *Raft) input(in *Input) {
	switch in.Kind {
	case InputMessage:
		r.message(in.Message)
	case InputPropose:
		r.propose(&in.Proposal)
	case InputRead:
		r.read(in.Ticket, in.Own)
	case InputStored:
		r.storedUpTo(in.Stored)
	case InputPeerLost:
		r.peerLost(in.Peer)
	case InputTransfer:
		r.startTransfer(in.Peer, in.Ticket)
	case InputChange:
		r.startChange(&in.Change, in.Ticket)
	case InputCompact:
		r.compact(in.Index)
	case InputInstall:
		r.install(in.Base)
	case InputCampaign:
		r.mayForm = true
		if r.role != Leader && r.promotable() && !r.bound() {
			r.preCampaign()
		}
	default:
		impossible("input of kind %d", in.Kind)
	}
}

// message hands a message to the rule for its kind, after the rule for all:
// a higher term makes a follower [§5.1].
func (r *Raft) message(m *Message) {
	if m.Cluster != r.cfg.Cluster || m.To != r.cfg.Self || m.From.ID == r.cfg.Self.ID {
		return // not for this node; the driver's connection should have refused it
	}
	if m.Term > termMax {
		r.breach(m, BreachTerm)
		return
	}
	if m.Kind == MsgPreVote || m.Kind == MsgVote {
		if at := r.removedAt(m.From); at != 0 {
			r.tellRemoved(m.From, m.Seq, at)
			return // its term is not taken either
		}
	}
	if m.Term > r.hard.Term && !r.termIsHypothetical(m) {
		if (m.Kind == MsgVote && !m.Transfer || m.Kind == MsgRepairAsk) && r.loyal() {
			return // a leader is alive; do not even take the term [§6, T§4.2.3]
		}
		r.becomeFollower(m.Term, Ident{})
	}
	switch m.Kind {
	case MsgPreVote:
		r.handlePreVote(m)
	case MsgPreVoteReply:
		r.handlePreVoteReply(m)
	case MsgVote:
		r.handleVote(m)
	case MsgVoteReply:
		r.handleVoteReply(m)
	case MsgAppend:
		r.handleAppend(m)
	case MsgAppendReply:
		r.handleAppendReply(m)
	case MsgHeartbeat:
		r.handleHeartbeat(m)
	case MsgHeartbeatReply:
		r.handleHeartbeatReply(m)
	case MsgTimeoutNow:
		r.handleTimeoutNow(m)
	case MsgRemoved:
		r.wasRemoved(m.Commit)
	case MsgRepairAsk:
		r.handleRepairAsk(m)
	case MsgRepairReply:
		r.handleRepairReply(m)
	case MsgReadIndex:
		r.handleReadIndex(m)
	case MsgReadIndexReply:
		r.handleReadIndexReply(m)
	}
}

// termIsHypothetical tells the two messages whose term nobody has entered yet: a
// question "would you …?" and the answer "I would" [T§9.6].
func (r *Raft) termIsHypothetical(m *Message) bool {
	return m.Kind == MsgPreVote || m.Kind == MsgPreVoteReply && m.Granted
}

// becomeFollower enters the term if it is new, forgetting the vote of the old
// one, and follows the leader if one is named. The election timer is left alone
// unless the node led or campaigned: only a leader's word or a granted vote resets it
// [Figure 2, Followers].
func (r *Raft) becomeFollower(term Term, leader Ident) {
	if term < r.hard.Term {
		impossible("term falls from %d to %d", r.hard.Term, term)
	}
	if term > r.hard.Term {
		r.hard.Term, r.hard.Vote = term, Ident{}
		r.leader = Ident{}
		r.accepted = r.deliverable() // what is committed matches every leader
		r.leaderSeen = r.now - Mono(r.cfg.ElectionTimeout)
		r.note(Note{Kind: NoteTerm, Term: term})
	}
	if r.role == Leader {
		r.leaderSeen = r.now - Mono(r.cfg.ElectionTimeout)
		r.leader = Ident{}
		r.stopLeading()
	}
	if r.role != Follower {
		r.setRole(Follower)
		r.granted = r.granted[:0]
		r.resetElectionTimer()
	}
	if !leader.IsZero() && r.leader != leader {
		r.leader = leader
		r.note(Note{Kind: NoteLeader, Peer: leader.ID})
		r.endTransfer()
	}
}

// setRole changes the role and says so.
func (r *Raft) setRole(role Role) {
	r.role = role
	r.note(Note{Kind: NoteRole, A: uint64(role)})
}

// tick does what has become due.
func (r *Raft) tick() {
	r.expireTransfer()
	if r.role == Leader {
		if r.now >= r.beatAt {
			r.checkQuorum()
			r.watchDisk()
		}
		return
	}
	if r.now < r.electionAt {
		return
	}
	if !r.promotable() {
		r.askWhetherRemoved()
		r.askForRepair()
		r.resetElectionTimer()
		return
	}
	r.preCampaign()
}

// wakeAt is when something becomes due of which no input will tell.
func (r *Raft) wakeAt() Mono {
	if r.delivered < r.deliverable() || r.reads.held {
		return r.now
	}
	if r.role == Leader {
		return min(r.beatAt, r.tellAt, r.transfer.deadline())
	}
	return min(r.electionAt, r.transfer.deadline(), r.asks.deadline())
}

// note tells what happened, in the current term unless it says another.
func (r *Raft) note(n Note) {
	if n.Term == 0 {
		n.Term = r.hard.Term
	}
	if r.out != nil {
		r.out.Notes = append(r.out.Notes, n)
	}
}
