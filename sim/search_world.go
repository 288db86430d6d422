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
	allowances
)

// searchState is one state of the whole cluster. It never changes once it is made: states share
// the nodes that a step leaves alone.
type searchState struct {
	nodes  [searchNodes]*searchNode
	flight []parcel // messages under way, ordered by key; equal ones side by side
	left   [allowances]int
	past   *searchPast
}

// key is a hash of something's canonical encoding.
type key [16]byte

func keyOf(encoded []byte) key {
	sum := sha256.Sum256(encoded)
	return key(sum[:16])
}

// parcel is a message under way.
type parcel struct {
	key key
	m   *raft.Message
}

// searchNode is one node with its clock and its disk.
type searchNode struct {
	r      *raft.Raft
	now    raft.Mono // its own clock: nobody else reads it
	wake   raft.Mono
	starts int
	slow   bool // its disk completes writes when the search says so, no longer at once

	hard    raft.HardState // what the disk has
	entries []raft.Entry
	pending []raft.Store // handed to the disk and not reported, oldest first

	shape key
}

// ident names the node at place i.
func searchIdent(i int) raft.Ident {
	return raft.Ident{ID: raft.NodeID(i + 1), Inc: raft.Incarnation(i + 1)}
}

// start makes a process of what the disk has. Its clock starts at zero like any process's.
func (n *searchNode) start(i int) {
	var c raft.Configuration
	for j := range searchNodes {
		c.Members = append(c.Members, raft.Member{Ident: searchIdent(j), Voter: true})
	}
	n.now, n.pending, n.slow = 0, nil, false
	n.starts++
	n.r = raft.New(raft.Config{
		Self: searchIdent(i), Cluster: searchCluster, Seed: 1,
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
func (n *searchNode) end() raft.EntryID {
	if len(n.entries) == 0 {
		return raft.EntryID{}
	}
	e := &n.entries[len(n.entries)-1]
	return raft.EntryID{Index: e.Index, Term: e.Term}
}

// holds reports whether the disk has the entry.
func (n *searchNode) holds(i raft.Index, term raft.Term) bool {
	return i > 0 && int(i) <= len(n.entries) && n.entries[i-1].Term == term
}

// encode is the node's canonical encoding: its protocol, and its disk where that differs.
func (n *searchNode) encode(exact bool) key {
	var b []byte
	if exact {
		b = n.r.AppendState(b)
	} else {
		b = n.r.AppendShape(b)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(n.starts))
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
	b := make([]byte, 0, 256)
	for _, n := range s.nodes {
		b = append(b, n.shape[:]...)
	}
	for i := range s.flight {
		b = append(b, s.flight[i].key[:]...)
	}
	for _, n := range s.left {
		b = append(b, byte(n))
	}
	return keyOf(s.past.encode(b))
}

// send puts a message under way.
func (s *searchState) send(m raft.Message) {
	p := parcel{keyOf(raft.AppendMessage(nil, &m)), &m}
	at, _ := slices.BinarySearchFunc(s.flight, p, compareParcels)
	flight := make([]parcel, 0, len(s.flight)+1)
	flight = append(flight, s.flight[:at]...)
	flight = append(flight, p)
	s.flight = append(flight, s.flight[at:]...)
}

func compareParcels(a, b parcel) int { return slices.Compare(a.key[:], b.key[:]) }

// take removes the message at place i.
func (s *searchState) take(i int) {
	flight := append([]parcel(nil), s.flight[:i]...)
	s.flight = append(flight, s.flight[i+1:]...)
}

// settle forgets the messages to a node that will never again do anything to it: replies
// of terms that its disk has left behind. Nothing is read of them but their term, and
// the node's term never falls below its disk's. In the term itself they are of use to
// a node that leads or campaigns, and it does so in a term once.
func (s *searchState) settle(i int) {
	n := s.nodes[i]
	done := func(p parcel) bool {
		if p.m.To != searchIdent(i) || p.m.Term > n.hard.Term {
			return false
		}
		past := p.m.Term < n.hard.Term
		switch p.m.Kind {
		case raft.MsgPreVoteReply:
			return true
		case raft.MsgVoteReply:
			return past || n.r.Role() != raft.Candidate
		case raft.MsgAppendReply, raft.MsgHeartbeatReply:
			return past || n.r.Role() != raft.Leader && n.r.Role() != raft.Candidate
		}
		return false
	}
	if slices.ContainsFunc(s.flight, done) {
		s.flight = slices.DeleteFunc(slices.Clone(s.flight), done)
	}
}

// move is one thing that may happen next.
type move struct {
	kind    moveKind
	node    int // whose state it changes
	message key
	at      int // the message's place
	keep    int // writes that a crash leaves
}

type moveKind uint8

const (
	moveDeliver moveKind = iota + 1
	moveDouble
	moveLose
	moveStored
	movePropose
	moveQuiet
	moveTimer
	moveCrash
)

// moves lists what may happen in a state.
func (s *searchState) moves(into []move) []move {
	for i := range s.flight {
		p := &s.flight[i]
		if i > 0 && s.flight[i-1].key == p.key {
			continue // the same message once more: the same
		}
		to := int(p.m.To.ID) - 1
		into = append(into, move{kind: moveDeliver, node: to, message: p.key, at: i})
		if s.left[allowDuplicate] > 0 {
			into = append(into, move{kind: moveDouble, node: to, message: p.key, at: i})
		}
		// A loss that nobody is told is a message that never arrives, and every state in which it has not
		// arrived yet is searched. A leader that is told starts its pipeline anew; others do nothing.
		if from := int(p.m.From.ID) - 1; s.left[allowLoss] > 0 && s.nodes[from].r.Role() == raft.Leader {
			into = append(into, move{kind: moveLose, node: from, message: p.key, at: i})
		}
	}
	for i, n := range s.nodes {
		into = s.movesOf(into, i, n)
	}
	return into
}

// movesOf lists what a node may do by itself.
func (s *searchState) movesOf(into []move, i int, n *searchNode) []move {
	leads := n.r.Role() == raft.Leader
	if len(n.pending) > 0 {
		into = append(into, move{kind: moveStored, node: i})
	}
	if leads && s.left[allowCommand] > 0 {
		into = append(into, move{kind: movePropose, node: i})
	}
	if leads && s.left[allowBeat] > 0 || !leads && s.left[allowElection] > 0 {
		into = append(into, move{kind: moveTimer, node: i})
	}
	if quiet := n.now.Add(searchElectionTimeout - n.r.LeaderQuiet(n.now)); !leads && n.now < quiet && quiet < n.wake {
		into = append(into, move{kind: moveQuiet, node: i})
	}
	if s.left[allowCrash] > 0 {
		for keep := 0; keep <= len(n.pending); keep++ {
			into = append(into, move{kind: moveCrash, node: i, keep: keep})
		}
	}
	return into
}

// describe says a move in words.
func (s *searchState) describe(m move) string {
	id := m.node + 1
	switch m.kind {
	case moveDeliver:
		return "deliver " + describeParcel(s.flight[m.at].m)
	case moveDouble:
		return "deliver " + describeParcel(s.flight[m.at].m) + ", a copy is still under way"
	case moveLose:
		return "lose " + describeParcel(s.flight[m.at].m) + ", its sender is told"
	case moveStored:
		return fmt.Sprintf("node %d: a write is stored", id)
	case movePropose:
		return fmt.Sprintf("node %d: a command is proposed", id)
	case moveQuiet:
		return fmt.Sprintf("node %d: an election timeout has passed without a word of the leader", id)
	case moveTimer:
		return fmt.Sprintf("node %d: its timer fires", id)
	}
	return fmt.Sprintf("node %d: crash, %d of %d pending writes survive, restart", id, m.keep, len(s.nodes[m.node].pending))
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
