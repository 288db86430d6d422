package sim

import (
	"fmt"
	"math/bits"
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
// States are told apart by hashes of their canonical encoding: the nodes' shapes (raft.AppendShape), disks and
// writes under way, the messages under way, what the bounds leave, what the judges remember. Times are
// relative; chance has no room (search_world.go).
//
// # What is left out
//
// Of what would be the same, one is searched:
//
//   - nodes of one shape, and of the states that differ in nodes' names one (search_symmetry.go);
//   - messages that can do nothing any more are forgotten (search_settle.go);
//   - a state with less left of the bounds than it was met with before (search_seen.go).
//
// Of the orders of moves that show the judges the same, one is made. Where the messages that wait for one node are all that matters
// next, the others wait (search_ample.go). Three moves nobody sees by themselves, and they are made with what makes the difference,
// just before it (search_stride.go): a lost message is one that what comes behind it on its link overtakes for good;
// that a follower's leader has been quiet matters when somebody asks for its vote; and that a node which does not lead
// crashed, with nothing to be written and no connection broken, when it does something again. Whatever else happens between commutes
// with them, and if nothing of the kind follows, without them the same is seen.
//
// A test compares what the judges see, all of it, with what they see in a search that leaves nothing out.

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

	// How the nodes are set. Inflight is how many Appends may be under way to a follower; zero is as many as raft.Limits allows. With
	// CommitAlone a leader tells a new commitIndex at once, in a message of its own if need be. Without, as nodes do by default, it waits for
	// the next entry or heartbeat to take it along.
	Inflight    int
	CommitAlone bool

	StatesMax int // no more states than this; zero is no bound
}

// SearchOptions say how a search goes.
type SearchOptions struct {
	EveryOrder bool // leave out no order of moves
	Exact      bool // tell states apart by everything that a node says of its state, by its name and by what is left, and forget nothing
	Views      bool // count what judges see
	// From is the way to where the search begins, as a Way tells it; it uses up what it uses.
	From []string
	// Progress, if not nil, is called now and then; the search ends if it says no.
	Progress func(*SearchResult) bool
}

// SearchResult is what a search saw.
type SearchResult struct {
	Finished    bool   // everything within the bounds was seen
	States      int    // different ones
	Transitions int    // moves made, each with one ending
	Again       int    // of them those that led to a state seen before, perhaps with more left of the bounds
	Ample       int    // states in which the moves of one node were enough
	Nodes       int    // different ones that the states are made of
	Steps       int    // of them that were worked out: the other transitions put together what was known
	Depth       int    // moves of the longest of the shortest ways to a state
	Views       int    // different ones that the judges had, if they are counted: states without what judges don't see
	ViewSet     uint64 // a hash of all of them
	Astray      int    // the move of From that there was not, from 1; zero: From could be gone
	Violation   *Violation
	Way         []string // to the violation
}

// searching is a search under way.
type searching struct {
	options SearchOptions
	bounds  SearchBounds
	result  SearchResult
	parts   *searchParts
	start   *searchState
	seen    *seen
	front   front
	views   map[uint64]bool
}

// Search looks at everything that can happen within the bounds, the nearest first: what it finds,
// it finds by a short way, and by a shortest if no order is left out.
func Search(bounds SearchBounds, options SearchOptions) *SearchResult {
	s := &searching{options: options, bounds: bounds, parts: newSearchParts(bounds.settings(options)), views: map[uint64]bool{}}
	var wrong *Violation
	for as := searchRenamings - 1; as >= 0; as-- {
		if s.start, wrong = s.parts.atRest(bounds, as); wrong != nil {
			s.result.Violation = wrong
			return &s.result
		}
	}
	for i, line := range options.From {
		next, wrong := s.follow(s.start, line)
		switch {
		case wrong != nil:
			s.result.Violation, s.result.Way = wrong, options.From[:i+1]
			return &s.result
		case next == nil:
			s.result.Astray = i + 1
			return &s.result
		}
		s.start = next
	}
	s.seen = newSeen(newLattice(s.start.left, options.Exact))
	s.meet(s.start, 0)
	level := 0 // where the next begins
	for {
		state, number := s.front.take(s.parts)
		if state == nil {
			break
		}
		if int(number) == level {
			level = len(s.seen.trail)
			s.result.Depth++
		}
		if !s.open(state, number) {
			return &s.result
		}
	}
	s.result.Depth-- // behind the last states there was nothing
	s.result.Finished = true
	return &s.result
}

// settings are what a search does not change on its way.
func (b *SearchBounds) settings(o SearchOptions) searchSettings {
	how := searchSettings{exact: o.Exact, still: b.Beats == 0, ordered: b.Overtakes >= 0, inflight: b.Inflight, commitDelay: searchCommitDelay}
	if b.CommitAlone {
		how.commitDelay = 0
	}
	how.told = b.Beats > 0 || b.Inflight != 1 || b.CommitAlone
	return how
}

// follow makes the move that is described like this; nothing if there is none.
func (s *searching) follow(state *searchState, line string) (next *searchState, wrong *Violation) {
	for _, m := range state.moves(nil, &s.parts.searchSettings) {
		for i, all := 0, state.steps(m, s.parts); i < len(all); i++ {
			if describe(m, state)+all[i].fate == line {
				return state.after(m, &all[i], s.parts)
			}
		}
	}
	return nil, nil
}

func (b *SearchBounds) allowed() (left allowed) {
	for a, n := range [allowances]int{
		allowElection: b.Elections, allowBeat: b.Beats, allowCommand: b.Commands, allowCrash: b.Crashes,
		allowLoss: b.Losses, allowDuplicate: b.Duplicates, allowSlowWrite: b.SlowWrites, allowOvertake: b.Overtakes,
	} {
		left[a] = uint8(min(max(n, 0), SearchBoundMax))
	}
	return left
}

// SearchBoundMax is more of anything that happens than a search could come to the end of; larger bounds are cut to it.
const SearchBoundMax = 200

// meet notes that a state was met, and queues it if it is new. It reports whether the bounds let the search go on.
func (s *searching) meet(state *searchState, from uint32) bool {
	f, place := s.fingerprint(state)
	if !s.seen.meet(f, place) {
		s.result.Again++
		return true
	}
	if s.bounds.StatesMax > 0 && s.result.States >= s.bounds.StatesMax {
		return false
	}
	s.front.put(state, s.seen.note(from, f.mark(place)))
	s.count(state)
	return s.options.Progress == nil || s.result.States%(1<<12) != 0 || s.options.Progress(&s.result)
}

func (s *searching) count(state *searchState) {
	r := &s.result
	r.States++
	r.Nodes, r.Steps = len(s.parts.nodes), s.parts.steps
	if !s.options.Views {
		return
	}
	if view := state.view(s.parts); !s.views[view] {
		s.views[view] = true
		r.Views++
		r.ViewSet ^= view // a sum without carries: the same in any order
	}
}

// fingerprint is the state's, and its place among those of what is left.
func (s *searching) fingerprint(state *searchState) (fingerprint, int) {
	place, rest := s.seen.lattice.place(state.left)
	return state.fingerprint(s.parts, rest), place
}

// open goes on from a state.
func (s *searching) open(state *searchState, number uint32) bool {
	if !s.options.EveryOrder {
		if done, goOn := s.openAmple(state, number); done {
			return goOn
		}
	}
	return s.strides(state, stride{}, -1, func(last *stride, next *searchState, wrong *Violation) bool {
		s.result.Transitions++
		if wrong != nil {
			s.result.Violation = wrong
			s.result.Way = append(append(s.options.From, s.way(number)...), last.lines()...)
			return false
		}
		return s.meet(next, number)
	})
}

// openAmple goes on with the moves of one node, if they are enough. It reports whether they are, and whether the bounds let the search go on.
func (s *searching) openAmple(state *searchState, number uint32) (enough, goOn bool) {
	for node := state.ample(s.parts, -1); node >= 0; node = state.ample(s.parts, node) {
		behind := s.unseen(state, node)
		if behind == nil {
			continue
		}
		s.result.Ample++
		for _, next := range behind {
			s.result.Transitions++
			if !s.meet(next, number) {
				return true, false
			}
		}
		return true, true
	}
	return false, true
}

// unseen returns where the moves of a node lead; nil if they show the judges something.
func (s *searching) unseen(state *searchState, node int) (behind []*searchState) {
	past := s.parts.remembered(state)
	if !s.strides(state, stride{}, node, func(last *stride, next *searchState, wrong *Violation) bool {
		behind = append(behind, next)
		return wrong == nil && !last.step.shows && s.parts.remembered(next) == past
	}) {
		return nil
	}
	return behind
}

// way goes the way to a state once more and describes it.
func (s *searching) way(number uint32) (way []string) {
	state := s.start
	for _, mark := range s.seen.way(number) {
		s.strides(state, stride{}, -1, func(last *stride, next *searchState, wrong *Violation) bool {
			if wrong != nil {
				return true
			}
			f, place := s.fingerprint(next)
			if f.mark(place).low != mark {
				return true
			}
			way, state = append(way, last.lines()...), next
			return false
		})
	}
	return way
}

// Odds bounds how probable it is that two of the states had one fingerprint, so that one of them was not searched: less than 1 in 2 to
// this. There are fewer than States²/2 pairs, and the hashes are as good as drawn.
func (r *SearchResult) Odds() int {
	return fingerprintBits + 1 - 2*bits.Len(uint(r.States))
}

// String is the line that a search ends with.
func (r *SearchResult) String() string {
	verdict := "ok"
	if r.Violation != nil {
		verdict = r.Violation.Invariant
	}
	return fmt.Sprintf("states=%d transitions=%d again=%d ample=%d depth=%d nodes=%d steps=%d finished=%t verdict=%s",
		r.States, r.Transitions, r.Again, r.Ample, r.Depth, r.Nodes, r.Steps, r.Finished, verdict)
}
