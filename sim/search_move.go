package sim

import (
	"fmt"

	"parley/raft"
)

// move is one thing that may happen next.
type move struct {
	kind    moveKind
	node    int8    // whose state it changes
	keep    int8    // writes that a crash leaves
	breaks  bool    // a crash breaks the node's connections: what is under way is lost
	message *parcel // nil if it takes none
	at      int     // the message's place
	jumps   bool    // the message overtakes others
	peer    int8    // whom a leader is told to have lost, if it is told in vain
}

type moveKind uint8

const (
	moveDeliver moveKind = iota + 1
	moveDouble
	moveLose
	moveTold
	moveVanish
	moveStored
	movePropose
	moveQuiet
	moveTimer
	moveCrash
)

// moves lists what may happen in a state.
func (s *searchState) moves(into []move, how *searchSettings) []move {
	for i, p := range s.flight {
		if i > 0 && s.flight[i-1] == p {
			continue // the same message once more: the same
		}
		jumps := how.ordered && i > 0 && s.flight[i-1].link() == p.link()
		if jumps && s.left[allowOvertake] == 0 {
			continue
		}
		into = append(into, move{kind: moveDeliver, node: p.to, message: p, at: i, jumps: jumps})
		if s.left[allowDuplicate] > 0 && !jumps {
			into = append(into, move{kind: moveDouble, node: p.to, message: p, at: i})
		}
		if s.left[allowLoss] == 0 || jumps {
			continue
		}
		// Where links keep no order, a loss that nobody is told is a message that never arrives, and every state in which it
		// has not arrived yet is searched. A leader that is told starts its pipeline anew; others do nothing.
		if s.nodes[p.from].leads {
			into = append(into, move{kind: moveLose, node: p.from, message: p, at: i})
		}
		if how.ordered {
			into = append(into, move{kind: moveVanish, node: p.to, message: p, at: i})
		}
	}
	for _, n := range s.nodes {
		into = s.movesOf(into, n, how)
	}
	return into
}

// movesOf lists what a node may do by itself.
func (s *searchState) movesOf(into []move, n *searchNode, how *searchSettings) []move {
	i := int8(n.at)
	if len(n.pending) > 0 {
		into = append(into, move{kind: moveStored, node: i})
	}
	if n.leads && s.left[allowCommand] > 0 {
		into = append(into, move{kind: movePropose, node: i})
	}
	if how.told && n.leads && s.left[allowLoss] > 0 {
		for peer := range int8(searchNodes) {
			if peer != i {
				into = append(into, move{kind: moveTold, node: i, peer: peer})
			}
		}
	}
	if n.leads && s.left[allowBeat] > 0 || !n.leads && s.left[allowElection] > 0 {
		into = append(into, move{kind: moveTimer, node: i})
	}
	if !n.leads && n.now < n.quiet && n.quiet < n.wake {
		into = append(into, move{kind: moveQuiet, node: i})
	}
	if s.left[allowCrash] > 0 {
		for keep := 0; keep <= len(n.pending); keep++ {
			into = append(into, move{kind: moveCrash, node: i, keep: int8(keep)})
			if how.ordered {
				into = append(into, move{kind: moveCrash, node: i, keep: int8(keep), breaks: true})
			}
		}
	}
	return into
}

// describe says a move in words.
func describe(m move, s *searchState) string {
	id := m.node + 1
	switch m.kind {
	case moveDeliver:
		if m.jumps {
			return "deliver " + describeParcel(m.message.m) + ", before what left earlier"
		}
		return "deliver " + describeParcel(m.message.m)
	case moveDouble:
		return "deliver " + describeParcel(m.message.m) + ", a copy is still under way"
	case moveLose:
		return "lose " + describeParcel(m.message.m) + ", its sender is told"
	case moveTold:
		return fmt.Sprintf("node %d: it is told that a message to node %d was lost, and none was", id, m.peer+1)
	case moveVanish:
		return "lose " + describeParcel(m.message.m)
	case moveStored:
		return fmt.Sprintf("node %d: a write is stored", id)
	case movePropose:
		return fmt.Sprintf("node %d: a command is proposed", id)
	case moveQuiet:
		return fmt.Sprintf("node %d: an election timeout has passed without a word of the leader", id)
	case moveTimer:
		return fmt.Sprintf("node %d: its timer fires", id)
	}
	return fmt.Sprintf("node %d: crash, %d of %d pending writes survive%s, restart", id, m.keep, len(s.nodes[m.node].pending), describeBreak(m.breaks))
}

func describeBreak(breaks bool) string {
	if breaks {
		return " and what is under way is lost"
	}
	return ""
}

func describeParcel(m *raft.Message) string {
	text := fmt.Sprintf("%s %d->%d term %d", m.Kind, m.From.ID, m.To.ID, m.Term)
	switch m.Kind {
	case raft.MsgAppend:
		text += fmt.Sprintf(" behind (%d,%d)", m.PrevIndex, m.PrevTerm)
		for i := range m.Entries {
			text += fmt.Sprintf(" +(%d,%d)", m.Entries[i].Index, m.Entries[i].Term)
		}
		text += fmt.Sprintf(" commit %d", m.Commit)
	case raft.MsgAppendReply:
		if m.Granted {
			text += fmt.Sprintf(" matched %d", m.Matched)
		} else {
			text += fmt.Sprintf(" no, look at (%d,%d)", m.HintIndex, m.HintTerm)
		}
	case raft.MsgPreVoteReply, raft.MsgVoteReply:
		text += fmt.Sprintf(" granted %t", m.Granted)
	}
	return text
}
