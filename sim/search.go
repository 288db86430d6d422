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
	// From is the way to where the search begins, as a Way tells it; it uses up what it uses.
	From []string
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
	Depth       int  // moves of the longest of the shortest ways to a state
	Set         [16]byte
	Violation   *Violation
	Way         []string // to the violation
}

// searching is a search under way.
type searching struct {
	options SearchOptions
	bounds  SearchBounds
	result  SearchResult
	seen    map[key]*visited
	shapes  map[key]bool // in an exact search: the states as another would see them
	queue   []visit
}

// visited is a state that was met.
type visited struct {
	sleep  []sleeper // what slept at every visit
	opened bool      // what is behind it was searched, but for the sleepers
	by     *visited  // where the shortest way comes from, and its last move
	move   move
	fate   string
	depth  int
}

// visit is a state whose turn will come. only, if not nil, is what slept before and is awake now.
type visit struct {
	state *searchState
	at    *visited
	only  []sleeper
}

// sleeper is a move with one outcome that need not be made: everything behind it was searched.
type sleeper struct {
	id   uint64
	node int8
	used uint8 // a bit for each allowance
	msg  uint64
}

// Search looks at everything that can happen within the bounds, the nearest first: what it finds,
// it finds by a shortest way.
func Search(bounds SearchBounds, options SearchOptions) *SearchResult {
	s := &searching{options: options, bounds: bounds, seen: map[key]*visited{}}
	if options.Exact {
		s.shapes = map[key]bool{}
	}
	start, wrong := atRest(bounds, options.Exact)
	if wrong != nil {
		s.result.Violation = wrong
		return &s.result
	}
	for _, line := range options.From {
		if start = start.follow(line, options.Exact); start == nil {
			s.result.Violation = violation(Stopped, "The way to the beginning can't be gone: %s.", line)
			return &s.result
		}
	}
	s.meet(start, nil, &visited{})
	for head := 0; head < len(s.queue); head++ {
		v := s.queue[head]
		s.queue[head] = visit{}
		if !s.open(v, start) {
			return &s.result
		}
	}
	s.result.Finished = true
	return &s.result
}

// follow makes the move that is described like this, nil if there is none.
func (s *searchState) follow(line string, exact bool) *searchState {
	for _, m := range s.moves(nil) {
		for _, o := range s.outcomes(m, exact) {
			if o.trace == nil && s.describe(m)+o.fate == line {
				return o.state
			}
		}
	}
	return nil
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

// meet notes that a way leads to a state, and queues what is to be searched behind it for that.
// It reports whether the bounds let the search go on.
func (s *searching) meet(state *searchState, sleep []sleeper, found *visited) bool {
	k := state.key()
	v, met := s.seen[k]
	if !met {
		found.sleep = sleep
		s.seen[k] = found
		s.queue = append(s.queue, visit{state: state, at: found})
		return s.count(state, k, found.depth)
	}
	s.result.Again++
	woken := awakeIn(v.sleep, sleep)
	if len(woken) == 0 {
		return true
	}
	v.sleep = awakeIn(v.sleep, woken)
	if v.opened {
		s.queue = append(s.queue, visit{state: state, at: v, only: woken})
	}
	return true
}

// open makes the moves that a state has, but for those that sleep.
func (s *searching) open(v visit, start *searchState) bool {
	sleep := slices.Clone(v.at.sleep)
	v.at.opened = true
	for _, m := range v.state.moves(nil) {
		for _, o := range v.state.outcomes(m, s.options.Exact) {
			z := sleeperOf(m, &o)
			if v.only != nil && !sleeps(v.only, z) {
				continue
			}
			if sleeps(sleep, z) {
				s.result.Pruned++
				continue
			}
			s.result.Transitions++
			found := &visited{by: v.at, move: m, fate: o.fate, depth: v.at.depth + 1}
			if o.trace != nil {
				s.result.Violation, s.result.Way = o.trace, append(s.options.From, found.way(start, s.options.Exact)...)
				return false
			}
			if !s.meet(o.state, awake(sleep, z), found) {
				return false
			}
			if !s.options.EveryOrder {
				sleep = append(sleep, z)
			}
		}
	}
	return true
}

// way goes the way to a state once more and describes it.
func (v *visited) way(start *searchState, exact bool) []string {
	var steps []*visited
	for ; v.by != nil; v = v.by {
		steps = append(steps, v)
	}
	slices.Reverse(steps)
	var way []string
	for _, v := range steps {
		way = append(way, start.describe(v.move)+v.fate)
		for _, o := range start.outcomes(v.move, exact) {
			if o.fate == v.fate {
				start = o.state
			}
		}
	}
	return way
}

// count counts a state. It reports whether the bounds let the search go on.
func (s *searching) count(state *searchState, k key, depth int) bool {
	r := &s.result
	r.Depth = max(r.Depth, depth)
	if s.bounds.StatesMax > 0 && r.States >= s.bounds.StatesMax {
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
	return s.options.Progress == nil || r.States%(1<<12) != 0 || s.options.Progress(r)
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
