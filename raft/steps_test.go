package raft

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Steps of docs/consensus.md that neither Figure 2 nor a conversation shows, in the order of the
// chapter.

// Election 1: a preferred node campaigns first, and the others still do.
func TestALowerPriorityWaitsLonger(t *testing.T) {
	wait := func(priority int) time.Duration {
		n := New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3, Priority: priority}, Restored{}, 0)
		return n.electionAt.Sub(0)
	}
	require.Greater(t, wait(50), wait(100))
	require.Greater(t, wait(1), wait(50))
	require.Less(t, wait(1), 2*wait(100)+1, "at most twice as long")
	require.Equal(t, wait(PriorityMax), wait(0), "the default")
}

// Election 3: the answer to a pre-vote is what the answer to the vote would be, so that
// whoever wins the one can win the other [T§9.6].
func TestAPreVoteIsGrantedOnTheConditionsOfAVote(t *testing.T) {
	for _, c := range []struct {
		name  string
		ask   Message
		loyal bool
		yes   bool
	}{
		{"a later term, an equal log", Message{Term: 4, LastIndex: 2, LastTerm: 2}, false, true},
		{"a later term, a later last term", Message{Term: 4, LastIndex: 1, LastTerm: 3}, false, true},
		{"the voter's own term", Message{Term: 3, LastIndex: 2, LastTerm: 2}, false, false},
		{"a shorter log", Message{Term: 4, LastIndex: 1, LastTerm: 2}, false, false},
		{"an earlier last term", Message{Term: 4, LastIndex: 9, LastTerm: 1}, false, false},
		{"a leader was heard a moment ago", Message{Term: 4, LastIndex: 2, LastTerm: 2}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3, 3, 1, 2)
			if c.loyal {
				b.hear(3, Message{Kind: MsgHeartbeat, Term: 3})
			}
			c.ask.Kind = MsgPreVote
			b.hear(2, c.ask)
			reply := b.one(MsgPreVoteReply, 2)
			require.Equal(t, c.yes, reply.Granted)
			require.Equal(t, HardState{Term: 3}, b.n.HardState())
			if !c.yes {
				require.Equal(t, Term(3), reply.Term, "a refusal tells the voter's own term")
			}
		})
	}
}

// Replication 1: the leader's disk and the peers get an entry in the same Step, with the same
// stamp and checksum [T§10.2.1].
func TestAnEntryLeavesForTheDiskAndThePeersInOneStep(t *testing.T) {
	b := flowBench(t, Limits{})
	b.hold = true
	b.now = b.now.Add(7)
	b.propose("x")
	require.Len(t, b.store, 1)
	require.Len(t, b.store[0].Entries, 1)
	e := b.store[0].Entries[0]
	require.Equal(t, Index(3), e.Index)
	require.Equal(t, Term(2), e.Term)
	require.Equal(t, b.n.LogTime(b.now), e.Time)
	require.Equal(t, EntrySum(scriptCluster, &e), e.Sum)
	for to := 2; to <= 3; to++ {
		require.Equal(t, []Entry{e}, b.one(MsgAppend, to).Entries)
	}
	require.Empty(t, b.store[0].Then, "an Append of one's own promises nothing")
}

// On disk an entry without a kind is one that was lost, and a configuration in force is not what a caller says it is.
func TestAProposalMustNameAKindOfEntry(t *testing.T) {
	b := flowBench(t, Limits{})
	for _, kind := range []EntryKind{0, EntryConfig} {
		last := b.n.LastIndex()
		b.step(Input{Kind: InputPropose, Proposal: Proposal{Ticket: 5, Kind: kind}})
		require.Equal(t, []Refusal{{5, RefusedKind, 1}}, b.out.Refused)
		require.Equal(t, last, b.n.LastIndex())
	}
}

// Replication 2: what the others hold is not known yet, and one Append at a time finds out.
func TestANewLeaderProbesEachPeerFromItsOwnFirstEntry(t *testing.T) {
	b := newBench(t, 3, 1, 1, 1)
	b.hold = true
	b.lead2()
	for to := 2; to <= 3; to++ {
		m := b.one(MsgAppend, to)
		require.Equal(t, []any{Index(2), Term(1), 1}, []any{m.PrevIndex, m.PrevTerm, len(m.Entries)})
	}
	for range 3 {
		b.propose("x")
		require.NotContains(t, b.kinds(), MsgAppend, "the first is not answered")
	}
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 3})
	require.Len(t, b.one(MsgAppend, 2).Entries, 3)
}

// lead2 makes node 1 of three leader without waiting for its disk afterwards.
func (b *bench) lead2() {
	b.step(Input{Kind: InputCampaign})
	b.hear(2, Message{Kind: MsgPreVoteReply, Term: b.n.Term() + 1, Seq: b.n.campaign, Granted: true})
	b.step(Input{Kind: InputStored, Stored: b.n.nextSeq})
	b.hear(2, Message{Kind: MsgVoteReply, Term: b.n.Term(), Seq: b.n.campaign, Granted: true})
	require.Equal(b.t, Leader, b.n.Role())
}

// Replication 3, the follower's half: its refusal skips a whole term of conflicts [§5.3].
func TestARefusalNamesTheLargestPlaceWhoseTermIsNotAboveTheAskedOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		prev  EntryID
		index Index
		term  Term
	}{
		{"behind the end", EntryID{9, 6}, 6, 5},
		{"behind the end, in a term before the last", EntryID{9, 4}, 3, 2},
		{"at an entry of a later term", EntryID{5, 3}, 3, 2},
		{"at an entry of an earlier term", EntryID{3, 4}, 3, 2},
		{"below everything", EntryID{6, 0}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3, 7, 1, 2, 2, 5, 5, 5)
			b.hear(2, Message{Kind: MsgAppend, Term: 7, Seq: 4, PrevIndex: c.prev.Index, PrevTerm: c.prev.Term})
			reply := b.one(MsgAppendReply, 2)
			require.False(t, reply.Granted)
			require.Equal(t, []any{c.index, c.term}, []any{reply.HintIndex, reply.HintTerm})
		})
	}
}

// Commit 3: what stands behind what the leader has shown may be another leader's and yet be cut.
func TestAHeartbeatCommitsNoMoreThanThisTermsLeaderHasShown(t *testing.T) {
	b := newBench(t, 3, 2, 1, 1, 1)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1, Commit: 3})
	require.Zero(t, b.n.Commit(), "nothing is shown yet")
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1})
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 2, Commit: 3})
	require.Equal(t, Index(2), b.n.Commit())
	b.hear(3, Message{Kind: MsgHeartbeat, Term: 3, Round: 1, Commit: 3})
	require.Equal(t, Index(2), b.n.Commit(), "another term begins anew")
}

// Membership changes 4: {1 2 3 | 1 4 5} elects, answers reads and keeps its leader by two of each half.
func TestAJointConfigurationElectsReadsAndLeadsByBothMajorities(t *testing.T) {
	joint := Configuration{}
	for id := 1; id <= 5; id++ {
		joint.Members = append(joint.Members, Member{Ident: ident(id), VoterOld: id <= 3, Voter: id == 1 || id > 3})
	}
	require.Equal(t, "{1 2 3 | 1 4 5}", describeConfig(&joint))
	leads := func(t *testing.T) *bench { // and has C_old,new in force, not committed
		b := leadWith(t, 3, 2)
		b.n.append(EntryConfig, AppendConfiguration(nil, &joint), 0)
		b.step()
		return b
	}
	for _, half := range [][]int{{2, 3}, {4, 5}} {
		t.Run("election", func(t *testing.T) {
			b := &bench{t: t, now: 1e9, base: joint}
			b.start(HardState{Term: 1}, terms(1, 1))
			b.step(Input{Kind: InputCampaign})
			for _, i := range half {
				b.hear(i, Message{Kind: MsgPreVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
			}
			require.Equal(t, PreCandidate, b.n.Role())
			b.hear(6-half[0], Message{Kind: MsgPreVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
			for _, i := range half {
				b.hear(i, Message{Kind: MsgVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
			}
			require.Equal(t, Candidate, b.n.Role())
		})
		t.Run("read", func(t *testing.T) {
			b := leads(t)
			b.hold = true // so that the output of one Step stays
			b.step(Input{Kind: InputRead, Ticket: 9})
			for _, i := range half {
				b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 2})
				require.Empty(t, b.out.Reads)
			}
			b.hear(6-half[0], Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 2})
			require.Len(t, b.out.Reads, 1)
		})
		t.Run("check-quorum", func(t *testing.T) {
			b := leads(t)
			lead := func(d time.Duration, who ...int) Role {
				for end := b.now.Add(d); b.now < end && b.n.Role() == Leader; {
					b.now = b.n.beatAt
					b.step()
					for _, i := range who {
						b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 2})
					}
				}
				return b.n.Role()
			}
			require.Equal(t, Leader, lead(4*DefaultElectionTimeout, 2, 4))
			require.Equal(t, Follower, lead(2*DefaultElectionTimeout, half...))
		})
	}
}

// Membership changes 6: a leader that removed itself does not wait for ever for somebody to take over.
func TestALeaderThatRemovedItselfStopsEvenIfNobodyTakesOver(t *testing.T) {
	b := leadWith(t, 3, 0)
	b.ask(Change{Kind: ChangeRemove, ID: 1})
	require.Equal(t, "{1 2 3 | 2 3}", b.members())
	b.ack(2)
	b.ack(3)
	require.Equal(t, "{2 3}", b.members())
	b.ack(2)
	require.Less(t, b.n.Commit(), b.n.LastIndex(), "it does not count itself")
	require.Equal(t, Leader, b.n.Role(), "and leads until C_new is committed")
	b.ack(3)
	require.Equal(t, b.n.LastIndex(), b.n.Commit())
	require.Contains(t, b.kinds(), MsgTimeoutNow)
	for end := b.now.Add(DefaultElectionTimeout); b.now < end; {
		require.Equal(t, Leader, b.n.Role())
		b.now = min(end, b.n.beatAt)
		b.step()
		for i := 2; i <= 3 && b.n.Role() == Leader; i++ {
			b.hear(i, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: b.n.LastIndex()})
		}
	}
	require.Equal(t, Follower, b.n.Role())
}

// Membership changes 9: whoever has a member's id and another directory stored, granted and answered
// nothing that this member did.
func TestAnotherDirectoryUnderAMembersIDCountsForNothing(t *testing.T) {
	b := leadWith(t, 3, 0)
	stranger := func(m Message) {
		m.Cluster, m.From, m.To = scriptCluster, Ident{2, 99}, ident(1)
		b.step(Input{Kind: InputMessage, Message: &m})
	}
	b.propose("x")
	stranger(Message{Kind: MsgAppendReply, Term: 2, Seq: 99, Granted: true, Matched: 3})
	require.Equal(t, Index(2), b.n.Commit())
	b.hold = true
	b.step(Input{Kind: InputRead, Ticket: 9})
	stranger(Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
	require.Empty(t, b.out.Reads)
	for end := b.now.Add(2 * DefaultElectionTimeout); b.now < end && b.n.Role() == Leader; {
		b.now = b.n.beatAt
		b.step()
		stranger(Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 3})
	}
	require.Equal(t, Follower, b.n.Role(), "nor does it keep a leader in office")
}

// Compaction 1: what is not done yet must not go, and what is gone does not go again.
func TestOnlyWhatWasDeliveredIsCompacted(t *testing.T) {
	b := newBench(t, 3, 1, 1, 1, 1, 1)
	b.hear(2, Message{Kind: MsgAppend, Term: 1, Seq: 1, PrevIndex: 4, PrevTerm: 1, Commit: 3})
	b.step(Input{Kind: InputCompact, Index: 4})
	require.Empty(t, b.store)
	b.step(Input{Kind: InputCompact, Index: 3})
	require.Equal(t, EntryID{3, 1}, b.store[0].Base)
	require.False(t, b.store[0].Reset)
	b.step(Input{Kind: InputCompact, Index: 2})
	require.Empty(t, b.store)
	require.Equal(t, EntryID{3, 1}, b.n.BaseEntry())
}

// Compaction 4: the log may go back behind the newest snapshot, and what that covers is done.
func TestNothingThatASnapshotCoversIsDeliveredAgain(t *testing.T) {
	b := newBench(t, 3, 1)
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3}, Restored{
		Hard: HardState{Term: 2}, Base: Base{Entry: EntryID{3, 1}, Config: b.base}, Applied: 5, Entries: terms(4, 1, 1, 2)}, b.now)
	require.Equal(t, Index(5), b.n.Commit())
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 6, PrevTerm: 2, Commit: 6})
	require.Len(t, b.all, 1)
	require.Equal(t, Index(6), b.all[0].Index)
}

// Compaction 6: a leader has everything that is committed [Leader Completeness, §5.4.3].
func TestALeaderInstallsNoSnapshot(t *testing.T) {
	b := newBench(t, 3, 1, 1, 1)
	b.lead()
	require.Zero(t, b.n.Commit())
	b.step(Input{Kind: InputInstall, Base: &Base{Entry: EntryID{2, 1}, Config: b.base}})
	require.Zero(t, b.first.Installed)
	require.Empty(t, b.store)
}

// Compaction 9: the entry that removed a node may be one that the snapshot covers.
func TestASnapshotTellsANodeThatItWasRemoved(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	base := Base{Entry: EntryID{8, 2}, ConfigIndex: 7, Removed: []Removal{{b.base.Members[0], 7}}}
	base.Config = b.base.without(1)
	b.step(Input{Kind: InputInstall, Base: &base})
	require.Equal(t, Index(7), b.n.Status().Removed)
	require.Equal(t, "{2 3}", b.members())
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Follower, b.n.Role())
	require.Equal(t, base, b.n.BaseAt(8), "and passes all of it on")
}

// Repair 4: while a leader is heard, its Appends do the work, and nobody else is bothered.
func TestNobodyIsAskedForRepairWhileALeaderIsHeard(t *testing.T) {
	b := damagedBench(t, 3, 3)
	for range 20 {
		b.now = b.now.Add(DefaultHeartbeat)
		b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1})
		require.NotContains(t, b.kinds(), MsgRepairAsk)
	}
	b.now = b.now.Add(2 * DefaultElectionTimeout)
	b.step()
	require.Equal(t, []MessageKind{MsgRepairAsk, MsgRepairAsk}, slices.DeleteFunc(b.kinds(), func(k MessageKind) bool { return k != MsgRepairAsk }))
}

// Repair 5: who answers has raised its term for good, so that no leader of an earlier one reaches it any more.
func TestTheAnswerToAQuestionForRepairLeavesWhenItsTermIsOnDisk(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hold = true
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 8, PrevIndex: 2, LastIndex: 4, LastTerm: 1})
	require.Empty(t, b.sent)
	require.Equal(t, Term(2), b.store[0].Hard.Term)
	require.Equal(t, HoldingNone, b.store[0].Then[0].Holding)
}

// Repair 5: a hole that is sent on would look like an entry without contents.
func TestADamagedNodeSendsEntriesUpToItsFirstHole(t *testing.T) {
	b := damagedBench(t, 3, 4)
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 8, PrevIndex: 1, LastIndex: 5, LastTerm: 1})
	require.Equal(t, terms(1, 1, 1, 1)[1:], b.one(MsgRepairReply, 3).Entries)
}

// Repair 5: two nodes that are damaged in different places may be all that are left. Each has what the other lost, behind
// a hole of its own.
func TestADamagedNodeSendsWhatLiesBehindItsHoles(t *testing.T) {
	b := damagedBench(t, 3, 2)
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 8, PrevIndex: 2, LastIndex: 3, LastTerm: 1})
	require.Equal(t, terms(1, 1, 1, 1)[2:], b.one(MsgRepairReply, 3).Entries)
}

// The five exits 1: the disk drops the log up to a snapshot of its own that covers the damage. What begins
// there is whole, and the node may campaign, vote and acknowledge.
func TestANodeWhoseSnapshotCoversTheDamageStartsWhole(t *testing.T) {
	b := newBench(t, 3, 1)
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3}, Restored{
		Hard: HardState{Term: 2}, Base: Base{Entry: EntryID{5, 2}, Config: b.base}, Applied: 5}, b.now)
	require.False(t, b.n.damaged())
	require.Equal(t, EntryID{5, 2}, b.n.Position())
	b.now = b.now.Add(time.Second)
	b.step()
	require.Equal(t, PreCandidate, b.n.Role(), "an empty log behind a snapshot is a log that has begun")
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 5, PrevTerm: 2, Entries: terms(6, 2)})
	require.Equal(t, Index(6), b.one(MsgAppendReply, 2).Matched)
	b.hear(3, Message{Kind: MsgRepairAsk, Term: 2, Seq: 1, PrevIndex: 3, LastIndex: 4, LastTerm: 1})
	require.Equal(t, HoldingOther, b.one(MsgRepairReply, 3).Holding)
}

// The five exits 4: what the peer lost the leader has no more either, so that Appends can't bring it back.
func TestAPeerThatLostWhatItsLeaderCompactedNeedsASnapshot(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	for range 4 {
		b.propose("x")
	}
	b.ack(2)
	b.ack(3)
	b.step(Input{Kind: InputCompact, Index: 4})
	require.Empty(t, b.first.Lagging)
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: b.n.peer(ident(2)).seq + 1, HintIndex: 2, HintTerm: 2, Lost: true})
	require.Equal(t, []Ident{ident(2)}, b.first.Lagging)
	require.NotContains(t, b.kinds(), MsgAppend)
	require.Equal(t, Index(6), b.n.Commit())
}
