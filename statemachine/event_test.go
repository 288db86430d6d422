package statemachine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
)

func TestASubscriberReadsWhatHappenedAfterItsPosition(t *testing.T) {
	m := New()
	say(m, 3, "one")
	m.Apply(at(4), []byte("nonsense")) // a refusal is no event
	say(m, 5, "two")

	frames, compacted := m.EventsAfter(0, 10)
	require.False(t, compacted)
	require.Len(t, frames, 2)
	events, err := DecodeEvents(frames[0].Body)
	require.NoError(t, err)
	require.Equal(t, []Event{{Kind: EventMessage, Channel: "general", Message: Message{
		ID: "msg_3", Position: 3, Time: 3000, Wall: 3, Sender: "ann", Text: "one"}}}, events)

	for _, c := range []struct {
		from raft.Position
		max  int
		want []raft.Position
	}{
		{0, 1, []raft.Position{3}}, {2, 10, []raft.Position{3, 5}}, {3, 10, []raft.Position{5}},
		{4, 10, []raft.Position{5}}, {5, 10, nil}, {99, 10, nil}, {^raft.Position(0), 10, nil}, {0, 0, nil},
	} {
		frames, compacted := m.EventsAfter(c.from, c.max)
		require.False(t, compacted)
		require.Equal(t, c.want, positions(frames), "from %d, at most %d", c.from, c.max)
	}
}

// A message may share its position with the expiry of a lock, or with something that only a newer release knows.
func TestAFrameWithSeveralEventsLeavesOutThoseThatNobodyKnows(t *testing.T) {
	m := New()
	say(m, 3, "one")
	frames, _ := m.EventsAfter(0, 1)
	want, err := DecodeEvents(frames[0].Body)
	require.NoError(t, err)
	unknown := appendBytes(nil, []byte{codecVersion, 200, 1, 2, 3})
	newer := appendBytes(nil, []byte{bodyVersion, byte(eventsOfTeam)})
	events, err := DecodeEvents(slices.Concat(unknown, frames[0].Body, newer))
	require.NoError(t, err)
	require.Equal(t, want, events)
	events, err = DecodeEvents(unknown)
	require.NoError(t, err)
	require.Empty(t, events)
}

func positions(frames []node.EventFrame) (p []raft.Position) {
	for _, f := range frames {
		p = append(p, f.Position)
	}
	return p
}

// A subscriber either gets every event after its position or is told that it
// can't; at stake is a gap that nobody notices.
func TestTheBacklogIsGaplessOrSaysThatItIsNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewLimited(smallLimits())
		var all []raft.Position
		p := raft.Position(0)
		for range rapid.IntRange(0, 20).Draw(t, "messages") {
			p += raft.Position(rapid.IntRange(1, 3).Draw(t, "step"))
			say(m, p, "x")
			all = append(all, p)
		}
		from := raft.Position(rapid.IntRange(0, 70).Draw(t, "from"))
		var want []raft.Position
		for _, p := range all {
			if p > from {
				want = append(want, p)
			}
		}
		frames, compacted := m.EventsAfter(from, 100)
		require.Equal(t, len(want) > smallLimits().EventsMax, compacted)
		if !compacted {
			require.Equal(t, want, positions(frames))
		}
	})
}
