package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What ends by log time must end at the same entry on every node, whatever the entries are: so a state machine hears of
// each, with the term that it belongs to, before the command in it.
func TestATimedStateMachineIsToldOfEveryEntryFromItsLevelOn(t *testing.T) {
	c := formed(t, 3)
	c.until("the newest level", func() bool { return c.leader() != nil && c.leader().node.level == LevelMax })
	s := c.leader().open(1)
	require.Equal(t, Done, c.leader().do(command(s, 1, "a")).Outcome)
	at := c.leader().node.applied
	c.leader().crash(nil)
	c.until("another leader", func() bool { return c.leader() != nil && c.leader().node.applied > at })
	c.agree()
	l := c.leader()
	first := raft.Index(l.sm.where[0].Position)
	before, _ := l.node.raft.EntryAt(first - 1)
	require.Equal(t, raft.EntryLevel, before.Kind, "the entry that raises the level is the last of the old one")
	kinds := map[raft.EntryKind]int{}
	for i, where := range l.sm.where {
		e, ok := l.node.raft.EntryAt(first + raft.Index(i))
		require.True(t, ok)
		require.Equal(t, Applied{Position: positionOf(e.Index), Term: e.Term, Time: e.Time, Level: LevelMax}, where)
		kinds[e.Kind]++
	}
	require.Equal(t, raft.Position(l.node.applied), l.sm.where[len(l.sm.where)-1].Position)
	require.Positive(t, kinds[raft.EntryCommand])
	require.Positive(t, kinds[raft.EntryNoop], "the first entry of the new term")
	require.Subset(t, l.sm.told, []string{fmt.Sprintf("advance %d", at), fmt.Sprintf("apply %d", at)})
	for i, told := range l.sm.told {
		if told == fmt.Sprintf("apply %d", at) {
			require.Equal(t, fmt.Sprintf("advance %d", at), l.sm.told[i-1])
		}
	}
}

// The release before does not tell its state machine of the time; so nobody may until the level rises.
func TestBelowItsLevelATimedStateMachineIsToldNothing(t *testing.T) {
	c := newCluster(t, 3)
	c.member(2).maxLevel = LevelTimed - 1
	c.startAll()
	c.until("the level before", func() bool { return c.leader() != nil && c.leader().node.level == LevelTimed-1 })
	l := c.leader()
	s := l.open(1)
	require.Equal(t, Done, l.do(command(s, 1, "alarm 10ms")).Outcome)
	last := l.node.raft.LastIndex()
	c.advance(3 * time.Second)
	for _, m := range c.members {
		require.Empty(t, m.sm.where)
	}
	require.Equal(t, last, l.node.raft.LastIndex(), "and nobody waits for what it would do")
}

func TestTheLeaderAppendsTheTimeThatItsStateMachineWaitsFor(t *testing.T) {
	c := formed(t, 3)
	c.until("the newest level", func() bool { return c.leader() != nil && c.leader().node.level == LevelMax })
	l := c.leader()
	s := l.open(1)
	require.Equal(t, Done, l.do(command(s, 1, "alarm 2s")).Outcome)
	last := l.node.raft.LastIndex()
	c.advance(1500 * time.Millisecond)
	require.Equal(t, last, l.node.raft.LastIndex(), "nothing is due: nothing is appended")
	c.advance(time.Second)
	c.agree()
	for _, m := range c.members {
		require.Equal(t, []string{"alarm 2s", "rang"}, m.sm.lines)
	}
	e, ok := l.node.raft.EntryAt(last + 1)
	require.True(t, ok)
	require.Equal(t, raft.EntryClock, e.Kind)
	require.Equal(t, last+1, l.node.raft.LastIndex(), "one clock entry is enough")
}
