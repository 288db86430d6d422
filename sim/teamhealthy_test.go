package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: a talk that limps. Where nothing breaks, and messages take what they take between two towns, whatever is
// committed reaches each live stream within a second of simulated time, on whatever node it stands.
func TestR30_OnAHealthyNetworkEveryFrameArrivesWithinASecond(t *testing.T) {
	frames := uint64(0)
	for seed := uint64(1); seed <= 6; seed++ {
		p := &Plan{Seed: seed, Nodes: 3, Duration: 20 * time.Second, Heal: 15 * time.Second, Core: []raft.NodeID{1, 2, 3},
			Node: NodePlan{Election: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond, Segment: 1 << 20},
			Link: LinkPlan{Delay: 10 * time.Millisecond, Spread: 2 * time.Millisecond, FIFO: true},
			Disk: DiskPlan{WriteMin: 20 * time.Microsecond, WriteMax: 40 * time.Microsecond, SyncMin: 500 * time.Microsecond, SyncMax: 5 * time.Millisecond},
			Team: TeamPlan{Edge: 300 * time.Millisecond, Gone: 3 * time.Second, Mode: 1, Users: 4}}
		for user := range int64(4) {
			p.Teammates = append(p.Teammates, TeammatePlan{User: 1 + user, Every: 100 * time.Millisecond, Pipeline: 2, Read: 200, Govern: 100, Account: 50,
				Patience: 3 * time.Second, Timeout: time.Second, Stay: 8 * time.Second})
		}
		w := newWorld(p, Options{})
		w.run()
		require.Nil(t, w.violation)
		for _, s := range w.subscribers {
			require.LessOrEqual(t, time.Duration(s.late), time.Second, "seed %d, subscriber %d", seed, s.number)
			require.Positive(t, s.late)
		}
		frames += w.cover.TeamFrames
		require.Positive(t, w.cover.Heard, "notices, too")
	}
	require.Greater(t, frames, uint64(1000), "there was something to arrive")
	t.Log(frames, "frames")
}
