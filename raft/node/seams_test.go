package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: a reply that somebody reads who guessed the session's number.
func TestAnOwnedCommandInSomebodyElsesSessionIsRefusedThoughItsReplyIsKept(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	a := m.do(Event{Kind: EventOpenSession, Command: Command{Principal: "ann", Nonce: 1}})
	say := func(who string, seq uint64, body string) Answer {
		return m.do(Event{Kind: EventCommand, Command: Command{Session: a.Session, Seq: seq, Principal: who, Owned: true, Body: []byte(body)}})
	}
	first := say("ann", 1, "ann's")
	require.Equal(t, Done, first.Outcome)
	for seq := uint64(1); seq <= 2; seq++ {
		got := say("bob", seq, "bob's")
		require.Equal(t, Refused, got.Outcome)
		require.Equal(t, CodeSessionForeign, got.Code)
		require.Empty(t, got.Reply)
	}
	require.Equal(t, first.Reply, say("ann", 1, "ann's").Reply)
	require.Equal(t, []string{"ann's"}, m.node.sm.(*toy).lines)

	ahead := Command{Session: SessionID(m.node.applied) + 1, Seq: 1, Principal: "bob", Owned: true}
	require.Equal(t, CodeSessionUnknown, m.do(Event{Kind: EventCommand, Command: ahead}).Code, "no entry opened it")
	n := m.node.Clone()
	n.applied--
	ahead.Session--
	require.Equal(t, CodeBusy, n.foreign(&ahead), "where it was opened is not applied here yet: whose it is nobody knows")
}

func TestLongQueriesShareOneViewOfEachPositionAndDoNotSeeWhatComesLater(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	session := m.open(1)
	m.do(command(session, 1, "one"))
	ask := func() Answer {
		return m.do(Event{Kind: EventQuery, Query: Query{Off: true, Consistency: Stale, Body: []byte("all")}})
	}
	a, again := ask(), ask()
	require.Empty(t, a.Reply)
	require.Same(t, a.View, again.View)
	b := m.do(command(session, 2, "two"))
	require.Nil(t, m.node.view.state, "a view that nobody asks for any more holds no memory")
	later := m.do(Event{Kind: EventQuery, Query: Query{Off: true, Body: []byte("all")}})
	require.Equal(t, []string{"one"}, a.View.(*toy).lines)
	require.Equal(t, []string{"one", "two"}, later.View.(*toy).lines)
	require.Equal(t, b.Position, later.Position)
}

// A follower's word comes to all by way of the leader, and to nobody as long as there is none.
func TestWhatAFollowerTellsTheStateMachineHears(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.until("all are of the newest level", func() bool {
		for id := raft.NodeID(1); id <= 3; id++ {
			if c.member(id).node.level != LevelMax {
				return false
			}
		}
		return true
	})
	heard := func(word string) bool {
		for id := raft.NodeID(1); id <= 3; id++ {
			n := 0
			for _, line := range c.member(id).node.sm.(*toy).lines {
				if line == word {
					n++
				}
			}
			if n != 1 {
				return false
			}
		}
		return true
	}
	for id, word := range map[raft.NodeID]string{1: "ann is here", 2: "bob is here", 3: "cid is here"} {
		c.member(id).ask(Event{Kind: EventTell, Command: Command{Body: []byte(word)}})
		c.until(word, func() bool { return heard(word) })
	}
	huge := make([]byte, c.member(1).node.settings.Limits.CommandBytesMax+1)
	c.member(2).ask(Event{Kind: EventTell, Command: Command{Body: huge}})
	c.advance(time.Second)
	require.True(t, heard("ann is here"), "and nothing else came of it")
}

func TestWhatIsToldBelowItsLevelChangesNothing(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	n := m.node.Clone()
	n.level = LevelTeam - 1
	before := n.sm.StateHash()
	n.out = &Output{}
	n.apply(&raft.Entry{Index: n.applied + 1, Term: n.term, Time: n.logTime, Kind: raft.EntryCommand, Payload: encodeTell([]byte("x"))})
	require.Equal(t, before, n.sm.StateHash())
}
