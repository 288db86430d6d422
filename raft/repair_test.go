package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The five exits of repair and what a damaged node may not do, rule by rule. Conversations are in
// testdata/scripts: damage, damage_leader, damage_cut, damage_blind, snapshot.

// damagedBench is node 1 of n, in term 1, with entries 1 to 5 of term 1 of which the given ones are lost.
func damagedBench(t *testing.T, voters int, lost ...Index) *bench {
	b := newBench(t, voters, 1)
	log := terms(1, 1, 1, 1, 1, 1)
	for _, i := range lost {
		log[i-1] = Entry{Index: i, Term: 1, Sum: log[i-1].Sum}
	}
	b.start(HardState{Term: 1}, log)
	return b
}

func TestADamagedNodeVotesByTheEndThatItsLogHad(t *testing.T) {
	b := damagedBench(t, 3, 2, 4)
	b.hear(2, Message{Kind: MsgVote, Term: 2, Seq: 1, LastIndex: 4, LastTerm: 1})
	require.False(t, b.one(MsgVoteReply, 2).Granted)
	b.hear(3, Message{Kind: MsgVote, Term: 3, Seq: 1, LastIndex: 5, LastTerm: 1})
	require.True(t, b.one(MsgVoteReply, 3).Granted)
}

func TestADamagedNodeNeverCampaigns(t *testing.T) {
	b := damagedBench(t, 3, 3)
	for range 20 {
		b.now = b.now.Add(time.Second)
		b.step()
		require.Equal(t, Follower, b.n.Role())
	}
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Follower, b.n.Role())
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 9, Round: 1})
	b.hear(2, Message{Kind: MsgTimeoutNow, Term: 9})
	require.Equal(t, Follower, b.n.Role())
}

func TestADamagedNodeAcknowledgesAndDeliversNothingFromTheHoleOn(t *testing.T) {
	b := damagedBench(t, 3, 3)
	// The leader believes that it has everything.
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 5, PrevTerm: 1, Commit: 5})
	reply := b.one(MsgAppendReply, 2)
	require.False(t, reply.Granted)
	require.True(t, reply.Lost)
	require.Equal(t, Index(2), reply.HintIndex)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 2, PrevIndex: 2, PrevTerm: 1, Commit: 5})
	require.Equal(t, Index(2), b.one(MsgAppendReply, 2).Matched)
	require.Len(t, b.all, 2)
	require.Equal(t, Index(2), b.n.Commit())
}

func TestTheLeadersAppendBringsALostEntryBackAndKeepsWhatFollows(t *testing.T) {
	b := damagedBench(t, 3, 3)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1, Commit: 3, Entries: terms(1, 1, 1, 1)[2:]})
	require.Equal(t, terms(1, 1, 1, 1)[2:], b.store[0].Fill)
	require.Zero(t, b.store[0].Truncate)
	require.Equal(t, Index(3), b.one(MsgAppendReply, 2).Matched, "as far as the leader asked, not to the end")
	require.Equal(t, []Term{1, 1, 1, 1, 1}, b.logTerms())
	require.False(t, b.n.damaged())
}

func TestALostEntryIsNotFilledByAnotherOne(t *testing.T) {
	b := damagedBench(t, 3, 3)
	other := Entry{Index: 3, Term: 1, Kind: EntryCommand, Payload: []byte("another")}
	other.Sum = EntrySum(scriptCluster, &other)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1, Entries: []Entry{other}})
	require.True(t, b.n.damaged())
	b.hear(3, Message{Kind: MsgRepairReply, Term: 2, PrevIndex: 2, LastTerm: 1, Holding: HoldingEntry, Entries: []Entry{other}})
	require.True(t, b.n.damaged())
	require.Empty(t, b.store)
}

func TestAnyPeersAnswerBringsALostEntryBack(t *testing.T) {
	b := damagedBench(t, 3, 3)
	b.now = b.now.Add(time.Second)
	b.step()
	ask := b.one(MsgRepairAsk, 3)
	require.Equal(t, []Index{2, 3}, []Index{ask.PrevIndex, ask.LastIndex})
	require.Equal(t, Term(1), ask.LastTerm)
	b.hear(3, Message{Kind: MsgRepairReply, Term: 1, Seq: ask.Seq, PrevIndex: 2, LastTerm: 1, Holding: HoldingEntry, Entries: terms(1, 1, 1, 1)[2:]})
	require.False(t, b.n.damaged())
	b.now = b.now.Add(time.Second)
	b.step()
	require.Equal(t, PreCandidate, b.n.Role(), "it may campaign again")
}

// Everybody is asked and everybody has it. If each answer asked everybody again, there would be four times as many with
// every round.
func TestOnlyAnAnswerThatBringsSomethingAsksForMore(t *testing.T) {
	b := damagedBench(t, 5, 2, 4)
	entry := func(i Index) []Entry { return terms(1, 1, 1, 1, 1, 1)[i-1 : i] }
	answer := func(from int, i Index) int {
		b.hear(from, Message{Kind: MsgRepairReply, Term: 1, PrevIndex: i - 1, LastTerm: 1, Holding: HoldingEntry, Entries: entry(i)})
		asked := 0
		for _, kind := range b.kinds() {
			if kind == MsgRepairAsk {
				asked++
			}
		}
		return asked
	}
	require.Equal(t, 4, answer(2, 2), "the other hole")
	require.Zero(t, answer(3, 2))
	require.Zero(t, answer(4, 2))
	require.Zero(t, answer(2, 4), "nothing is missing any more")
}

// An answer to a question of the process before may come beside one of this one, and be about a later hole. The
// disk takes what is filled in the order of the log.
func TestWhatIsFilledInOneStepGoesToTheDiskInItsOrder(t *testing.T) {
	b := damagedBench(t, 3, 2, 4)
	all := terms(1, 1, 1, 1, 1, 1)
	var in []Input
	for _, i := range []Index{4, 2} {
		in = append(in, Input{Kind: InputMessage, Message: &Message{Kind: MsgRepairReply, From: ident(2), To: ident(1), Cluster: scriptCluster,
			Term: 1, PrevIndex: i - 1, LastTerm: 1, Holding: HoldingEntry, Entries: all[i-1 : i]}})
	}
	b.step(in...)
	var filled []Index
	for _, s := range b.store {
		for i := range s.Fill {
			filled = append(filled, s.Fill[i].Index)
		}
	}
	require.Equal(t, []Index{2, 4}, filled)
}

func TestALeadersEntryOfAnotherTermEndsTheDamage(t *testing.T) {
	b := damagedBench(t, 3, 3, 5)
	e := Entry{Index: 3, Term: 2, Kind: EntryNoop}
	e.Sum = EntrySum(scriptCluster, &e)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1, Entries: []Entry{e}})
	require.Equal(t, []Term{1, 1, 2}, b.logTerms())
	require.False(t, b.n.damaged())
}

func TestASnapshotEndsTheDamageThatItCovers(t *testing.T) {
	b := damagedBench(t, 3, 2, 5)
	base := Base{Entry: EntryID{3, 1}, Config: b.base}
	b.step(Input{Kind: InputInstall, Base: &base})
	require.Equal(t, Index(3), b.first.Installed)
	require.Equal(t, Index(5), b.n.Status().Hole, "what it does not cover is still lost")
	require.Equal(t, EntryID{3, 1}, b.store[0].Base)
	require.False(t, b.store[0].Reset)
	base.Entry.Index = 7
	b.step(Input{Kind: InputInstall, Base: &base})
	require.True(t, b.store[0].Reset)
	require.False(t, b.n.damaged())
}

// cutBench asks for a lost entry of term 1 until the term is above it.
func cutBench(t *testing.T, voters int) (*bench, Message) {
	b := damagedBench(t, voters, 4, 5)
	for range repairRounds + 1 {
		b.now = b.now.Add(time.Second)
		b.step()
	}
	ask := b.one(MsgRepairAsk, 2)
	require.Equal(t, Term(2), ask.Term)
	return b, ask
}

func none(ask Message) Message {
	return Message{Kind: MsgRepairReply, Term: ask.Term, Seq: ask.Seq, PrevIndex: ask.PrevIndex, LastTerm: ask.LastTerm, Holding: HoldingNone}
}

func TestALostEntryIsCutWhenSoManyLackItThatNoQuorumCanHaveIt(t *testing.T) {
	b, ask := cutBench(t, 4)
	b.hear(2, none(ask))
	b.hear(2, none(ask))
	require.True(t, b.n.damaged(), "one voter counts once")
	b.hear(3, none(ask))
	require.Equal(t, []Term{1, 1, 1}, b.logTerms())
	require.Equal(t, Index(4), b.store[0].Truncate)
	require.False(t, b.n.damaged())
}

func TestAnAnswerThatProvesNothingCutsNothing(t *testing.T) {
	b, ask := cutBench(t, 4)
	b.hear(2, none(ask))
	for what, spoil := range map[string]func(m *Message){
		"damaged itself":                              func(m *Message) { m.Holding = HoldingUnsure },
		"compacted":                                   func(m *Message) { m.Holding = HoldingOther },
		"of another entry":                            func(m *Message) { m.PrevIndex-- },
		"of an entry of another term":                 func(m *Message) { m.LastTerm++ },
		"to an earlier question":                      func(m *Message) { m.Seq-- },
		"of a term that the entry's leader still has": func(m *Message) { m.Term = 1 },
		"of another directory of a voter":             func(m *Message) { m.From.Inc = 99 },
	} {
		m := none(ask)
		m.Cluster, m.From, m.To = scriptCluster, ident(3), ident(1)
		spoil(&m)
		b.step(Input{Kind: InputMessage, Message: &m})
		require.True(t, b.n.damaged(), what)
	}
}

func TestALostEntryThatNoMemberHasIsSaidToBeLost(t *testing.T) {
	b, ask := cutBench(t, 3)
	unsure := none(ask)
	unsure.Holding = HoldingUnsure
	b.hear(2, unsure)
	require.Zero(t, b.n.Status().Lost)
	b.hear(3, unsure)
	require.Equal(t, Index(4), b.n.Status().Lost)
	require.Equal(t, Index(4), b.n.Status().Hole)
	require.True(t, b.n.damaged(), "and it is not cut")
}

// In a pair, and with any number of voters of whom all but the asking one lack the entry, the last answer is the one that proves that
// nobody can have committed it. An operator who were told that it is lost would restore a backup, for an entry that never counted.
func TestALostEntryIsNotSaidToBeLostByTheAnswerThatProvesThatItNeverCounted(t *testing.T) {
	for _, voters := range []int{2, 3} {
		b, ask := cutBench(t, voters)
		for from := 2; from <= voters; from++ {
			b.hear(from, none(ask))
		}
		var said []NoteKind
		for _, n := range b.first.Notes {
			said = append(said, n.Kind)
		}
		require.Contains(t, said, NoteCut, "%d voters", voters)
		require.NotContains(t, said, NoteLost, "%d voters", voters)
	}
}

func TestInAJointConfigurationTheIncomingHalfMustLackTheEntry(t *testing.T) {
	b := newBench(t, 3, 1)
	joint := b.base.Clone()
	for i := range joint.Members {
		joint.Members[i].VoterOld = true // 1 2 3 | 3 4 5 …
		joint.Members[i].Voter = i == 2
	}
	for id := 4; id <= 5; id++ {
		joint = joint.with(Member{Ident: ident(id), Voter: true})
	}
	log := terms(1, 1, 1, 1)
	log[1].Kind, log[1].Payload = EntryConfig, AppendConfiguration(nil, &joint)
	log[2] = Entry{Index: 3, Term: 1}
	b.start(HardState{Term: 1}, log)
	for range repairRounds + 1 {
		b.now = b.now.Add(time.Second)
		b.step()
	}
	ask := b.one(MsgRepairAsk, 4)
	b.hear(2, none(ask))
	b.hear(3, none(ask)) // two of three outgoing voters: the incoming ones may have decided alone
	require.True(t, b.n.damaged())
	b.hear(5, none(ask))
	require.False(t, b.n.damaged())
}

func TestANodeSaysOfALostEntryOnlyWhatItKnows(t *testing.T) {
	ask := Message{Kind: MsgRepairAsk, Term: 2, Seq: 8, PrevIndex: 2, LastIndex: 4, LastTerm: 1}
	for _, c := range []struct {
		name string
		make func() *bench
		want Holding
	}{
		{"it has it", func() *bench { return damagedBench(t, 3) }, HoldingEntry},
		{"it has it, and lost a later one", func() *bench { return damagedBench(t, 3, 4) }, HoldingEntry},
		{"it lost it too", func() *bench { return damagedBench(t, 3, 3) }, HoldingUnsure},
		{"it has it, and lost one before", func() *bench { return damagedBench(t, 3, 2) }, HoldingEntry},
		{"it has another, and lost one before", func() *bench {
			b := newBench(t, 3, 1)
			log := terms(1, 1, 1, 2)
			log[1] = Entry{Index: 2, Term: 1}
			b.start(HardState{Term: 2}, log)
			return b
		}, HoldingUnsure},
		{"its log is shorter", func() *bench { return newBench(t, 3, 1, 1, 1) }, HoldingNone},
		{"it has another", func() *bench { return newBench(t, 3, 2, 1, 1, 2) }, HoldingNone},
		{"its log is shorter than it was", func() *bench {
			b := newBench(t, 3, 1)
			b.start(HardState{Term: 1, Floor: EntryID{4, 1}}, terms(1, 1, 1))
			return b
		}, HoldingUnsure},
		{"it has compacted it", func() *bench {
			b := newBench(t, 3, 1, 1, 1, 1, 1)
			b.hear(2, Message{Kind: MsgAppend, Term: 1, Seq: 1, PrevIndex: 4, PrevTerm: 1, Commit: 4})
			b.step(Input{Kind: InputCompact, Index: 3})
			b.now = b.now.Add(time.Second)
			return b
		}, HoldingOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.make()
			b.hear(3, ask)
			reply := b.one(MsgRepairReply, 3)
			require.Equal(t, c.want, reply.Holding)
			require.Equal(t, c.want == HoldingEntry, len(reply.Entries) > 0)
			require.GreaterOrEqual(t, reply.Term, Term(2), "its term is above the entry's before it answers")
		})
	}
}

// What a snapshot holds is committed, so that it need not come from a leader: there may be none for want of it.
func TestWhoHasCompactedALostEntryOffersASnapshotWhoeverLeads(t *testing.T) {
	b := newBench(t, 3, 1, 1, 1, 1, 1)
	b.hear(2, Message{Kind: MsgAppend, Term: 1, Seq: 1, PrevIndex: 4, PrevTerm: 1, Commit: 4})
	b.step(Input{Kind: InputCompact, Index: 3})
	b.now = b.now.Add(time.Second)
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 8, PrevIndex: 3, LastIndex: 4, LastTerm: 1})
	require.Empty(t, b.first.Lagging, "the log has it")
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 9, PrevIndex: 2, LastIndex: 4, LastTerm: 1})
	require.Equal(t, []Ident{ident(3)}, b.first.Lagging)
}

func TestALoyalVoterAnswersAQuestionForRepairInItsOwnTerm(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 1, Round: 1})
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 5, Seq: 1, PrevIndex: 2, LastIndex: 3, LastTerm: 1})
	require.Empty(t, b.sent)
	require.Equal(t, Term(1), b.n.Term())
}

func TestAFloorHoldsUntilTheLogIsAsUpToDateAgain(t *testing.T) {
	b := newBench(t, 3, 1)
	floor := EntryID{4, 2}
	b.start(HardState{Term: 2, Floor: floor}, terms(1, 1, 1))
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Follower, b.n.Role())
	b.hear(2, Message{Kind: MsgVote, Term: 3, Seq: 1, LastIndex: 9, LastTerm: 1})
	require.False(t, b.one(MsgVoteReply, 2).Granted)
	b.hear(3, Message{Kind: MsgAppend, Term: 4, Seq: 1, PrevIndex: 2, PrevTerm: 1, Entries: terms(3, 2)})
	require.Equal(t, floor, b.n.HardState().Floor, "of its term, and shorter")
	b.hear(3, Message{Kind: MsgAppend, Term: 4, Seq: 2, PrevIndex: 3, PrevTerm: 2, Entries: terms(4, 2)})
	require.Zero(t, b.n.HardState().Floor)
	require.Zero(t, b.store[0].Hard.Floor, "in the write that brings the entry")
}

func TestTheLeaderSendsAgainWhatAPeerLost(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	for range 3 {
		b.propose("x")
	}
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 5})
	require.Equal(t, Index(5), b.n.Commit())
	seq := b.n.peer(ident(2)).seq
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: seq + 1, HintIndex: 2, HintTerm: 2, Lost: true})
	require.Equal(t, Index(5), b.n.Commit())
	again := b.one(MsgAppend, 2)
	require.Equal(t, Index(2), again.PrevIndex)
	require.Len(t, again.Entries, 3)
}
