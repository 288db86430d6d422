package host

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

func put(q *PeerQueue, kind raft.MessageKind, seq uint64, bytes int) {
	m := raft.Message{Kind: kind, Seq: seq, Entries: []raft.Entry{{Payload: make([]byte, bytes)}}}
	q.Put(&m)
}

func seqs(msgs []raft.Message) (s []uint64) {
	for i := range msgs {
		s = append(s, msgs[i].Seq)
	}
	return s
}

func newTestQueue(limits QueueLimits) (q *PeerQueue, lost *int) {
	lost = new(int)
	return NewPeerQueue(LaneProtocol, limits, func() { *lost++ }), lost
}

func TestVotesAndHeartbeatsPassWhatIsStuck(t *testing.T) {
	q, lost := newTestQueue(QueueLimits{Messages: 2})
	q.SetUp(true)
	put(q, raft.MsgAppend, 1, 10)
	put(q, raft.MsgAppendReply, 2, 0)
	put(q, raft.MsgVote, 3, 0)
	put(q, raft.MsgHeartbeat, 4, 0)
	<-q.Wake()
	require.False(t, q.Empty())
	require.Equal(t, []uint64{3, 4, 1, 2}, seqs(q.Take(nil)))
	require.True(t, q.Empty())
	require.Empty(t, q.Take(nil))
	require.Zero(t, *lost)
}

func TestBytesAreBoundedButOneMessageAlwaysFits(t *testing.T) {
	q, lost := newTestQueue(QueueLimits{Bytes: 100})
	q.SetUp(true)
	put(q, raft.MsgAppend, 1, 1000)
	require.Zero(t, *lost)
	put(q, raft.MsgAppend, 2, 1)
	require.Equal(t, 1, *lost)
	require.Equal(t, []uint64{1}, seqs(q.Take(nil)))
	put(q, raft.MsgAppend, 3, 60)
	put(q, raft.MsgAppend, 4, 40)
	require.Equal(t, []uint64{3, 4}, seqs(q.Take(nil)))
}

func TestTheBulkLaneHasBoundsOfItsOwn(t *testing.T) {
	lost := 0
	q := NewPeerQueue(LaneBulk, QueueLimits{Messages: 1, Bytes: 1, BulkMessages: 3, BulkBytes: 100}, func() { lost++ })
	q.SetUp(true)
	for seq, bytes := range []int{60, 40, 1} { // the third is beyond the bytes
		put(q, raft.MsgBlob, uint64(seq), bytes)
	}
	require.Equal(t, []uint64{0, 1}, seqs(q.Take(nil)))
	require.Equal(t, 1, lost)
	for seq := range uint64(4) {
		put(q, raft.MsgSnapshotChunk, seq, 0)
	}
	require.Equal(t, []uint64{0, 1, 2}, seqs(q.Take(nil)))
}

func TestOfTooManyUrgentMessagesTheOldestGoes(t *testing.T) {
	q, lost := newTestQueue(QueueLimits{Urgent: 2})
	q.SetUp(true)
	for seq := range uint64(4) {
		put(q, raft.MsgHeartbeat, seq, 0)
	}
	require.Equal(t, 1, *lost)
	require.Equal(t, []uint64{2, 3}, seqs(q.Take(nil)))
}

// What is at stake: the protocol answers a loss by sending again at once; if every
// drop were reported at once, a dead peer would keep the loop busy for ever.
func TestADeadPeerIsReportedOnceAndAgainWhenItIsBack(t *testing.T) {
	q, lost := newTestQueue(QueueLimits{})
	for seq := range uint64(5) {
		put(q, raft.MsgAppend, seq, 0)
	}
	require.Equal(t, 1, *lost)
	q.SetUp(true)
	require.Equal(t, 2, *lost, "drops after the report are owed")
	put(q, raft.MsgAppend, 9, 0)
	require.Equal(t, []uint64{9}, seqs(q.Take(nil)), "nothing old is sent")

	q.SetUp(false)
	require.Equal(t, 3, *lost, "what was on the way may be lost")
	q.SetUp(true)
	require.Equal(t, 3, *lost, "nothing was dropped since")
}

func TestAnOverflowIsReportedOnceAndAgainWhenTheSenderMovesOn(t *testing.T) {
	q, lost := newTestQueue(QueueLimits{Messages: 1})
	q.SetUp(true)
	for seq := range uint64(5) {
		put(q, raft.MsgAppend, seq, 0)
	}
	require.Equal(t, 1, *lost)
	require.Equal(t, []uint64{0}, seqs(q.Take(nil)))
	require.Equal(t, 2, *lost)
	put(q, raft.MsgAppend, 7, 0)
	require.Equal(t, []uint64{7}, seqs(q.Take(nil)))
	require.Equal(t, 2, *lost)
}
