package sim

import (
	"bytes"
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
	Losses     int // of messages, the sender being told or not
	Overtakes  int // messages that arrive before what left earlier on their link; negative: links keep no order, and lose without a word
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
	Nodes       int  // different ones that the states are made of
	Steps       int  // of them that were worked out: the other transitions put together what was known
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
	parts   *searchParts
	seen    map[key]*visited
	shapes  map[key]bool // in an exact search: the states as another would see them
	queue   []visit
}

// visited is a state that was met.
type visited struct {
	sleep  []*step  // what slept at every visit: everything behind it was searched
	by     *visited // where the shortest way comes from, and its last move
	last   *step
	depth  int32
	opened bool // what is behind it was searched, but for the sleepers
}

// visit is a state whose turn will come. only, if not nil, is what slept before and is awake now.
type visit struct {
	state *searchState
	at    *visited
	only  []*step
}

// Search looks at everything that can happen within the bounds, the nearest first: what it finds,
// it finds by a shortest way.
func Search(bounds SearchBounds, options SearchOptions) *SearchResult {
	s := &searching{options: options, bounds: bounds, seen: map[key]*visited{}, parts: newSearchParts(options.Exact, bounds.Overtakes >= 0)}
	if options.Exact {
		s.shapes = map[key]bool{}
	}
	start, wrong := s.parts.atRest(bounds)
	if wrong != nil {
		s.result.Violation = wrong
		return &s.result
	}
	for _, line := range options.From {
		if start = s.follow(start, line); start == nil {
			s.result.Violation = violation(Stopped, "The way to the beginning can't be gone: %s.", line)
			return &s.result
		}
	}
	s.meet(start, nil, visited{})
	for len(s.queue) > 0 {
		level := s.queue
		s.queue = nil
		for i, v := range level {
			level[i] = visit{}
			if !s.open(v, start) {
				return &s.result
			}
		}
	}
	s.result.Finished = true
	return &s.result
}

// follow makes the move that is described like this, nil if there is none.
func (s *searching) follow(state *searchState, line string) *searchState {
	for _, m := range state.moves(nil, s.parts.ordered) {
		for i, all := 0, state.steps(m, s.parts); i < len(all); i++ {
			if describe(m, state)+all[i].fate != line {
				continue
			}
			if next, wrong := state.after(m, &all[i], s.parts); wrong == nil {
				next.past = s.parts.past(next.past)
				return next
			}
		}
	}
	return nil
}

// atRest is where a search begins: three nodes have formed a cluster, node 1 leads term 1, and
// everything is stored and nothing under way.
func (p *searchParts) atRest(bounds SearchBounds) (*searchState, *Violation) {
	s := &searchState{past: &searchPast{}}
	for i := range s.nodes {
		n := &searchNode{at: i}
		n.start()
		n.look()
		s.nodes[i] = n
	}
	do := func(i int, something func(a *acting)) *Violation {
		a := act(s.nodes[i], s.left, p)
		for something(a); !a.wrong() && len(a.n.pending) > 0; {
			a.stored()
		}
		for j := range a.phases {
			if wrong := s.judge(i, &a.phases[j]); wrong != nil {
				return wrong
			}
			s.carry(a.phases[j].sent, p.ordered)
		}
		s.nodes[i] = a.n
		return nil
	}
	for i := range s.nodes {
		var in []raft.Input
		if i == 0 {
			in = []raft.Input{{Kind: raft.InputCampaign}}
		}
		if wrong := do(i, func(a *acting) { a.step(0, in...) }); wrong != nil {
			return nil, wrong
		}
	}
	for len(s.flight) > 0 {
		m := *s.flight[0].m
		s.drop(0)
		if wrong := do(int(m.To.ID)-1, func(a *acting) {
			a.step(a.n.now, raft.Input{Kind: raft.InputMessage, Message: &m})
		}); wrong != nil {
			return nil, wrong
		}
	}
	s.left = bounds.allowed()
	for i, n := range s.nodes {
		s.nodes[i] = p.node(n)
	}
	s.past = p.past(s.past)
	return s, nil
}

func (b *SearchBounds) allowed() (left allowed) {
	for a, n := range [allowances]int{
		allowElection: b.Elections, allowBeat: b.Beats, allowCommand: b.Commands, allowCrash: b.Crashes,
		allowLoss: b.Losses, allowDuplicate: b.Duplicates, allowSlowWrite: b.SlowWrites, allowOvertake: b.Overtakes,
	} {
		left[a] = uint8(min(max(n, 0), searchBoundMax))
	}
	return left
}

// searchBoundMax is more of anything than a search could come to the end of.
const searchBoundMax = 200

// meet notes that a way leads to a state, and queues what is to be searched behind it for that.
// It reports whether the bounds let the search go on.
func (s *searching) meet(state *searchState, sleep []*step, from visited) bool {
	k := state.key()
	v, met := s.seen[k]
	if !met {
		v = &from
		v.sleep = sleep
		s.seen[k] = v
		state.past = s.parts.past(state.past)
		s.queue = append(s.queue, visit{state: state, at: v})
		return s.count(state, k, int(v.depth))
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
	for _, m := range v.state.moves(nil, s.parts.ordered) {
		all := v.state.steps(m, s.parts)
		for i := range all {
			z := &all[i]
			if v.only != nil && !sleeps(v.only, z) {
				continue
			}
			if sleeps(sleep, z) {
				s.result.Pruned++
				continue
			}
			s.result.Transitions++
			found := visited{by: v.at, last: z, depth: v.at.depth + 1}
			next, wrong := v.state.after(m, z, s.parts)
			if wrong != nil {
				s.result.Violation, s.result.Way = wrong, append(s.options.From, s.way(&found, start)...)
				return false
			}
			if !s.meet(next, awake(sleep, z), found) {
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
func (s *searching) way(v *visited, state *searchState) []string {
	var steps []*step
	for ; v.by != nil; v = v.by {
		steps = append(steps, v.last)
	}
	slices.Reverse(steps)
	var way []string
	for _, e := range steps {
		m := e.move
		if m.message != nil {
			m.at = slices.Index(state.flight, m.message)
		}
		way = append(way, describe(m, state)+e.fate)
		state, _ = state.after(m, e, s.parts)
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
	r.Nodes, r.Steps = len(s.parts.nodes), s.parts.steps
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

// independent reports whether the order of two moves makes no difference.
func independent(a, b *step) bool {
	if a.severs() || b.severs() {
		return false // what is sent before is lost, and what is sent after is not
	}
	x, y := a.move.message, b.move.message
	if a.move.node == b.move.node || x != nil && y != nil && x.link() == y.link() {
		return false
	}
	// What a message does to its receiver may end what another one was under way for.
	if x != nil && x.to == b.move.node || y != nil && y.to == a.move.node {
		return false
	}
	for i := range a.used {
		if a.used[i] > 0 && b.used[i] > 0 {
			return false
		}
	}
	return true
}

// awake returns the sleepers that z does not wake.
func awake(sleep []*step, z *step) []*step {
	var kept []*step
	for _, y := range sleep {
		if independent(y, z) {
			kept = append(kept, y)
		}
	}
	return kept
}

func sleeps(all []*step, z *step) bool {
	for i := range all {
		if all[i].name == z.name {
			return true
		}
	}
	return false
}

// awakeIn returns the sleepers of a that are not in b.
func awakeIn(a, b []*step) []*step {
	var rest []*step
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
	return fmt.Sprintf("states=%d transitions=%d again=%d pruned=%d depth=%d nodes=%d steps=%d set=%x finished=%t verdict=%s",
		r.States, r.Transitions, r.Again, r.Pruned, r.Depth, r.Nodes, r.Steps, r.Set, r.Finished, verdict)
}

// Same reports whether two searches saw the same states.
func (r *SearchResult) Same(o *SearchResult) bool { return bytes.Equal(r.Set[:], o.Set[:]) }
