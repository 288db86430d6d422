package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: whatever one disk does, the cluster comes through, and nothing that was
// acknowledged is missing or denied. Each fault strikes one node of a small busy
// cluster; all start again afterwards, so that nobody goes on from memory.
func TestAnyFaultOfOneDiskIsSurvived(t *testing.T) {
	for _, f := range []Fault{
		{Kind: Rot, File: FileLog, Bits: 1},
		{Kind: Rot, File: FileLog, Bits: 3},
		{Kind: Rot, File: FileLog},
		{Kind: Rot, File: FileSeal},
		{Kind: Rot, File: FileIdentity, Bits: 1},
		{Kind: Rot, Index: 9},
		{Kind: LostWrite},
		{Kind: Misdirect},
		{Kind: ReadError, File: FileLog},
		{Kind: ReadError, For: 1500 * time.Millisecond},
		{Kind: WriteError, For: 200 * time.Millisecond},
		{Kind: SyncError, For: 200 * time.Millisecond},
		{Kind: Full, For: 600 * time.Millisecond},
		{Kind: Wipe, For: 200 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%s of %s, %d bits, index %d, for %s", f.Kind, f.File, f.Bits, f.Index, f.For), func(t *testing.T) {
			t.Parallel()
			struck := uint64(0)
			for seed := range uint64(12) {
				f.At, f.Node = 900*time.Millisecond, Target(1+seed%3)
				plan := crashPlan(seed, f)
				plan.Heal, plan.Duration = 2500*time.Millisecond, 8*time.Second
				plan.Faults = append(plan.Faults, Fault{At: 1800 * time.Millisecond, Kind: CrashMachine, Node: NodeAll, For: 100 * time.Millisecond})
				r := Run(plan, Options{})
				if r.Violation != nil {
					t.Fatalf("%s: %s\n%sreplay this plan:\n%s", r.Violation.Invariant, r.Violation.Reason, r.Violation.Report, plan.Format())
				}
				struck += r.Cover.Damaged + r.Cover.Excused
			}
			require.NotZero(t, struck, "it never struck")
		})
	}
}

// A fault that takes more than the cluster can bear does not strike, and the trace says why.
func TestAFaultBeyondTheBudgetIsSpared(t *testing.T) {
	plan := crashPlan(1, Fault{At: time.Second, Kind: Wipe, Node: 1, For: 5 * time.Second})
	plan.Heal, plan.Duration = 2*time.Second, 8*time.Second
	plan.Faults = append(plan.Faults, Fault{At: 1100 * time.Millisecond, Kind: Rot, Node: 2, File: FileIdentity, Bits: 1})
	var text bytes.Buffer
	r := Run(plan, Options{Trace: &text})
	require.Nil(t, r.Violation, "%v", r.Violation)
	require.Equal(t, uint64(1), r.Cover.Damaged)
	require.Equal(t, uint64(1), r.Cover.Spared)
	require.Contains(t, text.String(), "node 2 is spared: 1 of 3 voters of the core would know who they are")

	// The same beyond the budget: nobody can go on, which the plan must expect.
	plan.Faults[1].Beyond = true
	plan.Faults = append(plan.Faults, Fault{At: 1200 * time.Millisecond, Kind: CrashProcess, Node: 2})
	r = Run(plan, Options{})
	require.NotNil(t, r.Violation)
	require.Equal(t, Liveness, r.Violation.Invariant)
	plan.Lost = true
	require.Nil(t, Run(plan, Options{}).Violation)
}

// A plan that expects a loss and has none would hide that its fault hits nothing.
func TestALossThatIsExpectedMustHappen(t *testing.T) {
	plan := crashPlan(1, Fault{At: time.Second, Kind: Pause, Node: 1, For: 100 * time.Millisecond})
	plan.Lost = true
	r := Run(plan, Options{})
	require.NotNil(t, r.Violation)
	require.Equal(t, Liveness, r.Violation.Invariant)
}

// The predicate by itself: three nodes, what their disks hold, and what is lost of it.
func TestWhatIsRecoverable(t *testing.T) {
	log := func(n int) []raft.Term { return []raft.Term{1, 1, 2, 2, 2}[:n] }
	for _, c := range []struct {
		name string
		held [3]int // entries on each disk
		do   func(w *World)
		want string // empty: recoverable
	}{
		{"nothing is lost", [3]int{5, 4, 3}, func(*World) {}, ""},
		{"one identity of three", [3]int{5, 4, 3}, func(w *World) { w.node(3).device.wiped = true }, ""},
		{"two identities of three", [3]int{5, 4, 4}, func(w *World) {
			w.node(2).device.wiped = true
			w.node(3).device.lost = errDisk
		}, "1 of 3 voters"},
		{"the only disks with a committed entry", [3]int{5, 3, 3}, func(w *World) { w.node(1).device.wiped = true }, "entry 4 of term 2, which is committed"},
		{"a voter outside the core", [3]int{5, 4, 4}, func(w *World) {
			w.plan.Core, w.plan.Rest = []raft.NodeID{1, 2}, []Rest{{3, RestDown}}
		}, ""},
		{"a voter outside the core, and one identity within", [3]int{5, 4, 4}, func(w *World) {
			w.plan.Core, w.plan.Rest = []raft.NodeID{1, 2}, []Rest{{3, RestDown}}
			w.node(2).device.wiped = true
		}, "1 of 3 voters"},
		{"a directory that another one replaced", [3]int{5, 4, 4}, func(w *World) {
			c := w.configOf(0, 0)
			for i := range c.Members {
				c.Members[i].Inc = 7
			}
			w.node(1).inc, w.node(2).inc, w.node(3).inc = 7, 7, 8
			var nodes healths
			for _, s := range w.servers {
				nodes[s.id] = w.healthOf(s)
			}
			require.Empty(t, w.lacksVoters(&c, &nodes))
			w.node(2).device.wiped = true
			nodes[2] = w.healthOf(w.node(2))
			require.Equal(t, "1 of 3 voters of the core would know who they are", w.lacksVoters(&c, &nodes))
			w.node(2).device.wiped = false
		}, ""},
		{"one half of a joint configuration", [3]int{5, 4, 4}, func(w *World) {
			w.node(1).device.wiped = true
			c := w.configOf(0, 0)
			for i := range c.Members {
				c.Members[i].VoterOld = c.Members[i].ID < 3
			}
			var nodes healths
			for _, s := range w.servers {
				nodes[s.id] = w.healthOf(s)
			}
			require.Equal(t, "1 of 2 voters of the core would know who they are", w.lacksVoters(&c, &nodes))
		}, ""},
		{"a learner that is about to vote", [3]int{5, 4, 4}, func(w *World) {
			c := w.configOf(0, 0)
			c.Members[1].Voter, c.Members[1].Promote = false, true
			c.Members[2].Voter = false
			w.node(2).device.wiped = true
			var nodes healths
			for _, s := range w.servers {
				nodes[s.id] = w.healthOf(s)
			}
			require.Empty(t, w.lacksVoters(&c, &nodes))
			p := promoted(c, 1)
			require.Equal(t, "1 of 2 voters of the core would know who they are", w.lacksVoters(&p, &nodes))
			c.Members[1].Replaces = 1
			p = promoted(c, 1)
			require.Equal(t, "0 of 1 voters of the core would know who they are", w.lacksVoters(&p, &nodes))
			w.node(2).device.wiped = false
		}, ""},
		{"a voter that an operator is about to remove", [3]int{5, 4, 4}, func(w *World) {
			w.node(1).device.wiped = true
			w.plan.Faults = []Fault{{Kind: RemoveNode, Node: 2}}
			w.live = []live{{on: true, nodes: []raft.NodeID{2}}}
		}, "1 of 2 voters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(crashPlan(1, Fault{Kind: Pause, Node: 1}), Options{})
			for i, n := range c.held {
				w.judges.logs.mirrors[i+1].durable = log(n)
				w.judges.logs.mirrors[i+1].handed = log(n)
			}
			for _, term := range log(4) {
				w.judges.logs.committed = append(w.judges.logs.committed, committed{term: term, in: 2})
				w.judges.logs.registry = append(w.judges.logs.registry, nil)
			}
			c.do(w)
			ok, why := w.recoverable()
			require.Equal(t, c.want == "", ok, why)
			require.Contains(t, why, c.want)
		})
	}
}

// Faults without a budget would end every run; a budget that spares everything would find
// nothing. Over some seeds both must be seen, and nodes lost and replaced.
func TestDevicesOfTheSwarmStrikeAndAreSpared(t *testing.T) {
	var sum Cover
	forEachSeed(2000, 2060, func(seed uint64) *Result { return Run(Generate(seed, 20*time.Second), Options{}) }, func(r *Result) {
		require.Nil(t, r.Violation, "seed %d: %v", r.Seed, r.Violation)
		sum.Add(&r.Cover)
	})
	for name, count := range map[string]uint64{"damaged": sum.Damaged, "spared": sum.Spared, "excused": sum.Excused, "lost": sum.Lost, "replaced": sum.Replaced} {
		require.NotZero(t, count, name)
	}
}

// What opening a disk said is kept while nothing on it changes. A judgement that is too old would strike where the cluster
// can't recover, or spare what it could.
func TestWhatIsKnownOfADiskIsWhatOpeningItSays(t *testing.T) {
	compared, damaged := 0, 0
	for seed := uint64(1); seed <= 12; seed++ {
		var w *World
		events := 0
		w = newWorld(Generate(seed, 20*time.Second), Options{Disturb: func() uint64 {
			if events++; events%97 != 0 {
				return 0
			}
			for _, s := range w.servers {
				was := s.device.asItIs
				if was == nil || was.changes != s.fs.Changes() {
					continue
				}
				is := s.tryOpen(s.fs)
				require.Equal(t, is.err == nil, was.err == nil)
				require.Equal(t, []any{is.changes, is.cut, is.base, is.good, is.lost}, []any{was.changes, was.cut, was.base, was.good, was.lost})
				if compared++; is.loses() > 0 {
					damaged++
				}
			}
			return 0
		}})
		w.run()
		require.Nil(t, w.violation, "%v", w.violation)
	}
	require.NotZero(t, compared)
	require.NotZero(t, damaged)
}
