package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/raft"
)

// heal begins the liveness phase: every fault ends, crashed nodes of the core come
// back, links of the core lose nothing more. The rest lives on as the plan says.
// From here on everything must finish.
func (w *World) heal(e *event) {
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("heals nodes %s; the others: %s", formatIDs(w.plan.Core), w.describeRest())
	}
	w.healed = true
	for _, i := range w.waiting {
		w.live[i].on = false
	}
	w.waiting = nil
	for i := range w.live {
		if w.live[i].on {
			w.lift(i)
		}
	}
	w.net.calmDown(w.now)
	w.bendLinks()
	for _, s := range w.subscribers {
		if s.at != 0 && w.unheard(s.at) {
			s.connectAt(w.now + 1)
		}
	}
	for _, s := range w.servers {
		s.disarm()
		s.rot.due = false
		s.mend()
		s.disk.stallTo, s.disk.logTo, s.disk.tasksTo = min(s.disk.stallTo, w.now), min(s.disk.logTo, w.now), min(s.disk.tasksTo, w.now)
		s.pausedUntil, s.busyUntil = min(s.pausedUntil, w.now), min(s.busyUntil, w.now)
		switch w.restOf(s.id) {
		case RestDown:
			if s.up {
				s.crash(CrashProcess, forGood)
			} else {
				s.epoch++ // the start that was due is void
			}
			continue
		case RestCut:
			w.cut(s.id, nil, 1, 1)
		case RestDeaf:
			w.cut(s.id, nil, 0, 1)
		case RestMute:
			w.cut(s.id, nil, 1, 0)
		case RestStuck:
			s.disk.stallTo = never
		}
		if s.up && s.device.ailing {
			s.crash(CrashProcess, forGood) // its log says that the disk is to be looked after
		}
		if !s.up {
			s.epoch++
			w.agenda.push(event{at: w.now + 1, priority: priorityNormal, kind: eventStart, who: int32(s.id), epoch: s.epoch})
		}
	}
}

// restOf says how a node lives in the liveness phase.
func (w *World) restOf(id raft.NodeID) RestKind {
	for _, r := range w.plan.Rest {
		if r.Node == id {
			return r.Kind
		}
	}
	return RestWell
}

// unheard reports whether nobody hears a node for good, or hears it acknowledge anything. Its leader reaches it, so that
// it believes itself up to date and nothing it says would make a subscriber leave;
// it is its silence that does.
func (w *World) unheard(id raft.NodeID) bool {
	rest := w.restOf(id)
	return w.healed && (rest == RestMute || rest == RestStuck)
}

// judgeLiveness looks at what is still pending when the time is over.
func (w *World) judgeLiveness() {
	for _, s := range w.unnoticed() {
		w.violate(StateRot, "Node %d answers from a state that rotted at position %d, and nobody noticed.", s.id, s.rot.at)
	}
	w.judgeUpkeep()
	pending := w.pending()
	if w.plan.Lost {
		w.judgeLost(pending)
		return
	}
	if len(pending) == 0 {
		w.judgePresence()
		w.judgeOverdue()
		w.judgeCollected()
		return
	}
	w.violate(Liveness, "After %s of good times %d things are not done: %s.", time.Duration(w.now-int64(w.plan.Heal)), len(pending), pending[0])
	w.violation.Report = w.wedge(pending)
}

// foundersWell reports whether all founding members are well in the liveness phase.
func (w *World) foundersWell() bool {
	for id := raft.NodeID(1); int(id) <= w.plan.Nodes; id++ {
		if w.restOf(id) != RestWell {
			return false
		}
	}
	return true
}

// pending lists what did not finish, most telling first.
func (w *World) pending() []string {
	var list []string
	due := w.due()
	if len(w.judges.logs.committed) == 0 {
		if !w.foundersWell() {
			return nil // formation waits for every founding member
		}
		list = append(list, "the cluster never committed anything")
	}
	members := w.membership()
	for _, m := range members.Members {
		if members.Joint() || m.Promote {
			list = append(list, fmt.Sprintf("a change of the membership that concerns node %d", m.ID))
			break
		}
	}
	for _, s := range w.servers {
		id := s.id
		if _, member := members.Find(id); !member || int(id) <= w.plan.Nodes && !w.plan.inCore(id) {
			continue
		}
		switch m := &w.judges.logs.mirrors[id]; {
		case !s.isBack():
		case !s.up:
			list = append(list, fmt.Sprintf("node %d is down", id))
		case m.applied < due:
			list = append(list, fmt.Sprintf("node %d applied %d of %d entries committed long ago", id, m.applied, due))
		}
	}
	for i := range w.operations {
		if op := &w.operations[i]; !op.ended && !w.waitsForRoom(op) {
			list = append(list, fmt.Sprintf("operation %d of client %d, called at %s, has no answer", op.number, op.client, formatClock(op.calledAt)))
		}
	}
	for _, u := range w.uploaders {
		if u.stage != fileIdle && u.stage != fileReads {
			list = append(list, fmt.Sprintf("uploader %d %s file %s at node %d", u.number, fileStages[u.stage], w.files[u.file].sum.Short(), u.at))
		}
	}
	list = append(list, w.missingFiles(due)...)
	list = append(list, w.overdueLocks()...)
	list = append(list, w.overdueHolds()...)
	list = append(list, w.unanswered()...)
	last := raft.Position(0)
	for i := range w.judges.applied.frames {
		if f := &w.judges.applied.frames[i]; uint64(f.at) <= uint64(due) {
			last = f.at
		}
	}
	for _, s := range w.subscribers {
		// One that was removed keeps its subscribers until it has been quiet for long.
		_, member := members.Find(s.at)
		if s.mate == nil && s.from < last && (s.at == 0 || member) {
			list = append(list, fmt.Sprintf("subscriber %d, at node %d, saw events up to %d of %d", s.number, s.at, s.from, last))
		}
	}
	return append(list, w.unseen(due)...)
}

// due returns the last index that every node of the core must have applied by
// now: what was committed a second ago.
func (w *World) due() raft.Index {
	c := w.judges.logs.committed
	i := len(c)
	for i > 0 && c[i-1].at > w.now-int64(time.Second) {
		i--
	}
	return raft.Index(i)
}

// wedge tells who waits for what: what is pending, and each node's view of the
// world beside the world's view of it.
func (w *World) wedge(pending []string) string {
	var b strings.Builder
	b.WriteString("pending:\n")
	const linesMax = 20
	for i, p := range pending {
		if i == linesMax {
			fmt.Fprintf(&b, "  and %d more\n", len(pending)-linesMax)
			break
		}
		fmt.Fprintf(&b, "  %s\n", p)
	}
	b.WriteString("nodes:\n")
	for _, s := range w.servers {
		fmt.Fprintf(&b, "  %s\n", w.describeServer(s))
	}
	b.WriteString("clients:\n")
	for _, c := range w.clients {
		fmt.Fprintf(&b, "  client %d: %d operations under way", c.number, c.under)
		for _, r := range c.waiting {
			fmt.Fprintf(&b, ", request %d at node %d", r.id, r.node)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// describeServer says one node's state in a line.
func (w *World) describeServer(s *server) string {
	where := "core"
	if !w.plan.inCore(s.id) {
		where = w.restOf(s.id).String()
	}
	if !s.up {
		return fmt.Sprintf("node %d (%s): down", s.id, where)
	}
	st := s.node.Status()
	line := fmt.Sprintf("node %d (%s): %s of term %d, leader %d, last %d, stored %d, commit %d, applied %d, waiters %d, reads %d, disk busy %s, queue %d",
		s.id, where, st.Role, st.Term, st.Leader, st.Last, st.Stored, st.Commit, st.Applied, st.Waiters, st.Reads, yesNo(s.disk.busy), len(s.disk.queue))
	if st.Role == raft.Leader {
		for _, m := range st.Members {
			line += fmt.Sprintf("; match of %d: %d", m.ID, m.Match)
		}
	}
	if st.Cluster == 0 {
		line += fmt.Sprintf("; not formed, waits for %v", slices.Clone(st.Waiting))
	}
	return line
}

func (w *World) describeRest() string {
	if len(w.plan.Rest) == 0 {
		return "none"
	}
	var parts []string
	for _, r := range w.plan.Rest {
		parts = append(parts, fmt.Sprintf("%d %s", r.Node, r.Kind))
	}
	return strings.Join(parts, ", ")
}
