package raft

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leadWith makes node 1 leader of a term with a committed entry, in a configuration in which
// voters count and learners do not.
func leadWith(t *testing.T, voters, learners int) *bench {
	b := &bench{t: t, now: 1e9}
	for i := range voters + learners {
		b.base.Members = append(b.base.Members, Member{Ident: ident(i + 1), Voter: i < voters})
	}
	b.start(HardState{Term: 1}, terms(1, 1))
	b.lead()
	for i := 2; i <= voters; i++ {
		b.ack(i)
	}
	require.Equal(t, Index(2), b.n.Commit())
	return b
}

// ack has a peer acknowledge the whole log.
func (b *bench) ack(from int) {
	b.hear(from, Message{Kind: MsgAppendReply, Term: b.n.Term(), Seq: 99, Granted: true, Matched: b.n.LastIndex()})
}

func (b *bench) ask(ch Change) {
	b.step(Input{Kind: InputChange, Ticket: 5, Change: ch})
}

func (b *bench) members() string { return describeConfig(b.n.config()) }

// A learner receives and nothing else [T§4.2.1]: what it stores, answers and grants
// moves no commitIndex, confirms no round and elects nobody.
func TestALearnerNeverCounts(t *testing.T) {
	b := leadWith(t, 2, 2)
	b.propose("x")
	b.ack(3)
	b.ack(4)
	require.Equal(t, Index(2), b.n.Commit())
	b.step(Input{Kind: InputRead, Ticket: 1})
	for _, i := range []int{3, 4} {
		b.hear(i, Message{Kind: MsgHeartbeatReply, Term: b.n.Term(), Round: b.n.reads.round})
	}
	require.Empty(t, b.out.Reads)
	b.now = b.now.Add(b.n.cfg.ElectionTimeout)
	b.hear(3, Message{Kind: MsgHeartbeatReply, Term: b.n.Term(), Round: b.n.reads.round})
	require.Equal(t, Follower, b.n.Role(), "nor does it keep a leader in office")

	b.step(Input{Kind: InputCampaign})
	b.hear(3, Message{Kind: MsgPreVoteReply, Term: b.n.Term() + 1, Seq: b.n.campaign, Granted: true})
	b.hear(4, Message{Kind: MsgPreVoteReply, Term: b.n.Term() + 1, Seq: b.n.campaign, Granted: true})
	require.Equal(t, PreCandidate, b.n.Role())
}

// A learner asks after a silence whether it was removed, and never more than that.
func TestALearnerNeverCampaigns(t *testing.T) {
	b := newBench(t, 3, 1, 1)
	b.base.Members[0].Voter = false
	b.start(HardState{Term: 1}, terms(1, 1))
	for range 5 {
		b.now = b.n.electionAt
		b.step()
		require.Equal(t, Follower, b.n.Role())
		b.hear(2, Message{Kind: MsgPreVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
		b.hear(3, Message{Kind: MsgPreVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
	}
	b.step(Input{Kind: InputCampaign})
	require.Equal(t, Follower, b.n.Role())
	require.Equal(t, Term(1), b.n.Term())
	b.hear(2, Message{Kind: MsgRemoved, Term: 1, Commit: 9})
	require.Equal(t, Index(9), b.n.Status().Removed)
	b.now = b.n.electionAt
	b.step()
	require.Empty(t, b.sent, "it knows, and is silent")
}

// While two majorities decide, one of them alone decides nothing [§6].
func TestAJointConfigurationNeedsBothMajorities(t *testing.T) {
	b := leadWith(t, 3, 0)
	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: ident(4)}})
	b.ack(2)
	require.Equal(t, "{1 2 3 + 4}", b.members())
	b.hear(4, Message{Kind: MsgAppendReply, Term: b.n.Term(), Seq: 99, Granted: true, Matched: b.n.LastIndex()})
	require.Equal(t, "{1 2 3 | 1 2 3 4}", b.members(), "it has caught up")
	joint := b.n.LastIndex()
	b.ack(4)
	require.Less(t, b.n.Commit(), joint, "{1 4} is neither two of three nor three of four")
	b.ack(2)
	require.Equal(t, joint, b.n.Commit())
	require.Equal(t, "{1 2 3 4}", b.members(), "the leader leaves it by itself")
}

// The leader promotes a learner that lacks little and answered lately, and no other.
func TestALearnerIsPromotedWhenItHasCaughtUp(t *testing.T) {
	for _, c := range []struct {
		name     string
		behind   int
		quiet    time.Duration
		promoted bool
	}{
		{"up to date", 0, 0, true},
		{"as far behind as may be", promoteLagMax, 0, true},
		{"one entry more", promoteLagMax + 1, 0, false},
		{"not heard from for an election timeout", 0, DefaultElectionTimeout, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := leadWith(t, 3, 0)
			b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: ident(4)}})
			had := b.n.LastIndex()
			var in []Input
			for range c.behind {
				in = append(in, Input{Kind: InputPropose, Proposal: Proposal{Kind: EntryCommand}})
			}
			b.step(in...)
			b.hear(4, Message{Kind: MsgAppendReply, Term: b.n.Term(), Seq: 99, Granted: true, Matched: had})
			for at := b.now.Add(c.quiet); b.now < at; {
				b.now = b.now.Add(b.n.cfg.Heartbeat)
				for i := 2; i <= 3; i++ {
					b.hear(i, Message{Kind: MsgHeartbeatReply, Term: b.n.Term(), Round: b.n.reads.round})
				}
			}
			b.ack(2) // now the addition is committed
			require.Equal(t, c.promoted, b.n.config().Joint())
		})
	}
}

// Every refusal says why, and nothing refused changes anything.
func TestAChangeThatCannotBeIsRefusedWithItsReason(t *testing.T) {
	other := Ident{2, 99}
	for _, c := range []struct {
		change Change
		why    Reason
	}{
		{Change{Kind: ChangeRemove, ID: 9}, RefusedNoMember},
		{Change{Kind: ChangePromote, ID: 9}, RefusedNoMember},
		{Change{Kind: ChangeReplace, ID: 9, Member: Member{Ident: ident(4)}}, RefusedNoMember},
		{Change{Kind: ChangeAdd, Member: Member{Ident: other}}, RefusedIsMember},
		{Change{Kind: ChangeAdd, Member: Member{Ident: ident(2), PeerAddr: "elsewhere"}}, RefusedIsMember},
	} {
		b := leadWith(t, 3, 0)
		b.ask(c.change)
		require.Equal(t, []Refusal{{Ticket: 5, Reason: c.why, Hint: 1}}, b.out.Refused, "%v", c.why)
		require.Equal(t, Index(2), b.n.LastIndex())
	}
	b := leadWith(t, 1, 1)
	b.ask(Change{Kind: ChangeRemove, ID: 1})
	require.Equal(t, RefusedLastVoter, b.out.Refused[0].Reason)

	b = leadWith(t, 1, membersMax-1)
	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: ident(membersMax + 1)}})
	require.Equal(t, RefusedFull, b.out.Refused[0].Reason)
}

// What is kept beside the log decides in the Step that would append: what somebody asks for is refused, what
// follows by itself waits. Learners come and go unasked.
func TestAChangeOfVotersThatTheJudgeDoesNotAllowIsRefusedOrWaits(t *testing.T) {
	b := leadWith(t, 3, 0)
	allow, asked := false, []string{}
	b.n.Judge(func(next *Configuration) bool {
		asked = append(asked, describeConfig(next))
		return allow
	})
	b.ask(Change{Kind: ChangeRemove, ID: 3})
	require.Equal(t, []Refusal{{Ticket: 5, Reason: RefusedPlaces, Hint: 1}}, b.out.Refused)
	require.Equal(t, Index(2), b.n.LastIndex())
	require.Equal(t, []string{"{1 2 3 | 1 2}"}, asked)

	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: ident(4)}})
	require.Equal(t, "{1 2 3 + 4}", b.members())
	require.Len(t, asked, 1)
	b.ack(2)
	b.ack(4)
	require.Equal(t, "{1 2 3 + 4}", b.members(), "it has caught up and is not promoted")
	require.Equal(t, "{1 2 3 | 1 2 3 4}", asked[len(asked)-1])
	allow = true
	b.ack(4)
	require.Equal(t, "{1 2 3 | 1 2 3 4}", b.members())
	allow = false
	b.ack(2)
	b.ack(4)
	require.Equal(t, "{1 2 3 | 1 2 3 4}", b.members(), "nor is the joint configuration left")
	require.Equal(t, "{1 2 3 4}", asked[len(asked)-1])
	allow = true
	b.ack(2)
	require.Equal(t, "{1 2 3 4}", b.members())
	require.NotPanics(t, func() { b.n.Clone() })
}

// What is so already is no error: an operator who lost his answer asks again.
func TestAChangeThatIsMadeAlreadyIsAnsweredAtOnce(t *testing.T) {
	b := leadWith(t, 3, 1)
	for _, ch := range []Change{
		{Kind: ChangeAdd, Member: Member{Ident: ident(2)}},
		{Kind: ChangePromote, ID: 3},
	} {
		b.ask(ch)
		require.Equal(t, []Changed{{Ticket: 5}}, b.out.Changed)
		require.Equal(t, Index(2), b.n.LastIndex())
	}
}

// "4 in the place of 2" means that 2 leaves, also where 4 is a member already because somebody has added it before.
func TestAMemberThatReplacesAnotherSeesItLeave(t *testing.T) {
	replace := Change{Kind: ChangeReplace, ID: 2, Member: Member{Ident: ident(4)}}
	for _, c := range []struct {
		name             string
		voters, learners int
		steps            []string // the configuration after each acknowledgement by 3 and 4
	}{
		{"a voter", 4, 0, []string{"{1 2 3 4 | 1 3 4}", "{1 3 4}", "{1 3 4}"}},
		{"a learner", 3, 1, []string{"{1 2 3 + 4}", "{1 2 3 | 1 3 4}", "{1 3 4}", "{1 3 4}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := leadWith(t, c.voters, c.learners)
			b.ask(replace)
			require.Empty(t, b.out.Changed, "nothing is done yet")
			for i, want := range c.steps {
				require.Equal(t, want, b.members(), "step %d", i)
				b.ack(4)
				b.ack(3)
			}
			last := b.n.LastIndex()
			b.ask(replace)
			require.Equal(t, []Changed{{Ticket: 5, Index: last}}, b.out.Changed, "a repetition")
			require.Equal(t, last, b.n.LastIndex())
		})
	}
	b := leadWith(t, 3, 0)
	b.ask(Change{Kind: ChangeReplace, ID: 9, Member: Member{Ident: ident(2)}})
	require.Equal(t, RefusedNoMember, b.out.Refused[0].Reason, "a member takes nobody's place")
}

// A learner that was to replace a member never came. The member was removed, and its id came back with another
// directory: that one is to stay when the learner comes at last, for a removed directory never returns.
func TestALearnerReplacesNobodyWhoCameAfterIt(t *testing.T) {
	b := leadWith(t, 3, 0)
	everybody := func() {
		for _, i := range []int{2, 3} {
			b.ack(i)
			b.ack(i)
		}
	}
	b.ask(Change{Kind: ChangeReplace, ID: 3, Member: Member{Ident: ident(4)}})
	everybody()
	b.ask(Change{Kind: ChangeRemove, ID: 3})
	everybody()
	require.Equal(t, "{1 2 + 4}", b.members())
	back := Ident{3, 99}
	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: back}})
	b.ack(2)
	b.ask(Change{Kind: ChangePromote, ID: 3})
	b.ack(2)
	ack := func(who Ident) {
		b.step(Input{Kind: InputMessage, Message: &Message{Kind: MsgAppendReply, Cluster: scriptCluster, From: who, To: ident(1),
			Term: b.n.Term(), Seq: 99, Granted: true, Matched: b.n.LastIndex()}})
	}
	for range 2 {
		ack(back)
		b.ack(2)
	}
	require.Equal(t, "{1 2 3 + 4}", b.members(), "the id is back")
	for range 3 {
		b.ack(4)
		ack(back)
		b.ack(2)
	}
	require.Equal(t, "{1 2 3 4}", b.members())
}

// A learner moves no majority, so that one entry removes it, without two majorities.
func TestALearnerIsRemovedByOneEntry(t *testing.T) {
	b := leadWith(t, 3, 1)
	b.ask(Change{Kind: ChangeRemove, ID: 4})
	require.Equal(t, "{1 2 3}", b.members())
	require.Empty(t, b.out.Changed, "not before it is committed")
	b.ack(2)
	require.Equal(t, []Changed{{Ticket: 5, Index: 3}}, b.out.Changed)
	b.ask(Change{Kind: ChangeRemove, ID: 4})
	require.Equal(t, []Changed{{Ticket: 5, Index: 3}}, b.out.Changed, "a repetition")
	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: ident(4)}})
	require.Equal(t, RefusedWasRemoved, b.out.Refused[0].Reason, "this directory never returns")
	b.ask(Change{Kind: ChangeAdd, Member: Member{Ident: Ident{4, 99}}})
	require.Equal(t, "{1 2 3 + 4}", b.members(), "another one under its id may come")
}

// Who lost the leadership cannot tell what becomes of the change.
func TestAChangeOfALostLeadershipIsAnsweredAsLost(t *testing.T) {
	b := leadWith(t, 3, 0)
	b.ask(Change{Kind: ChangeRemove, ID: 3})
	b.hold = true // so that the output of this one Step stays
	b.hear(2, Message{Kind: MsgHeartbeat, Term: b.n.Term() + 1})
	require.Equal(t, []Refusal{{Ticket: 5, Reason: RefusedLostTerm}}, b.out.Refused)
	b.hold = false
	b.step(Input{Kind: InputStored, Stored: b.out.Store[0].Seq})
	require.Equal(t, "{1 2 3 | 1 2}", b.members(), "in force until it is cut")
	b.hear(2, Message{Kind: MsgAppend, Term: b.n.Term(), PrevIndex: 2, PrevTerm: 2, Entries: terms(3, 3)})
	require.Equal(t, "{1 2 3}", b.members())
}

// Only a committed entry removes: one that may yet be cut must silence nobody.
func TestNobodyIsToldOfARemovalThatMayBeCut(t *testing.T) {
	b := leadWith(t, 3, 0)
	b.ask(Change{Kind: ChangeRemove, ID: 3})
	asks := Message{Kind: MsgPreVote, Term: b.n.Term() + 1, LastIndex: 2, LastTerm: 2}
	b.hear(3, asks)
	b.one(MsgPreVoteReply, 3)
	b.ack(2) // C_old,new is committed, C_new appended
	require.Equal(t, "{1 2}", b.members())
	b.hear(3, asks)
	b.one(MsgPreVoteReply, 3)
	b.ack(2) // C_new is committed
	b.hear(3, asks)
	require.Equal(t, Index(4), b.one(MsgRemoved, 3).Commit)
	b.hear(3, Message{Kind: MsgVote, Term: 50, LastIndex: 9, LastTerm: 49})
	b.one(MsgRemoved, 3)
	require.Equal(t, Leader, b.n.Role(), "its term is not even taken")
}

// crashes plays a change of the membership and crashes the leader when so many messages of it
// were delivered. It reports whether there were so many.
type crashes struct {
	*scripted
	t       *testing.T
	leaders map[Term]NodeID
}

// watch checks Election Safety after every Step.
func (c *crashes) watch() {
	for _, n := range c.nodes {
		if n.down || n.Role() != Leader {
			continue
		}
		id := n.cfg.Self.ID
		if was, ok := c.leaders[n.Term()]; ok {
			require.Equal(c.t, was, id, "two leaders of term %d", n.Term())
		}
		c.leaders[n.Term()] = id
	}
}

// next delivers one message, or lets time pass if there is none. It reports whether it
// delivered.
func (c *crashes) next() bool {
	defer c.watch()
	if len(c.fly) == 0 {
		c.now = c.now.Add(10 * time.Millisecond)
		for _, n := range c.nodes {
			if !n.down {
				c.step(n)
			}
		}
		return false
	}
	m := c.fly[0]
	c.fly = c.fly[1:]
	if to := c.nodes[m.To.ID-1]; !to.down {
		c.step(to, Input{Kind: InputMessage, Message: &m})
	}
	return true
}

// leader is the leader of the newest term that runs.
func (c *crashes) leader() *scriptNode {
	var l *scriptNode
	for _, n := range c.nodes {
		if !n.down && n.Role() == Leader && (l == nil || n.Term() > l.Term()) {
			l = n
		}
	}
	return l
}

// settled reports whether a leader has committed everything and no change is under way.
func (c *crashes) settled() bool {
	l := c.leader()
	if l == nil || l.Commit() != l.LastIndex() || l.config().Joint() || !l.config().Has(l.cfg.Self) {
		return false
	}
	for _, m := range l.config().Members {
		if n := c.nodes[m.ID-1]; !n.down && (m.Promote || n.Commit() != l.Commit()) {
			return false
		}
	}
	return true
}

func (c *crashes) until(what string, so func() bool) {
	for range 100_000 {
		if so() {
			return
		}
		c.next()
	}
	require.FailNow(c.t, "never came: "+what, "%s", c.said.String())
}

// A change must survive the crash of its leader at any moment: whoever leads then finishes
// it or never heard of it, at most one leader is elected in a term [Figure 3], and
// who is left agrees on one membership.
func TestAChangeIsFinishedOrRolledBackWhereverItsLeaderCrashes(t *testing.T) {
	for _, change := range []struct {
		command string
		ends    []string // the memberships that may come of it
	}{
		{"add 1 4", []string{"{1 2 3}", "{1 2 3 4}"}},
		{"remove 1 3", []string{"{1 2 3}", "{1 2}"}},
		{"remove 1 1", []string{"{1 2 3}", "{2 3}"}},
		{"replace 1 3 4", []string{"{1 2 3}", "{1 2 4}"}},
		{"replace 1 1 4", []string{"{1 2 3}", "{2 3 4}"}},
	} {
		for _, returns := range []bool{true, false} {
			if change.command == "remove 1 3" && !returns {
				continue // {1 2} has no majority without 1
			}
			t.Run(fmt.Sprintf("%s/returns=%t", change.command, returns), func(t *testing.T) {
				seen := map[string]bool{}
				for _, lost := range []bool{false, true} {
					points := 0
					for crashed := true; crashed; points++ {
						end := ""
						end, crashed = playCrash(t, change.command, points, lost, returns)
						require.Contains(t, change.ends, end, "crash after %d messages", points)
						seen[end] = true
					}
					require.Greater(t, points, 5)
				}
				require.Len(t, seen, len(change.ends), "both ends are reached")
			})
		}
	}
}

// playCrash returns the membership in the end, and whether the change was still under way
// after that many messages. What the crashed leader had sent is lost, or arrives yet.
func playCrash(t *testing.T, command string, after int, lost, returns bool) (string, bool) {
	c := &crashes{scripted: &scripted{}, t: t, leaders: map[Term]NodeID{}}
	c.run("cluster 3")
	c.run("spare 4")
	c.run("campaign 1")
	c.until("a leader that has committed", func() bool { return c.settled() && len(c.fly) == 0 })
	l := c.leader()
	require.Equal(t, NodeID(1), l.cfg.Self.ID)
	c.run(command)
	crashed, delivered := false, 0
	for !crashed && (delivered <= after) {
		if c.settled() && len(c.fly) == 0 {
			break
		}
		if delivered == after {
			crashed = true
			c.run("crash 1")
			if lost {
				c.fly = slices.DeleteFunc(c.fly, func(m Message) bool { return m.From.ID == 1 })
			}
			break
		}
		if c.next() {
			delivered++
		}
	}
	if crashed && returns {
		for range 300 {
			c.next()
		}
		for i, n := range c.nodes {
			if n.down {
				c.run(fmt.Sprintf("restart %d", i+1))
			}
		}
	}
	c.until("a settled membership", c.settled)
	l = c.leader()
	c.run(fmt.Sprintf("propose %d x", l.cfg.Self.ID))
	last := l.LastIndex()
	c.until("a commit", func() bool { return l.Commit() >= last })
	return describeConfig(l.config()), crashed
}

// A leader that removed itself may fall while C_new, without it, is in its log alone: then
// nobody else can win, because its log is the most up to date and C_old,new needs its vote.
// So it campaigns although it is no voter of its own latest configuration [T§4.2.2],
// counts the other's vote and not its own, and leads until the entry is committed.
func TestANodeThatIsNotInItsLatestConfigurationCampaignsUntilThatIsCommitted(t *testing.T) {
	b := newBench(t, 2, 1)
	log := terms(1, 1, 1, 1)
	joint := Configuration{Members: []Member{{Ident: ident(1), VoterOld: true}, {Ident: ident(2), Voter: true, VoterOld: true}}}
	without := Configuration{Members: []Member{{Ident: ident(2), Voter: true}}}
	for i, c := range []Configuration{joint, without} {
		e := &log[i+1]
		e.Kind, e.Payload = EntryConfig, AppendConfiguration(nil, &c)
		e.Sum = EntrySum(scriptCluster, e)
	}
	b.start(HardState{Term: 1}, log)
	b.now = b.n.electionAt
	b.step()
	require.Equal(t, PreCandidate, b.n.Role())
	b.hear(2, Message{Kind: MsgPreVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
	require.Equal(t, Candidate, b.n.Role(), "its own vote is none")
	b.hear(2, Message{Kind: MsgVoteReply, Term: 2, Seq: b.n.campaign, Granted: true})
	require.Equal(t, Leader, b.n.Role())
	require.Zero(t, b.n.Commit(), "its own log is not counted")
	b.hear(2, Message{Kind: MsgAppendReply, Term: 2, Seq: 1, Granted: true, Matched: 4})
	require.Equal(t, Index(4), b.n.Commit())

	b.now = b.now.Add(10 * DefaultElectionTimeout)
	b.step()
	b.now = b.now.Add(10 * DefaultElectionTimeout)
	b.step()
	require.Equal(t, Follower, b.n.Role(), "once it is committed, it is out")
	require.False(t, b.n.promotable())
}
