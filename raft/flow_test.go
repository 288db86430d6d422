package raft

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func flowBench(t *testing.T, l Limits) *bench {
	b := newBench(t, 3, 1, 1)
	b.n.cfg.Limits = l.withDefaults()
	b.lead()
	for i := 2; i <= 3; i++ {
		b.hear(i, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	}
	return b
}

func appendsTo(b *bench, to int) (n, bytes int) {
	for _, m := range b.sent {
		if m.Kind == MsgAppend && m.To == ident(to) && len(m.Entries) > 0 {
			n++
			for _, e := range m.Entries {
				bytes += len(e.Payload)
			}
		}
	}
	return n, bytes
}

// A silent follower costs a bounded pipeline, and an acknowledgement opens it again.
func TestAPipelineIsBoundedByCountAndBytes(t *testing.T) {
	b := flowBench(t, Limits{InflightMessagesMax: 3})
	sent := 0
	for range 10 {
		b.propose("x")
		n, _ := appendsTo(b, 3)
		sent += n
	}
	require.Equal(t, 3, sent)
	b.hear(3, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	n, _ := appendsTo(b, 3)
	require.Equal(t, 1, n, "one flight landed, one batch with all that waited leaves")

	b = flowBench(t, Limits{InflightBytesMax: 100})
	for range 10 {
		b.propose(string(bytes.Repeat([]byte("x"), 60)))
	}
	p := b.n.peer(ident(3))
	require.Len(t, p.inflight, 2)
	require.Equal(t, 120, p.bytes)
}

// One Append holds a bounded number of bytes and entries, but always at least one entry.
func TestAnAppendIsBoundedByCountAndBytes(t *testing.T) {
	b := flowBench(t, Limits{AppendBytesMax: 10, AppendEntriesMax: 4})
	var in []Input
	for _, size := range []int{6, 4, 1, 50, 1, 1, 1, 1, 1} {
		in = append(in, Input{Kind: InputPropose, Proposal: Proposal{Kind: EntryCommand, Payload: make([]byte, size)}})
	}
	b.step(in...)
	var got [][]int
	for _, m := range b.sent {
		if m.Kind == MsgAppend && m.To == ident(2) {
			var sizes []int
			for _, e := range m.Entries {
				sizes = append(sizes, len(e.Payload))
			}
			got = append(got, sizes)
		}
	}
	require.Equal(t, [][]int{{6, 4}, {1}, {50}, {1, 1, 1, 1}, {1}}, got)
}

// What is appended and not committed is bounded, charged and refunded alike: a leader
// that lost its majority refuses, and takes commands again when it has it back.
func TestUncommittedBytesAreBoundedAndRefunded(t *testing.T) {
	b := flowBench(t, Limits{UncommittedBytesMax: 10})
	refused := func() []Refusal { return b.out.Refused }
	b.hold = true // so that out is the last Step's
	for range 10 {
		b.propose("x")
		require.Empty(t, refused())
	}
	b.propose("x")
	require.Equal(t, []Refusal{{1, RefusedBusy, 1}}, refused())
	for i := 2; i <= 3; i++ {
		b.hear(i, Message{Kind: MsgAppendReply, Term: 2, Seq: 99, Granted: true, Matched: b.n.LastIndex()})
	}
	require.Equal(t, b.n.LastIndex(), b.n.Commit())
	require.Zero(t, b.n.uncommitted)
	b.propose("more than ten bytes")
	require.Empty(t, refused(), "one command always fits an empty pipe")
}

// So is what waits for the own disk.
func TestUnstoredBytesAreBounded(t *testing.T) {
	b := flowBench(t, Limits{UnstoredBytesMax: 10})
	b.hold = true
	b.propose("more than ten bytes")
	require.Empty(t, b.out.Refused)
	b.propose("x")
	require.Equal(t, RefusedBusy, b.out.Refused[0].Reason)
	b.step(Input{Kind: InputStored, Stored: b.n.nextSeq})
	b.propose("x")
	require.Empty(t, b.out.Refused)
}

func TestACommandBeyondTheBoundIsRefused(t *testing.T) {
	b := flowBench(t, Limits{CommandBytesMax: 3})
	b.hold = true
	b.propose("four")
	require.Equal(t, []Refusal{{1, RefusedTooLarge, 1}}, b.out.Refused)
}

// A peer whose messages are dropped at once is not sent them again at once: it
// costs heartbeats until it answers one.
func TestALostPeerIsProbedOnlyAfterItAnswersAHeartbeat(t *testing.T) {
	b := flowBench(t, Limits{})
	b.propose("x")
	for range 5 {
		b.step(Input{Kind: InputPeerLost, Peer: 3})
		n, _ := appendsTo(b, 3)
		require.Zero(t, n)
	}
	for range 3 {
		b.now = b.n.beatAt
		b.step()
		b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
	}
	b.hear(3, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 2})
	n, _ := appendsTo(b, 3)
	require.Equal(t, 1, n)
}

// Without new commands a follower still learns at once that they are committed.
func TestACommitIsToldAtOnceToAnIdlePipeline(t *testing.T) {
	b := flowBench(t, Limits{})
	b.propose("x")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	m := b.one(MsgAppend, 3)
	require.Empty(t, m.Entries)
	require.Equal(t, Index(3), m.Commit)
}

// The hot path allocates a handful of slices per Step, however many commands it takes.
func BenchmarkStepProposals(b *testing.B) {
	const batch = 256
	t := &testing.T{}
	c := flowBench(t, Limits{})
	in := make([]Input, batch)
	payload := make([]byte, 128)
	for i := range in {
		in[i] = Input{Kind: InputPropose, Proposal: Proposal{Ticket: uint64(i), Kind: EntryCommand, Payload: payload}}
	}
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		c.n.Step(c.now, in, &out)
		last, seq := c.n.LastIndex(), out.Store[0].Seq
		out.Reset()
		reply := Message{Kind: MsgAppendReply, Cluster: scriptCluster, From: ident(2), To: ident(1), Term: 2, Seq: 1 << 40, Granted: true, Matched: last}
		other := reply
		other.From = ident(3)
		c.n.Step(c.now, []Input{{Kind: InputStored, Stored: seq}, {Kind: InputMessage, Message: &reply}, {Kind: InputMessage, Message: &other}}, &out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/command")
}

// A follower that learns of a long committed log puts it out in bounded pieces and asks to be called
// again at once; meanwhile it answers its leader.
func TestALongCommittedLogIsPutOutInPieces(t *testing.T) {
	b := newBench(t, 3, 2)
	b.n.cfg.Limits.DeliverEntriesMax = 3
	b.hold = true
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Entries: terms(1, 1, 1, 1, 2, 2, 2, 2), Commit: 7})
	require.Len(t, b.all, 3)
	require.Equal(t, b.now, b.out.WakeAt)
	b.step()
	require.Len(t, b.all, 6)
	b.step()
	require.Equal(t, terms(1, 1, 1, 1, 2, 2, 2, 2), b.all)
	require.Greater(t, b.out.WakeAt, b.now)
}

// A read waits until everything committed before it has been put out.
func TestAReadWaitsForWhatItMustSee(t *testing.T) {
	b := newBench(t, 1, 1, 1, 1, 1, 1)
	b.n.cfg.Limits.DeliverEntriesMax = 2
	b.now = b.n.electionAt
	b.step()
	require.Equal(t, Leader, b.n.Role())
	b.hold = true
	for applied := len(b.all); ; {
		b.step(Input{Kind: InputRead, Ticket: uint64(applied)})
		applied = len(b.all)
		for _, r := range b.out.Reads {
			require.LessOrEqual(t, int(r.Index), applied)
		}
		if len(b.out.Reads) > 0 {
			require.Equal(t, Index(5), b.out.Reads[0].Index)
			return
		}
	}
}
