package sim

import (
	"slices"

	"parley/raft"
	"parley/raft/node"
)

// Bounds keep a node's memory flat whatever its peers and subscribers do. A plan that makes one small enough to be felt is
// where somebody notices that it is not kept; with production's none is ever reached here. What is judged is what leaves a node.

// judgeEntries speaks if an Append has more entries than one may have.
func (w *World) judgeEntries(m *raft.Message) {
	if most := w.plan.Node.Append; most > 0 && int64(len(m.Entries)) > most {
		w.violate(Bounds, "Node %d sends node %d %d entries in one %s, and %d is the most.", m.From.ID, m.To.ID, len(m.Entries), m.Kind, most)
	}
}

// judgeHeld speaks if a subscriber is pushed an event that has no room any more beside those that it did not take. Notes of progress and
// notices have bounds of their own.
func (w *World) judgeHeld(server *server, f *node.Frame) {
	s := w.subscribers[int(f.Ticket&^streamBit>>40)-1]
	if f.Ticket != s.stream {
		return
	}
	if most := w.plan.Node.Frames; most > 0 && s.untaken >= most && len(f.Body) > 0 && !f.Notice {
		w.violate(Bounds, "Node %d pushes subscriber %d the event of %d, which holds %d frames and may hold %d.", server.id, s.number, f.Position, s.untaken, most)
	}
	s.untaken++
}

// judgeApplying speaks if one Step applies more entries than it may.
func (w *World) judgeApplying(s *server, applied int64) {
	if most := w.plan.Node.Deliver; most > 0 && applied > most {
		w.violate(Bounds, "Node %d applies %d entries in one Step, and %d is the most.", s.id, applied, most)
	}
}

// proposed is a command that a leader appended in its own term.
type proposed struct {
	index raft.Index
	bytes int64
}

// noteProposed keeps in mind what a leader appends of what its callers want.
func (w *World) noteProposed(s *server, e *raft.Entry) {
	if term, leads := w.leads(s.id); w.plan.Node.Uncommitted > 0 && leads && term == e.Term && e.Kind == raft.EntryCommand {
		s.proposed = append(s.proposed, proposed{e.Index, int64(len(e.Payload))})
	}
}

// judgeUncommitted speaks if, after a Step, a leader holds more of it uncommitted than it may. One command is always taken.
func (w *World) judgeUncommitted(s *server) {
	if len(s.proposed) == 0 {
		return
	}
	if _, leads := w.leads(s.id); !leads {
		s.proposed = s.proposed[:0]
		return
	}
	commit, sum := w.judges.logs.mirrors[s.id].commit, int64(0)
	s.proposed = slices.DeleteFunc(s.proposed, func(p proposed) bool { return p.index <= commit })
	for _, p := range s.proposed {
		sum += p.bytes
	}
	if most := w.plan.Node.Uncommitted; len(s.proposed) > 1 && sum > most {
		w.violate(Bounds, "Node %d, a leader, holds %d commands of %d bytes that it did not commit, and may hold %d.", s.id, len(s.proposed), sum, most)
	}
}
