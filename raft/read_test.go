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

// What is at stake: callers who read without a pause. Who is answered asks again a moment later; if the next round left in the Step that answers,
// each would carry the few that came while the last one was under way, and three groups of callers would take turns in place of two.
func TestWhoWasJustAnsweredMayJoinTheNextRound(t *testing.T) {
	b := flowBench(t, Limits{})
	read := func(ticket uint64) { b.step(Input{Kind: InputRead, Ticket: ticket}) }
	confirm := func(round uint64) {
		b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: round, Accepted: b.n.LastIndex()})
	}
	read(1)
	first := b.one(MsgHeartbeat, 2).Round
	read(2)
	second := b.one(MsgHeartbeat, 2).Round
	read(3)
	require.Empty(t, b.sent, "two are under way")

	confirm(first)
	require.Equal(t, uint64(1), b.out.Reads[0].Ticket)
	require.Empty(t, b.sent, "whoever had ticket 1 may have another question")
	require.Equal(t, b.now, b.out.WakeAt, "which nobody waits for")
	read(4)
	third := b.one(MsgHeartbeat, 2).Round

	confirm(third)
	require.Len(t, b.out.Reads, 3, "the answer to the third round confirms the second, and nothing is under way")
	require.Empty(t, b.sent)
	read(5)
	require.Equal(t, third+1, b.one(MsgHeartbeat, 2).Round, "with nothing under way a read waits for nobody")
	require.Greater(t, second, first)
}

// A leader that answers in every Step still sends every other one a round.
func TestARoundIsHeldOnce(t *testing.T) {
	b := flowBench(t, Limits{RoundsInflightMax: 3})
	var rounds []uint64
	for ticket := range uint64(3) {
		b.step(Input{Kind: InputRead, Ticket: ticket})
		rounds = append(rounds, b.one(MsgHeartbeat, 2).Round)
	}
	confirm := func(round uint64) Input {
		return Input{Kind: InputMessage, Message: &Message{Kind: MsgHeartbeatReply, Cluster: scriptCluster, From: ident(2), To: ident(1), Term: 2, Round: round, Accepted: b.n.LastIndex()}}
	}
	b.step(Input{Kind: InputRead, Ticket: 7}, confirm(rounds[0]))
	require.Empty(t, b.sent)
	b.step(confirm(rounds[1]))
	require.Len(t, b.out.Reads, 1)
	require.Equal(t, rounds[2]+1, b.one(MsgHeartbeat, 2).Round)
	require.NotEqual(t, b.now, b.out.WakeAt)
}
