package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"parley/raft"
)

// searchNodes is the size of the cluster that is searched: the smallest that survives a loss.
const searchNodes = 3

// Timers of the search. The protocol rounds its waits down to whole hundreds (PriorityMax) of
// nanoseconds before it scales them by the priority, so that with these numbers every wait is 150 ns,
// whatever is drawn: chance has no room, and no node is like another for having drawn more often. A wait is longer
// than the election timeout, because voters stop to be loyal before they campaign.
const (
	searchElectionTimeout = 100 * time.Nanosecond
	searchHeartbeat       = 50 * time.Nanosecond
	searchPriority        = 50
)

// searchCluster is the id of the cluster.
const searchCluster raft.ClusterID = 1

// allowance names what a search may use up.
type allowance uint8

const (
	allowElection allowance = iota
	allowBeat
	allowCommand
	allowCrash
	allowLoss
	allowDuplicate
	allowSlowWrite
	allowOvertake
	allowances
)

// allowed is how often each may still be used up.
type allowed [allowances]uint8

// searchState is one state of the whole cluster. It never changes once it is made, and its parts are shared: of
// nodes, messages and pasts that are alike there is one each.
type searchState struct {
	nodes  [searchNodes]*searchNode
	flight []*parcel // messages under way, link by link; on a link as they left, or by key if links keep no order
	past   *searchPast
	left   allowed
}

// searchParts has one of each part that a state was ever made of. There are far fewer parts than states; so a state is
// a few pointers, and what a node does is worked out once (search_step.go).
type searchParts struct {
	exact   bool
	ordered bool // links keep their order
	nodes   map[key]*searchNode
	parcels map[key]*parcel
	pasts   map[string]*searchPast
	steps   int // that were worked out
}

func newSearchParts(exact, ordered bool) *searchParts {
	return &searchParts{exact: exact, ordered: ordered, nodes: map[key]*searchNode{}, parcels: map[key]*parcel{}, pasts: map[string]*searchPast{}}
}

// key is a hash of something's canonical encoding.
type key [16]byte

func keyOf(encoded []byte) key {
	sum := sha256.Sum256(encoded)
	return key(sum[:16])
}

// parcel is a message under way.
type parcel struct {
	key      key
	m        *raft.Message
	from, to int8 // places of nodes
}

// link names the link that the message takes.
func (p *parcel) link() int8 { return p.from*searchNodes + p.to }

// parcel returns the one parcel with this message.
func (p *searchParts) parcel(m *raft.Message) *parcel {
	k := keyOf(raft.AppendMessage(nil, m))
	if p.parcels[k] == nil {
		c := *m
		p.parcels[k] = &parcel{k, &c, int8(m.From.ID) - 1, int8(m.To.ID) - 1}
	}
	return p.parcels[k]
}

// past returns the one past that is like this one.
func (p *searchParts) past(of *searchPast) *searchPast {
	k := string(of.encode(nil))
	if p.pasts[k] == nil {
		p.pasts[k] = of
	}
	return p.pasts[k]
}

// searchNode is one node with its clock and its disk. It is made by a step, and never changes once it is part of a state.
type searchNode struct {
	face
	at   int // its place
	r    *raft.Raft
	now  raft.Mono // its own clock: nobody else reads it
	wake raft.Mono
	slow bool // its disk completes writes when the search says so, no longer at once

	pending []raft.Store // handed to the disk and not reported, oldest first

	quiet raft.Mono // when it stops to be loyal to its leader
	key   key
	shape key // its key in a search that is not exact
	steps map[cause][]step
}

// face is what judges see of a node, in a state or in the midst of a move.
type face struct {
	leads   bool
	term    raft.Term
	commit  raft.Index
	log     []raft.Entry // in memory
	hard    raft.HardState
	entries []raft.Entry // on disk
}

// look has the judges see what the protocol is now.
func (n *searchNode) look() {
	n.leads, n.term, n.commit = n.r.Role() == raft.Leader, n.r.Term(), n.r.Commit()
	n.log = make([]raft.Entry, 0, n.r.LastIndex())
	for i := raft.Index(1); i <= n.r.LastIndex(); i++ {
		e, _ := n.r.EntryAt(i)
		n.log = append(n.log, e)
	}
}

// node returns the one node that is like this one.
func (p *searchParts) node(n *searchNode) *searchNode {
	n.shape = n.encode(false)
	if n.key = n.shape; p.exact {
		n.key = n.encode(true)
	}
	if p.nodes[n.key] == nil {
		n.quiet = n.now.Add(searchElectionTimeout - n.r.LeaderQuiet(n.now))
		n.steps = map[cause][]step{}
		p.nodes[n.key] = n
	}
	return p.nodes[n.key]
}

// ident names the node at place i.
func searchIdent(i int) raft.Ident {
	return raft.Ident{ID: raft.NodeID(i + 1), Inc: raft.Incarnation(i + 1)}
}

// start makes a process of what the disk has. Its clock starts at zero like any process's.
func (n *searchNode) start() {
	var c raft.Configuration
	for j := range searchNodes {
		c.Members = append(c.Members, raft.Member{Ident: searchIdent(j), Voter: true})
	}
	n.now, n.pending, n.slow = 0, nil, false
	n.r = raft.New(raft.Config{
		Self: searchIdent(n.at), Cluster: searchCluster, Seed: 1,
		ElectionTimeout: searchElectionTimeout, Heartbeat: searchHeartbeat, Priority: searchPriority,
		Limits: raft.Limits{AppendEntriesMax: 1},
	}, raft.Restored{Hard: n.hard, Base: raft.Base{Config: c}, Entries: append([]raft.Entry(nil), n.entries...)}, 0)
	n.wake = 0 // a Step tells it
}

// write brings a Store onto the disk, whole: a batch of the log is there or is not.
func (n *searchNode) write(s *raft.Store) {
	n.hard = s.Hard
	kept := n.entries
	if s.Truncate != 0 {
		kept = kept[:min(int(s.Truncate)-1, len(kept))]
	}
	n.entries = append(slices.Clip(kept), s.Entries...)
}

// end is the position of the log on the disk.
func (f *face) end() raft.EntryID {
	if len(f.entries) == 0 {
		return raft.EntryID{}
	}
	e := &f.entries[len(f.entries)-1]
	return raft.EntryID{Index: e.Index, Term: e.Term}
}

// holds reports whether the disk has the entry.
func (f *face) holds(i raft.Index, term raft.Term) bool {
	return i > 0 && int(i) <= len(f.entries) && f.entries[i-1].Term == term
}

// termAt is the term of an entry in memory; zero if there is none.
func (f *face) termAt(i raft.Index) raft.Term {
	if i == 0 || int(i) > len(f.log) {
		return 0
	}
	return f.log[i-1].Term
}

// encode is the node's canonical encoding: its protocol, and its disk where that differs.
func (n *searchNode) encode(exact bool) key {
	b := []byte{byte(n.at)}
	if exact {
		b = n.r.AppendState(b)
	} else {
		b = n.r.AppendShape(b)
	}
	b = appendFlag(b, n.slow)
	b = appendHard(b, &n.hard)
	b = appendEntries(b, n.entries)
	b = append(b, byte(len(n.pending)))
	for i := range n.pending {
		s := &n.pending[i]
		b = appendHard(b, &s.Hard)
		b = binary.LittleEndian.AppendUint64(b, uint64(s.Truncate))
		b = appendEntries(b, s.Entries)
		b = append(b, byte(len(s.Then)))
		for j := range s.Then {
			b = raft.AppendMessage(b, &s.Then[j])
		}
	}
	return keyOf(b)
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendHard(b []byte, h *raft.HardState) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Term))
	return binary.LittleEndian.AppendUint64(b, uint64(h.Vote.ID))
}

func appendEntries(b []byte, entries []raft.Entry) []byte {
	b = append(b, byte(len(entries)))
	for i := range entries {
		b = raft.AppendEntry(b, &entries[i])
	}
	return b
}

// key is the state's canonical hash: every node, the messages under way as a multiset, what may
// still be used up, and what the judges remember.
func (s *searchState) key() key {
	var room [512]byte
	b := room[:0]
	for _, n := range s.nodes {
		b = append(b, n.key[:]...)
	}
	return s.appendRest(b)
}

// shape is the key that the state would have in a search that is not exact.
func (s *searchState) shape() key {
	c := *s
	c.settle()
	var b []byte
	for _, n := range c.nodes {
		b = append(b, n.shape[:]...)
	}
	return c.appendRest(b)
}

func (s *searchState) appendRest(b []byte) key {
	for _, p := range s.flight {
		b = append(b, p.key[:]...)
	}
	b = append(b, s.left[:]...)
	return keyOf(s.past.encode(b))
}

// carry puts messages under way, behind those that are on their links.
func (s *searchState) carry(sent []*parcel, ordered bool) {
	if len(sent) == 0 {
		return
	}
	flight := make([]*parcel, 0, len(s.flight)+len(sent))
	flight = append(flight, s.flight...)
	for _, p := range sent {
		at := len(flight)
		for at > 0 && before(p, flight[at-1], ordered) {
			at--
		}
		flight = slices.Insert(flight, at, p)
	}
	s.flight = flight
}

func before(a, b *parcel, ordered bool) bool {
	if a.link() != b.link() || ordered {
		return a.link() < b.link()
	}
	return slices.Compare(a.key[:], b.key[:]) < 0
}

// drop takes the message at place i from those under way.
func (s *searchState) drop(i int) {
	flight := make([]*parcel, 0, len(s.flight))
	s.flight = append(append(flight, s.flight[:i]...), s.flight[i+1:]...)
}

// sever loses all that is under way to and from a node.
func (s *searchState) sever(node int8) {
	s.flight = slices.DeleteFunc(slices.Clone(s.flight), func(p *parcel) bool { return p.from == node || p.to == node })
}

// settle forgets the messages that will never again do anything to the node that they are for: replies
// of terms that its disk has left behind. Nothing is read of them but their term, and
// the node's term never falls below its disk's. In the term itself they are of use to
// a node that leads or campaigns, and it does so in a term once.
func (s *searchState) settle() {
	if slices.ContainsFunc(s.flight, s.done) {
		s.flight = slices.DeleteFunc(slices.Clone(s.flight), s.done)
	}
}

func (s *searchState) done(p *parcel) bool {
	n := s.nodes[p.to]
	if p.m.Term > n.hard.Term {
		return false
	}
	past := p.m.Term < n.hard.Term
	switch p.m.Kind {
	case raft.MsgPreVoteReply:
		return true
	case raft.MsgVoteReply:
		return past || n.r.Role() != raft.Candidate
	case raft.MsgAppendReply, raft.MsgHeartbeatReply:
		return past || !n.leads && n.r.Role() != raft.Candidate
	}
	return false
}

// move is one thing that may happen next.
type move struct {
	kind    moveKind
	node    int8    // whose state it changes
	keep    int8    // writes that a crash leaves
	breaks  bool    // a crash breaks the node's connections: what is under way is lost
	message *parcel // nil if it takes none
	at      int     // the message's place
	jumps   bool    // the message overtakes others
}

type moveKind uint8

const (
	moveDeliver moveKind = iota + 1
	moveDouble
	moveLose
	moveVanish
	moveStored
	movePropose
	moveQuiet
	moveTimer
	moveCrash
)

// moves lists what may happen in a state.
func (s *searchState) moves(into []move, ordered bool) []move {
	for i, p := range s.flight {
		if i > 0 && s.flight[i-1] == p {
			continue // the same message once more: the same
		}
		jumps := ordered && i > 0 && s.flight[i-1].link() == p.link()
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
		if ordered {
			into = append(into, move{kind: moveVanish, node: p.to, message: p, at: i})
		}
	}
	for _, n := range s.nodes {
		into = s.movesOf(into, n, ordered)
	}
	return into
}

// movesOf lists what a node may do by itself.
func (s *searchState) movesOf(into []move, n *searchNode, ordered bool) []move {
	i := int8(n.at)
	if len(n.pending) > 0 {
		into = append(into, move{kind: moveStored, node: i})
	}
	if n.leads && s.left[allowCommand] > 0 {
		into = append(into, move{kind: movePropose, node: i})
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
			if ordered {
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
