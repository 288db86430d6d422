package raft

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const leaseTime = 200 * time.Millisecond

// leased starts node 1 of a cluster with leases; what it was before is another process.
func (b *bench) leased(hard HardState, log []Entry) {
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3, Lease: leaseTime}, Restored{Hard: hard, Base: Base{Config: b.base}, Entries: log}, b.now)
}

// leasing makes node 1 the leader of term 2, long after its start, with its entry committed
// and no round answered.
func leasing(t *testing.T, voters, learners int) *bench {
	b := &bench{t: t, now: 1e9}
	for i := range voters + learners {
		b.base.Members = append(b.base.Members, Member{Ident: ident(i + 1), Voter: i < voters})
	}
	b.leased(HardState{Term: 1}, terms(1, 1))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	b.lead()
	for i := 2; i <= voters; i++ {
		b.ack(i)
	}
	require.Equal(t, Index(2), b.n.Commit())
	return b
}

// word has a peer answer a round, with its word.
func (b *bench) word(from int, round uint64) {
	b.hear(from, Message{Kind: MsgHeartbeatReply, Term: b.n.Term(), Round: round, Accepted: b.n.LastIndex(), Granted: true})
}

// reads reports whether a read is answered at once.
func (b *bench) reads() bool {
	b.read(1)
	return len(b.out.Reads) == 1
}

// span is how long after a round left the lease is over, on the leader's clock.
func (b *bench) span() time.Duration {
	return leaseTime * time.Duration(1_000_000-b.n.cfg.ClockDriftPPM) / 1_000_000
}

// The lease counts from when the round left, not from when it was answered [T§6.4.1].
func TestALeaseCountsFromTheSendTime(t *testing.T) {
	b := leasing(t, 3, 0)
	round, left := b.n.reads.round, b.now
	b.now = left.Add(100 * time.Millisecond)
	b.word(2, round)
	require.True(t, b.reads())
	b.now = left.Add(b.span() - 1)
	require.True(t, b.reads(), "timed rounds go on unanswered")
	b.now = left.Add(b.span())
	require.False(t, b.reads())
}

// It takes a quorum of voters that gave their word: learners, strangers, answers of former terms
// and voters that started without leases do not count.
func TestALeaseNeedsTheWordOfAQuorum(t *testing.T) {
	b := leasing(t, 5, 2)
	round := b.n.reads.round
	b.word(2, round)
	for _, learner := range []int{6, 7, 9} {
		b.word(learner, round)
	}
	b.hear(3, Message{Kind: MsgHeartbeatReply, Term: 1, Round: round, Granted: true})
	b.hear(4, Message{Kind: MsgHeartbeatReply, Term: 2, Round: round})
	b.word(5, 0)
	require.False(t, b.reads())
	b.word(5, round)
	require.True(t, b.reads())
	require.Contains(t, b.out.Notes, Note{Kind: NoteLease, Term: 2, A: b.n.reads.round})
}

// While two majorities decide, a lease needs the word of both [§6].
func TestALeaseOfAJointConfigurationNeedsBothHalves(t *testing.T) {
	b := leasing(t, 3, 0)
	b.ask(Change{Kind: ChangeReplace, ID: 2, Member: Member{Ident: ident(4)}})
	b.ack(3)
	b.hear(4, Message{Kind: MsgAppendReply, Term: 2, Seq: 99, Granted: true, Matched: b.n.LastIndex()})
	require.Equal(t, "{1 2 3 | 1 3 4}", b.members())
	round := b.n.reads.round
	b.word(4, round)
	require.False(t, b.reads(), "{1 4} is a majority of the new voters alone")
	b.word(2, round)
	require.True(t, b.reads())
}

// A leader whose own term has committed nothing does not know what is committed, lease or not.
func TestALeaseAnswersNothingBeforeAnEntryOfTheOwnTermIsCommitted(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.leased(HardState{Term: 1}, terms(1, 1))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	b.lead()
	b.word(2, b.n.reads.round)
	require.False(t, b.reads())
	b.ack(2)
	require.Len(t, b.out.Reads, 1)
}

// TimeoutNow asks voters to forget their word, whenever it arrives: no lease may be left by
// then, even if the transfer fails and the leader leads on.
func TestALeaseEndsWhenTimeoutNowLeavesAndDoesNotComeBackInThatTerm(t *testing.T) {
	b := leasing(t, 3, 0)
	b.word(2, b.n.reads.round)
	require.True(t, b.reads())
	b.propose("x")
	b.step(Input{Kind: InputTransfer, Peer: 3, Ticket: 9})
	require.NotContains(t, b.kinds(), MsgTimeoutNow, "the target lacks an entry")
	require.True(t, b.reads())
	b.ack(3)
	b.one(MsgTimeoutNow, 3)
	require.False(t, b.reads())
	b.now = b.now.Add(b.n.cfg.ElectionTimeout / 2)
	b.word(2, b.n.reads.round)
	b.now = b.now.Add(b.n.cfg.ElectionTimeout / 2)
	b.word(2, b.n.reads.round)
	require.Equal(t, Leader, b.n.Role())
	require.False(t, b.n.transfer.under())
	b.word(2, b.n.reads.round)
	b.word(3, b.n.reads.round)
	require.False(t, b.reads(), "the target may campaign yet")
}

// votes tells the node that a candidate with the longest log asks for its vote, first whether it
// would, and reports whether it grants either.
func (b *bench) votes(term Term, transfer bool) bool {
	b.hear(3, Message{Kind: MsgPreVote, Term: term, Seq: 1, LastIndex: 9, LastTerm: 9})
	for _, m := range b.sent {
		if m.Kind == MsgPreVoteReply && m.Granted {
			return true
		}
	}
	b.hear(3, Message{Kind: MsgVote, Term: term, Seq: 1, LastIndex: 9, LastTerm: 9, Transfer: transfer})
	for _, m := range b.sent {
		if m.Kind == MsgVoteReply && m.Granted {
			return true
		}
	}
	return false
}

// A voter that answered a round keeps its word for an election timeout on its own clock.
func TestAVoterKeepsItsWordForAnElectionTimeout(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.leased(HardState{Term: 1}, terms(1, 1))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1})
	require.True(t, b.one(MsgHeartbeatReply, 2).Granted)
	b.now = b.now.Add(b.n.cfg.ElectionTimeout - 1)
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Follower, b.n.Role(), "not even for itself")
	require.False(t, b.votes(3, false))
	b.now++
	require.True(t, b.votes(3, false))
}

// A term that reaches the voter by any other way does not free it: a refusal that was long under
// way may speak of a candidate whom nobody could elect, and who would win with this vote.
func TestAHigherTermDoesNotFreeAVoterOfItsWord(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.leased(HardState{Term: 1}, terms(1, 1))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1})
	b.hear(3, Message{Kind: MsgPreVoteReply, Term: 3, Seq: 1})
	require.Equal(t, Term(3), b.n.Term())
	require.False(t, b.votes(3, false), "of the term that it is in")
	require.False(t, b.votes(4, false))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	require.True(t, b.votes(4, false))
}

// The word outlives the process that gave it, but nobody waits in a directory that never
// was in any term.
func TestAVoterThatRestartsGrantsNoVoteWhileAWordMayHold(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.leased(HardState{Term: 2}, terms(1, 1))
	b.now = b.now.Add(b.n.cfg.ElectionTimeout - 1)
	require.False(t, b.votes(3, false))
	b.now++
	require.True(t, b.votes(3, false))

	b.leased(HardState{}, nil)
	require.True(t, b.votes(3, false))

	b.leased(HardState{Term: 2}, terms(1, 1))
	require.True(t, b.votes(3, true), "the leader that asked for it holds no lease any more")

	b.start(HardState{Term: 2}, terms(1, 1))
	require.True(t, b.votes(3, false), "without leases nothing was promised")
}

// Whoever started without leases does not pretend: after a restart it would not wait.
func TestAVoterWithoutLeasesGivesNoWord(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1})
	require.False(t, b.one(MsgHeartbeatReply, 2).Granted)
}

// A lease longer than voters keep is cut to what they keep, in integers, for any clock within the
// bound: what the leader's slow clock takes for the lease is over before a voter's fast
// clock has an election timeout behind it.
func TestALeaseIsOverBeforeAnyVotersWordWhateverClocksDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		election := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "election"))
		ppm := rapid.Int64Range(1, clockDriftMaxPPM).Draw(t, "ppm")
		cfg := Config{ElectionTimeout: election, ClockDriftPPM: ppm, Lease: time.Duration(rapid.Int64Range(-1, 1<<62).Draw(t, "lease"))}
		cfg.limitLease()
		require.GreaterOrEqual(t, cfg.Lease, time.Duration(0))
		span := scale(cfg.Lease, million-uint64(ppm), million)
		// In real time: span / (1 - ppm) against election / (1 + ppm).
		mul := func(a time.Duration, b int64) *big.Int {
			return new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(b))
		}
		require.LessOrEqual(t, mul(span, million+ppm).Cmp(mul(election, million-ppm)), 0)
	})
	for _, c := range []struct {
		ppm  int64
		want time.Duration
	}{{0, 238_095_238}, {1, 249_999_750}, {1 << 40, 166_666_666}} {
		cfg := Config{ElectionTimeout: 250 * time.Millisecond, Lease: time.Hour, ClockDriftPPM: c.ppm}
		cfg.limitLease()
		require.Equal(t, c.want, cfg.Lease)
	}
}
