package raft

// Snapshots and what they do to the log [§7]. The state itself is the business of whoever applies;
// the protocol knows where a snapshot ends and what must outlive the entries it covers.
//
//	the node has a durable snapshot up to i      InputCompact   the log begins behind i
//	a peer lacks what the log no longer has      Lagging        somebody sends it a snapshot
//	a snapshot from a peer is durable, decoded   InputInstall   the log goes on behind it
//
// What is covered is committed: it matches every leader's log [Leader Completeness], so that
// nothing at or below the base is ever compared again.

// Base is what stands before a log's first entry: the last entry that a snapshot covers
// [§7, lastIncludedIndex and lastIncludedTerm], and what the protocol must know of
// everything up to there. The base of a log from the beginning has entry zero and the
// formation record's members.
type Base struct {
	Entry       EntryID
	Time        LogTime       // of the entry
	Config      Configuration // in force at the entry [§7]
	ConfigIndex Index         // of the entry that holds it; zero: the formation record
	Removed     []Removal     // everybody who left up to the entry, in the order of leaving
}

// Removal is a member that left. Its directory never returns, so that this is remembered
// for ever.
type Removal struct {
	Member Member
	At     Index // the entry that removed it
}

// Clone returns a copy that shares nothing.
func (b *Base) Clone() Base {
	c := *b
	c.Config = b.Config.Clone()
	c.Removed = append([]Removal(nil), b.Removed...)
	return c
}

// beginAt takes over what a base says.
func (r *Raft) beginAt(b *Base) {
	c := b.Clone()
	r.configs = []configAt{{c.ConfigIndex, c.Config}}
	r.baseAt = c.Time
	r.gone = c.Removed
}

// BaseAt returns the base of a snapshot up to i: an entry that was delivered, and is still in
// the log or its base.
func (r *Raft) BaseAt(i Index) Base {
	term, ok := r.log.term(i)
	if !ok || i > r.delivered {
		impossible("a base at %d, delivered is %d of a log behind %d", i, r.delivered, r.log.base.Index)
	}
	n, gone := r.leftUpTo(i)
	b := Base{Entry: EntryID{i, term}, Time: r.baseAt, Config: r.configs[n].config, ConfigIndex: r.configs[n].index, Removed: gone}
	if i > r.log.base.Index {
		b.Time = r.log.entry(i).Time
	}
	return b.Clone()
}

// leftUpTo returns the place of the configuration in force at i, and everybody who left until then.
func (r *Raft) leftUpTo(i Index) (at int, gone []Removal) {
	gone = r.gone
	for at+1 < len(r.configs) && r.configs[at+1].index <= i {
		at++
		was, is := &r.configs[at-1].config, &r.configs[at]
		for _, m := range was.Members {
			if !is.config.Has(m.Ident) {
				gone = append(gone[:len(gone):len(gone)], Removal{m, is.index})
			}
		}
	}
	return at, gone
}

// compact drops what a durable snapshot covers.
func (r *Raft) compact(i Index) {
	if i <= r.log.base.Index || i > r.delivered {
		return // there is a newer one
	}
	at, gone := r.leftUpTo(i)
	r.baseAt = r.log.entry(i).Time
	r.gone = gone
	r.configs = append([]configAt(nil), r.configs[at:]...)
	r.log.compactTo(i)
	r.note(Note{Kind: NoteCompact, Index: i})
}

// install goes on behind a snapshot. If the log has the snapshot's last entry, what follows stays:
// it may have been acknowledged. Otherwise nothing of the log is right or needed [§7].
// A snapshot that covers less than was delivered is of no use any more, and a leader needs none.
func (r *Raft) install(b *Base) {
	i := b.Entry.Index
	if i <= r.delivered || r.role == Leader {
		return
	}
	if b.Entry.Term > r.hard.Term {
		r.becomeFollower(b.Entry.Term, Ident{})
	}
	if r.log.matches(i, b.Entry.Term) {
		if i > r.log.handed {
			r.store() // what came in this very Step has to be in the log on disk before that begins behind it
		}
		newer := 0
		for newer < len(r.configs) && r.configs[newer].index <= i {
			newer++
		}
		kept := r.configs[newer:]
		r.beginAt(b)
		r.configs = append(r.configs, kept...)
		r.log.compactTo(i)
		r.note(Note{Kind: NoteCompact, Index: i})
	} else {
		r.beginAt(b)
		r.log.resetTo(b.Entry)
		r.batch = nil
		r.accepted = i
		r.note(Note{Kind: NoteCompact, Index: i, A: 1})
		r.note(Note{Kind: NoteConfig, Index: b.ConfigIndex})
	}
	r.accepted = max(r.accepted, i)
	r.delivered = i
	r.commitTo(i)
	r.commit = max(r.commit, i)
	r.out.Installed = i
	r.note(Note{Kind: NoteInstall, Index: i})
	if !r.leader.IsZero() {
		r.acknowledge(&Message{From: r.leader}, i)
	}
	if at := r.removedAt(r.cfg.Self); at != 0 {
		r.wasRemoved(at)
	}
}

// offerSnapshot says that a peer needs a snapshot, again after a while: whoever sends it
// knows what is under way.
func (r *Raft) offerSnapshot(p *progress) {
	if p.offered && r.now.Sub(p.offeredAt) < 2*r.cfg.Heartbeat || r.now.Sub(p.heard) >= r.cfg.ElectionTimeout {
		return
	}
	p.offered, p.offeredAt = true, r.now
	r.out.Lagging = append(r.out.Lagging, p.who)
}
