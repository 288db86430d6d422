package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is at stake: a heartbeat may come as late as it likes. Who answers one of an earlier term shows
// his own, and if he repeated its round, and its sender led again in that term, he would have
// answered a round that has not left yet; then that leader would answer reads when another one
// has long been elected [T§6.4].
func TestAHeartbeatOfAnEarlierTermIsShownTheTermAndItsRoundIsNotAnswered(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 3, Round: 1})
	require.Equal(t, uint64(1), b.one(MsgHeartbeatReply, 2).Round)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 1, Round: 7, Seq: 9, Commit: 1})
	reply := b.one(MsgHeartbeatReply, 2)
	require.Equal(t, Message{Kind: MsgHeartbeatReply, Cluster: scriptCluster, From: ident(1), To: ident(2), Term: 3, Seq: 9}, reply)
}

// And a leader takes such an answer for what it is: it confirms no read, and nothing was lost.
func TestAnAnswerToNoRoundConfirmsNothingAndStartsNoRepetition(t *testing.T) {
	b := flowBench(t, Limits{})
	b.propose("x")
	b.step(Input{Kind: InputRead, Ticket: 7})
	for range 3 {
		b.now = b.n.beatAt
		b.step()
		for i := 2; i <= 3; i++ {
			b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2})
			require.Empty(t, b.sent)
			require.Empty(t, b.out.Reads)
		}
	}
	require.Equal(t, Leader, b.n.Role(), "that they are there they have shown")
	b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
	require.Len(t, b.out.Reads, 1)
}
