package raft

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// One test per rule of Figure 2, in its order and named after it. Each drives
// one node by hand, so that the rule stands alone; conversations are in
// testdata/scripts.

// bench holds one node, node 1 of three unless said otherwise, and what its last Step
// put out. Its disk stores at once unless hold is set.
type bench struct {
	t        *testing.T
	n        *Raft
	base     Configuration
	now      Mono
	out      Output
	hold     bool
	all      []Entry    // everything committed
	proposed []Proposed // by the last step
	sent     []Message  // by the last step, promises included once they are free
	store    []Store    // by the last step
	first    Output     // of the last step, before its disk completed
}

func newBench(t *testing.T, voters int, term Term, log ...Term) *bench {
	b := &bench{t: t, now: 1e9}
	for i := range voters {
		b.base.Members = append(b.base.Members, Member{Ident: ident(i + 1), Voter: true})
	}
	b.start(HardState{Term: term}, terms(1, log...))
	return b
}

func ident(i int) Ident { return Ident{NodeID(i), 7} }

// terms makes entries of the given terms from index first on.
func terms(first Index, ts ...Term) []Entry {
	var out []Entry
	for i, t := range ts {
		e := Entry{Index: first + Index(i), Term: t, Kind: EntryCommand, Payload: []byte{byte(i)}}
		e.Sum = EntrySum(scriptCluster, &e)
		out = append(out, e)
	}
	return out
}

func (b *bench) start(hard HardState, log []Entry) {
	b.n = New(Config{Self: ident(1), Cluster: scriptCluster, Seed: 3}, Restored{Hard: hard, Base: Base{Config: b.base}, Entries: log}, b.now)
}

func (b *bench) step(in ...Input) {
	b.sent, b.store, b.proposed = nil, nil, nil
	for n := 0; ; n++ {
		b.out.Reset()
		b.n.Step(b.now, in, &b.out)
		if n == 0 {
			b.first = Output{Lagging: slices.Clone(b.out.Lagging), Installed: b.out.Installed, Notes: slices.Clone(b.out.Notes)}
		}
		b.all = append(b.all, b.out.Committed...)
		b.sent = append(b.sent, b.out.Send...)
		b.proposed = append(b.proposed, b.out.Proposed...)
		b.store = append(b.store, b.out.Store...)
		if b.hold || len(b.out.Store) == 0 {
			return
		}
		last := b.out.Store[len(b.out.Store)-1].Seq
		for _, s := range b.out.Store {
			b.sent = append(b.sent, s.Then...)
		}
		in = []Input{{Kind: InputStored, Stored: last}}
	}
}

func (b *bench) hear(from int, m Message) {
	m.Cluster, m.From, m.To = scriptCluster, ident(from), ident(1)
	b.step(Input{Kind: InputMessage, Message: &m})
}

func (b *bench) propose(text string) {
	b.step(Input{Kind: InputPropose, Proposal: Proposal{Ticket: 1, Kind: EntryCommand, Payload: []byte(text)}})
}

// lead makes the node leader of the next term by the votes of all others.
func (b *bench) lead() {
	b.step(Input{Kind: InputCampaign})
	for i := 2; i <= len(b.base.Members); i++ {
		b.hear(i, Message{Kind: MsgPreVoteReply, Term: b.n.Term() + 1, Seq: b.n.campaign, Granted: true})
	}
	for i := 2; i <= len(b.base.Members) && b.n.Role() == Candidate; i++ {
		b.hear(i, Message{Kind: MsgVoteReply, Term: b.n.Term(), Seq: b.n.campaign, Granted: true})
	}
	require.Equal(b.t, Leader, b.n.Role())
}

func (b *bench) kinds() []MessageKind {
	var out []MessageKind
	for _, m := range b.sent {
		out = append(out, m.Kind)
	}
	return out
}

// one returns the only message of this kind to this node.
func (b *bench) one(kind MessageKind, to int) Message {
	b.t.Helper()
	var found []Message
	for _, m := range b.sent {
		if m.Kind == kind && m.To == ident(to) {
			found = append(found, m)
		}
	}
	require.Len(b.t, found, 1, "%s to %d in %v", kind, to, b.kinds())
	return found[0]
}

func (b *bench) logTerms() []Term {
	var out []Term
	for i := Index(1); i <= b.n.LastIndex(); i++ {
		t, _ := b.n.TermAt(i)
		out = append(out, t)
	}
	return out
}

// State: "Updated on stable storage before responding to RPCs."
func TestFigure2_State_PersistentStateIsStoredBeforeAnyResponse(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.hold = true
	b.hear(2, Message{Kind: MsgVote, Term: 2, Seq: 4, LastIndex: 1, LastTerm: 1})
	require.Empty(t, b.sent, "the vote waits for the disk")
	require.Len(t, b.store, 1)
	require.Equal(t, HardState{Term: 2, Vote: ident(2)}, b.store[0].Hard)
	require.Len(t, b.store[0].Then, 1)
	require.True(t, b.store[0].Then[0].Granted)

	b.hear(2, Message{Kind: MsgAppend, Term: 2, Seq: 5, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 2)})
	require.Empty(t, b.sent, "so does the acknowledgement")
	require.Equal(t, terms(2, 2), b.store[0].Entries)
	require.Equal(t, Index(2), b.store[0].Then[0].Matched)

	b.hear(2, Message{Kind: MsgVote, Term: 2, Seq: 6, LastIndex: 9, LastTerm: 2})
	require.Empty(t, b.sent, "a repetition waits as a barrier behind the write under way")
	require.True(t, b.store[0].IsBarrier(b.n.HardState()))
}

// AppendEntries 1: "Reply false if term < currentTerm (§5.1)."
func TestFigure2_AppendEntries1_AnOlderTermIsRefusedAndToldTheNewOne(t *testing.T) {
	b := newBench(t, 3, 5, 1)
	was := b.n.electionAt
	b.hear(2, Message{Kind: MsgAppend, Term: 4, Seq: 9, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 4)})
	reply := b.one(MsgAppendReply, 2)
	require.False(t, reply.Granted)
	require.Equal(t, Term(5), reply.Term)
	require.Equal(t, uint64(9), reply.Seq)
	require.Equal(t, []Term{1}, b.logTerms())
	require.Equal(t, was, b.n.electionAt, "a stale leader does not reset the election timer")
}

// AppendEntries 2: "Reply false if log doesn't contain an entry at prevLogIndex
// whose term matches prevLogTerm (§5.3)." That holds without entries too.
func TestFigure2_AppendEntries2_AGapOrAnotherTermBeforeTheEntriesIsRefused(t *testing.T) {
	for name, m := range map[string]Message{
		"missing":           {PrevIndex: 5, PrevTerm: 2, Entries: terms(6, 3)},
		"other term":        {PrevIndex: 3, PrevTerm: 1, Entries: terms(4, 3)},
		"missing, empty":    {PrevIndex: 5, PrevTerm: 2},
		"other term, empty": {PrevIndex: 3, PrevTerm: 1},
		"absent is no 0":    {PrevIndex: 9, PrevTerm: 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 3, 3, 1, 1, 2)
			m.Kind, m.Term, m.Commit = MsgAppend, 3, 5
			b.hear(2, m)
			require.False(t, b.one(MsgAppendReply, 2).Granted)
			require.Equal(t, []Term{1, 1, 2}, b.logTerms())
			require.Zero(t, b.n.Commit(), "a refusal commits nothing")
		})
	}
}

// AppendEntries 3: "If an existing entry conflicts with a new one (same index but different
// terms), delete the existing entry and all that follow it (§5.3)."
func TestFigure2_AppendEntries3_AConflictRemovesTheEntryAndAllBehindIt(t *testing.T) {
	b := newBench(t, 3, 3, 1, 2, 2, 2)
	b.hear(2, Message{Kind: MsgAppend, Term: 3, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 3)})
	require.Equal(t, []Term{1, 3}, b.logTerms())
	require.Equal(t, Index(2), b.store[0].Truncate)
}

// … and only then: an Append that arrives late and is a prefix removes nothing.
func TestFigure2_AppendEntries3_AMatchingPrefixRemovesNothing(t *testing.T) {
	b := newBench(t, 3, 3, 1, 2, 3, 3)
	b.hear(2, Message{Kind: MsgAppend, Term: 3, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 2)})
	require.Equal(t, []Term{1, 2, 3, 3}, b.logTerms())
	require.Equal(t, Index(2), b.one(MsgAppendReply, 2).Matched, "it acknowledges prev + len, not its own last index")
}

// AppendEntries 4: "Append any new entries not already in the log."
func TestFigure2_AppendEntries4_NewEntriesAreAppendedAndKnownOnesKept(t *testing.T) {
	b := newBench(t, 3, 2, 1, 2)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 2, 2, 2)})
	require.Equal(t, []Term{1, 2, 2, 2}, b.logTerms())
	require.Equal(t, Index(4), b.one(MsgAppendReply, 2).Matched)
	require.Len(t, b.store[0].Entries, 2, "what was there is not written again")
}

// AppendEntries 5: "If leaderCommit > commitIndex, set commitIndex =
// min(leaderCommit, index of last new entry)."
func TestFigure2_AppendEntries5_CommitIndexIsCutToTheLastNewEntry(t *testing.T) {
	b := newBench(t, 3, 2, 1, 1, 1)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, PrevIndex: 1, PrevTerm: 1, Entries: terms(2, 1), Commit: 9})
	require.Equal(t, Index(2), b.n.Commit(), "index 3 is not known to be the leader's")
	b.hear(2, Message{Kind: MsgAppend, Term: 2, PrevIndex: 1, PrevTerm: 1, Commit: 1})
	require.Equal(t, Index(2), b.n.Commit(), "it never falls")
}

// RequestVote 1: "Reply false if term < currentTerm (§5.1)."
func TestFigure2_RequestVote1_AnOlderTermGetsNoVote(t *testing.T) {
	b := newBench(t, 3, 5, 1)
	b.hear(2, Message{Kind: MsgVote, Term: 4, LastIndex: 9, LastTerm: 4})
	reply := b.one(MsgVoteReply, 2)
	require.False(t, reply.Granted)
	require.Equal(t, Term(5), reply.Term)
}

// RequestVote 2: "If votedFor is null or candidateId, and candidate's log is at
// least as up-to-date as receiver's log, grant vote (§5.2, §5.4)."
func TestFigure2_RequestVote2_OneVoteATermAndOnlyForAnUpToDateLog(t *testing.T) {
	for _, c := range []struct {
		name       string
		index      Index
		term       Term
		votedFor   int
		votes      bool
		log        []Term
		currentFor Term
	}{
		{"equal log", 2, 2, 0, true, []Term{1, 2}, 3},
		{"longer, same last term", 3, 2, 0, true, []Term{1, 2}, 3},
		{"shorter, same last term", 1, 2, 0, false, []Term{2, 2}, 3},
		{"later last term, shorter", 1, 3, 0, true, []Term{1, 2}, 3},
		{"earlier last term, longer", 9, 1, 0, false, []Term{1, 2}, 3},
		{"voted for it already", 2, 2, 2, true, []Term{1, 2}, 3},
		{"voted for another", 2, 2, 3, false, []Term{1, 2}, 3},
		{"voted for itself", 2, 2, 1, false, []Term{1, 2}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3, c.currentFor)
			hard := HardState{Term: c.currentFor}
			if c.votedFor != 0 {
				hard.Vote = ident(c.votedFor)
			}
			b.start(hard, terms(1, c.log...))
			b.hear(2, Message{Kind: MsgVote, Term: 3, LastIndex: c.index, LastTerm: c.term})
			require.Equal(t, c.votes, b.one(MsgVoteReply, 2).Granted)
		})
	}
}

// The vote is for an incarnation: another directory with the same id is somebody else.
func TestFigure2_RequestVote2_AnotherIncarnationOfTheSameIdIsAnotherCandidate(t *testing.T) {
	b := newBench(t, 3, 1)
	b.start(HardState{Term: 3, Vote: ident(2)}, terms(1, 1))
	m := Message{Kind: MsgVote, Cluster: scriptCluster, From: Ident{2, 8}, To: ident(1), Term: 3, LastIndex: 1, LastTerm: 1}
	b.step(Input{Kind: InputMessage, Message: &m})
	require.False(t, b.sent[0].Granted)
}

// All servers: "If commitIndex > lastApplied: increment lastApplied, apply
// log[lastApplied] to state machine (§5.3)."
func TestFigure2_AllServers1_CommittedEntriesComeOutInOrderAndOnce(t *testing.T) {
	b := newBench(t, 3, 2)
	b.hear(2, Message{Kind: MsgAppend, Term: 2, Entries: terms(1, 1, 2, 2), Commit: 2})
	b.hear(2, Message{Kind: MsgAppend, Term: 2, PrevIndex: 3, PrevTerm: 2, Commit: 3})
	b.hear(2, Message{Kind: MsgAppend, Term: 2, PrevIndex: 3, PrevTerm: 2, Commit: 3})
	require.Equal(t, terms(1, 1, 2, 2), b.all)
}

// All servers: "If RPC request or response contains term T > currentTerm: set
// currentTerm = T, convert to follower (§5.1)."
func TestFigure2_AllServers2_AHigherTermInAnythingMakesAFollower(t *testing.T) {
	for _, kind := range []MessageKind{MsgAppend, MsgAppendReply, MsgVoteReply, MsgHeartbeat, MsgHeartbeatReply, MsgPreVoteReply} {
		t.Run(kind.String(), func(t *testing.T) {
			b := newBench(t, 3, 1, 1)
			b.lead()
			b.hear(3, Message{Kind: kind, Term: 7})
			require.Equal(t, Follower, b.n.Role())
			require.Equal(t, Term(7), b.n.Term())
			require.True(t, b.n.HardState().Vote.IsZero(), "the vote of the old term is forgotten")
		})
	}
}

// A pre-vote's term is hypothetical and moves nobody [T§9.6].
func TestFigure2_AllServers2_APreVoteChangesNothing(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	was := b.n.AppendState(nil)
	b.hear(3, Message{Kind: MsgPreVote, Term: 7, LastIndex: 1, LastTerm: 1})
	require.True(t, b.one(MsgPreVoteReply, 3).Granted)
	require.Equal(t, was, b.n.AppendState(nil))
}

// Followers: "If election timeout elapses without receiving AppendEntries RPC
// from current leader or granting vote to candidate: convert to candidate."
func TestFigure2_Followers2_SilenceStartsACampaignAndOnlyTheLeaderOrAGrantedVotePutsItOff(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		b := newBench(t, 3, 1, 1)
		b.now = b.n.electionAt - 1
		b.step()
		require.Equal(t, Follower, b.n.Role())
		b.now++
		b.step()
		require.Equal(t, PreCandidate, b.n.Role())
	})
	for _, c := range []struct {
		name string
		m    Message
		off  bool
	}{
		{"leader's Append", Message{Kind: MsgAppend, Term: 1, PrevIndex: 1, PrevTerm: 1}, true},
		{"leader's heartbeat", Message{Kind: MsgHeartbeat, Term: 1}, true},
		{"granted vote", Message{Kind: MsgVote, Term: 2, LastIndex: 1, LastTerm: 1}, true},
		{"refused vote", Message{Kind: MsgVote, Term: 2}, false},
		{"pre-vote", Message{Kind: MsgPreVote, Term: 2, LastIndex: 1, LastTerm: 1}, false},
		{"reply", Message{Kind: MsgAppendReply, Term: 1, Granted: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3, 1, 1)
			was := b.n.electionAt
			b.now = was - 1
			b.hear(2, c.m)
			require.Equal(t, c.off, b.n.electionAt > was)
		})
	}
}

// Candidates: "On conversion to candidate, start election: increment currentTerm, vote
// for self, reset election timer, send RequestVote RPCs to all other servers."
func TestFigure2_Candidates1_AnElectionStartsWithATermAVoteATimerAndRequests(t *testing.T) {
	b := newBench(t, 3, 4, 1, 2)
	b.now = b.n.electionAt
	b.step()
	require.Equal(t, []MessageKind{MsgPreVote, MsgPreVote}, b.kinds())
	b.hear(2, Message{Kind: MsgPreVoteReply, Term: 5, Seq: b.n.campaign, Granted: true})
	require.Equal(t, HardState{Term: 5, Vote: ident(1)}, b.n.HardState())
	require.Greater(t, b.n.electionAt, b.now.Add(DefaultElectionTimeout)-1)
	for _, to := range []int{2, 3} {
		m := b.one(MsgVote, to)
		require.Equal(t, Index(2), m.LastIndex)
		require.Equal(t, Term(2), m.LastTerm)
	}
}

// Candidates: "If votes received from majority of servers: become leader."
func TestFigure2_Candidates2_AMajorityOfVotesOfThisElectionMakesALeader(t *testing.T) {
	b := newBench(t, 5, 4, 1)
	b.step(Input{Kind: InputCampaign})
	for _, i := range []int{2, 3} {
		b.hear(i, Message{Kind: MsgPreVoteReply, Term: 5, Seq: b.n.campaign, Granted: true})
	}
	vote := func(from int, seq uint64, term Term) {
		b.hear(from, Message{Kind: MsgVoteReply, Term: term, Seq: seq, Granted: true})
	}
	vote(2, b.n.campaign, 5)
	vote(2, b.n.campaign, 5)
	require.Equal(t, Candidate, b.n.Role(), "the same voter counts once")
	vote(3, b.n.campaign-1, 5)
	vote(4, b.n.campaign, 4)
	require.Equal(t, Candidate, b.n.Role(), "grants of another round or term do not count")
	m := Message{Kind: MsgVoteReply, Cluster: scriptCluster, From: Ident{3, 8}, To: ident(1), Term: 5, Seq: b.n.campaign, Granted: true}
	b.step(Input{Kind: InputMessage, Message: &m})
	require.Equal(t, Candidate, b.n.Role(), "a stranger's grant does not count")
	vote(3, b.n.campaign, 5)
	require.Equal(t, Leader, b.n.Role())
}

// A candidate counts its own vote only when its disk has it.
func TestFigure2_Candidates2_TheOwnVoteCountsWhenItIsStored(t *testing.T) {
	b := newBench(t, 1, 1, 1)
	b.hold = true
	b.now = b.n.electionAt
	b.step()
	require.Equal(t, Candidate, b.n.Role())
	b.hold = false
	b.step(Input{Kind: InputStored, Stored: b.store[0].Seq})
	require.Equal(t, Leader, b.n.Role())
}

// Candidates: "If AppendEntries RPC received from new leader: convert to follower."
func TestFigure2_Candidates3_ANewLeadersAppendMakesAFollower(t *testing.T) {
	b := newBench(t, 3, 4, 1)
	b.step(Input{Kind: InputCampaign})
	b.hear(2, Message{Kind: MsgPreVoteReply, Term: 5, Seq: b.n.campaign, Granted: true})
	require.Equal(t, Candidate, b.n.Role())
	b.hear(3, Message{Kind: MsgAppend, Term: 5, PrevIndex: 1, PrevTerm: 1})
	require.Equal(t, Follower, b.n.Role())
	require.Equal(t, ident(3), b.n.Leader())
	require.Equal(t, ident(1), b.n.HardState().Vote, "the vote of the term stays")
}

// Candidates: "If election timeout elapses: start new election."
func TestFigure2_Candidates4_ATimeoutStartsANewElection(t *testing.T) {
	b := newBench(t, 3, 4, 1)
	b.step(Input{Kind: InputCampaign})
	b.hear(2, Message{Kind: MsgPreVoteReply, Term: 5, Seq: b.n.campaign, Granted: true})
	was := b.n.campaign
	b.now = b.n.electionAt
	b.step()
	require.Equal(t, PreCandidate, b.n.Role())
	require.Greater(t, b.n.campaign, was)
	require.Equal(t, Term(6), b.one(MsgPreVote, 2).Term)
}

// Leaders: "Upon election: send initial empty AppendEntries RPCs (heartbeat) to
// each server; repeat during idle periods to prevent election timeouts (§5.2)."
func TestFigure2_Leaders1_HeartbeatsFollowTheElectionAndGoOn(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	require.Equal(t, uint64(1), b.one(MsgHeartbeat, 2).Round)
	require.Equal(t, uint64(1), b.one(MsgHeartbeat, 3).Round)
	for i := range 3 {
		b.hear(2, Message{Kind: MsgHeartbeatReply, Term: 2, Round: uint64(i + 1)})
		b.now = b.out.WakeAt
		b.step()
		require.Equal(t, uint64(i+2), b.one(MsgHeartbeat, 2).Round)
	}
}

// Leaders: "If command received from client: append entry to local log, respond after entry
// applied to state machine (§5.3)." The answer is the commit; the append is no answer.
func TestFigure2_Leaders2_ACommandIsAppendedAndComesOutCommittedLater(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.propose("x")
	require.Equal(t, []Proposed{{1, 3, 2}}, b.proposed)
	require.Empty(t, b.all)
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 9, Granted: true, Matched: 3})
	require.Len(t, b.all, 3)
	require.Equal(t, "x", string(b.all[2].Payload))
}

// Leaders: "If last log index >= nextIndex for a follower: send AppendEntries RPC
// with log entries starting at nextIndex."
func TestFigure2_Leaders3_AppendsStartAtNextIndexAndArePipelined(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	b.propose("x")
	m := b.one(MsgAppend, 2)
	require.Equal(t, Index(2), m.PrevIndex)
	require.Len(t, m.Entries, 1)
	b.propose("y")
	m = b.one(MsgAppend, 2)
	require.Equal(t, Index(3), m.PrevIndex, "the second leaves before the first is acknowledged")
	for _, m := range b.sent {
		require.False(t, m.Kind == MsgAppend && m.To == ident(3), "the other is still being probed")
	}
}

// … "If successful: update nextIndex and matchIndex for follower (§5.3)."
func TestFigure2_Leaders3_SuccessMovesMatchIndexToWhatWasSentAndNeverBack(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.propose("x")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 3})
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	p := b.n.peer(ident(2))
	require.Equal(t, Index(3), p.match)
	require.Equal(t, Index(4), p.next)
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 99})
	require.Equal(t, Index(3), p.match, "beyond the log is a breach")
	require.Equal(t, NoteBreach, b.out.Notes[0].Kind)
}

// … "If AppendEntries fails because of log inconsistency: decrement nextIndex and
// retry (§5.3)." A whole term at a time, and not for what an older pipeline caused.
func TestFigure2_Leaders3_ARejectionGoesBackBehindTheConflictingTerm(t *testing.T) {
	b := newBench(t, 3, 6, 1, 4, 4, 4, 6)
	b.lead()
	b.hear(2, Message{Kind: MsgAppendReply, Term: 7, Seq: 1, HintIndex: 5, HintTerm: 3})
	m := b.one(MsgAppend, 2)
	require.Equal(t, Index(1), m.PrevIndex, "the follower has terms up to 3 only: nothing of term 4 can match")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 7, Seq: 1, HintIndex: 0, HintTerm: 0})
	require.Empty(t, b.sent, "the same rejection again is of a probe that is gone")
}

// Leaders: "If there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and
// log[N].term == currentTerm: set commitIndex = N (§5.3, §5.4)."
func TestFigure2_Leaders4_OnlyEntriesOfTheOwnTermAreCommittedByCounting(t *testing.T) {
	b := newBench(t, 5, 4, 1, 2)
	b.lead() // appends index 3 in term 5
	for i := 2; i <= 5; i++ {
		b.hear(i, Message{Kind: MsgAppendReply, Term: 5, Seq: 1, Granted: true, Matched: 2})
	}
	require.Zero(t, b.n.Commit(), "index 2 is stored by all five and is of term 2")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 5, Seq: 2, Granted: true, Matched: 3})
	require.Zero(t, b.n.Commit())
	b.hear(3, Message{Kind: MsgAppendReply, Term: 5, Seq: 2, Granted: true, Matched: 3})
	require.Equal(t, Index(3), b.n.Commit())
}

// … and the leader is one of that majority only with what its own disk has stored.
func TestFigure2_Leaders4_TheLeaderCountsItselfWhenItsDiskHasTheEntry(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.lead()
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 2})
	require.Equal(t, Index(2), b.n.Commit())
	b.hold = true
	b.propose("x")
	seq := b.store[0].Seq
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 2, Granted: true, Matched: 3})
	require.Equal(t, Index(2), b.n.Commit(), "one follower is no majority of three")
	b.step(Input{Kind: InputStored, Stored: seq})
	require.Equal(t, Index(3), b.n.Commit())
}

// Timeouts are randomised [§5.2]: nodes, incarnations and repeated waits differ.
func TestElectionTimeoutsAreDrawnFromOneToTwoTimesTheMinimumAndDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	for id := range 20 {
		b := newBench(t, 3, 1, 1)
		b.n.cfg.Self.ID = NodeID(id + 1)
		for range 20 {
			b.n.resetElectionTimer()
			wait := b.n.electionAt.Sub(b.n.now)
			require.GreaterOrEqual(t, wait, DefaultElectionTimeout*99/100)
			require.Less(t, wait, 2*DefaultElectionTimeout)
			seen[wait] = true
		}
	}
	require.Greater(t, len(seen), 350)
}
