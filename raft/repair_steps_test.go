package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An entry of an old term may still be committed by a leader of a newer one, which counts what the
// damaged node acknowledged to it before the damage. So it is not enough that the others are beyond the
// entry's term: they must be beyond every term in which the node acknowledged anything.
//
// 1 leads term 2 with an entry of term 1 at index 2. 2 has acknowledged all of it, and loses index 2. To 3, 4
// and 5 the Appends are slow. If 2 cut its log on their word, 1 would still count it, commit with 3,
// and 4 and 5 and 2 could elect a leader without the entry.
func TestAnEntryIsNotCutWhileALeaderMayCountItsAcknowledgement(t *testing.T) {
	c := &scripted{}
	for _, s := range []string{"cluster 5", "log 1 1 1", "log 2 1 1", "log 3 1", "log 4 1", "log 5 1", "campaign 1"} {
		c.run(s)
	}
	slow, deaf := NodeID(3), false // from slow on no Append arrives; 2 hears nothing of 1
	deliver := func() {
		for len(c.fly) > 0 {
			m := c.fly[0]
			c.fly = c.fly[1:]
			if m.Kind == MsgAppend && m.To.ID >= slow || deaf && m.From.ID == 1 && m.To.ID == 2 {
				continue
			}
			c.step(c.nodes[m.To.ID-1], Input{Kind: InputMessage, Message: &m})
		}
	}
	deliver()
	leader := c.nodes[0]
	require.Equal(t, Leader, leader.Role())
	require.Equal(t, Index(3), leader.peer(ident(2)).match, "2 has acknowledged all of it in term 2")
	require.Zero(t, leader.Commit())

	c.run("damage 2 2 2")
	deaf = true
	for range 12 {
		c.run("wait 50ms")
		deliver()
	}
	require.True(t, c.nodes[1].damaged(), "3, 4 and 5 do not hold the entry, in term 2: that shows nothing yet")
	slow = 4
	for range 4 {
		c.run("wait 50ms")
		deliver()
	}
	require.Equal(t, Index(3), leader.Commit(), "1, 2 and 3 stored it")
	c.run("crash 1")
	c.run("wait 600ms")
	c.fly = nil
	c.run("campaign 4")
	deliver()
	require.NotEqual(t, Leader, c.nodes[3].Role(), "2 votes by the end that its log had")
	require.Equal(t, Index(3), c.nodes[1].LastIndex())
}
