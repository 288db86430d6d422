package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// leasedWorld is one of three nodes in which leaders hold leases.
func leasedWorld(t *testing.T) *World {
	t.Helper()
	for seed := uint64(1); seed < 100; seed++ {
		if p := Generate(seed, time.Minute); p.Node.Lease > 0 && p.Nodes == 3 && len(p.Node.LeaseLess) == 0 {
			return newWorld(p, Options{})
		}
	}
	t.Fatal("no seed has leases")
	return nil
}

// says hands out messages of a node, as a Step of it would.
func (w *World) says(id raft.NodeID, messages ...raft.Message) {
	var out node.Output
	for _, m := range messages {
		m.From = raft.Ident{ID: id}
		out.Send = append(out.Send, m)
	}
	w.judgeVotes(w.node(id), &out, raft.EntryID{})
	w.judgeLeaseWords(w.node(id), &out)
}

func TestAVoterKeepsItsWordForALease(t *testing.T) {
	gives := raft.Message{Kind: raft.MsgHeartbeatReply, Term: 3, To: raft.Ident{ID: 1}, Granted: true}
	ask := raft.Message{Kind: raft.MsgVote, Term: 4, To: raft.Ident{ID: 2}, Seq: 1}
	vote := raft.Message{Kind: raft.MsgVoteReply, Term: 4, To: raft.Ident{ID: 3}, Seq: 1, Granted: true}
	longest := func(w *World) int64 { return int64(raft.LeaseMax(w.plan.Node.Election, w.plan.Node.LeasePPM)) }
	atItsWord := ask
	atItsWord.Transfer = true
	other := gives
	other.Granted = false

	for name, c := range map[string]struct {
		do   func(w *World)
		want string
	}{
		"a vote within the word": {func(w *World) {
			w.says(2, gives)
			w.says(3, ask)
			w.now += longest(w) - 1
			w.says(2, vote)
		}, Leases},
		"a campaign of its own within the word": {func(w *World) {
			w.says(2, gives)
			w.says(2, ask)
		}, Leases},
		"a vote in another process": {func(w *World) {
			w.says(2, gives)
			w.says(3, ask)
			w.node(2).epoch++
			w.says(2, vote)
		}, Leases},
		"a vote when the word is over": {func(w *World) {
			w.says(2, gives)
			w.says(3, ask)
			w.now += longest(w)
			w.says(2, vote)
		}, "ok"},
		"a vote for whom the leader asked to campaign": {func(w *World) {
			w.says(2, gives)
			w.says(3, atItsWord)
			w.says(2, vote)
		}, "ok"},
		"a campaign that the leader asked for": {func(w *World) {
			w.says(2, gives)
			w.says(2, atItsWord)
		}, "ok"},
		"an answer that gives no word": {func(w *World) {
			w.says(2, other)
			w.says(3, ask)
			w.says(2, vote)
		}, "ok"},
		"the word of an earlier directory": {func(w *World) {
			w.judges.election.given[2] = word{inc: 7, until: w.now + longest(w)}
			w.says(3, ask)
			w.says(2, vote)
		}, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			w := leasedWorld(t)
			c.do(w)
			if c.want == "ok" {
				require.Nil(t, w.violation)
				return
			}
			require.NotNil(t, w.violation)
			require.Equal(t, c.want, w.violation.Invariant, w.violation.Reason)
		})
	}
}

// A leader whose lease is not over must be the last one that was elected. It is taken from a run in the moment in which it has one.
func TestNobodyIsElectedWhileALeaderHoldsALease(t *testing.T) {
	w := leasedWorld(t)
	var leader *server
	w.disturb = func() uint64 {
		for _, s := range w.servers {
			if leader == nil && s.up && s.node.Raft() != nil && s.node.Raft().Leased(s.clock.read(w.now)) {
				leader = s
				term := s.node.Raft().Term()
				other := w.node(s.id%3 + 1)
				w.judgeLeases(other, term)
				require.Nil(t, w.violation, "it leads in the same term")
				s.up = false
				w.judgeLeases(other, term+1)
				require.Nil(t, w.violation, "a process that is gone answers nobody")
				s.up = true
				w.judgeLeases(other, term+1)
			}
		}
		return 0
	}
	w.run()
	require.NotNil(t, leader)
	require.NotNil(t, w.violation)
	require.Equal(t, Leases, w.violation.Invariant, w.violation.Reason)
}

func TestNobodyAnswersUnderALeaseWhenAnotherWasElected(t *testing.T) {
	w := leasedWorld(t)
	w.judges.election.leaders = []leadership{{}, {}, {}, {who: 1}, {}, {who: 2}}
	w.judgeLeased(w.node(2), &raft.Note{Kind: raft.NoteLease, Term: 5})
	require.Nil(t, w.violation)
	w.judgeLeased(w.node(1), &raft.Note{Kind: raft.NoteLease, Term: 3})
	require.NotNil(t, w.violation)
	require.Equal(t, Leases, w.violation.Invariant, w.violation.Reason)
}
