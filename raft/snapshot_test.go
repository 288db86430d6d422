package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompactionKeepsWhatIsAboveAndWhoLeft(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	b.step(Input{Kind: InputChange, Ticket: 1, Change: Change{Kind: ChangeRemove, ID: 3}})
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 3, Granted: true, Matched: 4})
	require.Equal(t, Index(4), b.n.Commit())
	b.propose("behind it")
	base := b.n.BaseAt(4)
	require.Equal(t, EntryID{4, 2}, base.Entry)
	require.Equal(t, Index(4), base.ConfigIndex)
	require.Len(t, base.Config.Members, 2)
	require.Equal(t, []Removal{{Member: Member{Ident: ident(3), VoterOld: true}, At: 4}}, base.Removed)

	b.step(Input{Kind: InputCompact, Index: 4})
	require.Equal(t, EntryID{4, 2}, b.store[0].Base)
	require.Equal(t, Index(5), b.n.LastIndex())
	_, ok := b.n.TermAt(3)
	require.False(t, ok)
	e, ok := b.n.EntryAt(5)
	require.True(t, ok)
	require.Equal(t, "behind it", string(e.Payload))

	// The removed directory never returns, and hears so, here and after a restart.
	for range 2 {
		b.hear(3, Message{Kind: MsgPreVote, Term: 9, Seq: 1, LastIndex: 9, LastTerm: 9})
		require.Equal(t, Index(4), b.one(MsgRemoved, 3).Commit)
		require.Equal(t, NodeID(3), b.n.Former()[0].ID)
		b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3},
			Restored{Hard: b.n.HardState(), Base: base, Entries: terms(5, 2)}, b.now)
		b.now = b.now.Add(time.Second)
		b.step()
	}
	require.Equal(t, base, b.n.BaseAt(4))
}

func TestALeaderThatHasCompactedWhatAPeerNeedsSaysSo(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	for range 4 {
		b.propose("x")
	}
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 6})
	b.step(Input{Kind: InputCompact, Index: 4})
	require.Equal(t, []Ident{ident(3)}, b.first.Lagging)
	b.hear(3, Message{Kind: MsgAppendReply, Term: 2, Seq: 9, HintIndex: 1, HintTerm: 1})
	require.NotContains(t, b.kinds(), MsgAppend)
	require.Empty(t, b.first.Lagging, "not in every Step")
	b.now = b.now.Add(2 * DefaultHeartbeat)
	b.step()
	require.Equal(t, []Ident{ident(3)}, b.first.Lagging)
	// It has the snapshot: the log goes on from there, whether its acknowledgement came or a heartbeat's answer.
	b.hear(3, Message{Kind: MsgHeartbeatReply, Term: 2, Round: b.n.reads.round, Accepted: 5})
	require.Equal(t, Index(5), b.one(MsgAppend, 3).PrevIndex)
}

func TestASnapshotOfLessThanWasDeliveredIsOfNoUse(t *testing.T) {
	b := newBench(t, 3, 1, 1, 1, 1)
	b.hear(2, Message{Kind: MsgAppend, Term: 1, Seq: 1, PrevIndex: 3, PrevTerm: 1, Commit: 3})
	b.step(Input{Kind: InputInstall, Base: &Base{Entry: EntryID{3, 1}, Config: b.base}})
	require.Zero(t, b.first.Installed)
	require.Empty(t, b.store)
}

func TestAnInstalledSnapshotIsAcknowledgedWhenItsBaseIsOnDisk(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hear(2, Message{Kind: MsgHeartbeat, Term: 2, Round: 1})
	b.hold = true
	b.step(Input{Kind: InputInstall, Base: &Base{Entry: EntryID{8, 2}, Config: b.base}})
	require.True(t, b.store[0].Reset)
	require.Equal(t, MsgAppendReply, b.store[0].Then[0].Kind)
	require.Equal(t, Index(8), b.store[0].Then[0].Matched)
	require.Equal(t, Index(8), b.n.Commit())
	require.Empty(t, b.all, "what the snapshot covers is not delivered")
	// Entries behind it follow at once, before the disk is done.
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 8, PrevTerm: 2, Commit: 9, Entries: terms(9, 2)})
	require.Len(t, b.all, 1)
}

// An Append may bring in one Step what a snapshot covers, and cut what contradicts it. The log on disk has to have the base's
// entry before it begins behind it.
func TestASnapshotThatIsInstalledWithItsLastEntryCompactsWhatTheDiskHasThen(t *testing.T) {
	for _, conflict := range []Term{0, 1} {
		log := terms(1, 1, 1)
		if conflict != 0 {
			log = terms(1, 1, 1, 1, 1)
		}
		b := newBench(t, 3, 1)
		b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3},
			Restored{Hard: HardState{Term: 2}, Base: Base{Config: b.base}, Entries: log}, b.now)
		b.hold = true
		b.step(
			Input{Kind: InputMessage, Message: &Message{Kind: MsgAppend, Cluster: scriptCluster, From: ident(2), To: ident(1),
				Term: 2, Seq: 1, PrevIndex: 2, PrevTerm: 1, Commit: 3, Entries: terms(3, 2, 2)}},
			Input{Kind: InputInstall, Base: &Base{Entry: EntryID{4, 2}, Config: b.base}})
		require.Equal(t, Index(4), b.first.Installed)
		require.Len(t, b.store, 2)
		require.Len(t, b.store[0].Entries, 2)
		require.Zero(t, b.store[0].Base)
		require.Equal(t, EntryID{4, 2}, b.store[1].Base)
		require.False(t, b.store[1].Reset)
		require.Empty(t, b.store[1].Entries)
		require.Zero(t, b.store[1].Truncate)
	}
}

func TestAnAppendThatBeginsBelowTheBaseMatches(t *testing.T) {
	b := newBench(t, 3, 1)
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3},
		Restored{Hard: HardState{Term: 2}, Base: Base{Entry: EntryID{3, 2}, Config: b.base}, Entries: terms(4, 2)}, b.now)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 1, PrevIndex: 1, PrevTerm: 1, Commit: 2, Entries: terms(2, 2)})
	require.Equal(t, Index(3), b.one(MsgAppendReply, 2).Matched)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 2, PrevIndex: 1, PrevTerm: 1, Commit: 2, Entries: terms(2, 2, 2, 2, 2)})
	require.Equal(t, Index(5), b.one(MsgAppendReply, 2).Matched)
	// One that contradicts what is committed is dropped.
	b.hear(2, Message{Kind: MsgAppend, Term: 3, Seq: 3, PrevIndex: 1, PrevTerm: 1, Commit: 2, Entries: terms(2, 3, 3, 3)})
	require.NotContains(t, b.kinds(), MsgAppendReply)
	require.Equal(t, Index(5), b.n.LastIndex())
}

func TestALeadersLogTimeGoesOnFromTheBase(t *testing.T) {
	b := newBench(t, 1, 1)
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3},
		Restored{Hard: HardState{Term: 2}, Base: Base{Entry: EntryID{3, 2}, Time: 77, Config: b.base}}, b.now)
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Leader, b.n.Role())
	require.Equal(t, LogTime(77), b.n.LogTime(b.now))
	require.Equal(t, Index(4), b.n.Commit())
}
