package sim

import (
	"errors"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// server is one machine of the cluster and the process on it: the pump of
// raft/host as one function of what happens. Nothing but where outputs go differs
// from production.
type server struct {
	w     *World
	id    raft.NodeID
	addr  string // where clients find it
	up    bool
	epoch uint32 // processes so far; events of earlier ones are void
	fresh int64  // when this one started, or got another node's state
	fs    *memfs.FS
	dir   *node.Disk
	blank *machine // what its clusters begin with, to be cloned: for each process, and for snapshots to be restored into
	node  *node.Node
	clock clock
	disk  disk
	old   bool // it runs an older release
	rot   rot

	device   device // what is wrong with it
	upkeep   upkeep
	proposed []proposed       // as leader, above its commitIndex; see judgebounds.go
	inc      raft.Incarnation // of its directory
	strays   int              // messages in the inbox that are not for it

	inbox   []node.Event    // waits for the loop
	memory  []*raft.Message // of the messages in it; what comes behind them is free
	taken   int             // how many are
	looping bool            // a step event is under way
	tasks   []node.Task     // for the worker, in order
	working bool            // a task event is under way
	works   uint64
	blobs   []blob.Op // for the store of blobs, in order
	storing bool      // an operation on it is under way
	stores  uint64
	loops   uint64
	busy    raft.Chain // draws, by loops, how long the loop is busy with other things
	out     node.Output

	wakeAt raft.Mono // when the node wants to be called
	wakeOn int64     // simulated time of the wake event under way
	wakes  uint64    // its number; earlier ones are void

	pausedUntil int64
	applyTakes  int64 // for which each entry that is applied keeps the loop busy
	busyUntil   int64 // the loop takes nothing before
	trap        trap
	crashes     uint64
	streams     []liveStream  // that it has
	came        raft.Position // what it had applied before this Step
}

// rules are what every node judges by.
func (w *World) rules() node.Rules {
	r := &w.plan.Requests
	return node.Rules{
		SessionIdleMax: w.plan.Node.Idle, SnapshotBytes: w.plan.Node.Snapshot,
		RequestAgeMax: r.Age, AnonymousAgeMax: r.Age, RequestsPerPrincipalMax: int(r.Max), AnonymousRequestsMax: int(r.Max),
		Blobs: blob.Rules{PinFor: w.plan.Blobs.Pin},
	}
}

// snapChunk and pieceMax are small, so that a download has pieces that a fault can come between.
const (
	snapChunk = 256
	pieceMax  = 2048
)

// walOptions are those of every log. One is opened at a time.
func (w *World) walOptions() wal.Options {
	return wal.Options{SegmentBytes: w.plan.Node.Segment, Memory: &w.logs}
}

// dataDir is every node's directory on its own file system.
const dataDir = "data"

// start boots a process from what its disk holds.
func (w *World) start(e *event) {
	s := w.node(raft.NodeID(e.who))
	if s.up || e.epoch != s.epoch || s.device.lost != nil {
		return
	}
	w.trace.begin(e)
	flight := s.disk.flight
	s.disk.reset()
	s.trap.set(s)
	draw := func(p purpose) uint64 { return w.chance.draw(p, uint64(s.id), uint64(s.epoch)) }
	o := s.diskOptions()
	o.Inc, o.Machine = raft.Incarnation(draw(purposeIncarnation)), s.blank
	dir, boot, err := node.OpenDisk(s.fs, dataDir, o)
	if s.trap.sprung {
		if w.trace.on() {
			w.trace.say("dies while it recovers")
		}
		w.cover.Recoveries++
		s.crash(s.trap.kind, s.trap.down)
		s.disk.flight = flight
		return
	}
	if err != nil {
		if w.trace.on() {
			w.trace.say("does not start: %v", err)
		}
		w.refused(s, err)
		s.disk.flight = flight
		return
	}
	s.inc = boot.Identity.Self.Inc
	s.device.starts()
	w.judgeBoot(s, &boot, flight)
	w.coverStart(s, &boot)
	if w.trace.on() {
		w.trace.say("starts with term %d, a vote for %v and %d entries", boot.Hard.Term, boot.Hard.Vote, len(boot.Entries))
	}
	s.dir, s.up, s.upkeep, s.fresh = dir, true, upkeep{}, w.now
	s.clock.reboot(w.now, raft.Mono(1+below(draw(purposeNodeSeed), uint64(time.Hour))))
	seeds := w.seeds
	if int(s.id) > w.plan.Nodes || s.device.joins {
		seeds = nil // it waits to be added
	}
	maxLevel := uint32(node.LevelMax)
	if s.old {
		maxLevel = uint32(max(w.plan.OldLevel, 1))
	}
	s.node = node.New(node.Settings{
		Seeds:           seeds,
		PeerAddr:        peerAddr(s.id),
		ClientAddr:      clientAddr(s.id),
		Cluster:         raft.ClusterID(draw(purposeCluster) | 1),
		Seed:            raft.Mix(draw(purposeNodeSeed), 1),
		ElectionTimeout: w.plan.Node.Election,
		Heartbeat:       w.plan.Node.Heartbeat,
		Lease:           w.plan.leaseOf(s.id),
		ClockDriftPPM:   w.plan.Node.LeasePPM,
		Limits: node.Limits{PushFramesMax: int(w.plan.Node.Push), SubscriberFramesMax: int(w.plan.Node.Frames),
			PieceBytesMax: pieceMax},
		MaxLevel:  maxLevel,
		HashEvery: hashEvery,
		Rules:     w.rules(),
		Blobs:     w.blobOptions(),
		Raft: raft.Limits{AppendEntriesMax: int(w.plan.Node.Append), InflightMessagesMax: int(w.plan.Node.Inflight),
			UncommittedBytesMax: int(w.plan.Node.Uncommitted), DeliverEntriesMax: int(w.plan.Node.Deliver)},
	}, boot, s.blank.Clone(), s.clock.read(w.now))
	s.wakeAt, s.wakeOn = raft.Never, never
	s.empty()
	s.looping, s.strays = false, 0
	s.tasks, s.working = nil, false
	s.blobs, s.storing = nil, false
	epoch := s.epoch
	s.run()
	if s.epoch == epoch {
		s.disk.idle(s) // what a former process left is sealed too
		w.starts(s, seeds)
	}
}

// tell puts an event into the node's inbox.
func (s *server) tell(in *node.Event) {
	*s.event(in.Kind) = *in
	s.told()
}

// event returns the next place in the inbox, for an event of which nothing is said yet but its kind: they are large, and most
// say little. Who has filled it in calls told.
func (s *server) event(kind node.EventKind) *node.Event {
	s.inbox = slices.Grow(s.inbox, 1)
	s.inbox = s.inbox[:len(s.inbox)+1] // blank: see empty
	in := &s.inbox[len(s.inbox)-1]
	in.Kind = kind
	return in
}

// told has the loop take what is in the inbox: at once, or when it is done with other things, together with all that
// comes meanwhile.
func (s *server) told() {
	w := s.w
	if w.plan.Node.Loop == 0 {
		s.run()
		return
	}
	if s.looping {
		return
	}
	s.looping = true
	s.loops++
	busy := below(s.busy.Mix(s.loops), uint64(w.plan.Node.Loop))
	w.agenda.push(event{at: w.now + 1 + int64(busy), priority: priorityNormal, kind: eventStep, who: int32(s.id), epoch: s.epoch})
}

// step lets a node's loop take what came in.
func (w *World) step(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	s.looping = false
	if len(s.inbox) == 0 {
		return // a deadline took it along
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("steps with %d events", len(s.inbox))
	}
	s.run()
}

// run is the loop's body: one Step with all that came in, and its output to disk,
// peers, callers and judges.
func (s *server) run() {
	w := s.w
	s.came = w.appliedBy(s)
	s.out.Reset()
	s.node.Step(s.clock.read(w.now), s.inbox, &s.out)
	s.empty()
	out := &s.out
	if s.strays > 0 {
		w.judgeStrays(s, out)
	}
	says, before := saidIn(out), stood{}
	if says&(saysVotes|saysHolds) != 0 {
		before = w.stoodBefore(s, out)
	}
	for i := range out.Store {
		w.judgeStore(s, &out.Store[i])
	}
	if len(out.Notes) > 0 {
		s.judgeNotes(out.Notes)
	}
	w.judgeUncommitted(s)
	if says != 0 {
		w.judgeSaid(s, out, says, &before)
	}
	for i := range out.Send {
		w.judgePromise(&out.Send[i])
		w.send(&out.Send[i])
		if out.Send[i].Kind == raft.MsgTimeoutNow {
			w.reaches(s, StageTransfer)
		}
	}
	for i := range out.Done {
		w.answer(s, &out.Done[i])
	}
	for i := range out.Push {
		w.push(s, &out.Push[i])
	}
	if len(s.streams) > 0 {
		w.judgeStreams(s)
	}
	if out.Stop != nil {
		s.stopped(out.Stop)
		return
	}
	s.wakeAt = out.WakeAt
	s.arm()
	if len(out.Tasks) > 0 || len(s.tasks) > 0 {
		s.work(out.Tasks)
	}
	if len(out.Blobs) > 0 || len(s.blobs) > 0 {
		s.storeBlobs(out.Blobs)
	}
	if s.trap.kind != 0 && s.springsOn(out.Notes) {
		return
	}
	if out.Identity != nil || len(out.Store) > 0 {
		s.disk.submit(s, out.Identity, out.Store)
	}
}

// message returns memory for a message that goes into the inbox.
func (s *server) message() *raft.Message {
	if s.taken == len(s.memory) {
		s.memory = append(s.memory, new(raft.Message))
	}
	s.taken++
	return s.memory[s.taken-1]
}

// empty forgets the inbox. The payloads live on in the log, not here, and a node that kept a message would find it blank.
func (s *server) empty() {
	clear(s.inbox)
	s.inbox = s.inbox[:0]
	for _, m := range s.memory[:s.taken] {
		*m = raft.Message{}
	}
	s.taken = 0
}

// judgeNotes records the notes and hands each to the judge it concerns.
func (s *server) judgeNotes(notes []raft.Note) {
	w := s.w
	moved, applied := false, int64(0)
	for i := range notes {
		n := &notes[i]
		w.trace.note(n)
		w.coverNote(s, n)
		s.noteUpkeep(n)
		switch n.Kind {
		case raft.NoteRole:
			w.coverRole(s, n)
			w.judgeRole(s, n)
		case raft.NoteTruncate:
			w.judgeTruncate(s, n)
		case raft.NoteCommit:
			w.judgeCommit(s, n)
		case raft.NoteTerm:
			m := &w.judges.logs.mirrors[s.id]
			if n.Term <= m.term {
				w.violate(Monotonic, "currentTerm of node %d went from %d to %d.", s.id, m.term, n.Term)
			}
			m.term = n.Term
		case raft.NoteApply:
			w.judgeApplied(s, n)
			w.judgeLocks(n.Index)
			moved = true
			applied++
		case raft.NoteInstall:
			w.judgeInstall(s, n.Index)
			s.rot.at, s.fresh = 0, w.now // the state is a snapshot's now, and judged as such
			moved = true
		case raft.NoteCompact:
			w.cover.Compactions++
			w.judgeTerms(s)
		case raft.NoteConfig:
			w.judgeChange(s, n.Index)
			w.judges.logs.mirrors[s.id].config = n.Index
			w.judgeBlobs()
			if _, leads := w.leads(s.id); leads && len(w.waiting) > 0 && w.leaves(s, n.Index) {
				w.reaches(s, StageLeave)
			}
		case raft.NoteFormed:
			w.judgeFormed(s)
		case raft.NoteRemoved:
			w.cover.Removed++
		case raft.NoteReject:
			w.cover.Rejects++
		case raft.NoteLease:
			w.cover.Leased++
			w.judgeLeased(s, n)
		case raft.NoteQuorumLost:
			w.cover.QuorumLost++
		case node.NoteBlob:
			w.coverBlob(n)
		case node.NotePlaces:
			w.cover.HeldBack++
		case node.NoteAgreed:
			w.cover.Agreed++
		case node.NoteLevel:
			if w.levelAt == 0 {
				w.levelAt = w.now
				w.cover.Raised++
			}
			if n.A == node.LevelMax && w.newestAt == 0 {
				w.newestAt = w.now
				if len(w.plan.Old) > 0 {
					w.cover.Upgraded++
				}
			}
		case raft.NoteBreach:
			w.violate(Breaches, "Node %d got a message from node %d that contradicts what is proven (breach %d at %d).", s.id, n.Peer, n.A, n.Index)
		}
	}
	if moved {
		w.judgeState(s)
	}
	w.judgeApplying(s, applied)
	if applied > 0 && s.applyTakes > 0 {
		s.busyUntil = min(w.now+applied*s.applyTakes, int64(w.plan.Heal))
	}
}

// arm makes sure that a wake event comes no later than the node wants. One
// that is under way and too early stays and looks again when it fires: deadlines
// mostly move away, and the agenda stays short.
func (s *server) arm() {
	now := s.w.now
	if s.wakeOn != never && (s.wakeOn <= now || s.clock.read(s.wakeOn-1) < s.wakeAt) {
		return
	}
	at := s.clock.when(s.wakeAt, now)
	if at == never {
		return
	}
	s.wakeOn = max(at, now+1)
	s.wakes++
	s.w.agenda.push(event{at: s.wakeOn, priority: priorityNormal, kind: eventWake, who: int32(s.id), arg: s.wakes, epoch: s.epoch})
}

// wake calls the node if its deadline is really due.
func (w *World) wake(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch || e.arg != s.wakes {
		return
	}
	s.wakeOn = never
	if s.clock.read(w.now) < s.wakeAt {
		s.arm()
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("wakes")
	}
	s.run()
}

// outdated upgrades a node that was added anew with an older release, when the level had risen in its absence, and
// reports whether that was why it stopped. Of a member's, the level waits for the release.
func (s *server) outdated(why error) bool {
	if !s.old || !s.device.joins || !errors.Is(why, node.ErrLevel) {
		return false
	}
	s.old = false
	s.crash(CrashProcess, 300*time.Millisecond)
	return true
}

// stopped ends a process whose node says that it can't go on.
func (s *server) stopped(why error) {
	w := s.w
	if w.trace.on() {
		w.trace.add("stops: %v", why)
	}
	if w.diverged(s, why) || w.stoppedByDevice(s, why) || s.outdated(why) {
		return
	}
	if !errors.Is(why, errDisk) {
		w.violate(Stopped, "Node %d stopped: %v.", s.id, why)
	}
	// After a failed sync the page cache proves nothing: the machine reboots.
	s.crash(CrashMachine, s.trap.down)
}

// diskOptions are what the data directory of this machine is told, whoever opens it or looks at it.
func (s *server) diskOptions() node.DiskOptions {
	return node.DiskOptions{ID: s.id, WAL: s.w.walOptions(), Rules: s.w.rules(), Snap: snap.Options{ChunkBytes: snapChunk}, Blobs: s.w.blobOptions()}
}

// crash ends the process now, and the machine's cache with it if kind says so.
// The restart is due after down.
func (s *server) crash(kind FaultKind, down time.Duration) {
	w := s.w
	if s.up {
		w.coverCrash(s)
	}
	s.up = false
	s.rot.at = 0
	s.epoch++
	s.crashes++
	w.cover.Crashes++
	s.node, s.dir = nil, nil
	s.pausedUntil, s.busyUntil = 0, 0
	s.streamsBreak()
	s.trap = trap{}
	s.device.told = nil
	s.fs.SetHook(nil)
	if kind == CrashMachine {
		if len(s.fs.Unsynced()) > 0 {
			w.cover.Torn++
		}
		s.fs.CrashMachine(survival(w.chance.draw(purposeCrashKeep, uint64(s.id), s.crashes)))
	} else {
		s.fs.CrashProcess()
	}
	w.judges.election.roles[s.id] = role{}
	w.hangUp(s)
	w.judgeBlobs()
	if down != forGood {
		w.agenda.push(event{at: w.now + int64(down), priority: priorityNormal, kind: eventStart, who: int32(s.id), epoch: s.epoch})
	}
}

// survival draws what a crash of the machine leaves of what was not synced: nothing,
// all of it, each item by itself, or all of it in rags. One rule for all items would
// never show two neighbours with different fates, and independent fates
// hardly ever show them all alike.
func survival(x uint64) memfs.Chooser {
	switch below(raft.Mix(x, 0), 8) {
	case 0:
		return memfs.DropAll
	case 1:
		return memfs.KeepAll
	case 2, 3, 4:
		return func(at int, item memfs.Item) memfs.Choice {
			if item.Kind == memfs.ItemSector && below(raft.Mix(x, uint64(at)), 3) > 0 {
				return memfs.Tear
			}
			return memfs.Keep
		}
	}
	return memfs.Chance(x)
}

// forGood is how long a node is down that does not come back.
const forGood = time.Duration(never)

// hangUp breaks the connections of a process that died: peers and clients that
// can hear of it do.
func (w *World) hangUp(s *server) {
	for id := raft.NodeID(1); int(id) <= w.plan.servers(); id++ {
		if peer := w.node(id); peer.up && id != s.id {
			w.lost(raft.MsgAppend, id, s.id)
		}
	}
	for _, c := range w.clients {
		c.hungUp(s.id)
	}
	for _, sub := range w.subscribers {
		sub.hungUp(s.id)
	}
}
