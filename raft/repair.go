package raft

import "slices"

// Repair of a log that the disk damaged. Damage never becomes absence: what a node acknowledged once
// and can't read any more it neither denies nor claims to have.
//
// A node with holes, or with a floor above its log, votes by the last position that its log
// had, and never campaigns. It acknowledges, delivers and offers nothing from the first hole on.
// It gets well in one of five ways:
//
//  1. the node's own snapshot covers the damage: the disk sees to that before the protocol starts
//  2. the leader's Appends, or any peer's answer, bring the entry of the same index and term: by Log
//     Matching it is the same entry, committed or not
//  3. the leader's entry there has another term: an ordinary conflict [§5.3]
//  4. the leader, or whoever is asked, has compacted the entry: a snapshot comes. What is in it is committed, so that
//     it need not come from a leader
//  5. no leader is possible, and enough voters say that they do not hold the entry, so that it can't
//     have been committed: it is cut
//
// For 5: let n voters decide by majorities of q. The entry (k, t) is committed only if a leader counts q of
// them that stored it, in its own term T, which may be later than t. This node may be among those that a
// leader counts: it acknowledged the entry up to the term T0 that it was in when it lost it. So n-q+1
// others must have currentTerm > T0, and log and disk without the entry and without a gap where it could have
// been. If T > T0, this node is not counted for it. If T <= T0, none of those others is: they don't have the entry,
// and take nothing from a leader of T any more; so at most q-1 are. Whoever waits for the entry may
// forget it: a leader of a later term that holds it brings it back like any other.

// Holding is what a node knows of an entry that a peer lost.
type Holding uint8

// What a node may say of (k, t).
const (
	HoldingUnsure Holding = iota // damaged there itself, or below and without it
	HoldingEntry                 // it has it
	HoldingNone                  // it does not have it, and never stored what it can't read
	HoldingOther                 // it has compacted that place
)

// repair is the search for lost entries while there is no leader.
type repair struct {
	seq    uint64
	asked  EntryID // the first lost entry, as last asked for
	rounds int     // how often in vain
	none   []Ident // who does not hold it
	unsure []Ident // who lost it, or something before it, or has compacted it
	lost   Index   // that nobody has it was said
}

// repairRounds is after how many vain questions the term is raised, which the fifth exit needs and
// the others don't.
const repairRounds = 3

// damaged reports whether the node may not speak for the whole of its log.
func (r *Raft) damaged() bool {
	return len(r.log.holes) > 0 || r.hard.Floor != EntryID{}
}

// position is where the log ended, as far as votes are concerned.
func (r *Raft) position() EntryID {
	end := r.log.end()
	if end.Before(r.hard.Floor) {
		return r.hard.Floor
	}
	return end
}

// liftFloor ends the memory of a lost end when the log is as up to date again.
func (r *Raft) liftFloor() {
	if r.hard.Floor != (EntryID{}) && !r.log.end().Before(r.hard.Floor) {
		r.hard.Floor = EntryID{}
		r.wholeAgain()
	}
}

// fill takes an entry that was lost from whoever has it. It reports whether the entry is the
// one that was lost.
func (r *Raft) fill(e *Entry, from NodeID) bool {
	if !r.log.fill(e) {
		return false
	}
	r.configAppended(e)
	r.note(Note{Kind: NoteFill, Index: e.Index, Peer: from})
	r.wholeAgain()
	return true
}

// wholeAgain ends the search for lost entries if nothing is missing any more.
func (r *Raft) wholeAgain() {
	if !r.damaged() {
		r.repair = repair{seq: r.repair.seq}
		r.note(Note{Kind: NoteWhole, Index: r.log.last})
	}
}

// askForRepair asks everybody for the first lost entries, when no leader was heard of for an election
// timeout. It does not campaign: it may be the only one that was to hold what it lost.
func (r *Raft) askForRepair() {
	if len(r.log.holes) == 0 || r.removed != 0 {
		return
	}
	h := r.log.holes[0]
	first := EntryID{h.first, r.log.entry(h.first).Term}
	if r.repair.asked != first {
		r.repair = repair{seq: r.repair.seq, asked: first}
		r.note(Note{Kind: NoteHole, Index: h.first, A: uint64(h.last)})
	}
	if r.repair.rounds++; r.repair.rounds > repairRounds && r.hard.Term <= r.startTerm {
		r.becomeFollower(r.startTerm+1, Ident{})
	}
	r.repair.seq++
	c := r.config()
	for i := range c.Members {
		if who := c.Members[i].Ident; who != r.cfg.Self {
			r.reply(Message{Kind: MsgRepairAsk, To: who, Seq: r.repair.seq, PrevIndex: h.first - 1, LastIndex: h.last, LastTerm: first.Term})
		}
	}
}

// handleRepairAsk answers with the entries, as many as an Append may hold, or with what is known
// of the first. An entry that lies behind a hole is as good as any: index and term name it [§5.3]. The answer shows the
// current term, which is on disk before it leaves.
func (r *Raft) handleRepairAsk(m *Message) {
	if m.PrevIndex >= m.LastIndex {
		return
	}
	first := m.PrevIndex + 1
	reply := Message{Kind: MsgRepairReply, To: m.From, Seq: m.Seq, PrevIndex: m.PrevIndex, LastTerm: m.LastTerm}
	end := min(m.LastIndex, r.log.last, r.log.nextHole(first)-1)
	switch {
	case first <= r.log.base.Index:
		reply.Holding = HoldingOther
		r.out.Lagging = append(r.out.Lagging, m.From)
	case first <= end && r.log.matches(first, m.LastTerm):
		reply.Holding = HoldingEntry
		reply.Entries = r.log.slice(first, min(end, r.appendEnd(first)))
	case first >= r.log.firstHole() || r.hard.Floor != EntryID{}:
		reply.Holding = HoldingUnsure
	default:
		reply.Holding = HoldingNone
	}
	if r.hard.Term == 0 {
		return // an unborn node has nothing to say
	}
	r.reply(reply)
}

// handleRepairReply fills in what fits, or counts who does not hold the first lost entry.
func (r *Raft) handleRepairReply(m *Message) {
	if len(r.log.holes) == 0 {
		return
	}
	filled := false
	for i := range m.Entries {
		e := &m.Entries[i]
		if EntrySum(r.cfg.Cluster, e) != e.Sum {
			r.breach(m, BreachChecksum)
			return
		}
		if r.log.matches(e.Index, e.Term) && r.log.isHole(e.Index) {
			filled = r.fill(e, m.From.ID) || filled
		}
	}
	if len(m.Entries) > 0 {
		// Everybody is asked, and all who have it answer. The first answer asks for what else is lost; if the others
		// did so too, each would be answered by everybody, without end.
		if filled && len(r.log.holes) > 0 {
			r.electionAt = r.now
		}
		return
	}
	lost := EntryID{m.PrevIndex + 1, m.LastTerm}
	if m.Seq != r.repair.seq || lost != r.repair.asked || m.Term <= r.startTerm {
		return
	}
	switch m.Holding {
	case HoldingNone:
		r.repair.none = with(r.repair.none, m.From)
	case HoldingUnsure:
		r.repair.unsure = with(r.repair.unsure, m.From)
	default:
		return // its snapshot has it
	}
	if r.neverCommitted(lost.Index) {
		r.note(Note{Kind: NoteCut, Index: lost.Index})
		r.truncate(lost.Index)
		r.wholeAgain()
		return
	}
	r.nobodyHas(lost.Index)
}

// with returns the list with who in it, once.
func with(list []Ident, who Ident) []Ident {
	if slices.Contains(list, who) {
		return list
	}
	return append(list, who)
}

// nobodyHas says that an entry is lost, when every member has answered, none has it, and their answers are too few to show that
// it was never committed. The node goes on asking: a snapshot that covers it may come back with a directory that is away.
func (r *Raft) nobodyHas(lost Index) {
	c := r.config()
	for i := range c.Members {
		who := c.Members[i].Ident
		if who != r.cfg.Self && !slices.Contains(r.repair.none, who) && !slices.Contains(r.repair.unsure, who) {
			return
		}
	}
	if r.repair.lost != lost {
		r.repair.lost = lost
		r.note(Note{Kind: NoteLost, Index: lost})
	}
}

// neverCommitted reports whether those who do not hold the lost entry are enough to show that no
// quorum ever stored it. What counts is the configuration in force before it, and of a joint one the
// incoming half: a newer configuration is appended only when that half has stored an entry
// behind the lost one, or decides together with it. (The outgoing half alone shows nothing: the
// incoming one may have gone on without it.)
func (r *Raft) neverCommitted(lost Index) bool {
	at, _ := r.leftUpTo(lost - 1)
	c := &r.configs[at].config
	voters, none := 0, 0
	for i := range c.Members {
		m := &c.Members[i]
		if !incoming.votes(m) {
			continue
		}
		voters++
		if slices.Contains(r.repair.none, m.Ident) {
			none++
		}
	}
	quorum := voters/2 + 1
	return voters > 0 && none >= voters-quorum+1
}
