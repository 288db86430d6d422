package sim

import "parley/raft"

// stride is a move with those that were made together with it, before it.
type stride struct {
	before *stride
	state  *searchState // where the move is made
	move   move
	step   *step
	owes   owed
}

// owed is what must follow a move that nobody sees by itself.
type owed struct {
	any  bool
	link int8 // if lost: behind a lost message, one on its link arrives
	lost bool
	to   int8 // if late: after an election timeout without a word of the leader, somebody asks this node for its vote
	late bool
	by   int8 // if fell: behind a crash, this node does something
	fell bool
}

// pays reports whether a move is what is owed.
func (o owed) pays(m *move) bool {
	if !o.any {
		return true
	}
	if o.fell {
		return m.node == o.by && m.kind != moveCrash
	}
	if o.lost && m.kind == moveQuiet && !o.late {
		return m.node == o.link%searchNodes
	}
	if m.kind != moveDeliver && m.kind != moveDouble && m.kind != moveVanish || o.late && m.kind == moveVanish {
		return false
	}
	if o.late && (m.node != o.to || !asksForVote(m.message)) {
		return false
	}
	return !o.lost || m.message.link() == o.link && !m.jumps
}

func asksForVote(p *parcel) bool { return p.m.Kind == raft.MsgPreVote || p.m.Kind == raft.MsgVote }

// behind is what is owed when a move was made in a state.
func (o owed) behind(m *move, s *searchState) owed {
	switch m.kind {
	case moveCrash:
		n := s.nodes[m.node]
		if !m.breaks && !n.leads && len(n.pending) == 0 {
			return owed{any: true, fell: true, by: m.node}
		}
	case moveVanish:
		return owed{any: true, lost: true, link: m.message.link()}
	case moveQuiet:
		o.any, o.late, o.to = true, true, m.node
		return o
	}
	return owed{}
}

// strides makes every move that a state has, or those of one node if it is not negative, and says where each leads. Moves that nobody sees by
// themselves it makes together with what makes the difference, unless every order is searched. It ends when it is told no, and reports
// whether it was not.
func (s *searching) strides(state *searchState, so stride, node int, say func(last *stride, next *searchState, wrong *Violation) bool) bool {
	last := so
	if so.step != nil {
		last.before = &so
	}
	last.state = state
	var room [24]move
	for _, m := range state.moves(room[:0], &s.parts.searchSettings) {
		if node >= 0 && int(m.node) != node || !so.owes.pays(&m) {
			continue
		}
		last.move = m
		if last.owes = (owed{}); !s.options.EveryOrder {
			last.owes = so.owes.behind(&m, state)
		}
		all := state.steps(m, s.parts)
		for i := range all {
			last.step = &all[i]
			next, wrong := state.after(m, last.step, s.parts)
			goOn := true
			if wrong == nil && last.owes.any {
				goOn = s.strides(next, last, node, say)
			} else {
				goOn = say(&last, next, wrong)
			}
			if !goOn {
				return false
			}
		}
	}
	return true
}

// lines describes the moves of a stride.
func (l *stride) lines() []string {
	var lines []string
	if l.before != nil {
		lines = l.before.lines()
	}
	return append(lines, describe(l.move, l.state)+l.step.fate)
}
