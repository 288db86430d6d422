package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// A line "for ann,bob,…: …" has a part for each of them, of equal length, and "dismiss ann" ends ann's streams. All
// others are for everybody.

func partsOf(line string) (parts []EventPart) {
	rest, ok := strings.CutPrefix(line, "for ")
	if !ok {
		return nil
	}
	names, _, _ := strings.Cut(rest, ":")
	readers := strings.Split(names, ",")
	for i, reader := range readers {
		parts = append(parts, EventPart{Audience: reader, End: (len(line) + 2) * (i + 1) / len(readers)})
	}
	return parts
}

var _ Discreet = (*toy)(nil)

func (m *toy) Admits(reader string) bool {
	for _, l := range m.lines {
		if l == "dismiss "+reader {
			return false
		}
	}
	return true
}

func (m *toy) MayRead(reader, audience string) bool { return reader == audience }

func (m *toy) Dismissed() (n uint64) {
	for _, l := range m.lines {
		if strings.HasPrefix(l, "dismiss ") {
			n++
		}
	}
	return n
}

func discreetCluster(t *testing.T) (m *member, write func(line string) raft.Position) {
	c := newCluster(t, 1)
	c.startAll()
	m = c.member(1)
	c.until("a leader", func() bool { return m.node.applied > 0 })
	session, seq := m.open(1), uint64(0)
	return m, func(line string) raft.Position {
		seq++
		return m.do(command(session, seq, line)).Position
	}
}

func (m *member) subscribeAs(reader string, audiences ...string) *stream {
	s := &stream{m: m, eager: true, seen: len(m.frames)}
	s.ticket = m.ask(Event{Kind: EventSubscribe, Reader: reader, Audiences: audiences})
	s.read()
	return s
}

// What is at stake: a line that somebody sees who may not.
func TestASubscriberGetsThePartsThatHeMayRead(t *testing.T) {
	m, write := discreetCluster(t)
	ann, bob, nobody, only := m.subscribeAs("ann"), m.subscribeAs("bob"), m.subscribeAs(""), m.subscribeAs("ann", "ann")
	write("hello all")
	write("for ann: A")
	write("for bob: B")
	both := "e:for ann,bob:half a, and half b"
	write(both[2:])
	half := len(both) / 2
	for _, c := range []struct {
		s    *stream
		want []string
	}{
		{ann, []string{"e:hello all", "e:for ann: A", both[:half]}},
		{bob, []string{"e:hello all", "e:for bob: B", both[half:]}},
		{nobody, []string{"e:hello all"}},
		{only, []string{"e:for ann: A", both[:half]}}, // what concerns everybody concerns no audience
	} {
		c.s.read()
		require.Equal(t, c.want, c.s.got)
	}
}

// A stream on which only others' things happen says how far it has come, so that its reader resumes from there.
func TestWhatAReaderMayNotSeeMovesHisStreamOn(t *testing.T) {
	m, write := discreetCluster(t)
	ann := m.subscribeAs("ann")
	var last raft.Position
	for i := range 300 {
		last = write(fmt.Sprintf("for bob: %d", i))
	}
	m.c.advance(progressEvery + 1)
	ann.read()
	require.Empty(t, ann.got)
	require.NotEmpty(t, ann.notes)
	require.Equal(t, last, ann.notes[len(ann.notes)-1].Position)
}

func TestAReaderWhoIsDismissedLosesHisStreamsAndGetsNoOther(t *testing.T) {
	m, write := discreetCluster(t)
	ann, bob := m.subscribeAs("ann"), m.subscribeAs("bob")
	at := write("for ann: the last")
	ann.read()
	write("dismiss ann")
	write("for ann: not this")
	write("for bob: go on")
	ann.read()
	bob.read()
	require.Equal(t, []string{"e:for ann: the last"}, ann.got)
	require.Equal(t, []string{"e:dismiss ann", "e:for bob: go on"}, bob.got)
	a, _ := m.answer(ann.ticket)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeReaderGone, a.Code)
	require.Equal(t, at, a.Position)
	a, _ = m.answer(m.subscribeAs("ann").ticket)
	require.Equal(t, CodeReaderGone, a.Code)
}
