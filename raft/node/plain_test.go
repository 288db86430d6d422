package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: whoever sends a command that nobody remembers has nobody to ask what became of it. He may repeat it
// only because that does no harm, so that each copy must be executed and answered by itself.
func TestAPlainCommandIsExecutedAndAnsweredAsOftenAsItGetsIntoTheLog(t *testing.T) {
	c := formed(t, 3)
	c.until("the newest level", func() bool { return c.leader() != nil && c.leader().node.level == LevelMax })
	l := c.leader()
	before := len(l.sm.lines)
	plain := Event{Kind: EventCommand, Command: Command{Plain: true, Body: []byte("again")}}
	first, second := l.do(plain), l.do(plain)
	for _, a := range []Answer{first, second} {
		require.Equal(t, Done, a.Outcome)
		require.NotEmpty(t, a.Reply)
	}
	require.Less(t, first.Position, second.Position)
	require.Len(t, l.sm.lines, before+2)
	require.Zero(t, l.node.sessions.used)
	require.Zero(t, l.node.requests.used)
	c.agree()
}

func TestAPlainCommandIsRefusedWhereItCannotBeExecuted(t *testing.T) {
	c := newCluster(t, 3)
	c.member(2).maxLevel = LevelTeam - 1
	c.startAll()
	c.until("the level before", func() bool { return c.leader() != nil && c.leader().node.level == LevelTeam-1 })
	l := c.leader()
	before := len(l.sm.lines)
	plain := Event{Kind: EventCommand, Command: Command{Plain: true, Body: []byte("early")}}
	a := l.do(plain)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeNotYet, a.Code, "below its level nobody executes it")
	require.Len(t, l.sm.lines, before)

	plain.Command.Body = make([]byte, l.node.settings.Limits.CommandBytesMax+1)
	a = l.do(plain)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeTooLarge, a.Code)

	var other *member
	for _, m := range c.members {
		if m.id != l.id {
			other = m
		}
	}
	a = other.do(Event{Kind: EventCommand, Command: Command{Plain: true}})
	require.Equal(t, CodeNotLeader, a.Code)
	require.Equal(t, raft.NodeID(l.id), a.Hint)
	c.agree()
}
