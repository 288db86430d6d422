package sim

import (
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// disk is the disk goroutine of raft/host as events. Writes that come in while
// one is under way wait, and leave together as one write and one sync:
//
//	submit ──▶ write ──▶ sync ──▶ stored ──▶ promises leave, node is told
//	           |cache    |disk    |
//	   a crash may come between any two, and the fault's stage says between which
//
// Each step takes its simulated time and is an event of its own; the file
// operations inside happen on the node's memfs.
type disk struct {
	identity *node.Identity // waits for its turn
	queue    []raft.Store   // wait for their turn
	saving   *node.Identity // under way
	flight   []raft.Store   // under way
	busy     bool
	writes   uint64 // counts writes for the draws of their times
	stallTo  int64  // completes nothing before
	logTo    int64  // nor anything of the log
	tasksTo  int64  // nor anything of snapshots
	seals    uint64 // number of the seal that is due; earlier ones are void
}

// reset forgets what died with a process.
func (d *disk) reset() {
	*d = disk{writes: d.writes, stallTo: d.stallTo, logTo: d.logTo, tasksTo: d.tasksTo, seals: d.seals + 1}
}

// sealAfter is how long a disk is idle before it seals, as in raft/host.
const sealAfter = 50 * time.Millisecond

// submit queues what a Step wants stored.
func (d *disk) submit(s *server, identity *node.Identity, stores []raft.Store) {
	if identity != nil {
		copied := *identity
		d.identity = &copied
	}
	d.queue = append(d.queue, stores...)
	if s.springs(StageSubmit) {
		return
	}
	d.begin(s)
}

// begin takes all that waits, if the disk is free.
func (d *disk) begin(s *server) {
	if d.busy || d.identity == nil && len(d.queue) == 0 {
		return
	}
	d.busy = true
	d.writes++
	d.seals++
	d.saving, d.identity = d.identity, nil
	d.flight, d.queue = d.queue, d.flight[:0]
	plan := &s.w.plan.Disk
	x := s.w.chance.draw(purposeWriteTime, uint64(s.id), d.writes)
	d.after(s, eventWrite, between(x, int64(plan.WriteMin), int64(plan.WriteMax)))
}

// after schedules the next stage of the write under way.
func (d *disk) after(s *server, kind eventKind, delay int64) {
	at := max(s.w.now+delay, d.stallTo, d.logTo)
	s.w.agenda.push(event{at: at, priority: priorityNormal, kind: kind, who: int32(s.id), arg: d.writes, epoch: s.epoch})
}

// write puts the bytes into the page cache.
func (w *World) write(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	d := &s.disk
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("writes %s", describeStores(d.flight))
	}
	if d.saving != nil {
		if s.failed(s.dir.SaveIdentity(*d.saving)) {
			return
		}
	}
	if len(d.flight) > 0 {
		if s.failed(s.dir.Write(d.flight)) {
			return
		}
	}
	if s.springs(StageWrite) {
		return
	}
	plan := &w.plan.Disk
	x := w.chance.draw(purposeSyncTime, uint64(s.id), d.writes)
	delay := between(x, int64(plan.SyncMin), int64(plan.SyncMax))
	if int64(below(raft.Mix(x, 1), 1000)) < plan.Slow {
		delay += between(raft.Mix(x, 2), 0, int64(plan.SlowMax))
	}
	d.after(s, eventSync, delay)
}

// sync makes them durable.
func (w *World) sync(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	d := &s.disk
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("syncs")
	}
	if len(d.flight) > 0 {
		w.syncs(s)
		if s.failed(s.dir.Sync()) {
			return
		}
		w.judgeSynced(s, d.flight)
		w.synced(s)
	}
	if s.springs(StageSync) || resets(d.flight) && s.springs(StageInstall) {
		return
	}
	d.after(s, eventStored, 1)
}

// resets reports whether a log begins anew behind a snapshot that came from a peer.
func resets(stores []raft.Store) bool {
	return slices.ContainsFunc(stores, func(st raft.Store) bool { return st.Reset })
}

// stored lets go what was promised and tells the node.
func (w *World) stored(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch {
		return
	}
	d := &s.disk
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("stored")
	}
	saved := d.saving != nil
	d.saving = nil
	last, voted := raft.WriteSeq(0), false
	for i := range d.flight {
		st := &d.flight[i]
		last = st.Seq
		for j := range st.Then {
			w.judgePromise(&st.Then[j])
			w.send(&st.Then[j])
			voted = voted || votes(&st.Then[j])
		}
	}
	clear(d.flight)
	d.flight = d.flight[:0]
	d.busy = false
	if voted && s.springs(StageVote) {
		return
	}
	if x := w.chance.draw(purposePrepare, uint64(s.id), d.writes); below(x, prepareEvery) == 0 && s.prepares() {
		return
	}
	epoch := s.epoch
	if saved {
		s.tell(&node.Event{Kind: node.EventIdentityStored})
	}
	if last != 0 && s.epoch == epoch {
		s.event(node.EventStored).Stored = last
		s.told()
	}
	if s.epoch != epoch {
		return
	}
	d.begin(s)
	d.idle(s)
}

// idle schedules the seal, unless there is work.
func (d *disk) idle(s *server) {
	if !d.busy {
		s.w.agenda.push(event{at: s.w.now + int64(sealAfter), priority: priorityNormal, kind: eventSeal, who: int32(s.id), arg: d.seals, epoch: s.epoch})
	}
}

// prepareEvery is after how many writes on average a busy disk prepares a piece of
// the next segment.
const prepareEvery = 16

// prepares gets a piece of the next segment ready and reports whether that failed.
func (s *server) prepares() bool {
	_, err := s.dir.Prepare()
	return s.failed(err)
}

// seal seals an idle log, all through here is synced, and gets the next segment ready.
func (w *World) seal(e *event) {
	s := w.node(raft.NodeID(e.who))
	if e.epoch != s.epoch || e.arg != s.disk.seals {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("seals")
	}
	if !s.failed(s.dir.Seal()) {
		w.seals(s)
		s.prepares()
	}
}
