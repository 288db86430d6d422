package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// mixed is a cluster some of whose members run the release before.
func mixed(t *testing.T, nodes int, old ...raft.NodeID) *cluster {
	c := newCluster(t, nodes)
	for _, id := range old {
		c.member(id).maxLevel = 1
	}
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	return c
}

// levelEntries counts the level entries in a member's log.
func levelEntries(m *member) int {
	n := 0
	for i := raft.Index(1); i <= m.node.raft.LastIndex(); i++ {
		if e, ok := m.node.raft.EntryAt(i); ok && e.Kind == raft.EntryLevel {
			n++
		}
	}
	return n
}

func TestTheLeaderRaisesTheLevelOnceEveryMemberCanFollow(t *testing.T) {
	c := mixed(t, 3)
	c.advance(5 * time.Second)
	for _, m := range c.members {
		require.Equal(t, uint32(LevelMax), m.node.Status().Level, "node %d", m.id)
		require.Equal(t, 1, levelEntries(m))
	}
	c.agree()
}

func TestOneNodeOfTheReleaseBeforeHoldsTheLevelWhoeverLeads(t *testing.T) {
	for _, old := range []raft.NodeID{1, 3} { // the first leader, and a follower
		c := mixed(t, 3, old)
		c.advance(5 * time.Second)
		for _, m := range c.members {
			require.Equal(t, uint32(1), m.node.Status().Level)
			require.Zero(t, levelEntries(m))
			require.NoError(t, m.stopped)
		}
	}
}

// What is not heard is not assumed: the node may be of any release.
func TestANodeThatIsDownHoldsTheLevelUntilItIsBack(t *testing.T) {
	c := newCluster(t, 3)
	c.settings.HoldLevel = true
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	c.advance(3 * time.Second)
	c.member(3).crash(nil)
	c.advance(reportValid) // its last word counts no more
	for _, m := range c.members {
		require.Equal(t, uint32(1), m.node.level, "the operator holds it")
		m.node.settings.HoldLevel = false
	}
	c.settings.HoldLevel = false
	c.advance(3 * time.Second)
	require.Equal(t, uint32(1), c.leader().node.level)
	require.NoError(t, c.member(3).start())
	c.advance(3 * time.Second)
	for _, m := range c.members {
		require.Equal(t, uint32(LevelMax), m.node.level)
	}
	c.agree()
}

// A node of the release before does not know whether the leader takes a one-shot command: that the cluster does
// not take it yet only a leader may say, or a caller would stay with a node that was left behind.
func TestAFollowerOfTheReleaseBeforeSendsOneShotCommandsToTheLeader(t *testing.T) {
	c := mixed(t, 3, 1, 2, 3)
	for id := raft.NodeID(1); id <= 3; id++ {
		m := c.member(id)
		want := CodeNotLeader
		if m == c.leader() {
			want = CodeNotYet
		}
		require.Equal(t, want, m.do(oneShot("ann", "x", "text")).Code, "node %d", id)
	}
}

// A rolling upgrade: the nodes go to the new release one after another, and each entry does the
// same on all of them at every moment. Commands of the new kind change nothing before the level entry.
func TestARollingUpgradeAppliesEveryEntryAlikeOnBothReleases(t *testing.T) {
	c := mixed(t, 3, 1, 2, 3)
	for id := raft.NodeID(1); id <= 3; id++ {
		l := c.leader()
		require.Equal(t, uint32(1), l.node.level)
		if l.maxLevel == 1 {
			a := l.do(oneShot("ann", "x", "never"))
			require.Equal(t, CodeNotYet, a.Code)
		}
		// One in the log all the same, as of a leader of the new release.
		l.node.in = append(l.node.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: ticketFor(c), Kind: raft.EntryCommand,
			Payload: encodeRequest(&Command{Principal: "ann", RequestID: "x", Body: []byte("early")})}})
		l.step()
		c.advance(200 * time.Millisecond)
		c.agree()
		require.Empty(t, l.sm.lines)

		m := c.member(id)
		m.crash(nil)
		m.maxLevel = 0
		require.NoError(t, m.start())
		c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 1 })
	}
	c.until("the newest level", func() bool { return c.leader() != nil && c.leader().node.level == LevelMax })
	a := c.leader().do(oneShot("ann", "x", "now"))
	require.Equal(t, Done, a.Outcome, "what was refused before the level is not remembered")
	c.advance(200 * time.Millisecond)
	c.agree()
	for _, m := range c.members {
		require.Equal(t, []string{"now"}, m.sm.lines)
	}
}

// ticketFor draws a ticket for a proposal that a test puts in by hand.
func ticketFor(c *cluster) uint64 {
	c.tickets++
	return uint64(c.tickets)
}

// A node whose release is too old must stop at the level entry, with everything that waits answered.
func TestANodeThatDoesNotKnowTheLevelStopsWithoutAnsweringReads(t *testing.T) {
	c := mixed(t, 1, 1)
	m := c.leader()
	m.node.in = append(m.node.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
		Ticket: ticketFor(c), Kind: raft.EntryLevel, Payload: AppendLevel(nil, 2)}})
	read, write := query(), command(1, 1, "a")
	read.Ticket, write.Ticket = 2000, 2001
	m.step(write, read)
	require.ErrorIs(t, m.stopped, ErrLevel)
	answers := map[Ticket]int{}
	for _, a := range m.answers {
		answers[a.Ticket]++
		require.NotEqual(t, "a", string(a.Reply))
	}
	require.Equal(t, 1, answers[2000])
	require.Equal(t, 1, answers[2001])
}
