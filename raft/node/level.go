package node

import (
	"fmt"

	"parley/raft"
)

// The levels. Each stands for one change of what Apply does with an entry; nodes of two
// releases in one cluster apply every entry alike, because both do what the level
// says that stands in the log before it.
//
//	1  what the first release does
//	2  commands under request ids are executed, and blobs are pinned; below, both change nothing
//	3  the state machine is told of every entry, and takes commands about locks; below, it knows no such
//	   commands and refuses them as the release before does
//	4  the state machine takes the commands of the team tool
const (
	levelRequests = 2
	levelBlobs    = 2

	// LevelTimed is the level from which on a Timed state machine is told of every entry.
	LevelTimed = 3

	// LevelTeam is the level from which on there are accounts, and everything that is done under a login.
	LevelTeam = 4
)

// leveling is the leader's duty to raise the level when every member can follow. It is
// one way: a node that does not know the level stops. Somebody who wants the way
// back open sets Settings.HoldLevel until he is sure of the new release.
type leveling struct {
	pending   bool // a level entry was proposed in this term and not applied yet
	term      raft.Term
	notBefore raft.Mono
}

// tickLevel raises the level to what all members take part in. A learner counts as well: it is
// to apply the entry like everybody else.
func (n *Node) tickLevel() {
	l := &n.leveling
	if n.role != raft.Leader || n.settings.HoldLevel || l.pending || n.level >= n.settings.MaxLevel || n.ownProposal() != 0 {
		return
	}
	level := n.levelOfAll()
	if level <= n.level {
		return
	}
	if n.now < l.notBefore {
		n.wake(l.notBefore)
		return
	}
	l.pending, l.term = true, n.term
	l.notBefore = n.now.Add(levelEvery)
	n.in = append(n.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
		Kind: raft.EntryLevel, Payload: AppendLevel(nil, level)}})
}

// levelOfAll returns the newest level that every member says it takes part in; zero if one of
// them has not said so lately.
func (n *Node) levelOfAll() uint32 {
	level := n.settings.MaxLevel
	c := n.raft.InForce()
	for i := range c.Members {
		if c.Members[i].Ident == n.self {
			continue
		}
		p := n.reportOf(c.Members[i].Ident)
		if p == nil {
			return 0
		}
		level = min(level, p.level)
	}
	return level
}

// tooNew stops a node at a level that it does not know: it must not apply what follows, which it would do
// in the old way.
func (n *Node) tooNew(e *raft.Entry) bool {
	if e.Kind != raft.EntryLevel {
		return false
	}
	level, ok := decodeLevel(e.Payload)
	if !ok || level <= n.settings.MaxLevel {
		return false
	}
	n.stop(fmt.Errorf("%w (level %d at entry %d, this program: %d)", ErrLevel, level, e.Index, n.settings.MaxLevel))
	return true
}

// executeLevel raises the level.
func (n *Node) executeLevel(e *raft.Entry) {
	if e.Term == n.leveling.term {
		n.leveling.pending = false
	}
	level, ok := decodeLevel(e.Payload)
	if !ok || level <= n.level {
		return
	}
	n.level = level
	n.note(raft.Note{Kind: NoteLevel, Term: e.Term, Index: e.Index, A: uint64(level)})
}

func (l *leveling) appended(p raft.Proposed) { l.term = p.Term }

func (l *leveling) refused(now raft.Mono) {
	l.pending = false
	l.notBefore = now.Add(levelEvery)
}

func (l *leveling) deposed(leads bool, term raft.Term) {
	if !leads || l.term != term {
		l.pending = false
	}
}
