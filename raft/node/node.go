package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
)

// Notes of the node's own, beside those of raft.
const (
	// NoteDropped: a message from Peer was not for this node; A: its kind,
	// B: 1 other cluster, 2 other receiver, 3 no sender, 4 makes no sense.
	NoteDropped raft.NoteKind = 100 + iota
	// NoteSession: the session with id A was opened at Index.
	NoteSession
	// NoteContact: Contacts changed.
	NoteContact
	// NoteAgreed: a majority had this node's state after the entry at Index.
	NoteAgreed
	// NoteLevel: the entry at Index raised the level to A.
	NoteLevel
)

// Why a message was dropped, in NoteDropped.
const (
	droppedCluster uint64 = iota + 1
	droppedReceiver
	droppedSender
	droppedGarbage
)

// ErrLevel is in Output.Stop when the cluster moved on to a level that this
// program does not know.
var ErrLevel = errors.New("the cluster runs at a newer level than this program knows: upgrade it")

// Node is one member of a cluster. It is a value that only Step changes.
type Node struct {
	settings Settings
	self     raft.Ident
	identity Identity // as on disk
	sm       StateMachine
	form     forming
	raft     *raft.Raft // nil until the directory belongs to a cluster

	// The protocol's, as of its last Step.
	role   raft.Role
	term   raft.Term
	leader raft.NodeID // of term, as far as known

	applied   raft.Index
	logTime   raft.LogTime // of the last entry applied: the only clock of the replicated state
	appliedAt raft.Mono    // when it was applied
	level     uint32
	sessions  sessions
	requests  requests
	pins      pins
	names     names      // of the entry at hand
	inForce   raft.Index // the last configuration entry applied, or that of the state it began with

	snapshots snapshots
	fetch     fetch
	blobs     blobs
	uploads   uploads

	waiters   waiters
	reads     reads
	joining   joining
	changing  []Ticket // changes of the membership that the protocol has
	handing   []Ticket // transfers under way: at most one beside those of this Step
	hub       hub
	notices   [][]byte // heard in this Step
	view      view
	deadline  stateDeadline
	clock     clock
	leveling  leveling
	reporting reporting
	heardAt   raft.Mono   // last word from heardFrom
	heard     raft.NodeID // the last node that spoke as a leader
	started   raft.Mono
	stopping  error

	// One Step.
	now raft.Mono
	out *Output
	in  []raft.Input
	ro  raft.Output
}

// New returns a node that remembers what its directory knew. The state machine is empty: the newest
// snapshot's state takes its place, and committed entries behind it are applied again. Call
// Step at once.
func New(s Settings, boot Boot, sm StateMachine, now raft.Mono) *Node {
	s = s.withDefaults()
	n := &Node{
		settings:  s,
		self:      boot.Identity.Self,
		identity:  boot.Identity,
		sm:        sm,
		sessions:  newSessions(s.Rules),
		requests:  newRequests(s.Rules),
		pins:      newPins(s.Rules),
		level:     1,
		now:       now,
		started:   now,
		appliedAt: now,
	}
	n.form.retryAt = now
	if n.identity.Cluster != 0 {
		n.join(boot)
	}
	if boot.State != nil {
		n.adopt(boot.State)
		n.snapshots.made = slices.Clone(boot.Snapshots)
	}
	if n.raft != nil {
		n.inForce = n.raft.BaseAt(n.applied).ConfigIndex
	}
	return n
}

// join starts the protocol: from now on the node is a member.
func (n *Node) join(boot Boot) {
	base := boot.Base
	if base.Entry.Index == 0 {
		base = raft.Base{Config: n.identity.Members}
	}
	n.raft = raft.New(raft.Config{
		Self:            n.self,
		Cluster:         n.identity.Cluster,
		Seed:            n.settings.Seed,
		ElectionTimeout: n.settings.ElectionTimeout,
		Heartbeat:       n.settings.Heartbeat,
		Priority:        n.settings.Priority,
		Lease:           n.settings.Lease,
		ClockDriftPPM:   n.settings.ClockDriftPPM,
		LeaderReadsOnly: n.settings.LeaderReadsOnly,
		CommitDelay:     n.settings.CommitDelay,
		Limits:          n.settings.Raft,
	}, raft.Restored{Hard: boot.Hard, Base: base, Applied: boot.Applied, Entries: boot.Entries}, n.now)
	n.role, n.term, n.leader = n.raft.Role(), n.raft.Term(), n.raft.Leader().ID
	n.raft.Judge(n.mayAdopt)
	n.openBlobs(boot.Blobs)
	n.form.open = len(boot.Entries) == 0 && base.Entry.Index == 0 && formerOf(&n.identity.Members) == n.self
}

// Step tells the node what happened and what time it is, and appends to out what
// is to be done. However many events there are, they cost one write, one message per
// peer and one pass over the subscribers.
func (n *Node) Step(now raft.Mono, in []Event, out *Output) {
	if now < n.now {
		broken("time fell from %d to %d", n.now, now)
	}
	n.now, n.out = now, out
	before := n.applied
	for i := range in {
		n.event(&in[i])
	}
	if n.stopping == nil {
		n.tickForm()
		n.tickJoin()
		n.tickClock()
		n.tickSnapshots()
		n.tickFetch()
		n.tickLevel()
		n.tickUploads()
		n.tickBlobs()
		n.protocol()
	}
	if n.stopping == nil {
		n.followConfig()
		n.stepBlobs(before)
	}
	if n.stopping == nil {
		n.tickReport()
	}
	if n.stopping == nil {
		n.makeAgreed()
		n.publish()
		n.tellNotices()
		n.wake(n.clockAt())
	}
	if n.stopping != nil {
		n.abandon()
	}
	n.check()
	n.out = nil
}

func (n *Node) event(ev *Event) {
	if n.stopping != nil {
		n.eventWhileStopping(ev)
		return
	}
	switch ev.Kind {
	case EventMessage:
		n.message(ev.Message)
	case EventOpenSession:
		n.open(ev)
	case EventCloseSession:
		n.closeSession(ev)
	case EventCommand:
		n.command(ev)
	case EventQuery:
		n.query(ev.Ticket, &ev.Query)
	case EventQueries:
		for i := range ev.Asked {
			n.query(ev.Asked[i].Ticket, &ev.Asked[i].Query)
		}
	case EventSubscribe:
		n.subscribe(ev)
	case EventTaken:
		n.taken(ev)
	case EventCancel:
		n.cancel(ev.Ticket)
	case EventStored:
		if n.raft != nil {
			n.input(raft.InputStored).Stored = ev.Stored
			n.logMoved(ev.Stored)
		}
	case EventIdentityStored:
		n.identityStored()
	case EventDiskFailed:
		n.stop(fmt.Errorf("the disk failed, and what it holds is in doubt: %w", ev.Err))
	case EventTransfer:
		n.transfer(ev)
	case EventChange:
		n.change(ev)
	case EventTask:
		n.done(ev.Done)
	case EventUploadBegin, EventUploadAppend, EventUploadCommit, EventReadBlob:
		n.blobRequest(ev)
	case EventBlob:
		n.blobDone(ev.BlobDone)
	case EventTell:
		n.tell(ev.Command.Body)
	case EventMark:
		n.askMark(ev)
	case EventNotice:
		n.spread(ev.Command.Body)
	case EventPeerLost:
		if n.raft != nil {
			n.input(raft.InputPeerLost).Peer = ev.Peer
			n.blobInput(blob.Input{Kind: blob.InputPeerLost, Peer: ev.Peer})
		}
	default:
		broken("event of kind %d", ev.Kind)
	}
}

// input returns the next input of this Step, of which nothing is said yet but its kind. It is large, and most say little.
func (n *Node) input(kind raft.InputKind) *raft.Input {
	n.in = slices.Grow(n.in, 1)
	n.in = n.in[:len(n.in)+1] // blank: a Step clears what it used
	in := &n.in[len(n.in)-1]
	in.Kind = kind
	return in
}

// eventWhileStopping refuses what would wait for an answer.
func (n *Node) eventWhileStopping(ev *Event) {
	switch ev.Kind {
	case EventOpenSession, EventCloseSession, EventCommand, EventQuery, EventSubscribe, EventTransfer, EventChange,
		EventUploadBegin, EventUploadAppend, EventUploadCommit, EventReadBlob, EventMark:
		n.refuse(ev.Ticket, CodeStopping)
	case EventQueries:
		for i := range ev.Asked {
			n.refuse(ev.Asked[i].Ticket, CodeStopping)
		}
	}
}

// message sorts out what is not for this node. A message is refused for its
// cluster or for its ends, never because the configuration in force here, which
// may lag, does not know the sender.
func (n *Node) message(m *raft.Message) {
	switch {
	case m.From.ID == 0 || m.From.ID == n.self.ID:
		n.drop(m, droppedSender)
	case m.Kind >= raft.MsgFormAsk && m.Kind <= raft.MsgJoinAccept:
		n.formMessage(m)
	case n.raft == nil || m.Cluster != n.identity.Cluster:
		n.drop(m, droppedCluster)
	case m.To != n.self:
		n.drop(m, droppedReceiver)
	case m.Kind == raft.MsgReport:
		n.reported(m)
	case m.Kind == raft.MsgBlob:
		n.blobMessage(m)
	case m.Kind == raft.MsgPin:
		n.pinMessage(m)
	case m.Kind == raft.MsgNotice:
		n.noticed(m)
	case m.Kind >= raft.MsgSnapshotOffer:
		n.snapshotMessage(m)
	default:
		if m.Term >= n.term && (m.Kind == raft.MsgAppend || m.Kind == raft.MsgHeartbeat) {
			n.heard, n.heardAt = m.From.ID, n.now
		}
		n.input(raft.InputMessage).Message = m
	}
}

func (n *Node) drop(m *raft.Message, why uint64) {
	n.note(raft.Note{Kind: NoteDropped, Peer: m.From.ID, A: uint64(m.Kind), B: why})
}

// stop ends the node's life: it says why, once and for all.
func (n *Node) stop(err error) {
	if n.stopping == nil {
		n.stopping = err
	}
}

// abandon answers everybody who waits and repeats why the node stopped.
func (n *Node) abandon() {
	for n.waiters.len() > 0 {
		n.unknown(n.waiters.popFront())
	}
	for i := range n.in {
		in := &n.in[i]
		if in.Kind == raft.InputPropose && in.Proposal.Ticket != 0 && Ticket(in.Proposal.Ticket) < ownTell {
			n.refuse(Ticket(in.Proposal.Ticket), CodeStopping) // never reached the protocol
		}
	}
	clear(n.in)
	n.in = n.in[:0]
	for _, p := range n.reads.pending[n.reads.head:] {
		n.refuse(p.ticket, CodeStopping)
	}
	n.reads = reads{}
	for _, t := range n.handing {
		n.refuse(t, CodeStopping)
	}
	n.handing = nil
	for _, t := range n.changing {
		n.answer(Answer{Ticket: t, Outcome: Unknown, Code: CodeStopping}) // it may be in the log
	}
	n.changing = nil
	n.endJoin(CodeStopping)
	n.uploads.abandon(n)
	n.hub.abandon(n)
	n.out.Stop = n.stopping
	n.out.WakeAt = raft.Never
}

func (n *Node) answer(a Answer) { n.out.Done = append(n.out.Done, a) }

func (n *Node) refuse(t Ticket, c Code) {
	n.answer(Answer{Ticket: t, Outcome: Refused, Code: c, Hint: n.leader})
}

func (n *Node) note(note raft.Note) {
	if note.Term == 0 {
		note.Term = n.term
	}
	n.out.Notes = append(n.out.Notes, note)
}

func (n *Node) wake(at raft.Mono) { n.out.WakeAt = min(n.out.WakeAt, at) }

// leaderQuiet is the time since the leader was last heard; a leader hears itself.
func (n *Node) leaderQuiet() time.Duration {
	switch {
	case n.role == raft.Leader:
		return 0
	case n.heardAt == 0 && n.heard == 0:
		return n.now.Sub(n.started)
	}
	return n.now.Sub(n.heardAt)
}
