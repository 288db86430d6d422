package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// following makes node 1 a follower of node 2 in term 2, with three entries of which two are
// committed.
func following(t *testing.T) *bench {
	b := newBench(t, 3, 1, 1, 1)
	b.follow()
	return b
}

func (b *bench) follow() {
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1, Entries: terms(3, 2), Commit: 2})
	require.Equal(b.t, ident(2), b.n.Leader())
}

func (b *bench) read(tickets ...uint64) {
	var in []Input
	for _, t := range tickets {
		in = append(in, Input{Kind: InputRead, Ticket: t})
	}
	b.step(in...)
}

// answer has node 2 answer a question of term 2.
func (b *bench) answer(number uint64, index Index) {
	b.hear(2, Message{Kind: MsgReadIndexReply, Term: 2, Seq: number, Granted: true, Commit: index})
}

func lostTerm(tickets ...uint64) []Refusal {
	var out []Refusal
	for _, t := range tickets {
		out = append(out, Refusal{Ticket: t, Reason: RefusedLostTerm, Hint: 2})
	}
	return out
}

// A follower answers from a state that has applied the leader's index, however late it gets there.
func TestAFollowerAnswersAReadWhenItHasAppliedTheLeadersIndex(t *testing.T) {
	b := following(t)
	b.read(1)
	ask := b.one(MsgReadIndex, 2)
	b.answer(ask.Seq, 4)
	require.Empty(t, b.out.Reads, "entry 4 has not come")
	require.Equal(t, Index(3), b.n.Commit(), "what has come matches the leader's log, and is committed")
	b.hold = true
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 9, PrevIndex: 3, PrevTerm: 2, Entries: terms(4, 2), Commit: 4})
	require.Equal(t, []ReadReady{{1, 4}}, b.out.Reads)
	require.Equal(t, Index(4), b.all[len(b.all)-1].Index, "put out in the same Step")
	b.answer(ask.Seq, 4)
	require.Empty(t, b.out.Reads, "an answer that comes twice finds nobody")
	require.Equal(t, b.n.electionAt, b.out.WakeAt)
}

// However many reads wait, a Step asks one question, and no more than two are under way.
func TestReadsOfAFollowerShareQuestions(t *testing.T) {
	b := following(t)
	b.read(1, 2, 3)
	first := b.one(MsgReadIndex, 2)
	b.read(4)
	second := b.one(MsgReadIndex, 2)
	for ticket := uint64(5); ticket < 50; ticket++ {
		b.read(ticket)
		require.Empty(t, b.sent)
	}
	b.answer(second.Seq, 2)
	require.Equal(t, []ReadReady{{4, 2}}, b.out.Reads)
	third := b.one(MsgReadIndex, 2)
	b.answer(first.Seq, 1)
	require.Equal(t, []ReadReady{{1, 1}, {2, 1}, {3, 1}}, b.out.Reads)
	b.answer(third.Seq, 2)
	require.Len(t, b.out.Reads, 45)
	require.True(t, b.n.asks.idle())
}

// A read is answered for its own question alone, by the leader of its own term: anything else may
// speak of a time before the read began.
func TestAnAnswerCountsOnlyForItsQuestionItsLeaderAndItsTerm(t *testing.T) {
	b := following(t)
	b.read(1)
	ask := b.one(MsgReadIndex, 2)
	good := Message{Kind: MsgReadIndexReply, Term: 2, Seq: ask.Seq, Granted: true, Commit: 1}
	for name, change := range map[string]func(*Message) int{
		"an older question":               func(m *Message) int { m.Seq--; return 2 },
		"a later question":                func(m *Message) int { m.Seq++; return 2 },
		"another node":                    func(m *Message) int { return 3 },
		"an older term":                   func(m *Message) int { m.Term = 1; return 2 },
		"another directory of the leader": func(m *Message) int { return -2 },
	} {
		m := good
		if from := change(&m); from > 0 {
			b.hear(from, m)
		} else {
			m.Cluster, m.From, m.To = scriptCluster, Ident{2, 8}, ident(1)
			b.step(Input{Kind: InputMessage, Message: &m})
		}
		require.Empty(t, b.out.Reads, name)
		require.Empty(t, b.out.Refused, name)
	}
	b.hear(2, good)
	require.Equal(t, []ReadReady{{1, 1}}, b.out.Reads)
}

// The incarnation is the same after a restart, and so may term and leader be: the answer to a
// question that a former process asked must not answer a read of this one, which began
// later and may have to see more. That holds even if both were given one seed.
func TestALateAnswerToAFormerProcessAnswersNobody(t *testing.T) {
	for _, questions := range []int{1, 2} {
		b := following(t)
		var asked []uint64
		for i := range questions {
			b.read(uint64(i))
			asked = append(asked, b.one(MsgReadIndex, 2).Seq)
		}
		b.now = b.now.Add(time.Millisecond)
		b.start(b.n.HardState(), append(terms(1, 1, 1), terms(3, 2)...))
		b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1, Commit: 3})
		b.read(7)
		for _, number := range asked {
			b.answer(number, 1)
			require.Empty(t, b.out.Reads)
		}
		for number := uint64(0); number < 100; number++ {
			b.answer(number, 1)
			require.Empty(t, b.out.Reads, "nor do small numbers mean anything")
		}
		require.Equal(t, 1, b.n.asks.pending())
	}
}

// Every read at a follower ends: with the leader, with the term, with a loss, with a refusal, or
// with time. None waits for ever.
func TestEveryReadOfAFollowerEnds(t *testing.T) {
	for name, end := range map[string]func(b *bench){
		"a new term": func(b *bench) { b.hear(3, Message{Kind: MsgHeartbeat, Term: 3, Round: 1}) },
		"a campaign": func(b *bench) {
			b.n.electionAt = b.now
			b.step()
			require.Equal(b.t, PreCandidate, b.n.Role())
		},
		"a connection that broke": func(b *bench) { b.step(Input{Kind: InputPeerLost, Peer: 2}) },
		"time": func(b *bench) {
			require.LessOrEqual(b.t, b.out.WakeAt, b.n.asks.deadline(), "it must be called in time")
			b.now = b.n.asks.deadline()
			b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1, Commit: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := following(t)
			b.read(1)
			b.read(2)
			b.answer(b.one(MsgReadIndex, 2).Seq, 9) // known, and far ahead
			b.read(3)
			b.hold = true // one Step
			end(b)
			var refused []uint64
			for _, r := range b.out.Refused {
				require.Equal(t, RefusedLostTerm, r.Reason)
				refused = append(refused, r.Ticket)
			}
			if name == "a connection that broke" {
				require.Equal(t, []uint64{1, 3}, refused, "the one that was answered needs no connection")
				b.now = b.n.asks.deadline()
				b.step()
				require.Equal(t, uint64(2), b.out.Refused[0].Ticket, "but entry 9 does not come")
			} else {
				require.ElementsMatch(t, []uint64{1, 2, 3}, refused)
			}
			require.True(t, b.n.asks.idle())
		})
	}
	b := following(t)
	b.read(1, 2)
	b.hear(2, Message{Kind: MsgReadIndexReply, Term: 2, Seq: b.one(MsgReadIndex, 2).Seq})
	require.Equal(t, lostTerm(1, 2), b.out.Refused)
}

// Without a leader there is nobody to ask, and who may not ask says so; a flood of reads is refused.
func TestAReadThatCannotBeAskedForIsRefusedAtOnce(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.read(1)
	require.Equal(t, []Refusal{{1, RefusedNotLeader, 0}}, b.out.Refused)
	b = following(t)
	b.n.cfg.LeaderReadsOnly = true
	b.read(1)
	require.Equal(t, []Refusal{{1, RefusedNotLeader, 2}}, b.out.Refused)
	b = following(t)
	b.n.cfg.Limits.ReadsPendingMax = 2
	b.read(1, 2, 3)
	require.Equal(t, []Refusal{{3, RefusedBusy, 2}}, b.out.Refused)
}

// The leader answers a question when a quorum has answered a round that left after it came, with
// what was committed when the round left; not earlier than an entry of its own term is.
func TestALeaderAnswersAQuestionAfterARound(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	ask := Message{Kind: MsgReadIndex, Term: 2, Seq: 77}
	b.hear(3, ask)
	b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round})
	require.NotContains(t, b.kinds(), MsgReadIndexReply, "nothing of its own term is committed")
	b.ack(2)
	require.Equal(t, Index(2), b.n.Commit())
	round := b.one(MsgHeartbeat, 2).Round
	require.NotContains(t, b.kinds(), MsgReadIndexReply)
	b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: round - 1})
	require.NotContains(t, b.kinds(), MsgReadIndexReply, "an older round proves nothing")
	b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: round})
	reply := b.one(MsgReadIndexReply, 3)
	require.True(t, reply.Granted)
	require.Equal(t, []uint64{77, 2}, []uint64{reply.Seq, uint64(reply.Commit)})
}

// What a leader can't answer it refuses, so that nobody waits for it.
func TestALeaderRefusesAQuestionThatItCannotAnswer(t *testing.T) {
	refused := func(b *bench, to int, term Term) {
		t.Helper()
		reply := b.one(MsgReadIndexReply, to)
		require.False(t, reply.Granted)
		require.Equal(t, []uint64{7, uint64(term)}, []uint64{reply.Seq, uint64(reply.Term)})
	}
	b := leadWith(t, 3, 1)
	b.hear(3, Message{Kind: MsgReadIndex, Term: 1, Seq: 7})
	refused(b, 3, 2) // its term shows it that it is behind
	b.hear(9, Message{Kind: MsgReadIndex, Term: 2, Seq: 7})
	refused(b, 9, 2) // no member
	b.hear(4, Message{Kind: MsgReadIndex, Term: 2, Seq: 7})
	require.NotContains(t, b.kinds(), MsgReadIndexReply, "a learner may ask")
	b.hear(3, Message{Kind: MsgHeartbeat, Term: 3, Round: 1})
	require.Equal(t, Follower, b.n.Role())
	refused(b, 4, 3) // with the term
	b.hear(3, Message{Kind: MsgReadIndex, Term: 3, Seq: 7})
	refused(b, 3, 3) // not the leader

	b = leadWith(t, 3, 0)
	b.n.cfg.Limits.ReadsPendingMax = 2
	b.read(1)
	b.hear(2, Message{Kind: MsgReadIndex, Term: 2, Seq: 6})
	b.hear(3, Message{Kind: MsgReadIndex, Term: 2, Seq: 7})
	refused(b, 3, 2) // too many wait
}
