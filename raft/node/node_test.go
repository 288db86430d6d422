package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

func TestACommandIsAppliedOnEveryNodeAndAnswered(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		c := formed(t, nodes)
		l := c.leader()
		s := l.open(1)
		a := l.do(command(s, 1, "a"))
		require.Equal(t, Done, a.Outcome)
		require.Equal(t, "1:a", string(a.Reply))
		require.Equal(t, positionOf(l.node.applied), a.Position)
		c.advance(200 * time.Millisecond)
		for _, m := range c.members {
			require.Equal(t, []string{"a"}, m.sm.lines)
		}
		c.agree()
	}
}

func TestAFollowerRefusesCommandsWithTheLeaderAsHintAndReadsIfItMayNotAsk(t *testing.T) {
	c := newCluster(t, 3)
	c.settings.LeaderReadsOnly = true
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	c.advance(200 * time.Millisecond)
	f := c.member(2)
	for _, e := range []Event{command(1, 1, "a"), query(), {Kind: EventOpenSession}} {
		a := f.do(e)
		require.Equal(t, Answer{Ticket: a.Ticket, Outcome: Refused, Code: CodeNotLeader, Hint: 1}, a)
	}
	require.Empty(t, f.sm.lines)
}

func TestANodeThatIsNotFormedRefusesEverything(t *testing.T) {
	c := newCluster(t, 3)
	m := c.member(1)
	require.NoError(t, m.start())
	for _, e := range []Event{command(1, 1, "a"), query(), {Kind: EventOpenSession}, {Kind: EventSubscribe}} {
		a := m.do(e)
		require.Equal(t, CodeNotFormed, a.Code)
		require.Equal(t, Refused, a.Outcome)
	}
	require.Equal(t, []raft.NodeID{2, 3}, m.node.Status().Waiting)
}

func TestWhatIsTooLargeIsRefusedBeforeItEntersTheLog(t *testing.T) {
	c := newCluster(t, 1)
	c.settings.Limits = Limits{CommandBytesMax: 4, QueryBytesMax: 4}
	c.settings.Rules = Rules{PrincipalBytesMax: 4}
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	last := m.node.raft.LastIndex()
	require.Equal(t, CodeTooLarge, m.do(command(1, 1, "abcde")).Code)
	require.Equal(t, CodeTooLarge, m.do(Event{Kind: EventQuery, Query: Query{Body: []byte("abcde")}}).Code)
	require.Equal(t, CodeTooLarge, m.do(Event{Kind: EventOpenSession, Command: Command{Principal: "abcde"}}).Code)
	require.Equal(t, last, m.node.raft.LastIndex())
}

func TestMoreCallersThanTheBoundAreRefusedAsBusy(t *testing.T) {
	c := newCluster(t, 1)
	c.settings.Limits = Limits{WaitersMax: 2, ReadsMax: 1, SubscribersMax: 1}
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	m.held = true
	s := SessionID(1)
	m.ask(command(s, 1, "a"))
	m.ask(command(s, 2, "b"))
	a, ok := m.answer(m.ask(command(s, 3, "c")))
	require.True(t, ok)
	require.Equal(t, CodeBusy, a.Code)
	m.ask(Event{Kind: EventSubscribe})
	a, ok = m.answer(m.ask(Event{Kind: EventSubscribe}))
	require.True(t, ok)
	require.Equal(t, CodeBusy, a.Code)
}

func TestALostLeadershipLeavesAppendedCommandsUnknownAndTheirRepetitionExecutesOnce(t *testing.T) {
	// The client cannot know whether the entry survived. It repeats the same
	// command at the next leader and must find it executed once.
	for _, survives := range []bool{true, false} {
		c := formed(t, 3)
		c.advance(200 * time.Millisecond)
		old := c.leader()
		s := old.open(7)
		if !survives {
			c.isolate(old.id)
		} else {
			// The entry reaches the others; every answer is lost.
			c.cut = func(m *raft.Message) bool { return m.To.ID == old.id }
		}
		ticket := old.ask(command(s, 1, "a"))
		c.until("another leader", func() bool { l := c.leader(); return l != nil && l != old })
		c.until("an answer", func() bool { _, ok := old.answer(ticket); return ok })
		a, _ := old.answer(ticket)
		require.Equal(t, Unknown, a.Outcome)
		require.Equal(t, CodeLeaderLost, a.Code)

		c.cut = nil
		c.until("one leader", func() bool { return old.node.role != raft.Leader && c.leader().node.applied > 2 })
		l := c.leader()
		first := l.do(command(s, 1, "a"))
		require.Equal(t, Done, first.Outcome)
		again := l.do(command(s, 1, "a"))
		again.Ticket = first.Ticket
		require.Equal(t, first, again, "a repetition gets the first answer")
		c.agree()
		for _, m := range c.members {
			require.Equal(t, []string{"a"}, m.sm.lines)
		}
	}
}

func TestARepetitionFindsItsAnswerAfterARestartOfTheWholeCluster(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	first := l.do(command(s, 1, "a"))
	c.advance(time.Second)
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}
	c.wire = nil
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied >= raft.Index(first.Position) })
	again := c.leader().do(command(s, 1, "a"))
	require.Equal(t, first.Reply, again.Reply)
	require.Equal(t, first.Position, again.Position)
	require.Equal(t, s, c.leader().open(1), "the nonce still means the same session")
	c.agree()
}

func TestTwoCopiesInTheLogAtOnceExecuteOnce(t *testing.T) {
	c := formed(t, 1)
	m := c.leader()
	s := m.open(1)
	one, two := command(s, 1, "a"), command(s, 1, "a")
	one.Ticket, two.Ticket = 1000, 1001
	m.step(one, two)
	a, _ := m.answer(1000)
	b, _ := m.answer(1001)
	require.Equal(t, Done, a.Outcome)
	b.Ticket = a.Ticket
	require.Equal(t, a, b)
	require.Equal(t, []string{"a"}, m.sm.lines)
}

func TestALinearizableReadWaitsForARoundAndAStaleOneDoesNot(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	done := l.do(command(s, 1, "a"))

	ticket := l.ask(query())
	_, answered := l.answer(ticket)
	require.False(t, answered, "before any answer to the heartbeat")
	c.deliver()
	a, answered := l.answer(ticket)
	require.True(t, answered)
	require.Equal(t, "a", string(a.Reply))
	require.GreaterOrEqual(t, a.Position, done.Position)

	c.isolate(l.id)
	stale, answered := l.answer(l.ask(Event{Kind: EventQuery, Query: Query{Consistency: Stale}}))
	require.True(t, answered)
	require.Equal(t, "a", string(stale.Reply))
	ticket = l.ask(query())
	c.until("the fall", func() bool { return l.node.role != raft.Leader })
	a, answered = l.answer(ticket)
	require.True(t, answered, "a read must not hang when its leader falls")
	require.Equal(t, Refused, a.Outcome)
}

func TestManyReadsShareRoundsAndEachIsAnsweredOnce(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	var tickets []Ticket
	for i := range 50 {
		tickets = append(tickets, l.ask(query()))
		if i%3 == 0 {
			l.step(Event{Kind: EventCancel, Ticket: tickets[len(tickets)-1]})
		}
		if i%7 == 0 {
			c.deliver()
		}
	}
	c.advance(100 * time.Millisecond)
	require.Zero(t, l.node.reads.len())
	for i, ticket := range tickets {
		n := 0
		for _, a := range l.answers {
			if a.Ticket == ticket {
				n++
			}
		}
		if i%3 == 0 {
			require.LessOrEqual(t, n, 1)
		} else {
			require.Equal(t, 1, n)
		}
	}
}

// Every node answers linearizable queries [T§6.4]: each sees what was answered before it was
// asked, wherever that was.
func TestEveryNodeAnswersLinearizableReads(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	for seq := uint64(1); seq <= 20; seq++ {
		done := l.do(command(s, seq, "x"))
		m := c.member(raft.NodeID(1 + seq%3))
		a := m.do(query())
		require.Equal(t, Done, a.Outcome)
		require.GreaterOrEqual(t, a.Position, done.Position)
		require.Equal(t, strings.TrimSpace(strings.Repeat("x ", int(seq))), string(a.Reply))
	}
}

// A follower that is cut off does not answer from the past: its callers are told to look elsewhere.
func TestAFollowerThatIsCutOffRefusesItsReadersAndNobodyHangs(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	c.advance(200 * time.Millisecond)
	f := c.member(3)
	require.NotEqual(t, l.id, f.id)
	c.isolate(f.id)
	require.Equal(t, Done, l.do(command(s, 1, "a")).Outcome)
	ticket := f.ask(query())
	c.until("an answer", func() bool { _, ok := f.answer(ticket); return ok })
	a, _ := f.answer(ticket)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeLeaderLost, a.Code)
	require.Zero(t, f.node.reads.len())
}

// The word that a voter gave outlives its process: what it refuses is a stale read prevented.
func TestLeasesAreRefusedThatVotersWouldNotKeep(t *testing.T) {
	for _, s := range []struct {
		settings Settings
		want     string
	}{
		{Settings{Lease: 230 * time.Millisecond}, ""},
		{Settings{Lease: 245 * time.Millisecond}, "longer than voters keep"},
		{Settings{Lease: 245 * time.Millisecond, ClockDriftPPM: 100}, ""},
		{Settings{Lease: time.Second, ElectionTimeout: 2 * time.Second}, ""},
		{Settings{Lease: -1}, "negative"},
	} {
		if err := s.settings.Validate(1); s.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, s.want)
		}
	}
}

// At stake: a healthy cluster that elects three leaders a second, and nobody told why.
func TestHeartbeatsThatComeNoEarlierThanElectionsAreRefused(t *testing.T) {
	for _, s := range []struct {
		settings Settings
		want     string
	}{
		{Settings{Heartbeat: time.Second}, "a heartbeat every 1s is no earlier than the election timeout of 250ms"},
		{Settings{ElectionTimeout: 50 * time.Millisecond}, "no earlier"},
		{Settings{ElectionTimeout: 100 * time.Millisecond, Heartbeat: 20 * time.Millisecond}, ""},
		{Settings{Heartbeat: -1}, "negative"},
		{Settings{ElectionTimeout: -1}, "negative"},
	} {
		if err := s.settings.Validate(1); s.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, s.want)
		}
	}
}

func TestACancelledCallerGetsNoAnswerAndItsCommandHappens(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	ticket := l.ask(command(s, 1, "a"))
	l.step(Event{Kind: EventCancel, Ticket: ticket})
	c.advance(100 * time.Millisecond)
	_, answered := l.answer(ticket)
	require.False(t, answered)
	require.Equal(t, []string{"a"}, l.sm.lines)
}

func TestSessionsExpireOnAnIdleClusterBecauseTheLeaderAppendsTheTime(t *testing.T) {
	c := newCluster(t, 3)
	c.settings.Rules.SessionIdleMax = 2 * time.Second
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	l := c.leader()
	s := l.open(1)
	require.Equal(t, Done, l.do(command(s, 1, "a")).Outcome)
	last := l.node.raft.LastIndex()
	c.advance(1500 * time.Millisecond)
	require.Equal(t, last, l.node.raft.LastIndex(), "nothing has expired: nothing is appended")
	c.advance(time.Second)
	for _, m := range c.members {
		require.Zero(t, m.node.sessions.used)
	}
	e, ok := l.node.raft.EntryAt(last + 1)
	require.True(t, ok)
	require.Equal(t, raft.EntryClock, e.Kind)
	require.Equal(t, last+1, l.node.raft.LastIndex(), "one clock entry is enough")
	a := l.do(command(s, 2, "b"))
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeSessionUnknown, a.Code)
	require.Equal(t, []string{"a"}, l.sm.lines, "what is refused is not executed")
	c.agree()
}

// A follower hears with the next entry that one is committed, and applies it in the Step that stores the other. If its disk waited for
// that, so would whoever wrote the next one.
func TestWhatIsStoredDoesNotWaitForWhatIsApplied(t *testing.T) {
	c := formed(t, 5)
	l := c.leader()
	s := l.open(1)
	follower := c.member(2)
	if follower == l {
		follower = c.member(4)
	}
	follower.aheads = nil
	for i := range 5 {
		require.Equal(t, Done, l.do(command(s, uint64(i)+1, "a")).Outcome)
	}
	c.advance(200 * time.Millisecond)
	require.Len(t, follower.sm.lines, 5)
	require.True(t, slices.ContainsFunc(follower.aheads, func(a ahead) bool { return a.stores > 0 && a.applied < 5 }))
	c.agree()
}

// A copy of a command may reach the log after its session was closed, by the same
// client that still had it in doubt. It must not be executed then: the table does not know
// any more whether it was before.
func TestACommandThatComesAfterItsSessionWasClosedIsRefusedAndNeverExecuted(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(7)
	require.Equal(t, Done, l.do(command(s, 1, "a")).Outcome)
	inFlight := l.ask(command(s, 2, "b"))
	first := l.do(Event{Kind: EventCloseSession, Command: Command{Session: s, Nonce: 7}})
	require.Equal(t, Done, first.Outcome)
	a, ok := l.answer(inFlight)
	require.True(t, ok, "what stands before the close in the log is executed")
	require.Equal(t, Done, a.Outcome)
	for seq, body := range []string{"a", "b", "c"} {
		a := l.do(command(s, uint64(seq)+1, body))
		require.Equal(t, Refused, a.Outcome)
		require.Equal(t, CodeSessionUnknown, a.Code)
	}
	again := l.do(Event{Kind: EventCloseSession, Command: Command{Session: s, Nonce: 7}})
	require.Equal(t, Done, again.Outcome, "a repetition is told the same")
	require.Equal(t, []string{"a", "b"}, l.sm.lines)

	other := l.open(7) // a copy of the open that came late: another session
	require.NotEqual(t, s, other)
	a = l.do(command(s, 2, "b"))
	require.Equal(t, CodeSessionUnknown, a.Code)
	for _, m := range c.members {
		c.until("all to apply", func() bool { return m.node.applied == l.node.applied })
		require.Equal(t, 1, m.node.sessions.used)
	}
	c.agree()
}

func TestOnlyWhoKnowsTheNonceClosesASession(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(7)
	a := l.do(Event{Kind: EventCloseSession, Command: Command{Session: s, Nonce: 8}})
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeSessionUnknown, a.Code)
	require.Equal(t, Done, l.do(command(s, 1, "a")).Outcome)
}

func TestAMessageOfAnotherClusterOrForAnotherDirectoryIsDroppedAndNoted(t *testing.T) {
	c := formed(t, 3)
	m := c.member(2)
	other := c.member(3).node.self
	base := raft.Message{Kind: raft.MsgVote, Cluster: m.node.identity.Cluster, From: other, To: m.node.self, Term: 1 << 40}
	for name, change := range map[string]func(*raft.Message){
		"another cluster":     func(g *raft.Message) { g.Cluster++ },
		"no cluster":          func(g *raft.Message) { g.Cluster = 0 },
		"another incarnation": func(g *raft.Message) { g.To.Inc++ },
		"another node":        func(g *raft.Message) { g.To.ID++ },
		"from nobody":         func(g *raft.Message) { g.From = raft.Ident{} },
		"from itself":         func(g *raft.Message) { g.From = m.node.self },
	} {
		g := base
		change(&g)
		m.notes = nil
		m.step(Event{Kind: EventMessage, Message: &g})
		require.Less(t, m.node.raft.Term(), raft.Term(1<<40), name)
		require.Equal(t, NoteDropped, m.notes[0].Kind, name)
	}
}

func TestAVoteRequestOfSomebodyTheConfigurationDoesNotKnowIsJudged(t *testing.T) {
	// The receiver's configuration may lag behind: it must not decide who may ask.
	c := formed(t, 3)
	m := c.member(2)
	m.notes = nil
	g := raft.Message{Kind: raft.MsgPreVote, Cluster: m.node.identity.Cluster, From: raft.Ident{ID: 9, Inc: 9}, To: m.node.self, Term: 5}
	m.step(Event{Kind: EventMessage, Message: &g})
	for _, n := range m.notes {
		require.NotEqual(t, NoteDropped, n.Kind)
	}
	c.wire = nil
}

func TestAFailedDiskStopsTheNodeAndAnswersEverybody(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	cmd := l.ask(command(s, 1, "a"))
	read := l.ask(query())
	sub := l.ask(Event{Kind: EventSubscribe})
	broken := errors.New("input/output error")
	late := command(s, 2, "b")
	late.Ticket = 5000
	l.step(Event{Kind: EventDiskFailed, Err: broken}, late)
	require.ErrorIs(t, l.stopped, broken)
	a, _ := l.answer(cmd)
	require.Equal(t, Unknown, a.Outcome)
	for _, ticket := range []Ticket{read, sub, 5000} {
		a, ok := l.answer(ticket)
		require.True(t, ok)
		require.Equal(t, CodeStopping, a.Code)
	}
}

func TestALevelIsKeptAndOneTheNodeDoesNotKnowStopsIt(t *testing.T) {
	c := newCluster(t, 1)
	c.settings.MaxLevel = 3
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	propose := func(level uint32) {
		m.node.in = append(m.node.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{
			Ticket: 1, Kind: raft.EntryLevel, Payload: AppendLevel(nil, level)}})
		m.step()
	}
	propose(3)
	require.Equal(t, uint32(3), m.node.Status().Level)
	propose(2)
	require.Equal(t, uint32(3), m.node.Status().Level, "a level never falls")
	propose(4)
	require.ErrorIs(t, m.stopped, ErrLevel)
	require.ErrorContains(t, m.stopped, "level 4")
}

func TestStatusTellsWhatTheLeaderKnowsOfItsPeers(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	l.open(1)
	c.member(3).crash(nil)
	c.advance(time.Second)
	l.open(2)
	s := l.node.Status()
	require.Equal(t, raft.Leader, s.Role)
	require.Equal(t, l.id, s.Leader)
	require.Len(t, s.Members, 3)
	require.Equal(t, "c2", s.Members[1].ClientAddr)
	require.True(t, s.Members[0].Alive)
	require.True(t, s.Members[1].Alive)
	require.Zero(t, s.Members[1].Lag)
	require.False(t, s.Members[2].Alive)
	require.Equal(t, uint64(1), s.Members[2].Lag)
	require.Equal(t, 2, s.Sessions)
}

func TestACloneGoesItsOwnWayAndEqualStatesEncodeAlike(t *testing.T) {
	c := formed(t, 1)
	m := c.leader()
	s := m.open(1)
	m.do(command(s, 1, "a"))
	m.ask(Event{Kind: EventSubscribe})
	clone := m.node.Clone()
	require.Equal(t, m.node.AppendState(nil), clone.AppendState(nil))
	before := clone.AppendState(nil)
	m.do(command(s, 2, "b"))
	require.Equal(t, before, clone.AppendState(nil))
	require.NotEqual(t, before, m.node.AppendState(nil))
	require.Equal(t, []string{"a"}, clone.sm.(*toy).lines)
}

func TestTheTraceOfACallerReachesTheNoteOfItsApply(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	l.notes = nil
	e := command(s, 1, "a")
	e.Trace = 77
	l.do(e)
	var kinds []raft.NoteKind
	for _, n := range l.notes {
		if n.Trace == 77 {
			kinds = append(kinds, n.Kind)
		}
	}
	require.Equal(t, []raft.NoteKind{raft.NoteAppend, raft.NoteApply}, kinds)
}

// A host hands in the reads of a round as one event. What comes of it must be what comes of so many events.
func TestManyQueriesInOneEventAreAsManyEvents(t *testing.T) {
	m := formed(t, 1).leader()
	m.do(command(m.open(1), 1, "a"))
	other := m.node.Clone()
	var each []Event
	all := Event{Kind: EventQueries}
	for i, q := range []Query{{Body: []byte("x")}, {Consistency: Stale}, {Body: make([]byte, 1<<22)}, {Off: true}, {}} {
		each = append(each, Event{Kind: EventQuery, Ticket: Ticket(9000 + i), Query: q})
		all.Asked = append(all.Asked, Asked{Ticket: Ticket(9000 + i), Query: q})
	}
	var one, many Output
	m.node.Step(m.node.now, []Event{all}, &one)
	other.Step(other.now, each, &many)
	require.Len(t, many.Done, 5)
	for i := range one.Done { // each has a clone of its own
		require.Equal(t, many.Done[i].View == nil, one.Done[i].View == nil)
		one.Done[i].View, many.Done[i].View = nil, nil
	}
	require.Equal(t, many.Done, one.Done)
	require.Equal(t, other.AppendState(nil), m.node.AppendState(nil))
}
