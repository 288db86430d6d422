package node

import (
	"parley/raft"
	"parley/raft/blob"
)

// pins is the replicated state of blobs: which are wanted, because their upload was confirmed a while ago
// or because the state machine names them. The node keeps it as it keeps sessions, so that every
// embedder has it: a blob.Table in rows that are hashed, frozen and written with
// the rest.
//
// It changes by an entry of its own kind, which carries the whole confirmation, by log time, and by
// a state machine that is a Namer.
type pins struct {
	rules blob.Rules
	rows  *rows
	table *blob.Table
}

func newPins(rules Rules) pins { return pinsIn(&rows{}, rules.Blobs) }

func pinsIn(r *rows, rules blob.Rules) pins {
	return pins{rules: rules, rows: r, table: blob.NewTable(r, rules)}
}

// clone returns an independent copy at the cost of a pointer a leaf; it also serves as the frozen one.
func (p *pins) clone() pins { return pinsIn(p.rows.clone(), p.rules) }

// expire drops pins whose deadline has passed, some per entry.
func (p *pins) expire(time raft.LogTime) {
	if p.rows.used > 0 {
		p.table.Expire(time)
	}
}

// nextDeadline is the log time at which the next pin expires.
func (p *pins) nextDeadline() (raft.LogTime, bool) {
	if p.rows.used == 0 {
		return 0, false
	}
	return p.table.NextDeadline()
}

// Namer is a StateMachine whose state names blobs: the files of a channel, say. Its commands come by
// ApplyNaming instead of Apply. Whatever names a blob says so to names when it comes to be, and again when it
// goes, so that the node knows what is wanted without reading the state.
type Namer interface {
	StateMachine
	ApplyNaming(at Applied, names Names, command []byte) (reply []byte)
}

// Names is where a Namer counts them, good for one ApplyNaming. What is refused changed nothing, and the
// same is refused on every node.
type Names interface {
	// Name counts one more name for a blob that is named or pinned. by is the principal who must
	// have uploaded it, so that nobody gets at content by knowing its sum; the empty one stands for a machine
	// that has checked that the content may be passed on.
	Name(sum blob.Sum, by string) blob.Code
	// Unname takes one name back. With the last name and pin the blob ceases to be wanted.
	Unname(sum blob.Sum) blob.Code
	// Size returns the size of a blob that is named or pinned.
	Size(sum blob.Sum) (bytes int64, ok bool)
}

// names is the table for the length of one entry. There is one for the node, as every entry has need of it.
type names struct {
	table *blob.Table
	time  raft.LogTime
}

func (n names) Name(sum blob.Sum, by string) blob.Code { return n.table.Name(n.time, sum, by) }
func (n names) Unname(sum blob.Sum) blob.Code          { return n.table.Unname(sum) }
func (n names) Size(sum blob.Sum) (int64, bool)        { return n.table.Size(sum) }

func (n *Node) namesAt(t raft.LogTime) *names {
	n.names = names{n.pins.table, t}
	return &n.names
}

// applyCommand has the state machine execute a command.
func (n *Node) applyCommand(at Applied, command []byte) []byte {
	if m, ok := n.sm.(Namer); ok {
		return m.ApplyNaming(at, n.namesAt(at.Time), command)
	}
	return n.sm.Apply(at, command)
}

// executePin pins a blob whose upload a majority has confirmed, unless that holds no longer: too much log
// time has passed, or another configuration is in force here. Below its level it changes
// nothing: nodes of the release before do not know it.
func (n *Node) executePin(e *raft.Entry, c *envelope) Answer {
	if n.level < levelBlobs {
		return Answer{Outcome: Refused, Code: CodeNotYet}
	}
	code := n.pins.table.Confirm(e.Time, n.inForce, c.pin, string(c.principal))
	if code == blob.CodeNone {
		n.note(raft.Note{Kind: NotePinned, Term: e.Term, Index: e.Index, A: tagOf(c.pin.Sum)})
	}
	n.uploads.applied(n, e.Index, c, code)
	return Answer{Outcome: Done}
}
