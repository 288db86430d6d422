package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TimeoutNow moves a node only if the leader of its very term says it: one that comes
// late, or from somebody else, would disturb a cluster that works.
func TestTimeoutNowCountsOnlyFromTheLeaderOfTheTerm(t *testing.T) {
	for _, c := range []struct {
		name      string
		from      int
		term      Term
		campaigns bool
	}{
		{"the leader of the term", 2, 3, true},
		{"another node of the term", 3, 3, false},
		{"the leader of an earlier term", 2, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3, 3, 1)
			b.hear(2, Message{Kind: MsgHeartbeat, Term: 3})
			b.hear(c.from, Message{Kind: MsgTimeoutNow, Term: c.term})
			require.Equal(t, c.campaigns, b.n.Role() == Candidate)
			if c.campaigns {
				require.True(t, b.one(MsgVote, 3).Transfer)
			}
		})
	}
}

// Only a vote request that says that the leader asked for it passes a voter's loyalty.
func TestALoyalVoterJudgesATransferAndNothingElse(t *testing.T) {
	for _, transfer := range []bool{false, true} {
		b := newBench(t, 3, 3, 1)
		b.hear(2, Message{Kind: MsgHeartbeat, Term: 3})
		b.hear(3, Message{Kind: MsgVote, Term: 4, LastIndex: 1, LastTerm: 1, Transfer: transfer})
		require.Equal(t, transfer, len(b.sent) == 1 && b.sent[0].Granted)
		require.Equal(t, transfer, b.n.Term() == 4)
	}
}
