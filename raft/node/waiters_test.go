package node

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

func TestTheRingOfWaitersIsAQueueThatAlsoGivesBackItsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w waiters
		var model []waiter
		next := raft.Index(0)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1, 2:
				next++
				x := waiter{index: next, term: 1, ticket: Ticket(next)}
				w.push(x)
				model = append(model, x)
			case 3:
				if len(model) > 0 {
					require.Equal(t, model[0], w.popFront())
					model = model[1:]
				}
			case 4:
				if n := len(model); n > 0 {
					require.Equal(t, model[n-1], w.popBack())
					model = model[:n-1]
				}
			}
			require.Equal(t, len(model), w.len())
			for i := range model {
				require.Equal(t, model[i], *w.at(i))
			}
		}
		c := w.clone()
		for i := range model {
			require.Equal(t, model[i], *c.at(i))
		}
	})
}

func TestAnEntryAppendedBelowAWaiterShowsThatTheWaitersWasCut(t *testing.T) {
	c := formed(t, 1)
	n := c.leader().node
	var out Output
	n.out = &out
	n.in = []raft.Input{
		{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: 101}},
		{Kind: raft.InputRead, Ticket: 102},
		{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: 103, Trace: 9}},
	}
	n.appended([]raft.Proposed{{Ticket: 101, Index: 50, Term: n.term - 1}, {Ticket: 103, Index: 50, Term: n.term}})
	require.Equal(t, []Answer{{Ticket: 101, Outcome: Unknown, Code: CodeLeaderLost, Hint: n.leader}}, out.Done)
	require.Equal(t, waiter{50, n.term, 103, 9}, *n.waiters.front())
}

func TestEveryCodeAndOutcomeHasItsOwnWords(t *testing.T) {
	seen := map[string]bool{}
	for c := CodeNone; c <= CodeLeaderLost; c++ {
		require.False(t, seen[c.String()], c.String())
		seen[c.String()] = true
	}
	require.Equal(t, "unknown code", Code(200).String())
	require.Equal(t, []string{"done", "refused", "unknown", "no outcome"},
		[]string{Done.String(), Refused.String(), Unknown.String(), Outcome(9).String()})
	for r := raft.RefusedNotLeader; r <= raft.RefusedLostTerm; r++ {
		require.NotEqual(t, CodeNone, codeOf(r))
	}
}
