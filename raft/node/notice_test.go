package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// The toy understands "ann: …", which is for ann, unless it was told "hush".
func (m *toy) Notice(notice []byte) (body []byte, audience string, ok bool) {
	to, what, ok := strings.Cut(string(notice), ": ")
	return fmt.Appendf(nil, "%s, at %d lines", what, len(m.lines)), to, ok && !slices.Contains(m.lines, "hush")
}

var _ Herald = (*toy)(nil)

func (m *member) says(notice string) {
	m.step(Event{Kind: EventNotice, Command: Command{Body: []byte(notice)}})
	m.c.deliver()
}

// heard returns the notices that a stream got.
func (s *stream) heard() []string {
	s.read()
	return s.said
}

func heraldCluster(t *testing.T, n int) *cluster {
	c := newCluster(t, n)
	c.startAll()
	c.until("all are of the newest level", func() bool {
		return !slices.ContainsFunc(c.members, func(m *member) bool { return m.node.level != LevelMax })
	})
	return c
}

// What is at stake: a word about the moment that costs the log an entry, or that somebody hears who may not.
func TestANoticeReachesTheStreamsOfAllNodesAndNoLog(t *testing.T) {
	c := heraldCluster(t, 3)
	var anns, bobs, onlys []*stream
	for _, m := range c.members {
		anns, bobs, onlys = append(anns, m.subscribeAs("ann")), append(bobs, m.subscribeAs("bob")), append(onlys, m.subscribeAs("ann", "others"))
	}
	c.advance(time.Second)
	last, hash := c.leader().node.raft.LastIndex(), c.leader().node.sm.StateHash()
	for i, m := range c.members {
		m.says(fmt.Sprintf("ann: from %d", i+1))
		for j := range c.members {
			require.Equal(t, i+1, len(anns[j].heard()))
			require.Equal(t, fmt.Sprintf("from %d, at 0 lines", i+1), anns[j].heard()[i])
			require.Empty(t, bobs[j].heard())
			require.Empty(t, onlys[j].heard(), "he follows something else")
		}
	}
	require.Empty(t, anns[0].got, "no event")
	require.Equal(t, last, c.leader().node.raft.LastIndex())
	require.Equal(t, hash, c.leader().node.sm.StateHash())
	require.Empty(t, c.member(1).node.notices)
	c.advance(time.Second)
	require.Len(t, anns[0].heard(), 3, "none is said again")
}

// Each node asks its own state, as it is when the stream is told.
func TestANoticeIsJudgedWhereItIsHeard(t *testing.T) {
	c := heraldCluster(t, 1)
	m := c.member(1)
	ann := m.subscribeAs("ann")
	session := m.open(1)
	m.says("ann: now")
	m.do(command(session, 1, "a line"))
	m.says("ann: then")
	m.do(command(session, 2, "hush"))
	m.says("ann: never")
	m.says("no notice")
	require.Equal(t, []string{"now, at 0 lines", "then, at 1 lines"}, ann.heard())
	at := raft.Position(0)
	for _, f := range m.frames {
		require.GreaterOrEqual(t, f.Position, at, "positions never fall, whatever a frame is")
		at = f.Position
	}
}

// A stream that is behind, or does not take what it has, costs no memory for what will be of no interest.
func TestAStreamThatIsBehindGetsNoNotice(t *testing.T) {
	c := heraldCluster(t, 1)
	m := c.member(1)
	ann := m.subscribeAs("ann")
	ann.eager = false
	for range 3 * noticesUntakenMax {
		m.says("ann: psst")
	}
	require.Len(t, ann.heard(), noticesUntakenMax)
	later := m.subscribeAs("ann")
	later.eager = true
	ahead := &stream{m: m, eager: true, seen: len(m.frames)}
	ahead.ticket = m.ask(Event{Kind: EventSubscribe, Reader: "ann", From: 1 << 40})
	m.says("ann: psst")
	require.Len(t, later.heard(), 1)
	require.Empty(t, ahead.heard())
	for range 2 * subscriberStallMax / time.Second {
		c.advance(time.Second)
		later.read()
	}
	a, over := m.answer(ann.ticket)
	require.True(t, over, "who takes nothing is cut off, be it notices that he does not take")
	require.Equal(t, CodeTooSlow, a.Code)
	_, over = m.answer(later.ticket)
	require.False(t, over)
}

func TestWhatIsNoNoticeOrOneTooManyIsDropped(t *testing.T) {
	c := heraldCluster(t, 2)
	m := c.member(1)
	ann := m.subscribeAs("ann")
	many := make([]Event, 2*noticesPerStepMax)
	for i := range many {
		many[i] = Event{Kind: EventNotice, Command: Command{Body: fmt.Appendf(nil, "ann: %d", i)}}
	}
	m.step(many...)
	require.LessOrEqual(t, len(ann.heard()), noticesPerStepMax)
	require.Equal(t, "0, at 0 lines", ann.heard()[0])

	before := len(ann.heard())
	c.advance(time.Second)
	huge := "ann: " + strings.Repeat("x", noticeBytesMax)
	m.says(huge)
	m.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgNotice, Cluster: m.node.identity.Cluster,
		From: c.member(2).node.self, To: m.node.self, Payload: []byte(huge)}})
	require.Len(t, ann.heard(), before)
	m.node.level = LevelTeam - 1
	m.says("ann: too early")
	require.Len(t, ann.heard(), before)
}
