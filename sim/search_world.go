package sim

import (
	"crypto/sha256"
	"encoding/binary"
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

// searchCommitDelay is how long a leader keeps a new commitIndex to itself when nothing else tells it, unless
// SearchBounds.CommitAlone says not at all: as in the nodes that people run, shorter than anything else.
const searchCommitDelay = 10 * time.Nanosecond

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

// key is a hash of something's canonical encoding.
type key [16]byte

func keyOf(encoded []byte) key {
	sum := sha256.Sum256(encoded)
	return key(sum[:16])
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

	quiet  raft.Mono // when it stops to be loyal to its leader
	key    key
	number uint32 // in searchParts.nodes
	view   uint64 // a hash of what judges see of it beside commitIndex, which they note when it moves (searchPast)
	origin origin
	images [searchRenamings]*searchNode
	lanes  firstLanes
	steps  map[packedCause][]step // by cause
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
	if n.sameLog() {
		return // most steps leave it as it was, and a search remembers very many
	}
	n.log = make([]raft.Entry, 0, n.r.LastIndex())
	for i := raft.Index(1); i <= n.r.LastIndex(); i++ {
		e, _ := n.r.EntryAt(i)
		n.log = append(n.log, e)
	}
}

// sameLog reports whether the protocol's log is what judges saw last.
func (n *searchNode) sameLog() bool {
	if raft.Index(len(n.log)) != n.r.LastIndex() {
		return false
	}
	for i := range n.log {
		if e, _ := n.r.EntryAt(raft.Index(i + 1)); !sameEntry(&n.log[i], &e) {
			return false
		}
	}
	return true
}

// ident names the node at place i.
func searchIdent(i int) raft.Ident {
	return raft.Ident{ID: raft.NodeID(i + 1), Inc: raft.Incarnation(i + 1)}
}

// start makes a process of what the disk has. Its clock starts at zero like any process's.
func (n *searchNode) start(how searchSettings) {
	var c raft.Configuration
	for j := range searchNodes {
		c.Members = append(c.Members, raft.Member{Ident: searchIdent(j), Voter: true})
	}
	n.now, n.pending, n.slow = 0, nil, false
	n.r = raft.New(raft.Config{
		Self: searchIdent(n.at), Cluster: searchCluster, Seed: 1,
		ElectionTimeout: searchElectionTimeout, Heartbeat: searchHeartbeat, Priority: searchPriority,
		CommitDelay: how.commitDelay, Limits: raft.Limits{AppendEntriesMax: 1, InflightMessagesMax: how.inflight},
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
func (n *searchNode) encode(how *searchSettings) key {
	b := []byte{byte(n.at)}
	if how.exact {
		b = n.r.AppendState(b)
	} else {
		b = n.r.AppendShape(b, how.still)
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
