package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// calm is a world in which nothing goes wrong but what the lines say.
func calm(t *testing.T, lines string) *Plan {
	p, err := Parse(`parley plan 1
seed 7
nodes 3
duration 12s
heal 9s core=1,2,3
node election=250ms heartbeat=50ms segment=16384
link delay=150us spread=400us told=500
disk write=20us..90us sync=100us..2ms
client every=30ms pipeline=2 read=300 stale=300 text=64 patience=2s timeout=500ms once=500 again=300 clash=200
client every=30ms pipeline=2 read=300 text=64 patience=2s timeout=500ms once=500 again=300 clash=200
subscriber stay=5s
` + lines)
	require.NoError(t, err)
	return p
}

// One letter of one message, on one node: the nodes themselves must find it, whoever has it.
func TestAStateThatRotsIsNoticedByTheNodesThemselves(t *testing.T) {
	for _, who := range []Target{1, 2, 3, NodeLeader, NodeFollower} {
		r := Run(calm(t, fmt.Sprintf("fault at=3s corrupt-state node=%s\n", who)), Options{})
		require.Nil(t, r.Violation, "%s: %+v", who, r.Violation)
		require.Equal(t, uint64(1), r.Cover.Rotted, who)
		require.Equal(t, uint64(1), r.Cover.Noticed, who)
	}
}

// The judge of that must speak where nobody compares.
func TestAStateThatRotsUnnoticedIsAViolation(t *testing.T) {
	w := newWorld(calm(t, "fault at=3s corrupt-state node=2\n"), Options{})
	w.run()
	require.Nil(t, w.violation)
	s := w.node(2)
	require.True(t, s.up)
	s.rot.at = 1 // as if it answered from a wrong state all along
	w.judgeLiveness()
	require.NotNil(t, w.violation)
	require.Equal(t, StateRot, w.violation.Invariant)
}

// A node that stops for its state though nothing is wrong with it is as bad.
func TestANodeThatStopsThoughItsStateIsRightIsAViolation(t *testing.T) {
	w := newWorld(calm(t, ""), Options{Blind: true})
	done := false
	w.disturb = func() uint64 {
		// Node 2 applies a message that nobody else does, and the judge of states looks away.
		if s := w.node(2); !done && s.up && s.node.Applied() > 40 {
			done = true
			m := s.node.Machine().(*machine)
			last := &w.judges.applied.log[m.next-1]
			s.rot.due = true
			m.rots(last.at, last.command)
			s.rot.at = 0
		}
		return 0
	}
	w.run()
	require.True(t, done)
	require.NotNil(t, w.violation)
	require.Equal(t, Stopped, w.violation.Invariant, w.violation.Reason)
	require.Contains(t, w.violation.Reason, "differs from that of a majority")
}

// A rolling upgrade under load: the level rises when the last node is upgraded, and one-shot commands, refused until
// then, go through.
func TestTheLevelRisesWhenTheLastNodeIsUpgradedAndNotBefore(t *testing.T) {
	upgrades := "old 1,2,3\nfault at=2s upgrade node=1 for=200ms\nfault at=3s upgrade node=2 for=200ms\n"
	r := Run(calm(t, upgrades), Options{})
	require.Nil(t, r.Violation, "%+v", r.Violation)
	require.Zero(t, r.Cover.Raised)
	require.Zero(t, r.Cover.Joined)

	w := newWorld(calm(t, upgrades+"fault at=4s upgrade node=3 for=200ms\n"), Options{})
	w.run()
	require.Nil(t, w.violation, "%+v", w.violation)
	require.Greater(t, w.levelAt, int64(4*time.Second))
	require.Less(t, w.levelAt, int64(7*time.Second))
	require.NotZero(t, w.cover.Joined)
	require.NotZero(t, w.cover.Conflicts)
}

// Of a state that rots where one node decides alone nobody could say that it is wrong: it would be the truth from then
// on. So it rots elsewhere only, and who could tell is not removed meanwhile.
func TestAStateDoesNotRotWhereNobodyCouldTell(t *testing.T) {
	alone := calm(t, "fault at=1s remove-node node=1\nfault at=2s remove-node node=3\nfault at=3s corrupt-state node=2\n")
	r := Run(alone, Options{})
	require.Nil(t, r.Violation, "%+v", r.Violation)
	require.Equal(t, uint64(2), r.Cover.Left)
	require.Zero(t, r.Cover.Rotted)

	w := newWorld(calm(t, "fault at=1s remove-node node=1\n"), Options{})
	w.disturb = func() uint64 {
		if w.healed {
			return 0
		}
		if w.wouldBeAlone(3) {
			w.node(2).rot.at = 1
			require.False(t, w.canSpare(3))
			w.node(2).rot.at = 0
			require.True(t, w.canSpare(3))
		}
		return 0
	}
	w.run()
	require.Nil(t, w.violation, "%+v", w.violation)
	require.True(t, w.wouldBeAlone(3))
}
