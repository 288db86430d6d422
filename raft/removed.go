package raft

// Nodes that are removed. Whoever is not in C_new gets no more Appends and does not even
// learn of the entry that removed it. It would campaign for ever: harmless to loyal
// voters [§6, T§4.2.3], but of no use to anybody. So whoever knows that its removal is
// *committed* answers its (pre-)vote requests with the index of the entry, and it
// stops campaigning for good. An entry that may yet be cut removes nobody.
//
// A removed directory never returns: what its id does next, it does in a new one.

// removedAt returns the committed entry that removed a directory, or zero if none is
// known to have done so. A directory in no configuration that is known here was
// perhaps added later than this node knows: that is no removal.
func (r *Raft) removedAt(who Ident) Index {
	at := Index(0)
	for n := len(r.configs) - 1; n >= 0; n-- {
		c := &r.configs[n]
		switch {
		case c.index > r.commit:
		case c.config.Has(who):
			return at
		default:
			at = c.index
		}
	}
	for i := range r.gone {
		if r.gone[i].Member.Ident == who {
			return r.gone[i].At
		}
	}
	return 0
}

// wasMember reports whether the directory was in any configuration there ever was.
func (r *Raft) wasMember(who Ident) bool {
	for i := range r.gone {
		if r.gone[i].Member.Ident == who {
			return true
		}
	}
	for i := range r.configs {
		if r.configs[i].config.Has(who) {
			return true
		}
	}
	return false
}

// everMember reports whether any directory of the id was in any configuration there ever was.
func (r *Raft) everMember(id NodeID) bool {
	for i := range r.gone {
		if r.gone[i].Member.ID == id {
			return true
		}
	}
	for i := range r.configs {
		if _, ok := r.configs[i].config.Find(id); ok {
			return true
		}
	}
	return false
}

// tellRemoved answers a request of a removed node.
func (r *Raft) tellRemoved(who Ident, seq uint64, at Index) {
	r.reply(Message{Kind: MsgRemoved, To: who, Seq: seq, Commit: at})
}

// wasRemoved notes that this node was removed: it never campaigns again. A leader that
// removed itself goes on until it has handed over.
func (r *Raft) wasRemoved(at Index) {
	if r.removed != 0 || at == 0 {
		return
	}
	r.removed = at
	r.note(Note{Kind: NoteRemoved, Index: at})
	if r.role == PreCandidate || r.role == Candidate {
		r.becomeFollower(r.hard.Term, Ident{})
	}
}

// askWhetherRemoved asks the voters, when no leader was heard for an election timeout, whether
// this node, which is no voter, still is a member: a learner, or one that removed itself
// and has restarted since. It asks as a pre-candidate would; nobody's state
// changes by the question, and this node does not campaign whatever the answer.
func (r *Raft) askWhetherRemoved() {
	if r.removed == 0 && r.log.last > 0 {
		r.campaign++
		r.askVoters(Message{Kind: MsgPreVote, Term: r.hard.Term + 1})
	}
}
