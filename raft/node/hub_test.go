package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

// stream collects what one subscriber got, and takes it at once if eager.
type stream struct {
	m      *member
	ticket Ticket
	seen   int
	eager  bool
	got    []string
	at     []raft.Position
	notes  []Frame
	said   []string // notices
}

func (m *member) subscribe(from raft.Position, eager bool) *stream {
	s := &stream{m: m, eager: eager, seen: len(m.frames)}
	s.ticket = m.ask(Event{Kind: EventSubscribe, From: from})
	s.read()
	return s
}

// read looks at the frames that came since.
func (s *stream) read() {
	for s.seen < len(s.m.frames) {
		f := s.m.frames[s.seen]
		s.seen++
		if f.Ticket != s.ticket {
			continue
		}
		if len(f.Body) == 0 {
			s.notes = append(s.notes, f)
		} else if f.Notice {
			s.said = append(s.said, string(f.Body))
		} else {
			s.got = append(s.got, string(f.Body))
			s.at = append(s.at, f.Position)
		}
		if s.eager {
			s.take(f.Position, 1)
		}
	}
}

func (s *stream) take(at raft.Position, frames int) {
	s.m.step(Event{Kind: EventTaken, Ticket: s.ticket, From: at, Frames: frames})
}

func lines(from, to int) (want []string) {
	for i := from; i <= to; i++ {
		want = append(want, fmt.Sprintf("e:%d", i))
	}
	return want
}

func TestBacklogAndLiveStreamMeetWithoutSeam(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(t, 1)
		c.settings.Limits = Limits{SubscriberFramesMax: rapid.IntRange(1, 6).Draw(t, "credit"), PushFramesMax: rapid.IntRange(1, 4).Draw(t, "push")}
		c.startAll()
		m := c.member(1)
		c.until("a leader", func() bool { return m.node.applied > 0 })
		session := m.open(1)
		seq, written := uint64(0), 0
		write := func() {
			seq++
			written++
			m.do(command(session, seq, fmt.Sprint(written)))
		}
		var s *stream
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				write()
			case 3:
				if s == nil {
					s = m.subscribe(0, true)
				}
				s.read()
			case 4:
				c.advance(50 * time.Millisecond)
			case 5:
				// A restart ends the stream; it goes on from what was seen.
				m.crash(memfs.DropAll)
				require.NoError(t, m.start())
				if s != nil {
					next := m.subscribe(last(s.at), true)
					next.got, next.at = append(s.got, next.got...), append(s.at, next.at...)
					s = next
				}
				c.until("a leader", func() bool { return m.node.role == raft.Leader })
			}
		}
		if s == nil {
			s = m.subscribe(0, true)
		}
		for range 100 {
			s.read()
			m.step()
		}
		c.advance(300 * time.Millisecond)
		s.read()
		if written == 0 {
			require.Empty(t, s.got)
			return
		}
		require.Equal(t, lines(1, written), s.got)
	})
}

func last(at []raft.Position) raft.Position {
	if len(at) == 0 {
		return 0
	}
	return at[len(at)-1]
}

func TestASubscriberThatTakesNothingCostsItsCreditAndIsCutOffWithAPlaceToResume(t *testing.T) {
	c := newCluster(t, 1)
	c.settings.Limits = Limits{SubscriberFramesMax: 4, PushFramesMax: 2}
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	session := m.open(1)
	slow := m.subscribe(0, false)
	slow.take(0, 1) // the first progress note
	for i := range 10 {
		m.do(command(session, uint64(i+1), fmt.Sprint(i+1)))
	}
	slow.read()
	require.Equal(t, lines(1, 4), slow.got)
	slow.take(slow.at[1], 2)
	slow.read()
	require.Equal(t, lines(1, 6), slow.got)
	c.advance(subscriberStallMax - 100*time.Millisecond)
	_, over := m.answer(slow.ticket)
	require.False(t, over)
	c.advance(200 * time.Millisecond)
	a, over := m.answer(slow.ticket)
	require.True(t, over)
	require.Equal(t, CodeTooSlow, a.Code)
	require.Equal(t, slow.at[1], a.Position)
	require.Zero(t, m.node.Status().Subscribers)

	next := m.subscribe(a.Position, true)
	for range 10 {
		m.step()
		next.read()
	}
	require.Equal(t, lines(3, 10), next.got)
}

// Frames are few when events are large; at stake is memory.
func TestASubscribersCreditIsBoundedInBytesToo(t *testing.T) {
	c := newCluster(t, 1)
	c.settings.Limits = Limits{SubscriberFramesMax: 100, SubscriberBytesMax: 10}
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	session := m.open(1)
	slow := m.subscribe(0, false)
	slow.take(0, 1) // the first progress note
	for i := range 9 {
		m.do(command(session, uint64(i+1), fmt.Sprint(i+1))) // an event of 3 bytes
	}
	slow.read()
	require.Equal(t, lines(1, 2), slow.got, "half the credit must be free")
	for len(slow.got) < 9 {
		had := len(slow.got)
		slow.take(slow.at[had-1], had-m.taken(slow))
		slow.read()
		require.LessOrEqual(t, 3*(len(slow.got)-had), 10+2, "the last frame may go beyond")
		require.Greater(t, len(slow.got), had, "room makes it go on")
	}
	require.Equal(t, lines(1, 9), slow.got)
}

// taken returns how many of a stream's events were taken.
func (m *member) taken(s *stream) int {
	return len(s.got) - len(m.node.hub.place[s.ticket].untaken)
}

func TestAPositionThatIsNoLongerKeptIsCompacted(t *testing.T) {
	c := newCluster(t, 1)
	c.keep = 3
	c.startAll()
	m := c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	session := m.open(1)
	for i := range 5 {
		m.do(command(session, uint64(i+1), fmt.Sprint(i+1)))
	}
	a := m.do(Event{Kind: EventSubscribe, From: 0})
	require.Equal(t, CodeCompacted, a.Code)
	require.Equal(t, positionOf(m.node.applied), a.Position, "read the state, then go on from here")
	s := m.subscribe(m.sm.at[1], true)
	require.Equal(t, lines(3, 5), s.got)
}

func TestASubscriberAheadOfWhatIsAppliedWaits(t *testing.T) {
	c := formed(t, 1)
	m := c.leader()
	session := m.open(1)
	s := m.subscribe(positionOf(m.node.applied)+2, true)
	for i := range 4 {
		m.do(command(session, uint64(i+1), fmt.Sprint(i+1)))
	}
	s.read()
	require.Equal(t, lines(3, 4), s.got)
	_, over := m.answer(s.ticket)
	require.False(t, over)
}

func TestAFollowerServesTheSameEventsAndSaysHowLongTheLeaderIsQuiet(t *testing.T) {
	c := formed(t, 3)
	l, f := c.leader(), c.member(3)
	session := l.open(1)
	s := f.subscribe(0, true)
	l.do(command(session, 1, "1"))
	c.advance(1200 * time.Millisecond)
	s.read()
	require.Equal(t, lines(1, 1), s.got)
	require.NotEmpty(t, s.notes)
	require.Less(t, s.notes[len(s.notes)-1].LeaderQuiet, 200*time.Millisecond)
	require.GreaterOrEqual(t, s.notes[len(s.notes)-1].Position, s.at[0])

	c.isolate(f.id)
	for range 30 {
		c.advance(100 * time.Millisecond)
		s.read()
	}
	quiet := s.notes[len(s.notes)-1].LeaderQuiet
	require.Greater(t, quiet, 1500*time.Millisecond)
	require.LessOrEqual(t, quiet, 3100*time.Millisecond)
	require.Len(t, s.notes, 5, "one when it subscribes, then one a second")
}

func TestManySubscribersAtOnePositionShareOneAnswerOfTheStateMachine(t *testing.T) {
	c := formed(t, 1)
	m := c.leader()
	session := m.open(1)
	var all []*stream
	for range 5 {
		all = append(all, m.subscribe(0, true))
	}
	m.step(Event{Kind: EventCancel, Ticket: all[2].ticket})
	m.do(command(session, 1, "1"))
	for i, s := range all {
		s.read()
		if i == 2 {
			require.Empty(t, s.got)
		} else {
			require.Equal(t, lines(1, 1), s.got)
		}
	}
}
