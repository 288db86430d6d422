package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// A read that a node holds for ever is nobody's any more: its caller went elsewhere. Only somebody who looks into the node
// at the end sees it.
func TestReadsThatANodeNeverAnsweredAreSeenAtTheEnd(t *testing.T) {
	w := newWorld(calm(t, ""), Options{})
	w.run()
	require.Nil(t, w.violation)
	s := w.node(w.leader())
	hold := func(ticket uint64) {
		var out raft.Output // goes nowhere
		s.node.Raft().Step(s.clock.read(w.now), []raft.Input{{Kind: raft.InputRead, Ticket: ticket}}, &out)
	}
	hold(1)
	require.Empty(t, w.unanswered(), "one may be the node's own")
	hold(2)
	require.Len(t, w.unanswered(), 1)
	w.judgeLiveness()
	require.NotNil(t, w.violation)
	require.Equal(t, Liveness, w.violation.Invariant)
}

// A disk that completes nothing stays so in the liveness phase, and short phases do without: leadership may wander only so often.
func TestSomeNodesOutsideTheCoreEndWithADiskThatCompletesNothing(t *testing.T) {
	stuck := func(simulated time.Duration) (seeds []uint64) {
		for seed := range uint64(100) {
			for _, r := range Generate(seed, simulated).Rest {
				if r.Kind == RestStuck {
					seeds = append(seeds, seed)
				}
			}
		}
		return seeds
	}
	require.Empty(t, stuck(10*time.Second))
	seeds := stuck(time.Minute)
	require.NotEmpty(t, seeds)
	p := Generate(seeds[0], time.Minute)
	w := newWorld(p, Options{})
	w.run()
	require.Nil(t, w.violation)
	for _, r := range p.Rest {
		require.Equal(t, r.Kind == RestStuck, w.node(r.Node).disk.stallTo == never, "node %d", r.Node)
	}
}
