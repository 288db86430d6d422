package sim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// A plan is what a run depends on, and nothing else: each scene's must survive being written down, in short runs and in
// long ones, whatever the world is that it is drawn in.
func TestEverySceneMakesPlansThatCanBeWrittenDown(t *testing.T) {
	drawn := make(map[int]int)
	for seed := uint64(1); seed <= 400; seed++ {
		g := &generator{chance: chance{seed}, plan: &Plan{}}
		if s := g.stream(ideaScenes); s.perMille(500) {
			drawn[int(s.below(uint64(len(scenes))))]++
		}
		for _, d := range []time.Duration{4 * time.Second, 10 * time.Second, time.Minute} {
			p := Generate(seed, d)
			again, err := Parse(p.Format())
			require.NoError(t, err, "seed %d of %s", seed, d)
			require.Equal(t, p.Format(), again.Format())
		}
	}
	require.Len(t, drawn, len(scenes), "each scene is drawn")
}

// A disk that says that it stored what it did not is beyond what Raft, or anybody, can bear: all of Figure 2's "persistent state
// on all servers" rests on it. No seed draws one; but who meets one must be told, by the disks and by what it does to logs.
func TestADiskThatLiesAboutItsSyncsIsCaughtAsLoss(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "plans", "excluded", "lying-disk.plan"))
	require.NoError(t, err)
	p, err := Parse(string(text))
	require.NoError(t, err)
	for _, c := range []struct {
		blind bool
		want  string
	}{{false, Recovery}, {true, LogMatching}} {
		r := Run(p, Options{Blind: c.blind})
		require.NotNil(t, r.Violation)
		require.Equal(t, c.want, r.Violation.Invariant, r.Violation.Reason)
	}
	for i := range p.Faults {
		if p.Faults[i].Kind == LyingDisk {
			p.Faults[i] = Fault{Kind: Jump, Node: 1, At: time.Second}
		}
	}
	r := Run(p, Options{})
	require.Nil(t, r.Violation, "the same power failure on honest disks loses nothing")
	for seed := uint64(1); seed <= 400; seed++ {
		for _, f := range Generate(seed, time.Minute).Faults {
			require.NotEqual(t, LyingDisk, f.Kind, "seed %d", seed)
		}
	}
}

// A node whose Apply takes long is late with all it does, and with nothing that its disk does. Its leader must not wait for it, and
// where it leads itself the others elect somebody who is there.
func TestASlowApplyKeepsTheLoopAndNobodyElseBusy(t *testing.T) {
	plan := func(who Target) *Plan {
		return &Plan{Seed: 3, Nodes: 3, Duration: 12 * time.Second, Heal: 8 * time.Second, Core: []raft.NodeID{1, 2, 3},
			Node:    NodePlan{Election: 250 * time.Millisecond, Heartbeat: 50 * time.Millisecond, Segment: 1 << 16},
			Link:    LinkPlan{Delay: 200 * time.Microsecond, FIFO: true},
			Disk:    DiskPlan{WriteMin: 20 * time.Microsecond, WriteMax: 40 * time.Microsecond, SyncMin: 200 * time.Microsecond, SyncMax: 300 * time.Microsecond},
			Clients: []ClientPlan{{Every: 20 * time.Millisecond, Pipeline: 4, Text: 20, Patience: 3 * time.Second, Timeout: 500 * time.Millisecond}},
			Faults:  []Fault{{Kind: SlowApply, Node: who, At: 2 * time.Second, For: 4 * time.Second, Period: 600 * time.Millisecond}}}
	}
	quiet := Run(plan(NodeFollower), Options{})
	require.Nil(t, quiet.Violation)
	busy := Run(plan(NodeLeader), Options{})
	require.Nil(t, busy.Violation)
	require.Greater(t, busy.Cover.Elections, quiet.Cover.Elections, "somebody else leads while the loop is busy")
}

// Whoever follows the events more slowly than they are forgotten is told so, and only then.
func TestASubscriberIsToldThatEventsAreGoneOnlyIfTheyAre(t *testing.T) {
	p := &Plan{Seed: 3, Nodes: 3, Duration: 20 * time.Second, Heal: 14 * time.Second, Core: []raft.NodeID{1, 2, 3}, Events: 5,
		Node:        NodePlan{Election: 250 * time.Millisecond, Heartbeat: 50 * time.Millisecond, Segment: 1 << 16, Frames: 2},
		Link:        LinkPlan{Delay: 200 * time.Microsecond, FIFO: true},
		Disk:        DiskPlan{WriteMin: 20 * time.Microsecond, WriteMax: 40 * time.Microsecond, SyncMin: 200 * time.Microsecond, SyncMax: 300 * time.Microsecond},
		Clients:     []ClientPlan{{Every: 10 * time.Millisecond, Pipeline: 4, Text: 20, Patience: 3 * time.Second, Timeout: 500 * time.Millisecond}},
		Subscribers: []SubscriberPlan{{Stay: 5 * time.Second, Slow: 2 * time.Second}, {Stay: 5 * time.Second}}}
	r := Run(p, Options{})
	require.Nil(t, r.Violation)
	require.Positive(t, r.Cover.Missed)
	p.Events = 0
	r = Run(p, Options{})
	require.Nil(t, r.Violation)
	require.Zero(t, r.Cover.Missed)

	w := newWorld(p, Options{})
	w.subscribers[0].compacted(7)
	require.NotNil(t, w.violation, "nothing was forgotten")
	require.Equal(t, Streams, w.violation.Invariant)
}

// What every member says that it lacks was acknowledged by one of them, and may have been committed for all that he knows: he must not cut
// it, and must say that it is lost. That takes a leader whom nobody hears, losses on both sides of a partition that he alone
// sees across, and a term above them all, which chance does not bring together.
func TestInTheSceneOfALostEntryEveryMemberSaysThatItLacksIt(t *testing.T) {
	client := ClientPlan{Every: 40 * time.Millisecond, Pipeline: 4, Text: 20, Patience: 3 * time.Second, Timeout: 500 * time.Millisecond}
	for _, nodes := range []int{3, 5} {
		var cover Cover
		for seed := uint64(1); seed <= 6; seed++ {
			g := &generator{chance: chance{seed}, plan: &Plan{Seed: seed, Nodes: nodes, Duration: 14 * time.Second, Heal: 9 * time.Second,
				Node: NodePlan{Segment: 1 << 16}, Clients: []ClientPlan{client, client}}}
			s := g.stream(ideaRare)
			g.play(&s, &scene{shape: (*generator).oneLeftOut, play: (*generator).lostByAll, every: [2]int64{3500, 4500}}, 0)
			r := Run(g.plan, Options{})
			require.Nil(t, r.Violation, "%d nodes, seed %d", nodes, seed)
			cover.Add(&r.Cover)
		}
		require.Positive(t, cover.Rare[repairLost], "%d nodes", nodes)
		require.Positive(t, cover.Rare[repairCut], "%d nodes: in the end it shows that it was never committed", nodes)
	}
}
