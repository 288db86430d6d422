package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"parley/raft"
)

// The bounded exhaustive search. It has three nodes of raft.Step, each with an abstract disk and a
// clock of its own, and makes every choice that the bounds allow: which message arrives next,
// whose timer fires, where a machine crashes and how many of its writes it keeps. In every
// state judges look on (search_judge.go).
//
//	cluster at rest ──moves──▶ outcomes ──▶ states ──▶ judges
//	  node 1 leads      ▲                     │
//	                    └── not yet seen ◀────┘
//
// States are told apart by hashes of 128 bits of their canonical encoding: the nodes' shapes
// (raft.AppendShape), disks and writes under way, the multiset of the messages under way, what the
// bounds leave, what the judges remember. Times are relative; chance has no room (search_world.go).
//
// # Partial order
//
// Two moves are independent if they change different nodes, touch different messages and use up
// nothing in common. Then neither makes the other impossible and both orders lead to the same state: a move
// reads and writes one node, takes at most one message, and adds messages, whose place in a multiset does not depend on
// the order; and the judges' memory of two elections or commits is the same in both orders. Of such orders one
// is enough. The search keeps sleep sets (Godefroid 1996, chapter 5): having searched everything behind move a, it does not make a
// again behind an independent b. A state that is met again with another sleep set is searched for what slept
// at every visit before and is awake now. Sleep sets leave out transitions and never a state; a
// test compares the sets of states with those of a search without them.
//
// What makes the states fewer is that messages which can do nothing any more are forgotten
// (settle), and the shapes. A test compares them with the full encodings.

// SearchBounds says how far a search goes.
type SearchBounds struct {
	Elections  int // election timers that fire, beyond the election that everything begins with
	Beats      int // heartbeat timers that fire
	Commands   int
	Crashes    int
	Losses     int // of messages, the sender being told; without a word any number may be lost
	Duplicates int
	SlowWrites int // how often a disk takes its time; else a write is stored, or lost in a crash, before anything else happens at its node
	StatesMax  int // no more states than this; zero is no bound
}

// SearchOptions say how a search goes.
type SearchOptions struct {
	EveryOrder bool // no sleep sets
	Exact      bool // tell states apart by everything that a node says of its state, and forget no message
	// Progress, if not nil, is called now and then; the search ends if it says no.
	Progress func(*SearchResult) bool
}

// SearchResult is what a search saw.
type SearchResult struct {
	Finished    bool // everything within the bounds was seen
	States      int  // different ones
	Transitions int  // moves made, each with one ending
	Again       int  // of them those that led to a state seen before
	Pruned      int  // moves not made, because another order of the same was searched
	Depth       int  // of the longest way
	Set         [16]byte
	Violation   *Violation
	Way         []string // to the violation
}

// searching is a search under way.
type searching struct {
	options SearchOptions
	bounds  SearchBounds
	result  SearchResult
	seen    map[key][]sleeper
	shapes  map[key]bool // in an exact search: the states as another would see them
	way     []string
	stopped bool
}

// sleeper is a move with one outcome that need not be made: everything behind it was searched.
type sleeper struct {
	id   uint64
	node int8
	used uint8 // a bit for each allowance
	msg  uint64
}

// Search looks at everything that can happen within the bounds.
func Search(bounds SearchBounds, options SearchOptions) *SearchResult {
	s := &searching{options: options, bounds: bounds, seen: map[key][]sleeper{}}
	if options.Exact {
		s.shapes = map[key]bool{}
	}
	start, wrong := atRest(bounds, options.Exact)
	if wrong != nil {
		s.result.Violation = wrong
		return &s.result
	}
	s.visit(start, nil, 0)
	s.result.Finished = !s.stopped
	return &s.result
}

// atRest is where a search begins: three nodes have formed a cluster, node 1 leads term 1, and
// everything is stored and nothing under way.
func atRest(bounds SearchBounds, exact bool) (*searchState, *Violation) {
	s := &searchState{past: &searchPast{}}
	for i := range s.nodes {
		s.nodes[i] = &searchNode{}
		s.nodes[i].start(i)
	}
	settled := func(i int) *Violation {
		for len(s.nodes[i].pending) > 0 {
			if wrong := s.stored(i); wrong != nil {
				return wrong
			}
		}
		return nil
	}
	for i := range s.nodes {
		var in []raft.Input
		if i == 0 {
			in = []raft.Input{{Kind: raft.InputCampaign}}
		}
		if wrong := s.step(i, 0, in...); wrong != nil {
			return nil, wrong
		}
		if wrong := settled(i); wrong != nil {
			return nil, wrong
		}
	}
	for len(s.flight) > 0 {
		m := *s.flight[0].m
		to := int(m.To.ID) - 1
		s.take(0)
		if wrong := s.step(to, s.nodes[to].now, raft.Input{Kind: raft.InputMessage, Message: &m}); wrong != nil {
			return nil, wrong
		}
		if wrong := settled(to); wrong != nil {
			return nil, wrong
		}
	}
	s.left = [allowances]int{
		allowElection: bounds.Elections, allowBeat: bounds.Beats, allowCommand: bounds.Commands, allowCrash: bounds.Crashes,
		allowLoss: bounds.Losses, allowDuplicate: bounds.Duplicates, allowSlowWrite: bounds.SlowWrites,
	}
	for _, n := range s.nodes {
		n.shape = n.encode(exact)
	}
	return s, nil
}

// visit searches what is behind a state. It reports whether to go on.
func (s *searching) visit(state *searchState, sleep []sleeper, depth int) bool {
	k := state.key()
	slept, met := s.seen[k]
	if !s.enter(state, k, met, depth) {
		return false
	}
	var only []sleeper // not nil: what slept before and is awake now
	if met {
		s.result.Again++
		only = awakeIn(slept, sleep)
		if len(only) == 0 {
			return true
		}
		sleep = awakeIn(sleep, awakeIn(sleep, slept))
	}
	s.seen[k] = slices.Clip(slices.Clone(sleep))
	sleep = slices.Clone(sleep)
	for _, m := range state.moves(nil) {
		for _, o := range state.outcomes(m, s.options.Exact) {
			z := sleeperOf(m, &o)
			if sleeps(sleep, z) || only != nil && !sleeps(only, z) {
				if sleeps(sleep, z) {
					s.result.Pruned++
				}
				continue
			}
			s.result.Transitions++
			s.way = append(s.way, state.describe(m)+o.fate)
			if o.trace != nil {
				s.result.Violation, s.result.Way = o.trace, slices.Clone(s.way)
				s.stopped = true
				return false
			}
			if !s.visit(o.state, awake(sleep, z), depth+1) {
				return false
			}
			s.way = s.way[:len(s.way)-1]
			if !s.options.EveryOrder {
				sleep = append(sleep, z)
			}
		}
	}
	return true
}

// enter counts a state. It reports whether the bounds let the search go on.
func (s *searching) enter(state *searchState, k key, met bool, depth int) bool {
	r := &s.result
	r.Depth = max(r.Depth, depth)
	if met {
		return true
	}
	if s.bounds.StatesMax > 0 && r.States >= s.bounds.StatesMax {
		s.stopped = true
		return false
	}
	r.States++
	if s.shapes != nil {
		k = state.shape()
	}
	if s.shapes == nil || !s.shapes[k] {
		if s.shapes != nil {
			s.shapes[k] = true
		}
		for i := range k { // a sum without carries: the same in any order
			r.Set[i] ^= k[i]
		}
	}
	if s.options.Progress != nil && r.States%(1<<14) == 0 && !s.options.Progress(r) {
		s.stopped = true
		return false
	}
	return true
}

// shape is the key that the state would have in a search that is not exact.
func (s *searchState) shape() key {
	c := *s
	for i, n := range s.nodes {
		n := *n
		c.nodes[i] = &n
		c.settle(i)
		n.shape = n.encode(false)
	}
	return c.key()
}

// sleeperOf names a move with its ending.
func sleeperOf(m move, o *ending) sleeper {
	b := append([]byte(o.fate), byte(m.kind), byte(m.node), byte(m.keep))
	b = append(b, m.message[:]...)
	k := keyOf(b)
	z := sleeper{id: binary.LittleEndian.Uint64(k[:]), node: int8(m.node), msg: binary.LittleEndian.Uint64(m.message[:])}
	for a, n := range o.used {
		if n > 0 {
			z.used |= 1 << a
		}
	}
	return z
}

// independent reports whether the order of two moves makes no difference.
func independent(a, b sleeper) bool {
	return a.node != b.node && a.used&b.used == 0 && (a.msg == 0 || a.msg != b.msg)
}

// awake returns the sleepers that z does not wake.
func awake(sleep []sleeper, z sleeper) []sleeper {
	var kept []sleeper
	for _, y := range sleep {
		if independent(y, z) {
			kept = append(kept, y)
		}
	}
	return kept
}

func sleeps(all []sleeper, z sleeper) bool {
	for i := range all {
		if all[i].id == z.id {
			return true
		}
	}
	return false
}

// awakeIn returns the sleepers of a that are not in b.
func awakeIn(a, b []sleeper) []sleeper {
	var rest []sleeper
	for _, z := range a {
		if !sleeps(b, z) {
			rest = append(rest, z)
		}
	}
	return rest
}

// String is the line that a search ends with.
func (r *SearchResult) String() string {
	verdict := "ok"
	if r.Violation != nil {
		verdict = r.Violation.Invariant
	}
	return fmt.Sprintf("states=%d transitions=%d again=%d pruned=%d depth=%d set=%x finished=%t verdict=%s",
		r.States, r.Transitions, r.Again, r.Pruned, r.Depth, r.Set, r.Finished, verdict)
}

// Same reports whether two searches saw the same states.
func (r *SearchResult) Same(o *SearchResult) bool { return bytes.Equal(r.Set[:], o.Set[:]) }
