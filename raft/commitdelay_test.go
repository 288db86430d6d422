package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// telling makes node 1 of three leader of term 2, with a delay for commits that nothing takes along. Its peers know all.
func telling(t *testing.T, delay time.Duration) *bench {
	b := flowBench(t, Limits{})
	b.n.cfg.CommitDelay = delay
	return b
}

// stores has a follower acknowledge all up to an index.
func (b *bench) stores(from int, upTo Index) {
	b.hear(from, Message{Kind: MsgAppendReply, Term: 2, Seq: b.n.peer(ident(from)).seq, Granted: true, Matched: upTo})
}

// Where one write follows the other, the next Append tells what the last one came to; a message of its own would cost both
// ends as much as the entry did.
func TestACommitIsToldWithTheNextEntry(t *testing.T) {
	b := telling(t, time.Millisecond)
	for range 5 {
		b.propose("x")
		for to := 2; to <= 3; to++ {
			m := b.one(MsgAppend, to)
			require.Len(t, m.Entries, 1)
			require.Equal(t, b.n.LastIndex()-1, m.Commit, "the write before this one")
		}
		b.now = b.now.Add(time.Millisecond / 3)
		b.stores(2, b.n.LastIndex())
		require.Equal(t, b.n.LastIndex(), b.n.Commit())
		require.Empty(t, b.sent)
		require.Equal(t, b.now.Add(time.Millisecond), b.out.WakeAt)
		b.stores(3, b.n.LastIndex())
		require.Empty(t, b.sent)
	}
}

// Nobody waits longer than the delay, counted from the first commit that was not told, and everybody is told once.
func TestACommitThatNothingTakesAlongLeavesAloneWhenTheDelayIsOver(t *testing.T) {
	b := telling(t, time.Millisecond)
	b.propose("x")
	committed := b.now
	b.stores(2, b.n.LastIndex())
	b.now = b.now.Add(time.Millisecond - 1)
	b.stores(3, b.n.LastIndex())
	require.Empty(t, b.sent)
	require.Equal(t, committed.Add(time.Millisecond), b.out.WakeAt)
	b.now++
	b.step()
	for to := 2; to <= 3; to++ {
		m := b.one(MsgAppend, to)
		require.Empty(t, m.Entries)
		require.Equal(t, b.n.Commit(), m.Commit)
	}
	require.Equal(t, b.n.beatAt, b.out.WakeAt)
	b.now = b.now.Add(time.Millisecond)
	b.step()
	require.Empty(t, b.sent)
}

// A follower that is behind hears of a commit when it has caught up, or with what it is sent until then.
func TestAFollowerThatIsBehindCallsForNoWake(t *testing.T) {
	b := telling(t, time.Millisecond)
	b.n.cfg.Limits.InflightMessagesMax = 1
	b.propose("x")
	b.propose("y") // which the pipelines have no room for
	b.stores(2, b.n.LastIndex()-1)
	require.Len(t, b.one(MsgAppend, 2).Entries, 1)
	b.stores(2, b.n.LastIndex())
	require.Equal(t, b.now.Add(time.Millisecond), b.out.WakeAt, "node 2 lacks nothing but the commit")
	b.now = b.now.Add(time.Millisecond)
	b.step()
	require.Equal(t, b.n.Commit(), b.one(MsgAppend, 2).Commit)
	require.Len(t, b.sent, 1, "node 3 has not answered its first")
	require.Equal(t, b.n.beatAt, b.out.WakeAt)
	b.stores(3, b.n.LastIndex()-1)
	require.Equal(t, b.n.Commit(), b.one(MsgAppend, 3).Commit)
}

// What the last term owed is not this one's.
func TestANewTermOwesNobodyACommit(t *testing.T) {
	b := telling(t, time.Millisecond)
	b.propose("x")
	b.stores(2, b.n.LastIndex())
	require.NotEqual(t, Never, b.n.tellAt)
	b.hear(3, Message{Kind: MsgHeartbeat, Term: 3, Round: 1})
	require.Equal(t, b.n.electionAt, b.out.WakeAt)
	b.lead()
	require.Equal(t, Never, b.n.tellAt)
}

// Without a delay a commit leaves at once.
func TestWithoutADelayACommitLeavesAtOnce(t *testing.T) {
	b := telling(t, 0)
	b.propose("x")
	b.stores(2, b.n.LastIndex())
	for to := 2; to <= 3; to++ {
		require.Equal(t, b.n.Commit(), b.one(MsgAppend, to).Commit)
	}
	require.Equal(t, b.n.beatAt, b.out.WakeAt)
}
