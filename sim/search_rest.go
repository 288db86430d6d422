package sim

import (
	"time"

	"parley/raft"
)

// searchSettings are what a search does not change on its way.
type searchSettings struct {
	exact       bool
	still       bool // no heartbeat timer fires; see raft.AppendShape
	ordered     bool // links keep their order
	told        bool // leaders may be told of losses that were none; see dead
	inflight    int  // Appends under way to a follower; zero is the default of raft.Limits
	commitDelay time.Duration
}

// atRest is where a search begins: three nodes have formed a cluster, node 1 leads term 1, and
// everything is stored and nothing under way. Under another renaming it is the same with the names swapped.
func (p *searchParts) atRest(bounds SearchBounds, as int) (*searchState, *Violation) {
	s, names := &searchState{past: &searchPast{}}, renamings(as)
	for i := range s.nodes {
		n := &searchNode{at: i}
		n.start(p.searchSettings)
		n.look()
		s.nodes[i] = n
	}
	do := func(i int, something func(a *acting)) *Violation {
		a := act(s.nodes[i], s.left, p)
		for something(a); !a.wrong() && len(a.n.pending) > 0; {
			a.stored()
		}
		for j := range a.phases {
			if wrong := s.judge(i, &a.phases[j], nil); wrong != nil {
				return wrong
			}
			s.carry(a.phases[j].sent, p.ordered)
		}
		s.nodes[i] = a.n
		return nil
	}
	for i, place := range names {
		var in []raft.Input
		if i == 0 {
			in = []raft.Input{{Kind: raft.InputCampaign}}
		}
		if wrong := do(int(place), func(a *acting) { a.step(0, in...) }); wrong != nil {
			return nil, wrong
		}
	}
	for len(s.flight) > 0 {
		at := s.firstOf(names)
		m := *s.flight[at].m
		s.drop(at)
		if wrong := do(int(m.To.ID)-1, func(a *acting) {
			a.step(a.n.now, raft.Input{Kind: raft.InputMessage, Message: &m})
		}); wrong != nil {
			return nil, wrong
		}
	}
	s.left = bounds.allowed()
	for i, n := range s.nodes {
		s.nodes[i] = p.node(n, origin{rest: as})
		p.rest[as][i] = s.nodes[i]
	}
	s.past = p.past(s.past)
	return s, nil
}

// firstOf returns the place of the message that arrives next on the way to rest: by the links, as they would be named without the renaming.
func (s *searchState) firstOf(names renaming) int {
	var was renaming
	for i, place := range names {
		was[place] = int8(i)
	}
	first, lowest := 0, int8(searchNodes*searchNodes)
	for i, p := range s.flight {
		if link := was[p.from]*searchNodes + was[p.to]; link < lowest {
			first, lowest = i, link
		}
	}
	return first
}
