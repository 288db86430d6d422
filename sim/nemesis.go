package sim

import "parley/raft"

// fault begins a line of the plan. What it does is undone by faultEnds, or by heal;
// a fault that is over by itself (a crash, a jump of the clock) has no end.
func (w *World) fault(e *event) {
	f := &w.plan.Faults[e.arg]
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("%s", f)
	}
	// Keyed by time and kind, not by place: a line less moves no other.
	draw := w.chance.draw(purposeTarget, uint64(f.At), uint64(f.Kind))
	live := &w.live[e.arg]
	live.on = true
	if f.Node != 0 {
		live.nodes = w.hit(f.Node, draw)
	}
	if f.waits() {
		w.waiting = append(w.waiting, int(e.arg))
		return
	}
	for i, id := range live.nodes {
		w.coverStrike(w.node(id), f)
		w.strike(w.node(id), f, raft.Mix(draw, uint64(i)))
	}
	w.touchLinks(f, live.nodes, 1)
	if f.cuts() {
		w.coverCuts(f, live.nodes)
	}
	w.coverLinks(f)
	switch f.Kind {
	case AddNode, RemoveNode, PromoteNode, Transfer, BackUp:
		w.agenda.push(event{at: w.now + 1, priority: priorityNormal, kind: eventOperator, arg: e.arg})
	case Flap:
		w.toggle(f, live)
		w.flapLater(e.arg, f)
	}
	if f.bends() {
		w.bendLinks()
	}
	w.endLater(int(e.arg))
}

// waits reports whether the fault cuts off the next leader, the next to hand over or to end a change of the membership, or the
// next that downloads a snapshot, instead of somebody now; or fills the disk of the next that downloads, or has that
// of the next that has a whole download complete nothing.
func (f *Fault) waits() bool {
	switch f.On {
	case StageDownload:
		return f.Kind == Isolate || f.Kind == Deaf || f.Kind == Mute || f.Kind == Full
	case StageDecode:
		return f.Kind == Stall
	case StageElected, StageTransfer, StageLeave:
		return f.Kind == Isolate || f.Kind == Deaf || f.Kind == Mute
	}
	return false
}

// reaches lets faults strike that wait for this node to get there: to become leader, before
// its first words leave, so that what it appends stays with it alone; or to tell another
// node to take over, just after those words left.
func (w *World) reaches(s *server, on Stage) {
	kept := w.waiting[:0]
	for _, i := range w.waiting {
		l := &w.live[i]
		f := &w.plan.Faults[i]
		if f.On != on || !contains(l.nodes, s.id) {
			kept = append(kept, i)
			continue
		}
		if w.trace.on() {
			w.trace.add("%s at its %s", f.Kind, on)
		}
		l.nodes = []raft.NodeID{s.id}
		if f.Kind == Full || f.Kind == Stall {
			w.coverStrike(s, f)
			w.strike(s, f, w.chance.draw(purposeTarget, uint64(f.At), uint64(f.Kind)))
		} else {
			w.touchLinks(f, l.nodes, 1)
			w.coverCuts(f, l.nodes)
		}
		w.endLater(i)
	}
	w.waiting = kept
}

// endLater schedules the end of a fault that has one.
func (w *World) endLater(i int) {
	if f := &w.plan.Faults[i]; f.lasts() {
		w.agenda.push(event{at: w.now + int64(f.For), priority: priorityFault, kind: eventFaultEnds, arg: uint64(i)})
	}
}

// live is a fault that has begun: whom it hit, and whether it still holds.
type live struct {
	on    bool
	nodes []raft.NodeID
	off   bool // of a link that flaps: it is cut now

	asked bool          // of a backup: its node was
	epoch uint32        // the process that was asked
	floor raft.Position // what was acknowledged before
}

// lasts reports whether the fault has an end.
func (f *Fault) lasts() bool {
	switch f.Kind {
	case CrashProcess, CrashMachine, Drift, Jump, DiskError, Pause, Stall, AddNode, RemoveNode, PromoteNode, Transfer, BackUp,
		CorruptState, Upgrade, Rot, LostWrite, Misdirect, WriteError, SyncError, DirError, Wipe:
		return false
	case ReadError:
		return f.For > 0
	}
	return true
}

// strike does to one node what the fault does to nodes.
func (w *World) strike(s *server, f *Fault, draw uint64) {
	switch f.Kind {
	case CrashProcess, CrashMachine, DiskError:
		w.lay(s, f, draw)
	case Pause:
		w.pause(s, f)
	case Stall:
		w.stall(s, f)
	case SlowApply:
		s.applyTakes = int64(f.Period)
	case LyingDisk:
		s.fs.SetLying(true)
	case Drift:
		s.clock.bend(w.now, f.PPM, s.clock.still)
		s.rearm()
	case Freeze:
		s.clock.bend(w.now, s.clock.ppm, true)
	case Jump:
		s.clock.wall += int64(f.By)
	case CorruptState:
		s.rot.due = s.rot.at == 0
	case Upgrade:
		s.old = false
		if s.up {
			s.crash(CrashProcess, f.For)
		}
	case Rot, LostWrite, Misdirect, ReadError, WriteError, SyncError, DirError, Full, Wipe:
		w.strikeDisk(s, f, draw)
	}
}

// faultEnds ends a line of the plan.
func (w *World) faultEnds(e *event) {
	if !w.live[e.arg].on {
		return // healed
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("ends: %s", &w.plan.Faults[e.arg])
	}
	w.lift(int(e.arg))
}

// lift undoes what a fault still does.
func (w *World) lift(i int) {
	f, l := &w.plan.Faults[i], &w.live[i]
	l.on = false
	w.touchLinks(f, l.nodes, -1)
	if f.bends() {
		w.bendLinks()
	}
	switch f.Kind {
	case Flap:
		if l.off {
			w.toggle(f, l)
		}
	case Freeze:
		for _, id := range l.nodes {
			s := w.node(id)
			s.clock.bend(w.now, s.clock.ppm, false)
			s.rearm()
		}
	case SlowApply:
		for _, id := range l.nodes {
			w.node(id).applyTakes = 0
		}
	case LyingDisk:
		for _, id := range l.nodes {
			w.node(id).fs.SetLying(false)
		}
	case Full, ReadError:
		for _, id := range l.nodes {
			w.liftDisk(w.node(id), f)
		}
	}
}

// touchLinks blocks (+1) or frees (-1) the links that a fault cuts.
func (w *World) touchLinks(f *Fault, nodes []raft.NodeID, by int8) {
	switch f.Kind {
	case OneWay:
		w.cutCovered(f, nil, by)
	case Ring:
		w.cutRing(f.Side, by)
	case Bridge:
		w.cutBridge(nodes, f.Side, by)
	case Split:
		for _, a := range f.Side {
			w.cut(a, f.Side, by, by)
		}
	case Isolate:
		for _, id := range nodes {
			w.cut(id, nil, by, by)
		}
	case Deaf:
		for _, id := range nodes {
			w.cut(id, nil, 0, by)
		}
	case Mute:
		for _, id := range nodes {
			w.cut(id, nil, by, 0)
		}
	}
}

// cut blocks or frees all links of a node but those to its own side.
func (w *World) cut(id raft.NodeID, side []raft.NodeID, outward, inward int8) {
	for other := raft.NodeID(1); int(other) <= w.plan.servers(); other++ {
		if !contains(side, other) {
			w.net.block(id, other, outward)
			w.net.block(other, id, inward)
		}
	}
}

func contains(ids []raft.NodeID, id raft.NodeID) bool {
	for _, other := range ids {
		if other == id {
			return true
		}
	}
	return false
}

// until is when a fault ends whose victims wait for a time: at heal, at the latest, as what waits is due then and not
// looked at before.
func (w *World) until(f *Fault) int64 { return min(w.now+int64(f.For), int64(w.plan.Heal)) }

// pause stops a process where it stands. Events for it wait; its clock goes on.
func (w *World) pause(s *server, f *Fault) {
	if s.up {
		s.pausedUntil = max(s.pausedUntil, w.until(f))
	}
}

// stall has a disk complete nothing, or nothing of the files of one kind: one sync of the log may take for ever while what else
// there is to be written goes well.
func (w *World) stall(s *server, f *Fault) {
	switch d, to := &s.disk, w.until(f); f.File {
	case FileLog:
		d.logTo = to
	case FileSnapshot:
		d.tasksTo = to
	default:
		d.stallTo = to
	}
}

// rearm forgets the wake event under way: the clock that it was computed from bent.
func (s *server) rearm() {
	if s.up {
		s.wakeOn = never
		s.wakes++
		s.arm()
	}
}

// hit returns the servers that a target means, in order of their ids.
func (w *World) hit(t Target, draw uint64) []raft.NodeID {
	n := uint64(w.plan.servers())
	leader := w.leader()
	switch {
	case t > 0:
		return []raft.NodeID{raft.NodeID(t)}
	case t == NodeLeader && leader != 0:
		return []raft.NodeID{leader}
	case t == NodeAll:
		return w.someNodes(draw, int(n))
	case t == NodeMajority:
		return w.someNodes(draw, int(n)/2+1)
	}
	id := raft.NodeID(1 + below(draw, n))
	if t == NodeFollower && id == leader {
		id = raft.NodeID(uint64(id)%n + 1)
	}
	return []raft.NodeID{id}
}

// someNodes draws so many nodes and returns them in order.
func (w *World) someNodes(draw uint64, count int) []raft.NodeID {
	var ids []raft.NodeID
	left := uint64(w.plan.servers())
	for id := raft.NodeID(1); int(id) <= w.plan.servers(); id++ {
		if below(raft.Mix(draw, uint64(id)), left) < uint64(count-len(ids)) {
			ids = append(ids, id)
		}
		left--
	}
	return ids
}
