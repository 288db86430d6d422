package sim

import (
	"slices"

	"parley/raft"
	"parley/raft/node"
)

// Damage never becomes absence. What a node acknowledged stays acknowledged when its disk
// loses it: until it is repaired, or a leader's entry takes its place, the node
//
//	votes        only for those who are as up to date as it was
//	campaigns    not at all
//	acknowledges nothing from the first damaged entry on
//	applies      nothing from there on
//
// The first holds for every node, damaged or not [§5.4.1], and is judged of every vote.

// debt is what a node's disk acknowledged and does not hold.
type debt struct {
	// claim is the log as it was before damage cut it short; nil once the log is as
	// up to date again.
	claim []raft.Term
	holes []raft.Index // damaged entries within the log, as the node hands over their repair
	bad   []raft.Index // the same, as its disk has it
	since raft.Term    // in which the node found out: it acknowledged nothing in later ones

	repaired []repaired // on the disk again
}

// repaired is an entry whose repair is on the disk, and how often something had been destroyed there by then.
type repaired struct {
	index  raft.Index
	struck int
}

func (d *debt) any() bool { return d.claim != nil || len(d.holes) > 0 || len(d.bad) > 0 }

// lacks reports whether the node must not apply an entry.
func (d *debt) lacks(i raft.Index) bool { return len(d.holes) > 0 && i >= d.holes[0] }

// handed follows what a node hands to its disk; log is its log after that.
func (d *debt) handed(log []raft.Term, st *raft.Store) {
	if !d.any() {
		return
	}
	d.holes = mended(d.holes, st)
	for i := range st.Entries {
		e := &st.Entries[i]
		if was := termAt(d.claim, e.Index); was != 0 && was != e.Term {
			d.claim = nil // a leader's log goes another way: it was never committed
			return
		}
	}
	if len(log) >= len(d.claim) {
		d.claim = nil
	}
}

// synced follows what the disk has, of which something was destroyed so often.
func (d *debt) synced(st *raft.Store, struck int) {
	for i := range st.Fill {
		d.repaired = append(d.repaired, repaired{st.Fill[i].Index, struck})
	}
	if len(d.bad) > 0 {
		d.bad = mended(d.bad, st)
	}
}

// mended takes away what a write repairs or cuts.
func mended(holes []raft.Index, st *raft.Store) []raft.Index {
	return slices.DeleteFunc(holes, func(i raft.Index) bool {
		if i <= st.Base.Index || st.Reset {
			return true // a snapshot covers it, or all of the log
		}
		for j := range st.Fill {
			if st.Fill[j].Index == i {
				return true
			}
		}
		return st.Truncate != 0 && i >= st.Truncate
	})
}

// lastOf returns the end of a mirrored log.
func lastOf(log []raft.Term) raft.EntryID {
	return raft.EntryID{Index: raft.Index(len(log)), Term: termAt(log, raft.Index(len(log)))}
}

// claimed returns the last position that a node stands for.
func (w *World) claimed(id raft.NodeID) raft.EntryID {
	m := &w.judges.logs.mirrors[id]
	last := lastOf(m.handed)
	if owed := lastOf(m.debt.claim); last.Before(owed) {
		return owed
	}
	return last
}

// ask is a request for (pre-)votes: what the candidate's log was.
type ask struct {
	kind raft.MessageKind
	seq  uint64
	inc  raft.Incarnation
	last raft.EntryID

	transfer bool // a leader asked for it
}

// asks are a candidate's last ones.
type asks struct {
	list [16]ask
	next int
}

// put notes a request, once for all whom it is sent to.
func (a *asks) put(x ask) {
	if a.list[(a.next+len(a.list)-1)%len(a.list)] != x {
		a.list[a.next] = x
		a.next = (a.next + 1) % len(a.list)
	}
}

// find returns what a grant answers. Numbers begin anew with every process: of two requests
// with the same one the better counts.
func (a *asks) find(kind raft.MessageKind, seq uint64, inc raft.Incarnation) (last raft.EntryID, ok bool) {
	for _, x := range a.list {
		if x.kind == kind && x.seq == seq && x.inc == inc {
			ok = true
			if last.Before(x.last) {
				last = x.last
			}
		}
	}
	return last, ok
}

// unasked reports whether a grant answers a request of the candidate's own accord.
func (a *asks) unasked(seq uint64, inc raft.Incarnation) bool {
	own := false
	for _, x := range a.list {
		if x.kind == raft.MsgVote && x.seq == seq && x.inc == inc {
			if x.transfer {
				return false
			}
			own = true
		}
	}
	return own
}

// judgeVotes looks at the votes and requests for votes of a Step, where they are made: by the
// time they leave, the voter's log may have grown. Before is what the node stood for at
// the beginning of the Step.
func (w *World) judgeVotes(s *server, out *node.Output, before raft.EntryID) {
	for i := range out.Send {
		w.judgeVote(s, &out.Send[i], before)
	}
	for i := range out.Store {
		for j := range out.Store[i].Then {
			w.judgeVote(s, &out.Store[i].Then[j], before)
		}
	}
}

func (w *World) judgeVote(s *server, m *raft.Message, before raft.EntryID) {
	l := &w.judges.logs
	var asked raft.MessageKind
	switch {
	case m.Kind == raft.MsgVote || m.Kind == raft.MsgPreVote:
		l.asks[s.id].put(ask{m.Kind, m.Seq, m.From.Inc, raft.EntryID{Index: m.LastIndex, Term: m.LastTerm}, m.Transfer})
		return
	case m.Kind == raft.MsgVoteReply && m.Granted:
		asked = raft.MsgVote
	case m.Kind == raft.MsgPreVoteReply && m.Granted:
		asked = raft.MsgPreVote
	default:
		return
	}
	// Within the Step the log may have been cut, or grown: what it was when the vote was
	// granted is one of the two, or better than the lesser of them.
	stands := w.claimed(s.id)
	if before.Before(stands) {
		stands = before
	}
	if last, ok := l.asks[m.To.ID].find(asked, m.Seq, m.To.Inc); ok && last.Before(stands) {
		w.violate(Absence, "Node %d, whose log reached entry %d of term %d, grants its %s to node %d, whose log ends with entry %d of term %d.",
			s.id, stands.Index, stands.Term, asked, m.To.ID, last.Index, last.Term)
	}
}

// judgeDebt looks at a message of a node that has lost something, as it leaves.
func (w *World) judgeDebt(m *raft.Message) {
	mirror := &w.judges.logs.mirrors[m.From.ID]
	d := &mirror.debt
	switch {
	case m.Kind == raft.MsgAppendReply && m.Granted && len(d.bad) > 0 && m.Matched >= d.bad[0]:
		w.violate(Absence, "Node %d acknowledges entries up to %d, and entry %d is damaged on its disk.", m.From.ID, m.Matched, d.bad[0])
	case m.Kind == raft.MsgVote && len(d.bad) > 0:
		w.violate(Absence, "Node %d campaigns, and entry %d is damaged on its disk.", m.From.ID, d.bad[0])
	case m.Kind == raft.MsgVote && lastOf(mirror.durable).Before(lastOf(d.claim)):
		w.violate(Absence, "Node %d campaigns with a log that ends with entry %d, and it acknowledged entry %d.", m.From.ID, len(mirror.durable), len(d.claim))
	}
}

// judgeFill looks at the repair of a damaged entry: the same one, in its place.
func (w *World) judgeFill(s *server, e *raft.Entry) {
	m := &w.judges.logs.mirrors[s.id]
	if have := termAt(m.handed, e.Index); have != e.Term {
		w.violate(LogMatching, "Node %d repairs entry %d of term %d with one of term %d.", s.id, e.Index, have, e.Term)
		return
	}
	w.register(s, e, termAt(m.handed, e.Index-1))
}

// judgeCut looks at entries that a node gives up without a leader's in their place: they were
// lost to damage, and must never have been committed.
func (w *World) judgeCut(s *server, st *raft.Store) {
	if len(st.Entries) > 0 && st.Entries[0].Index == st.Truncate {
		return
	}
	c := w.judges.logs.committed
	m := &w.judges.logs.mirrors[s.id]
	if uint64(st.Truncate) <= uint64(len(c)) && c[st.Truncate-1].term == termAt(m.handed, st.Truncate) {
		w.violate(Absence, "Node %d gives up entry %d of term %d, which is committed.", s.id, st.Truncate, c[st.Truncate-1].term)
	}
	w.judgeFarewell(s, st.Truncate)
}

// judgeDamaged reports whether a restart from a damaged disk accounts for all that
// the disk had: term and vote as they were, each entry in its place, be it good or known
// to be damaged, and what was cut off remembered as the floor under its votes. Log and hard are what
// the write under way would have made of it.
func (w *World) judgeDamaged(s *server, boot *node.Boot, found, log []raft.Term, hard raft.HardState) bool {
	m := &w.judges.logs.mirrors[s.id]
	if len(s.device.struck) == 0 {
		return false
	}
	for _, was := range []struct {
		log  []raft.Term
		hard raft.HardState
	}{{m.durable, m.hard}, {log, hard}} {
		if !accounts(boot, found, was.log, was.hard) {
			continue
		}
		if len(found) < len(was.log) {
			m.debt.claim = append([]raft.Term(nil), was.log...)
		}
		return true
	}
	return false
}

func accounts(boot *node.Boot, found, log []raft.Term, hard raft.HardState) bool {
	if boot.Hard.Term != hard.Term || boot.Hard.Vote != hard.Vote || len(found) > len(log) || !sameTerms(found, log[:len(found)]) {
		return false
	}
	return len(found) == len(log) || !boot.Hard.Floor.Before(lastOf(log))
}

// judgeHoles takes down which entries a restarted node knows to be damaged.
func (w *World) judgeHoles(s *server, boot *node.Boot) {
	d := &w.judges.logs.mirrors[s.id].debt
	d.holes, d.bad, d.since = nil, nil, boot.Hard.Term
	for i := range boot.Entries {
		if e := &boot.Entries[i]; e.Kind == 0 {
			d.holes, d.bad = append(d.holes, e.Index), append(d.bad, e.Index)
		}
	}
	if owed := lastOf(d.claim); lastOf(w.judges.logs.mirrors[s.id].durable).Before(owed) && boot.Hard.Floor.Before(owed) {
		w.violate(Absence, "Node %d restarts with a log that ends with entry %d, and has forgotten that it had acknowledged entry %d.",
			s.id, len(w.judges.logs.mirrors[s.id].durable), owed.Index)
	}
	if len(d.bad) > 0 && len(s.device.struck) == 0 {
		w.violate(Recovery, "Node %d takes entry %d for damaged, and nothing happened to its disk.", s.id, d.bad[0])
	}
	// A repair that does not last leaves no more good copies than none: the disk that fails next may have the last one.
	for _, r := range d.repaired {
		if r.struck == len(s.device.struck) && slices.Contains(d.bad, r.index) {
			w.violate(Recovery, "Node %d takes entry %d for damaged, which was repaired, and nothing happened to its disk since.", s.id, r.index)
		}
	}
}

// life is a directory that is gone, and what it had stored. What it had said counts on.
type life struct {
	who     raft.Ident
	durable []raft.Term
}

// holds reports whether a disk holds an entry, or held it before it was lost: a leader that
// counted the acknowledgement was right.
func (w *World) holds(who raft.Ident, i raft.Index, term raft.Term) bool {
	l := &w.judges.logs
	if who.Inc == 0 || who.Inc == w.node(who.ID).inc {
		if m := &l.mirrors[who.ID]; termAt(m.durable, i) == term || termAt(m.debt.claim, i) == term {
			return true
		}
	}
	for j := range l.past {
		if p := &l.past[j]; p.who.ID == who.ID && (who.Inc == 0 || who.Inc == p.who.Inc) && termAt(p.durable, i) == term {
			return true
		}
	}
	return false
}

// judgeFormed looks at a directory that takes part in the cluster from now on: one that was
// emptied must wait until an operator adds it anew.
func (w *World) judgeFormed(s *server) {
	if s.device.wiped {
		w.violate(Absence, "Node %d, whose directory was emptied, takes part again.", s.id)
	}
}
