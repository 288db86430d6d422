package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// leaseWorld makes a world in which a wrong lease shows: a leader with a slow clock that is cut off
// again and again, voters with fast ones, a reader at each node, and nobody who writes.
func leaseWorld(seed uint64, ppm, bound int64) *Plan {
	p := &Plan{Seed: seed, Nodes: 3, Duration: 60 * time.Second, Heal: 50 * time.Second, Core: []raft.NodeID{1, 2, 3}}
	p.Node = NodePlan{Election: 500 * time.Millisecond, Heartbeat: 50 * time.Millisecond, Segment: 16 << 10,
		Lease: raft.LeaseMax(500*time.Millisecond, bound), LeasePPM: bound}
	p.Link = LinkPlan{Delay: 100 * time.Microsecond, Spread: 100 * time.Microsecond}
	p.Disk = DiskPlan{WriteMin: 10 * time.Microsecond, WriteMax: 20 * time.Microsecond, SyncMin: 100 * time.Microsecond, SyncMax: 200 * time.Microsecond}
	p.Clocks = []ClockPlan{{Node: 1, PPM: -ppm}, {Node: 2, PPM: ppm}, {Node: 3, PPM: ppm}}
	for id := raft.NodeID(1); id <= 3; id++ {
		p.Clients = append(p.Clients, ClientPlan{Every: 5 * time.Millisecond, Pipeline: 2, Read: 1000, Text: 20,
			Patience: time.Second, Timeout: 100 * time.Millisecond, Anywhere: true, At: id})
	}
	for at := 2 * time.Second; at < p.Heal-4*time.Second; at += 4 * time.Second {
		p.Faults = append(p.Faults,
			Fault{At: at, Kind: Transfer, Node: 1},
			Fault{At: at + 1500*time.Millisecond, Kind: Isolate, Node: 1, For: 2 * time.Second})
	}
	return p
}

// caught counts in how many worlds the judge of leases speaks, and in how many those of what clients read, which are
// asked alone; and fails if another does.
func caught(t *testing.T, worlds uint64, make func(seed uint64) *Plan) (leases, reads int) {
	t.Helper()
	leased := uint64(0)
	for _, blind := range []bool{false, true} {
		forEachSeed(1, worlds, func(seed uint64) *Result { return Run(make(seed), Options{Blind: blind}) }, func(r *Result) {
			leased += r.Cover.Leased
			switch v := r.Verdict(); {
			case v == "ok":
			case v == Leases:
				leases++
			case blind && (v == Linearizability || v == SessionOrder):
				reads++
			default:
				t.Errorf("seed %d: %s: %s", r.Seed, v, r.Violation.Reason)
			}
		})
	}
	require.NotZero(t, leased, "no lease was ever used")
	return leases, reads
}

const leaseWorlds = 20

// With a bound above whatever clocks do, nobody reads the past [T§6.4.1].
func TestLeasesHoldWithTheBoundAboveTheDrift(t *testing.T) {
	leases, reads := caught(t, leaseWorlds, func(seed uint64) *Plan { return leaseWorld(seed, ppmMax, ppmMax+1000) })
	require.Zero(t, leases)
	require.Zero(t, reads)
}

// The judges must see what the bound is for: with clocks that are wrong by more, a leader
// that was replaced goes on answering.
func TestALeaseWithTheBoundBelowTheDriftIsCaught(t *testing.T) {
	leases, reads := caught(t, leaseWorlds, func(seed uint64) *Plan { return leaseWorld(seed, ppmMax, 1) })
	require.Greater(t, reads, leaseWorlds/2)
	require.GreaterOrEqual(t, leases, reads)
}

// frozen has the clock of the leader stand still just after it was cut off.
func frozen(p *Plan, long time.Duration) *Plan {
	for _, f := range p.Faults {
		if f.Kind == Isolate {
			p.Faults = append(p.Faults, Fault{At: f.At + time.Millisecond, Kind: Freeze, Node: f.Node, For: long})
		}
	}
	return p
}

// A clock that stands still no longer than the bound allows does no harm.
func TestLeasesHoldWhileAClockStandsStillWithinTheBound(t *testing.T) {
	const bound = 100_000
	short := raft.LeaseMax(500*time.Millisecond, bound) * bound / 1_000_000
	leases, reads := caught(t, leaseWorlds, func(seed uint64) *Plan { return frozen(leaseWorld(seed, 0, bound), short) })
	require.Zero(t, leases)
	require.Zero(t, reads)
}

// One that stands still for longer than a lease lasts makes the lease endless, and nothing
// tells the node: it is an assumption. That it is broken shows.
func TestALeaseOfAClockThatStandsStillForLongIsCaught(t *testing.T) {
	leases, reads := caught(t, leaseWorlds, func(seed uint64) *Plan { return frozen(leaseWorld(seed, 0, 100_000), 1900*time.Millisecond) })
	require.Equal(t, leaseWorlds, leases)
	require.Equal(t, leaseWorlds, reads)
}

// Without leases no clock matters: it may stand still for as long as it likes.
func TestReadsWithoutLeasesDoNotCareAboutClocks(t *testing.T) {
	forEachSeed(1, leaseWorlds, func(seed uint64) *Result {
		p := frozen(leaseWorld(seed, ppmMax, 1), 1900*time.Millisecond)
		p.Node.Lease = 0
		return Run(p, Options{})
	}, func(r *Result) { require.Nil(t, r.Violation) })
}
