package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// watched is a formed cluster that compares its states every so many entries, with a session.
func watched(t *testing.T, nodes int, every raft.Index) (*cluster, SessionID) {
	c := newCluster(t, nodes)
	c.settings.HashEvery = every
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	s := c.leader().open(1)
	c.advance(100 * time.Millisecond)
	return c, s
}

// rot flips one bit of what a member remembers, and its hash with it, as a wrong Apply would.
func (m *member) rot() {
	m.sm.lines[len(m.sm.lines)-1] = "rotten"
	m.sm.hash[0] ^= 1
}

// writeOn writes until the leader has applied n more entries.
func (c *cluster) writeOn(s SessionID, seq *uint64, n raft.Index) {
	l := c.leader()
	for end := l.node.applied + n; l.up && l.node.applied < end; {
		*seq++
		a := l.do(Event{Kind: EventCommand, Command: Command{Session: s, Seq: *seq, AckedBelow: *seq, Body: []byte("x")}})
		require.Equal(c.t, Done, a.Outcome, "%v", a.Code)
	}
}

func diverged(t *testing.T, m *member) *DivergedError {
	t.Helper()
	require.Error(t, m.stopped, "node %d", m.id)
	var d *DivergedError
	require.ErrorAs(t, m.stopped, &d)
	require.Equal(t, d.Index%m.node.settings.HashEvery, raft.Index(0))
	require.NotEqual(t, d.Own, d.Other)
	return d
}

// At stake is an answer from a state that nobody else has. The node that rotted finds out within
// HashEvery entries, whatever its role, and the others go on.
func TestANodeWhoseStateRottedStopsWithinHashEveryEntriesAndTheOthersGoOn(t *testing.T) {
	for _, nodes := range []int{3, 5} {
		for _, leads := range []bool{false, true} {
			c, s := watched(t, nodes, 8)
			seq := uint64(0)
			c.writeOn(s, &seq, 20)
			c.advance(100 * time.Millisecond)
			for _, m := range c.members {
				require.GreaterOrEqual(t, m.node.Status().Agreed, m.node.applied-8, "node %d", m.id)
			}
			sick := c.leader()
			if !leads {
				sick = c.member(raft.NodeID(nodes))
			}
			at := sick.node.applied
			sick.rot()
			for sick.up {
				require.LessOrEqual(t, sick.node.applied, at+8)
				seq++
				c.leader().ask(Event{Kind: EventCommand, Command: Command{Session: s, Seq: seq, AckedBelow: seq, Body: []byte("x")}})
				c.advance(50 * time.Millisecond)
			}
			d := diverged(t, sick)
			require.True(t, d.Majority)
			require.LessOrEqual(t, d.Index, at+8)
			require.ErrorContains(t, d, "remove the node")

			c.until("another leader", func() bool { l := c.leader(); return l != nil && l != sick && l.node.applied > at })
			c.writeOn(s, &seq, 20)
			c.advance(100 * time.Millisecond)
			for _, m := range c.members {
				require.Equal(t, m != sick, m.up, "node %d: %v", m.id, m.stopped)
			}
			c.agree()

			// Its log is good: a state built anew from it is that of the others.
			require.NoError(t, sick.start())
			c.writeOn(s, &seq, 20)
			c.agree()
		}
	}
}

// A read that waits when the node finds out must not be answered, neither in that Step nor after it.
func TestNothingIsReadFromAStateThatWasFoundWrong(t *testing.T) {
	c, s := watched(t, 3, 8)
	seq := uint64(0)
	c.writeOn(s, &seq, 8)
	c.advance(100 * time.Millisecond)
	sick := c.leader()
	sick.rot()
	for sick.node.applied%8 != 7 {
		c.writeOn(s, &seq, 1)
	}
	// The entry of the next mark is applied, a read and a subscriber wait, and the others' reports are still on their way.
	var reports []raft.Message
	c.cut = func(m *raft.Message) bool {
		if m.Kind == raft.MsgReport && m.To.ID == sick.id {
			reports = append(reports, *m)
		}
		return m.Kind == raft.MsgReport
	}
	seq++
	sick.ask(Event{Kind: EventCommand, Command: Command{Session: s, Seq: seq, AckedBelow: seq, Body: []byte("x")}})
	c.until("the mark", func() bool { return len(reports) == 2 && sick.node.applied%8 == 0 })
	read := sick.ask(query())
	sub := sick.ask(Event{Kind: EventSubscribe, From: positionOf(sick.node.applied)})
	c.wire = nil
	sick.frames = nil
	var events []Event
	for i := range reports {
		events = append(events, Event{Kind: EventMessage, Message: &reports[i]})
	}
	stale := Event{Kind: EventQuery, Ticket: 9000, Query: Query{Consistency: Stale}}
	late := query()
	late.Ticket = 9001
	sick.step(append(events, stale, late)...)
	diverged(t, sick)
	for _, ticket := range []Ticket{read, sub, 9000, 9001} {
		a, ok := sick.answer(ticket)
		require.True(t, ok)
		require.Equal(t, Refused, a.Outcome)
		require.Equal(t, CodeStopping, a.Code)
		require.Empty(t, a.Reply)
	}
	require.Empty(t, sick.frames)
}

// A single report that gets lost must not hide anything: the next one says the same again.
func TestALostReportIsMadeGoodByTheNextEvenIfNobodyWrites(t *testing.T) {
	c, s := watched(t, 3, 4)
	seq := uint64(0)
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgReport }
	c.writeOn(s, &seq, 2)
	c.advance(50 * time.Millisecond)
	c.member(3).rot()
	c.writeOn(s, &seq, 6)
	c.advance(2 * reportEvery)
	require.True(t, c.member(3).up)
	c.cut = nil
	c.advance(2 * reportEvery)
	diverged(t, c.member(3))
}

// Of two nodes one is wrong and nobody can say which: both stop at once.
func TestWhereNoMajorityCanAgreeAllThatDifferStop(t *testing.T) {
	c, s := watched(t, 2, 4)
	seq := uint64(0)
	c.writeOn(s, &seq, 4)
	c.advance(100 * time.Millisecond)
	c.member(2).rot()
	l := c.leader()
	for l.up {
		seq++
		l.ask(Event{Kind: EventCommand, Command: Command{Session: s, Seq: seq, AckedBelow: seq, Body: []byte("x")}})
		c.advance(50 * time.Millisecond)
		require.Less(t, seq, uint64(100))
	}
	c.advance(2 * reportEvery)
	for _, m := range c.members {
		require.False(t, diverged(t, m).Majority)
		require.ErrorContains(t, m.stopped, "no majority")
	}
}

// Where the one that could decide is silent, those that differ wait for it: it may be back
// in time. If it is not, they stop, and nothing is lost by it: alone neither could commit.
func TestADisputeWaitsForTheSilentVoterAndNotForEver(t *testing.T) {
	for _, returns := range []bool{true, false} {
		c, s := watched(t, 3, 4)
		seq := uint64(0)
		c.writeOn(s, &seq, 4)
		c.advance(100 * time.Millisecond)
		l := c.leader()
		var sick, silent *member
		for _, m := range c.members {
			switch {
			case m == l:
			case sick == nil:
				sick = m
			default:
				silent = m
			}
		}
		silent.crash(nil)
		c.advance(reportValid) // its last word counts no more
		sick.rot()
		c.writeOn(s, &seq, 8)
		c.advance(disputeMax - time.Second)
		require.True(t, sick.up)
		require.True(t, l.up)
		if !returns {
			c.advance(2 * time.Second)
			require.False(t, diverged(t, sick).Majority)
			require.False(t, diverged(t, l).Majority)
			continue
		}
		require.NoError(t, silent.start())
		c.advance(disputeMax)
		require.True(t, diverged(t, sick).Majority)
		require.True(t, l.up)
		require.True(t, silent.up)
		c.writeOn(s, &seq, 8)
	}
}

// In a cluster of two nobody has a majority, and whoever sees first that the states differ stops. Had its report not
// left before, its peer would answer from a wrong state for good: started again, the node would stop again.
func TestTheLastWordOfANodeThatDiffersIsItsReport(t *testing.T) {
	for _, leads := range []bool{false, true} {
		c, s := watched(t, 2, 8)
		seq := uint64(0)
		c.writeOn(s, &seq, 8)
		c.advance(100 * time.Millisecond)
		sick := c.other()
		if leads {
			sick = c.leader()
		}
		sick.rot()
		// The leader's report comes first, and only then what has the other one apply the entry of the mark.
		l, late := c.leader(), c.other()
		at, told := (l.node.applied/8+1)*8, false
		c.cut = func(m *raft.Message) bool {
			told = told || m.Kind == raft.MsgReport && m.From == l.node.self && l.node.applied == at
			return l.node.applied >= at && !told && m.To == late.node.self
		}
		for l.up && late.up {
			seq++
			l.ask(Event{Kind: EventCommand, Command: Command{Session: s, Seq: seq, AckedBelow: seq, Body: []byte("x")}})
			c.advance(10 * time.Millisecond)
		}
		require.False(t, diverged(t, late).Majority, "it has the leader's report when it gets to the mark")
		require.False(t, diverged(t, l).Majority, "and the leader has its last word")
	}
}

// A learner is not asked who is right, but it serves as well, and must be right itself.
func TestALearnerThatDiffersStopsAndCountsForNobody(t *testing.T) {
	c, s := watched(t, 3, 4)
	seq := uint64(0)
	config := raft.Configuration{Members: []raft.Member{
		{Ident: raft.Ident{ID: 1, Inc: 1}, Voter: true}, {Ident: raft.Ident{ID: 2, Inc: 1}, Voter: true},
		{Ident: raft.Ident{ID: 3, Inc: 1}, Voter: true}, {Ident: raft.Ident{ID: 4, Inc: 1}, Promote: true}}}
	c.writeOn(s, &seq, 4)
	n := c.leader().node.Clone()
	mine := n.reporting.marks[len(n.reporting.marks)-1]
	n.reporting.agreed = 0
	n.reporting.peers = nil
	for id := raft.NodeID(2); id <= 4; id++ {
		n.reporting.peers = append(n.reporting.peers, report{from: config.Members[id-1].Ident, heardAt: n.now,
			marks: []mark{{mine.index, Hash{1, 1}}}})
	}
	n.self = config.Members[0].Ident
	n.reporting.peers[0].marks = nil // of voter 2 nothing is known
	var out Output
	n.out = &out
	require.True(t, n.judge(&config, &mine), "one voter and a learner outvote nobody")
	require.NoError(t, n.stopping)

	n.reporting.peers[0].marks = []mark{{mine.index, Hash{1, 1}}}
	config.Members[0].Voter, config.Members[0].Promote = false, true
	n.judge(&config, &mine)
	require.Error(t, n.stopping, "this learner differs from two of two voters")
}

// Reports come from whoever connects; whatever they say must not make a node panic, and only members
// count.
func TestReportsOfStrangersAndGarbageChangeNothing(t *testing.T) {
	c, s := watched(t, 3, 4)
	seq := uint64(0)
	c.writeOn(s, &seq, 8)
	c.advance(100 * time.Millisecond)
	m := c.member(2)
	wrong := make([]byte, 0, 64)
	wrong = append(wrong, reportVersion, 1, 0, 0, 0, 1)
	wrong = append(wrong, byte(m.node.applied/4*4), 0, 0, 0, 0, 0, 0, 0)
	wrong = append(wrong, make([]byte, 16)...)
	for _, from := range []raft.Ident{{ID: 9, Inc: 9}, {ID: 1, Inc: 77}, {ID: 3, Inc: 77}} {
		m.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgReport, Cluster: m.node.identity.Cluster,
			From: from, To: m.node.self, Payload: wrong}})
	}
	from := c.member(1).node.self
	for end := range wrong {
		m.notes = nil
		m.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgReport, Cluster: m.node.identity.Cluster,
			From: from, To: m.node.self, Payload: wrong[:end]}})
		require.Equal(t, NoteDropped, m.notes[0].Kind, "%d bytes", end)
	}
	require.NoError(t, m.stopped)
	c.advance(5 * time.Second)
	for _, m := range c.members {
		require.NoError(t, m.stopped)
	}
}

func TestAReportComesBackAsItWasAndWhatALaterReleaseAppendsIsSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &Node{settings: Settings{MaxLevel: rapid.Uint32().Draw(t, "level")}}
		index := raft.Index(0)
		for range rapid.IntRange(0, marksMax).Draw(t, "marks") {
			index += raft.Index(rapid.Uint64Range(1, 1<<40).Draw(t, "step"))
			n.reporting.marks = append(n.reporting.marks, mark{index, Hash{rapid.Uint64().Draw(t, "low"), rapid.Uint64().Draw(t, "high")}})
		}
		p := append(n.encodeReport(), rapid.SliceOf(rapid.Byte()).Draw(t, "more")...)
		r, ok := decodeReport(nil, p)
		require.True(t, ok)
		require.Equal(t, n.settings.MaxLevel, r.level)
		require.Equal(t, n.reporting.marks, r.marks)
	})
}

// What a node keeps of itself and of others is bounded, however long it runs.
func TestMarksAreKeptInARing(t *testing.T) {
	c, s := watched(t, 3, 1)
	seq := uint64(0)
	c.writeOn(s, &seq, 50)
	c.advance(2 * time.Second)
	for _, m := range c.members {
		r := &m.node.reporting
		require.Len(t, r.marks, marksMax)
		require.Equal(t, m.node.applied, r.marks[marksMax-1].index)
		require.Equal(t, m.node.applied, r.agreed)
		require.Len(t, r.peers, 2)
		for _, p := range r.peers {
			require.LessOrEqual(t, len(p.marks), marksMax)
		}
	}
}

// The disk is where a wrong state would outlive the process, and where another node would get it from.
func TestARottenStateNeverGetsIntoASnapshot(t *testing.T) {
	for _, leads := range []bool{false, true} {
		c := newCluster(t, 3)
		c.settings.Rules.SnapshotBytes = 900
		c.startAll()
		c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
		s := c.leader().open(1)
		seq := uint64(0)
		c.writeOn(s, &seq, 3)
		c.advance(100 * time.Millisecond)
		m := c.other()
		if leads {
			m = c.leader()
		}
		m.rot()
		at := m.node.applied
		for seq < 60 && m.up {
			c.advance(100 * time.Millisecond)
			c.until("a leader", func() bool { return c.leader() != nil })
			c.writeOn(s, &seq, 1)
		}
		c.until("the rotten node stops", func() bool { return !m.up })
		var d *DivergedError
		require.ErrorAs(t, m.stopped, &d)
		require.Less(t, d.Index, m.node.settings.HashEvery, "long before it would have compared without a snapshot")
		require.NoError(t, m.start())
		require.LessOrEqual(t, m.node.applied, at, "its newest snapshot is older than the rot")
		c.until("a leader", func() bool { return c.leader() != nil })
		c.writeOn(s, &seq, 20)
		c.agree()
		require.Equal(t, c.leader().sm.lines, m.sm.lines, "its log made a right state of it")
	}
}
