package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An acknowledgement can be lost without anybody being told. The follower has the entry and
// says so in every heartbeat, so nothing is sent again; with a full pipeline, or with
// nobody proposing, only asking again gets the leader its count.
func TestALostAcknowledgementIsAskedForAgain(t *testing.T) {
	b := flowBench(t, Limits{InflightMessagesMax: 1})
	b.propose("x")
	b.propose("y") // waits: the pipeline to each is full
	beat := func(accepted Index) {
		b.now = b.n.beatAt
		b.step()
		for i := 2; i <= 3; i++ {
			b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: accepted})
		}
	}
	beat(3) // "x" is accepted, and its acknowledgement may still be on its way
	beat(3)
	again := b.one(MsgAppend, 3)
	require.Empty(t, again.Entries)
	require.Equal(t, Index(3), again.PrevIndex)
	require.Equal(t, Index(2), b.n.Commit())
	b.hear(3, Message{Kind: MsgAppendReply, Term: 2, Seq: again.Seq, Granted: true, Matched: 3})
	require.Equal(t, Index(3), b.n.Commit())
	n, _ := appendsTo(b, 3)
	require.Equal(t, 1, n, "the pipeline moves: \"y\" leaves")
}
