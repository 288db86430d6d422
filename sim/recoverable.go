package sim

import (
	"cmp"
	"fmt"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs/memfs"
)

// recoverable is the budget of faults that destroy: the predicate says whether the nodes that
// will be well can recover everything from their disks as they are, by the rules of
// docs/consensus.md and without anything that is in memory only. It holds if
//
//  1. in every configuration in force somewhere, and in those that operators are about
//     to make, a majority of the voters, of both halves if joint, are in the core and kept their
//     identity: term, vote and last position are certain. Votes and commits need them. A node whose next
//     start has to cut its log does not count: it goes on writing until then, and nobody else may
//     ever have what it writes.
//  2. every committed entry is good on some member of the core that kept its identity, in each of these configurations. A
//     good snapshot that covers an entry counts as that entry.
//  3. every other entry that a node of the core acknowledged and lost is good on another
//     one, too. Otherwise the node would for ever vote by a log that nobody has, and
//     with the others that are well there might be no majority without it.
//  4. every file that somebody was asked to commit, and whose pin has not expired, is good on a member of the
//     core, in each of these configurations, unless no member has it.
//
// A fault strikes only if it holds afterwards. It does not depend on what the code
// under test makes of a fault, with one exception: which entries of a damaged log are still
// good is what opening a copy of it says. If that is too much, the judges speak at the next
// start; if it is too little, at the end, when the cluster does not recover.
func (w *World) recoverable() (bool, string) {
	in := w.configurations()
	why := w.unless(func(nodes healths) string {
		for i := range in {
			members := nodes // who is about to be removed will be asked for nothing
			if why := w.lacksVoters(&in[i], &nodes); why != "" {
				return why
			}
			if why := w.lacksEntries(in[i], &members); why != "" {
				return why
			}
			if why := w.lacksFiles(&in[i], &members); why != "" {
				return why
			}
		}
		return ""
	})
	return why == "", why
}

// unless says what is lacking by the disks of all nodes, and opens no more of them than it takes. A disk that was not looked at
// counts as one without anything good, whose node owes all the same what it acknowledged. Whatever it holds, nothing
// more will be lacking then: what is enough without it is enough.
func (w *World) unless(lacks func(nodes healths) string) string {
	var nodes healths
	var rest []*server
	for _, s := range w.servers {
		if h, known := w.healthKnown(s); known {
			nodes[s.id] = h
		} else {
			nodes[s.id] = health{unseen: true, claim: w.claimOf(s)}
			rest = append(rest, s)
		}
	}
	// Whoever acknowledged most has most of what others may have lost.
	slices.SortStableFunc(rest, func(a, b *server) int { return cmp.Compare(len(nodes[b.id].claim), len(nodes[a.id].claim)) })
	why := lacks(nodes)
	for why != "" && len(rest) > 0 {
		nodes[rest[0].id] = w.healthOf(rest[0])
		rest = rest[1:]
		why = lacks(nodes)
	}
	return why
}

// lacksEntries says which entry is nowhere, that is committed or owed by a node of the core. Only members count: a
// node that was removed is asked for nothing.
func (w *World) lacksEntries(members raft.Configuration, nodes *healths) string {
	for _, s := range w.servers {
		if _, in := members.Find(s.id); !in {
			nodes[s.id] = health{}
		}
	}
	for i, c := range w.judges.logs.committed {
		if !nodes.hold(raft.Index(i+1), c.term) {
			return fmt.Sprintf("entry %d of term %d, which is committed, is good on no node of the core", i+1, c.term)
		}
	}
	for _, s := range w.servers {
		h := &nodes[s.id]
		if !h.unseen && (!h.kept || h.good == nil) {
			continue
		}
		for i, term := range h.claim {
			if i := raft.Index(i + 1); termAt(h.good, i) != term && !nodes.hold(i, term) {
				return fmt.Sprintf("entry %d of term %d, which node %d lost, is good on no node of the core", i, term, s.id)
			}
		}
	}
	return ""
}

// health is what a node's disk is good for.
type health struct {
	kept   bool        // it starts as itself
	cut    bool        // but its next start cuts its log, or gives it up: what it stores until then is lost with it
	unseen bool        // nobody looked at the disk: nothing is known of it but what it acknowledged
	claim  []raft.Term // what it acknowledged
	good   []raft.Term // by index - 1: terms of entries that are good; zero: damaged
}

// healths are those of all nodes, by id.
type healths [nodesMax + 1]health

// hold reports whether somebody holds an entry.
func (nodes *healths) hold(i raft.Index, term raft.Term) bool {
	for id := range nodes {
		if h := &nodes[id]; h.kept && termAt(h.good, i) == term {
			return true
		}
	}
	return false
}

// healthOf looks at one node. A disk that was never damaged holds what it synced; one that
// was is opened, as a copy.
func (w *World) healthOf(s *server) health {
	if h, known := w.healthKnown(s); known {
		return h
	}
	found := s.tryOpen(s.fs)
	s.device.asItIs = &found
	return w.healthBy(s, &found)
}

// healthKnown does that with a disk that need not be opened.
func (w *World) healthKnown(s *server) (h health, known bool) {
	v := &s.device
	switch {
	case !w.staysWell(s.id) || v.lost != nil || v.wiped:
		return health{}, true
	case len(v.struck) == 0:
		durable := w.judges.logs.mirrors[s.id].durable
		return health{kept: true, claim: durable, good: durable}, true
	case v.sealHit > 0:
		return health{}, true // one more slot that tears, and nobody knows where the log ends
	case v.trial != nil:
		return w.healthBy(s, &v.trial.found), true
	case v.asItIs != nil && v.asItIs.changes == s.fs.Changes():
		return w.healthBy(s, v.asItIs), true
	}
	return health{}, false
}

// healthBy is what a disk is good for that was damaged, by what opening it said.
func (w *World) healthBy(s *server, t *found) health {
	if t.err != nil {
		return health{}
	}
	// A snapshot has what is below the base.
	return health{kept: true, cut: t.cut, claim: w.claimOf(s), good: append(w.agreed(t.base), t.good...)}
}

// claimOf returns the terms of the entries that a node acknowledged.
func (w *World) claimOf(s *server) []raft.Term {
	m := &w.judges.logs.mirrors[s.id]
	if m.debt.claim != nil {
		return m.debt.claim
	}
	return m.durable
}

// trial is a disk as it would be, and what opening it said.
type trial struct {
	fs    *memfs.FS
	found found
}

// found is what opening a copy of a disk said, in as far as it tells what the disk is good for.
type found struct {
	changes uint64 // of the original until then
	err     error
	cut     bool        // the start cuts the log, or gives it up
	base    raft.Index  // of the log
	good    []raft.Term // terms of the entries behind it; zero: damaged
	lost    int         // how many are
}

// tryOpen looks at a copy of a disk, as a start after a crash of the process would find it once
// all that passes has passed. No state machine is restored: that a snapshot is whole, its checksums say.
func (s *server) tryOpen(fs *memfs.FS) found {
	f := s.look(fs.Clone())
	f.changes = fs.Changes()
	return f
}

// look does that with a disk that is a copy already. Nothing is written: that a start can do all it must, the starts show.
func (s *server) look(c *memfs.FS) found {
	c.Mend(memfs.OpRead, false)
	boot, err := node.LookDisk(c, dataDir, s.diskOptions())
	f := found{err: err, base: boot.Base.Entry.Index, good: make([]raft.Term, len(boot.Entries))}
	f.cut = boot.Found.Decided.Reset || boot.Found.Decided.Cut != 0
	for i := range boot.Entries {
		if e := &boot.Entries[i]; e.Kind == 0 {
			f.lost++
		} else {
			f.good[i] = e.Term
		}
	}
	return f
}

// staysWell reports whether a node is well in the liveness phase.
func (w *World) staysWell(id raft.NodeID) bool {
	return w.restOf(id) == RestWell && (w.plan.inCore(id) || int(id) > w.plan.Nodes)
}

// configurations returns those that decide somewhere: the newest that is committed, those in
// force on nodes, what each becomes when a leader that does not know better promotes a learner of the core, and what
// would be left of each once operators removed whom they want to. Each is there once: mostly all nodes go by the same, and
// whoever asks looks at disks for each.
func (w *World) configurations() []raft.Configuration {
	list := []raft.Configuration{w.membership()}
	add := func(c raft.Configuration) {
		if !slices.ContainsFunc(list, func(o raft.Configuration) bool { return slices.Equal(o.Members, c.Members) }) {
			list = append(list, c)
		}
	}
	for _, s := range w.servers {
		if m := &w.judges.logs.mirrors[s.id]; m.config != 0 && w.staysWell(s.id) {
			add(w.configOf(m.config, termAt(m.handed, m.config)))
		}
	}
	for _, c := range list {
		for i := range c.Members {
			if m := &c.Members[i]; m.Promote && !m.Voter && w.staysWell(m.ID) {
				add(promoted(c, i))
			}
		}
	}
	for i := range w.plan.Faults {
		if w.plan.Faults[i].Kind != RemoveNode || !w.live[i].on {
			continue
		}
		for _, c := range list {
			add(without(c, w.live[i].nodes[0]))
		}
	}
	return list
}

// promoted returns a configuration in which the learner at a place votes, and whom it replaces does not.
func promoted(c raft.Configuration, at int) raft.Configuration {
	c.Members = slices.Clone(c.Members)
	who, replaces := c.Members[at].ID, c.Members[at].Replaces
	for i := range c.Members {
		m := &c.Members[i]
		m.Voter = m.ID == who || m.Voter && (replaces == 0 || m.ID != replaces)
	}
	return c
}

// without returns a configuration of which a node is no member.
func without(c raft.Configuration, id raft.NodeID) raft.Configuration {
	c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m raft.Member) bool { return m.ID == id })
	return c
}

// canSpare reports whether the cluster can do without a node: no operator removes a healthy
// voter while others are lost, or who alone has what others lost, or who could say that another's state is wrong.
func (w *World) canSpare(id raft.NodeID) bool {
	if w.inDoubt() && w.wouldBeAlone(id) {
		return false
	}
	if !w.harms {
		return true
	}
	c := without(w.membership(), id)
	return w.unless(func(nodes healths) string {
		if why := w.lacksVoters(&c, &nodes); why != "" {
			return why
		}
		return w.lacksEntries(c, &nodes)
	}) == ""
}

// lacksVoters says which majority is not there; empty if both are.
func (w *World) lacksVoters(c *raft.Configuration, nodes *healths) string {
	for _, old := range []bool{false, true} {
		voters, kept := 0, 0
		for i := range c.Members {
			m := &c.Members[i]
			if !old && !m.Voter || old && !m.VoterOld {
				continue
			}
			voters++
			if nodes[m.ID].kept && !nodes[m.ID].cut && (m.Inc == 0 || m.Inc == w.node(m.ID).inc) {
				kept++
			}
		}
		if voters > 0 && kept <= voters/2 {
			return fmt.Sprintf("%d of %d voters of the core would know who they are", kept, voters)
		}
	}
	return ""
}

// judgeLost looks at the end of a plan in which something is lost for good: it must be, and
// somebody must say so.
func (w *World) judgeLost(pending []string) {
	ok, why := w.recoverable()
	said := false
	for _, s := range w.servers {
		said = said || s.device.lost != nil || w.judges.logs.mirrors[s.id].debt.any()
	}
	switch {
	case ok || len(pending) == 0:
		w.violate(Liveness, "The plan expects a loss for good, and there is none.")
	case !said:
		w.violate(Absence, "Something is lost (%s), and no node says so.", why)
	}
}
