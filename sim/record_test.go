package sim

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// Whoever looks at a run must not change it, and what he sees must be what the trace says:
// every event, in order, word by word.
func TestARecordingIsTheTraceAndChangesNothing(t *testing.T) {
	for _, seed := range []uint64{3, 4, 7} {
		plan := Generate(seed, 3*time.Second)
		alone := Run(plan, Options{})
		var text bytes.Buffer
		var rec Recording
		recorded := Run(plan, Options{Record: &rec})
		Run(plan, Options{Trace: &text})
		require.Equal(t, alone.Hash, recorded.Hash)
		require.Equal(t, alone.Checkpoints, recorded.Checkpoints)
		require.Equal(t, text.String(), linesOf(&rec))

		var part Recording
		text.Reset()
		Run(plan, Options{Record: &part, Trace: &text, From: 500, To: 700})
		require.Len(t, part.Events, 201)
		require.Equal(t, text.String(), linesOf(&part), "text and data of one run")
		require.Equal(t, rec.Events[499:700], part.Events)
	}
}

func linesOf(rec *Recording) string {
	var b strings.Builder
	for _, e := range rec.Events {
		fmt.Fprintf(&b, "%8d %14s  %-4s %s\n", e.Number, formatClock(int64(e.At)), e.Who, e.Text)
	}
	return b.String()
}

// onlooker adds up changes as a page does.
type onlooker struct {
	states map[raft.NodeID]NodeState
	logs   map[raft.NodeID][]Cell
}

func (o *onlooker) add(t *testing.T, changes []Change) {
	for _, c := range changes {
		o.states[c.Node] = c.State
		if c.From == 0 {
			continue
		}
		log := o.logs[c.Node]
		require.LessOrEqual(t, int(c.From), len(log)+1, "a gap")
		o.logs[c.Node] = append(append([]Cell(nil), log[:c.From-1]...), c.Cells...)
	}
}

// A recording that begins in the middle must agree with one from the beginning, or what a page shows depends on where it
// was cut; and at the end both must show what the judges' mirrors have seen going to the disks.
func TestChangesAddUpToTheNodesStates(t *testing.T) {
	plan := Generate(4, 5*time.Second)
	var whole, part Recording
	w := newWorld(plan, Options{Record: &whole})
	w.runGuarded(true)
	end := w.trace.events
	middle := end / 2
	Run(plan, Options{Record: &part, From: middle})

	all := onlooker{map[raft.NodeID]NodeState{}, map[raft.NodeID][]Cell{}}
	late := onlooker{map[raft.NodeID]NodeState{}, map[raft.NodeID][]Cell{}}
	late.add(t, part.Start)
	for _, e := range whole.Events {
		all.add(t, e.Changes)
	}
	for _, e := range part.Events {
		late.add(t, e.Changes)
	}
	require.Equal(t, all.states, late.states)
	led := 0
	for _, s := range w.servers {
		state := all.states[s.id]
		require.Equal(t, s.up, state.Up)
		if !s.up {
			continue
		}
		if state.Role == raft.Leader {
			led++
		}
		mirror := w.judges.logs.mirrors[s.id]
		require.Equal(t, mirror.commit, state.Commit)
		require.Equal(t, len(mirror.handed), int(state.Last))
		for i := state.Base; i < state.Last; i++ {
			require.Equal(t, mirror.handed[i], all.logs[s.id][i].Term)
			require.Equal(t, all.logs[s.id][i], late.logs[s.id][i])
		}
	}
	require.NotZero(t, led, "somebody leads a healed cluster")
}

// A message has one way: it leaves at an event of its sender and ends at an event of its receiver, which the
// trace tells, or it is lost.
func TestEveryMessageOfARecordingHasOneWay(t *testing.T) {
	var rec Recording
	Run(Generate(1, 5*time.Second), Options{Record: &rec})
	arrivals := map[uint64]int{}
	fates := map[Fate]int{}
	for _, m := range rec.Messages {
		fates[m.Fate]++
		require.Equal(t, m.Fate == FateArrived || m.Fate == FateMissed, m.Arrived != 0)
		require.Contains(t, rec.Events[m.Sent-1].Text, fmt.Sprintf("; > %s %d>%d", m.Kind, m.From, m.To))
		if m.Arrived == 0 {
			continue
		}
		require.Greater(t, m.Arrived, m.Sent)
		e := rec.Events[m.Arrived-1]
		arrivals[m.Arrived]++
		require.Equal(t, fmt.Sprintf("n%d", m.To), e.Who)
		require.True(t, strings.HasPrefix(e.Text, fmt.Sprintf("%s %d>%d", m.Kind, m.From, m.To)), e.Text)
		require.Equal(t, m.Fate == FateMissed, strings.Contains(e.Text, "(does not arrive)"))
	}
	for _, e := range rec.Events {
		named := false
		for k := raft.MessageKind(1); k < 130; k++ {
			named = named || strings.HasPrefix(e.Text, k.String()+" ")
		}
		require.Equal(t, named && e.Who[0] == 'n', arrivals[e.Number] == 1, e.Text)
	}
	for _, f := range []Fate{FateArrived, FateLost, FateMissed} {
		require.NotZero(t, fates[f])
	}
}

// A page of a run in which the code panics is needed most: the event must be in it.
func TestTheEventOfAPanicIsRecorded(t *testing.T) {
	var rec Recording
	var w *World
	w = newWorld(Generate(3, 2*time.Second), Options{Record: &rec, Disturb: func() uint64 {
		if w.trace.events == 300 {
			panic("planted")
		}
		return 0
	}})
	w.runGuarded(false)
	require.Equal(t, Panicked, w.violation.Invariant)
	require.Len(t, rec.Events, 300)
	require.NotEmpty(t, rec.Events[299].Text)
}
