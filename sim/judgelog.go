package sim

import (
	"bytes"

	"parley/raft"
)

// logs judges what nodes keep: Log Matching, Leader Append-Only, Leader
// Completeness, the commit rule, and that no two nodes commit different entries.
// It believes no node's own word about its log. It watches what each hands to
// its disk and keeps a mirror of it.
type logs struct {
	// registry holds, by index, every entry that ever stood there, one per
	// term. As (index, term) names an entry and its predecessor once and for
	// all, two logs with the same (index, term) are identical up to there: Log
	// Matching by induction, at the cost of one comparison an append.
	registry [][]registered
	// committed is the agreed log: what the first node to commit an index had.
	committed []committed
	newest    committedConfig
	mirrors   [nodesMax + 1]mirror
	past      []life // of directories that are gone
	asks      [nodesMax + 1]asks
}

// committedConfig is the newest configuration among the first upTo entries of the agreed log, which never change; none if it has no members.
type committedConfig struct {
	upTo   int
	config raft.Configuration
}

// registered is an entry and the term of the one before it.
type registered struct {
	entry    raft.Entry
	prevTerm raft.Term
	config   *raft.Configuration // that the entry holds, once somebody asked
}

// committed is one place of the agreed log.
type committed struct {
	term raft.Term
	in   raft.Term // the term of the first node seen to have it committed
	at   int64     // when that was
}

// mirror is one node's log as terms; the registry knows the rest.
type mirror struct {
	handed  []raft.Term // all it handed to the disk
	durable []raft.Term // what the disk has synced
	hard    raft.HardState
	commit  raft.Index
	applied raft.Index
	term    raft.Term
	config  raft.Index // the entry with the configuration in force; zero: that of the formation
	debt    debt
}

// termAt returns the term at an index of a mirrored log, zero if it is not there.
func termAt(log []raft.Term, i raft.Index) raft.Term {
	if i == 0 || uint64(i) > uint64(len(log)) {
		return 0
	}
	return log[i-1]
}

// judgeStore mirrors a write as it is handed to the disk.
func (w *World) judgeStore(s *server, st *raft.Store) {
	m := &w.judges.logs.mirrors[s.id]
	if st.Hard.Term < m.term {
		w.violate(Monotonic, "currentTerm of node %d fell from %d to %d.", s.id, m.term, st.Hard.Term)
	}
	if st.Base.Index != 0 {
		w.judgeBase(s, st)
	}
	if st.Truncate != 0 {
		if uint64(st.Truncate) <= uint64(m.commit) {
			w.violate(LeaderCompleteness, "Node %d removes its log from %d on and had committed up to %d.", s.id, st.Truncate, m.commit)
		}
		w.judgeCut(s, st)
		w.coverCutLog(s, st.Truncate)
		m.handed = truncated(m.handed, st.Truncate)
		w.cover.Truncations++
	}
	for i := range st.Entries {
		w.judgeAppend(s, &st.Entries[i])
	}
	for i := range st.Fill {
		w.judgeFill(s, &st.Fill[i])
	}
	m.debt.handed(m.handed, st)
}

// judgeAppend compares an appended entry with its namesakes.
func (w *World) judgeAppend(s *server, e *raft.Entry) {
	l := &w.judges.logs
	m := &l.mirrors[s.id]
	if uint64(e.Index) != uint64(len(m.handed))+1 {
		w.violate(LogMatching, "Node %d appends entry %d behind entry %d.", s.id, e.Index, len(m.handed))
		return
	}
	prev := termAt(m.handed, e.Index-1)
	m.handed = append(m.handed, e.Term)
	w.register(s, e, prev)
	w.noteProposed(s, e)
}

// register puts an entry into the registry or compares it with what stands there.
func (w *World) register(s *server, e *raft.Entry, prev raft.Term) {
	l := &w.judges.logs
	for uint64(len(l.registry)) < uint64(e.Index) {
		l.registry = append(l.registry, nil)
	}
	slot := &l.registry[e.Index-1]
	for i := range *slot {
		r := &(*slot)[i]
		if r.entry.Term != e.Term {
			continue
		}
		if r.prevTerm != prev {
			w.violate(LogMatching, "Entry %d of term %d follows an entry of term %d in the log of node %d, and one of term %d in another.",
				e.Index, e.Term, prev, s.id, r.prevTerm)
		}
		if !sameEntry(&r.entry, e) {
			w.violate(LogMatching, "Node %d holds another entry %d of term %d than a node before it.", s.id, e.Index, e.Term)
		}
		return
	}
	*slot = append(*slot, registered{entry: *e, prevTerm: prev})
}

func sameEntry(a, b *raft.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Time == b.Time && a.Kind == b.Kind && a.Sum == b.Sum && bytes.Equal(a.Payload, b.Payload)
}

func truncated(log []raft.Term, from raft.Index) []raft.Term {
	if uint64(from) <= uint64(len(log)) {
		return log[:from-1]
	}
	return log
}

// judgeTruncate looks at a node that removes entries.
func (w *World) judgeTruncate(s *server, n *raft.Note) {
	if term, ok := w.leads(s.id); ok && term == n.Term {
		w.violate(LeaderAppendOnly, "Node %d, the leader of term %d, removed its log from %d on.", s.id, term, n.Index)
	}
}

// judgeCompleteness looks at a new leader's log: everything committed in lower terms must be
// in it. The newest such entry is enough, by Log Matching.
func (w *World) judgeCompleteness(s *server, term raft.Term) {
	l := &w.judges.logs
	for i := len(l.committed); i > 0; i-- {
		c := l.committed[i-1]
		if c.in >= term {
			continue
		}
		if have := termAt(l.mirrors[s.id].handed, raft.Index(i)); have != c.term {
			w.violate(LeaderCompleteness, "Entry %d of term %d was committed in term %d, and node %d leads term %d with %s at its place.",
				i, c.term, c.in, s.id, term, describeTerm(have))
		}
		return
	}
}

func describeTerm(t raft.Term) string {
	if t == 0 {
		return "nothing"
	}
	return "an entry of term " + formatUint(uint64(t))
}

// judgeCommit looks at a node whose commitIndex rose.
func (w *World) judgeCommit(s *server, n *raft.Note) {
	l := &w.judges.logs
	m := &l.mirrors[s.id]
	if n.Index <= m.commit {
		w.violate(Monotonic, "commitIndex of node %d went from %d to %d.", s.id, m.commit, n.Index)
		return
	}
	if uint64(n.Index) > uint64(len(m.handed)) {
		w.violate(LeaderCompleteness, "Node %d commits %d and its log ends at %d.", s.id, n.Index, len(m.handed))
		return
	}
	if term, ok := w.leads(s.id); ok {
		w.judgeCommitRule(s, n.Index, term)
		w.coverCommit(s, n.Index, term)
	}
	for i := m.commit + 1; i <= n.Index; i++ {
		have := termAt(m.handed, i)
		if uint64(i) > uint64(len(l.committed)) {
			l.committed = append(l.committed, committed{term: have, in: n.Term, at: w.now})
			w.judgeOtherLeaders(s, i, have, n.Term)
			continue
		}
		if agreed := l.committed[i-1].term; agreed != have {
			w.violate(StateMachineSafety, "Node %d commits an entry of term %d at %d, where another node committed one of term %d.", s.id, have, i, agreed)
			return
		}
	}
	m.commit = n.Index
}

// judgeCommitRule checks how a leader may commit [§5.3, §5.4.2]. A majority
// stores: what is counted is what disks have synced, so an acknowledgement ahead
// of the disk shows here without any crash.
func (w *World) judgeCommitRule(s *server, i raft.Index, term raft.Term) {
	l := &w.judges.logs
	if have := termAt(l.mirrors[s.id].handed, i); have != term {
		w.violate(CommitRule, "Node %d, the leader of term %d, commits entry %d of term %d by counting.", s.id, term, i, have)
		return
	}
	at := l.mirrors[s.id].config
	c := w.configOf(at, termAt(l.mirrors[s.id].handed, at))
	for _, old := range []bool{false, true} {
		voters, stored := 0, 0
		for j := range c.Members {
			m := &c.Members[j]
			if !old && !m.Voter || old && !m.VoterOld {
				continue
			}
			voters++
			if w.holds(m.Ident, i, term) {
				stored++
			}
		}
		if voters > 0 && stored <= voters/2 {
			w.violate(CommitRule, "Node %d commits entry %d of term %d, which %d of %d voters of the configuration of entry %d store.", s.id, i, term, stored, voters, at)
		}
	}
}

// configOf returns the configuration of the entry that stands, or stood, at a place; of
// place zero, that of the formation. Its members are shared: who changes them makes a copy.
func (w *World) configOf(i raft.Index, term raft.Term) raft.Configuration {
	var c raft.Configuration
	if i > 0 {
		slot := w.judges.logs.registry[i-1]
		for k := range slot {
			if r := &slot[k]; r.entry.Term == term && r.entry.Kind == raft.EntryConfig {
				if r.config == nil {
					c, _ := raft.DecodeConfiguration(r.entry.Payload) // an empty one counts nobody
					r.config = &c
				}
				return *r.config
			}
		}
		return c
	}
	for _, s := range w.seeds {
		c.Members = append(c.Members, raft.Member{Ident: raft.Ident{ID: s.ID}, Voter: true})
	}
	return c
}

// membership returns the newest configuration that anybody has committed.
func (w *World) membership() raft.Configuration {
	l := &w.judges.logs
	newest := &l.newest
	for i := len(l.committed); i > newest.upTo; i-- {
		if c := w.configOf(raft.Index(i), l.committed[i-1].term); len(c.Members) > 0 {
			newest.config = c
			break
		}
	}
	newest.upTo = len(l.committed)
	if len(newest.config.Members) == 0 {
		return w.configOf(0, 0)
	}
	return newest.config
}

// judgeOtherLeaders looks for leaders of higher terms that were elected before
// the entry was committed, and lack it.
func (w *World) judgeOtherLeaders(s *server, i raft.Index, have, in raft.Term) {
	for id := raft.NodeID(1); int(id) <= w.plan.servers(); id++ {
		term, ok := w.leads(id)
		if !ok || id == s.id || term <= in {
			continue
		}
		if other := termAt(w.judges.logs.mirrors[id].handed, i); other != have {
			w.violate(LeaderCompleteness, "Entry %d of term %d was committed in term %d, and node %d leads term %d with %s at its place.",
				i, have, in, id, term, describeTerm(other))
		}
	}
}
