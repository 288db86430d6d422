package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASampleBelongsToTheFirstStageThatHasOneOfItsFunctions(t *testing.T) {
	for want, names := range map[string][]string{
		"faults: what they strike, and whether the cluster can bear it": {"parley/raft/wal.Look", "parley/sim.(*server).look", "parley/sim.(*World).rot", "parley/sim.(*World).fault", "parley/sim.(*World).happen"},
		"starts of nodes":            {"parley/raft/wal.Open", "parley/raft/node.OpenDisk", "parley/sim.(*World).start", "parley/sim.(*World).happen"},
		"logs and snapshots on disk": {"runtime.memmove", "parley/raft/wal.(*Log).Append"},
		elsewhere:                    {"runtime.memmove", "parley/sim.(*World).happen", "parley/sim.Run"},
	} {
		got := elsewhere
		if i := stageOf(names); i < len(stages) {
			got = stages[i].name
		}
		require.Equal(t, want, got)
	}
}

func TestTheStagesAreAllOfAnEvent(t *testing.T) {
	plans, err := plansOf(&simOptions{runs: 3, nodes: 5, simulated: 20 * time.Second})
	require.NoError(t, err)
	var whole, ns float64
	var parts []stageLine
	require.NoError(t, measureStages(plans, 3, func(r report) error {
		switch l := r.(type) {
		case simulation:
			require.Zero(t, l.Failed)
			whole = max(whole, l.NsPerEvent)
		case stageLine:
			parts, ns = append(parts, l), ns+l.NsPerEvent
		}
		return nil
	}))
	require.Len(t, parts, len(stages)+2)
	allocation := parts[len(parts)-1]
	require.Less(t, allocation.Part, 1.0)
	require.LessOrEqual(t, ns-allocation.NsPerEvent, whole+float64(len(parts)), "each is rounded")
	part := -allocation.Part
	for _, p := range parts {
		part += p.Part
	}
	require.InDelta(t, 1, part, 0.01)

	require.Empty(t, stageLines(make([]int64, len(stages)+1), 0, 2000), "no sample at all")
}
