package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A follower whose disk stalls promises once what it is asked again and again: the answer
// that waits for the disk will do, and it leaves when the disk is back.
func TestAStalledFollowerHoldsABoundedNumberOfPromises(t *testing.T) {
	b := newBench(t, 3, 2, 1)
	b.hold = true
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 2)})
	require.Len(t, b.store, 1)
	seq := b.store[0].Seq
	for i := range 1000 {
		b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: uint64(2 + i), PrevIndex: 2, PrevTerm: 2})
		require.Empty(t, b.store)
		require.Empty(t, b.sent)
		b.now = b.now.Add(10 * time.Millisecond)
	}
	require.Len(t, b.n.log.writes, 1)

	b.step(Input{Kind: InputStored, Stored: seq})
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 2000, PrevIndex: 2, PrevTerm: 2})
	require.Equal(t, Index(2), b.one(MsgAppendReply, 2).Matched, "and once the disk is back it answers again")
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 2001, PrevIndex: 2, PrevTerm: 2})
	require.Equal(t, uint64(2001), b.one(MsgAppendReply, 2).Seq, "every time")
}

// More than what waits is promised anew, and so is anything to another leader or term.
func TestAnAcknowledgementBeyondWhatWaitsIsPromised(t *testing.T) {
	b := newBench(t, 3, 2, 1)
	b.hold = true
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 2)})
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 2, PrevIndex: 2, PrevTerm: 2, Entries: terms(3, 2)})
	require.Equal(t, Index(3), b.store[0].Then[0].Matched)
	b.hear(3, Message{Kind: MsgAppend, Term: 3, Seq: 1, PrevIndex: 2, PrevTerm: 2})
	require.Equal(t, ident(3), b.store[0].Then[0].To)
	require.Equal(t, Index(2), b.store[0].Then[0].Matched)
}

// A leader whose own disk completes nothing hands over to a voter that stores what it
// can't, and not again for a while: heartbeats need no disk, so that nobody else
// would ever take it for dead.
func TestALeaderWhoseDiskStallsHandsOver(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	for i := 2; i <= 3; i++ {
		b.hear(i, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	}
	b.hold = true
	b.propose("x")
	b.hear(3, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})

	offers := func(d time.Duration) (to []NodeID) {
		for end := b.now.Add(d); b.now < end; {
			b.now = b.n.beatAt
			b.step()
			for _, m := range b.sent {
				if m.Kind == MsgTimeoutNow {
					to = append(to, m.To.ID)
				}
			}
			for i := 2; i <= 3; i++ {
				b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
			}
		}
		return to
	}
	require.Empty(t, offers(diskStallTimeouts*DefaultElectionTimeout-DefaultHeartbeat), "a slow sync is no stall")
	require.Equal(t, []NodeID{3}, offers(handOverEvery/2), "3 stores what 1 and 2 do not")
	require.False(t, b.n.transfer.under(), "it leads on if nobody took over")
	require.Equal(t, []NodeID{3}, offers(handOverEvery))
	require.Empty(t, b.out.Refused, "nobody asked, nobody is answered")
}

// If all disks are slow there is nobody better.
func TestALeaderWhoseDiskStallsLikeAllOthersLeadsOn(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.hold = true
	b.propose("x")
	for range 100 {
		b.now = b.n.beatAt
		b.step()
		for _, m := range b.sent {
			require.NotEqual(t, MsgTimeoutNow, m.Kind)
		}
		b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
	}
	require.Equal(t, Leader, b.n.Role())
}

// A probe ends with any acknowledgement that reaches up to it, also one of an Append that
// was sent before the last reset: the follower may hold back a second one while the first
// waits for its disk, and a probe that waits for it alone moves one Append in 100 ms.
func TestAProbeEndsWithAnEarlierAcknowledgementThatReachesIt(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	b.propose("x") // seq 2
	b.propose("y") // seq 3 overtakes seq 2 and is rejected
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 3, HintIndex: 3, HintTerm: 2})
	p := b.n.peer(ident(2))
	require.True(t, p.probing)
	require.Equal(t, Index(4), p.next)
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 2})
	require.True(t, p.probing, "it says nothing about the place that is probed")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	require.False(t, p.probing)
	require.Equal(t, Index(3), b.one(MsgAppend, 2).PrevIndex)

	b.step(Input{Kind: InputPeerLost, Peer: 2})
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	require.True(t, p.probing, "a repetition is no news and opens no pipeline")
}
