package raft

// What a node shows to who looks on: operators, judges, and whoever is above the protocol.

// Status is what an operator or a judge may know about a node.
type Status struct {
	Self      Ident
	Hard      HardState
	Role      Role
	Leader    Ident // zero if unknown
	Commit    Index
	Delivered Index   // committed entries up to here were put out to be applied
	Base      EntryID // a snapshot covers everything up to here
	Hole      Index   // the first entry that the disk lost, zero if none
	Lost      Index   // the entry that every member has lost or never had, as far as it is known
	Last      Index
	LastTerm  Term
	Stored    Index
	TermStart Index // leader: the first entry of its term
	Config    Index // the entry with the configuration in force
	Removed   Index // the committed entry that removed this node, as far as it knows
	Peers     []PeerStatus
}

// PeerStatus is what a leader knows about a peer.
type PeerStatus struct {
	Ident   Ident
	Match   Index
	Next    Index
	Probing bool
	Heard   Mono // of the last answer in this term, or of the election
}

// Status returns a copy of the node's state.
func (r *Raft) Status() Status {
	s := Status{
		Self: r.cfg.Self, Hard: r.hard, Role: r.role, Leader: r.leader,
		Commit: r.commit, Delivered: r.delivered, Base: r.log.base, Last: r.log.last, LastTerm: r.log.lastTerm(), Stored: r.log.stored,
		Config: r.configs[len(r.configs)-1].index, Removed: r.removed,
	}
	if len(r.log.holes) > 0 {
		s.Hole, s.Lost = r.log.firstHole(), r.repair.lost
	}
	if r.role != Leader {
		return s
	}
	s.TermStart = r.termStart
	for i := range r.peers {
		p := &r.peers[i]
		s.Peers = append(s.Peers, PeerStatus{p.who, p.match, p.next, p.probing, p.heard})
	}
	return s
}

// Role returns what the node takes itself to be.
func (r *Raft) Role() Role { return r.role }

// Term returns currentTerm.
func (r *Raft) Term() Term { return r.hard.Term }

// HardState returns currentTerm and votedFor.
func (r *Raft) HardState() HardState { return r.hard }

// Leader returns the leader of the current term, as far as known.
func (r *Raft) Leader() Ident { return r.leader }

// Commit returns commitIndex.
func (r *Raft) Commit() Index { return r.commit }

// LastIndex returns the index of the last entry in memory.
func (r *Raft) LastIndex() Index { return r.log.last }

// StoredIndex returns the last index that the own disk has.
func (r *Raft) StoredIndex() Index { return r.log.stored }

// TermAt returns the term of the entry at i, and whether there is one.
func (r *Raft) TermAt(i Index) (Term, bool) { return r.log.term(i) }

// ReadsPending returns how many reads have neither an answer nor a refusal: those that wait for a round, or for the leader.
func (r *Raft) ReadsPending() int { return r.reads.pending() + r.asks.pending() }

// BaseEntry returns the last entry that is no longer in the log because a snapshot covers it.
func (r *Raft) BaseEntry() EntryID { return r.log.base }

// Position returns where the log ends as far as votes are concerned: what the disk lost counts.
func (r *Raft) Position() EntryID { return r.position() }

// EntryAt returns the entry at i, and whether it is there: neither compacted nor lost.
func (r *Raft) EntryAt(i Index) (Entry, bool) {
	if i <= r.log.base.Index || i > r.log.last || r.log.isHole(i) {
		return Entry{}, false
	}
	return *r.log.entry(i), true
}

// Config returns a copy of the configuration in force.
func (r *Raft) Config() Configuration { return r.config().Clone() }

// InForce returns the configuration in force itself: to read, and not beyond the next Step.
func (r *Raft) InForce() *Configuration { return r.config() }

// ConfigIndex returns the entry that holds the configuration in force; zero: the formation record.
func (r *Raft) ConfigIndex() Index { return r.configs[len(r.configs)-1].index }

// CommittedConfig returns the newest configuration that is known to be committed, and the
// index of its entry.
func (r *Raft) CommittedConfig() (Configuration, Index) {
	at := r.committedConfig()
	return at.config.Clone(), at.index
}

// Former returns everybody who was a member and is none in the configuration in force,
// those who left last first; of several directories of one id, the last.
func (r *Raft) Former() []Member {
	var former Configuration // not in the order of the ids: Find does not need it
	add := func(m Member) {
		_, still := r.config().Find(m.ID)
		if _, known := former.Find(m.ID); !still && !known {
			former.Members = append(former.Members, m)
		}
	}
	for i := len(r.configs) - 2; i >= 0; i-- {
		for _, m := range r.configs[i].config.Members {
			add(m)
		}
	}
	for i := len(r.gone) - 1; i >= 0; i-- {
		add(r.gone[i].Member)
	}
	return former.Members
}
