package sim

import (
	"time"

	"parley/raft"
)

// Recording is a stretch of a run as data, for a page that shows it: every event between
// Options.From and Options.To with its words, what it changed in each node, and every message
// with the events of its departure and its arrival.
//
//	Start ──Events[0].Changes──▶ ──Events[1].Changes──▶ …
//
// Changes are differences: whoever adds them up from Start has each node's state after each
// event. A recording looks at the nodes and touches nothing, so that the run is the same with
// or without it.
type Recording struct {
	Nodes    int // machines, those that wait to be added as well
	Start    []Change
	Links    []LinkChange // those that are cut before the first event
	Events   []Happening
	Messages []Flight // in the order of their departure, as far as it was recorded
}

// Happening is one event.
type Happening struct {
	Number  uint64
	At      time.Duration
	Who     string // as the trace names it: n1, c1, s1, or - for the plan
	Text    string // its line of the trace, without number, time and who
	Changes []Change
	Links   []LinkChange
}

// Change is what is new about one node.
type Change struct {
	Node  raft.NodeID
	State NodeState
	// The log: what stood from From on is gone, and Cells follow. From zero: no change.
	From  raft.Index
	Cells []Cell
}

// NodeState is Figure 2's state of a node, less the log. Of one that is down it says what was
// last known.
type NodeState struct {
	Up      bool
	Paused  bool
	Lost    bool // the disk lost so much that the node does not start as itself
	Role    raft.Role
	Term    raft.Term
	Vote    raft.NodeID
	Leader  raft.NodeID // as the node knows it
	Commit  raft.Index
	Applied raft.Index
	Stored  raft.Index
	Base    raft.Index
	Last    raft.Index
}

// Cell is one place of a log. Kind zero is a hole: of an entry that the disk lost only index and
// term are known.
type Cell struct {
	Term raft.Term
	Kind raft.EntryKind
}

// LinkChange tells that messages get through from one node to another, or no longer do.
type LinkChange struct {
	From, To raft.NodeID
	Cut      bool
}

// Fate is what became of a message.
type Fate uint8

// The fates.
const (
	FateUnderWay Fate = iota // when the recording ended
	FateArrived
	FateLost   // it never left, or got lost on the way
	FateMissed // nobody was there, a link was cut by then, or bits had turned
)

// Flight is one message's way; of two copies each has its own.
type Flight struct {
	Kind     raft.MessageKind
	Term     raft.Term
	From, To raft.NodeID
	Sent     uint64 // event
	Arrived  uint64 // event; zero if it did not get there
	Fate     Fate
}

// recorder fills a Recording while a run goes on.
type recorder struct {
	into    *Recording // nil: nobody asked
	states  [nodesMax + 1]NodeState
	logs    [nodesMax + 1][]Cell
	cut     [nodesMax + 1][nodesMax + 1]bool
	flights []departed // by packet
	cells   []Cell
}

// departed is what is known of a packet under way.
type departed struct {
	flight Flight
	next   int // the place of the copy that arrives next; -1: it left before the recording began
}

// record takes down the event that just ended.
func (w *World) record() {
	r := &w.recorder
	if w.trace.events+1 < w.trace.from || w.trace.events > w.trace.to {
		return
	}
	changes, links := w.newStates(), w.newLinks()
	if w.trace.events < w.trace.from {
		r.into.Start, r.into.Links = changes, links
		return
	}
	w.recordLine(changes, links)
}

// recordLine takes down the event's words. It is all that is left to record of an event in which
// the code under test panicked.
func (w *World) recordLine(changes []Change, links []LinkChange) {
	t := &w.trace
	if w.recorder.into == nil || t.events == 0 || !t.on() {
		return
	}
	list := &w.recorder.into.Events
	if n := len(*list); n > 0 && (*list)[n-1].Number == t.events {
		return // the panic came after the last event
	}
	*list = append(*list, Happening{Number: t.events, At: time.Duration(w.now), Who: t.who, Text: string(t.words()), Changes: changes, Links: links})
}

// newStates returns what is new about the nodes since it was asked last.
func (w *World) newStates() []Change {
	r := &w.recorder
	var list []Change
	for _, s := range w.servers {
		now := s.state(r.states[s.id])
		c := Change{Node: s.id, State: now}
		if s.up {
			c.From, c.Cells = r.newCells(s, now)
		}
		if now != r.states[s.id] || c.From != 0 {
			r.states[s.id] = now
			list = append(list, c)
		}
	}
	return list
}

// state returns a node's state; of one that is down, what was known before.
func (s *server) state(known NodeState) NodeState {
	known.Up, known.Paused, known.Lost = s.up, s.up && s.pausedUntil > s.w.now, s.device.lost != nil
	if !s.up {
		known.Role, known.Leader = raft.Follower, 0
		return known
	}
	n := s.node.Status()
	known.Role, known.Term, known.Leader, known.Applied = n.Role, n.Term, n.Leader, n.Applied
	known.Commit, known.Stored, known.Base, known.Last = n.Commit, n.Stored, n.Base, n.Last
	known.Vote = 0
	if protocol := s.node.Raft(); protocol != nil {
		known.Vote = protocol.HardState().Vote.ID
	}
	return known
}

// newCells compares a node's log with the one recorded and returns where they part, and
// what stands there from now on.
func (r *recorder) newCells(s *server, now NodeState) (raft.Index, []Cell) {
	protocol := s.node.Raft()
	before := r.logs[s.id]
	at := 0 // the first place that differs
	r.cells = append(r.cells[:0], before[:min(uint64(now.Base), uint64(len(before)))]...)
	for uint64(len(r.cells)) < uint64(now.Base) {
		r.cells = append(r.cells, Cell{}) // behind the base nobody sees them
	}
	for i := now.Base + 1; protocol != nil && i <= now.Last; i++ {
		var c Cell
		c.Term, _ = protocol.TermAt(i)
		if e, ok := protocol.EntryAt(i); ok {
			c.Kind = e.Kind
		}
		r.cells = append(r.cells, c)
	}
	for at < len(before) && at < len(r.cells) && before[at] == r.cells[at] {
		at++
	}
	if at == len(before) && at == len(r.cells) {
		return 0, nil
	}
	r.logs[s.id] = append(before[:at], r.cells[at:]...)
	return raft.Index(at + 1), append([]Cell(nil), r.cells[at:]...)
}

// newLinks returns which links were cut or came back since it was asked last.
func (w *World) newLinks() []LinkChange {
	r := &w.recorder
	var list []LinkChange
	for from := raft.NodeID(1); int(from) <= w.plan.servers(); from++ {
		for to := raft.NodeID(1); int(to) <= w.plan.servers(); to++ {
			if cut := !w.net.open(from, to) || w.net.ways[from][to].clogged; cut != r.cut[from][to] {
				r.cut[from][to] = cut
				list = append(list, LinkChange{From: from, To: to, Cut: cut})
			}
		}
	}
	return list
}

// flightOf describes a message that leaves now.
func (w *World) flightOf(m *raft.Message) Flight {
	return Flight{Kind: m.Kind, Term: m.Term, From: m.From.ID, To: m.To.ID, Sent: w.trace.events}
}

// recordLost takes down a message that gets nowhere.
func (w *World) recordLost(m *raft.Message) {
	if w.recorder.into == nil || !w.trace.on() {
		return
	}
	f := w.flightOf(m)
	f.Fate = FateLost
	w.recorder.into.Messages = append(w.recorder.into.Messages, f)
}

// recordSent takes down the departure of a packet.
func (w *World) recordSent(packet uint32, m *raft.Message, copies uint8) {
	r := &w.recorder
	for uint64(len(r.flights)) <= uint64(packet) {
		r.flights = append(r.flights, departed{})
	}
	d := departed{flight: w.flightOf(m), next: -1}
	if w.trace.on() {
		d.next = len(r.into.Messages)
		for range copies {
			r.into.Messages = append(r.into.Messages, d.flight)
		}
	}
	r.flights[packet] = d
}

// recordArrival takes down the arrival of one copy of a packet.
func (w *World) recordArrival(packet uint64, there bool) {
	r := &w.recorder
	if !w.trace.on() {
		return
	}
	d := &r.flights[packet]
	f := d.flight
	f.Arrived, f.Fate = w.trace.events, FateArrived
	if !there {
		f.Fate = FateMissed
	}
	if d.next < 0 {
		r.into.Messages = append(r.into.Messages, f)
		return
	}
	r.into.Messages[d.next] = f
	d.next++
}
