package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

var crashSamples = flag.Int("crash-samples", 8, "how many choices of what survives to try for each crash of a machine")

// What is at stake: a node may die between any two file operations, and in the middle of a
// write. A cluster of three forms, writes, rolls segments; one node, or the whole cluster one after
// the other, dies at its k-th operation and comes back, for every k there is. Nothing
// acknowledged is ever missing and no two nodes disagree: all judges look on.
func TestACrashAtEveryFileOperationLosesNothingAndNobodyDisagrees(t *testing.T) {
	for _, kind := range []FaultKind{CrashProcess, CrashMachine} {
		for _, who := range []Target{1, NodeAll} {
			for _, on := range []Stage{StageOperation, StageRecovery} {
				t.Run(fmt.Sprintf("%s of %s at %s", kind, who, on), func(t *testing.T) {
					t.Parallel()
					crashEverywhere(t, kind, who, on)
				})
			}
		}
	}
}

// crashEverywhere counts up the operation at which the node dies until it no longer does,
// because the run does not get that far.
func crashEverywhere(t *testing.T, kind FaultKind, who Target, on Stage) {
	samples := 1
	if kind == CrashMachine {
		samples = *crashSamples
	}
	for k := int64(1); ; k++ {
		reached := false
		for sample := range samples {
			plan := crashPlan(uint64(1000*k)+uint64(sample), Fault{
				At: 250 * time.Millisecond, Kind: kind, Node: who, On: on, After: k, For: 150 * time.Millisecond,
			})
			if on == StageRecovery {
				plan.Faults[0].At = 1500 * time.Millisecond // when there is something to recover
			}
			r := Run(plan, Options{})
			if r.Violation != nil {
				t.Fatalf("operation %d: %s: %s\nreplay this plan:\n%s", k, r.Violation.Invariant, r.Violation.Reason, plan.Format())
			}
			reached = reached || r.Cover.Recoveries > 0 || on == StageOperation && r.Cover.Crashes > 0
		}
		if !reached {
			t.Logf("crashed at %d operations", k-1)
			require.Greater(t, k, int64(4), "the workload is too short to mean anything")
			return
		}
	}
}

// crashPlan is three seconds of a small busy cluster with tiny segments and one fault.
func crashPlan(seed uint64, fault Fault) *Plan {
	p := Generate(seed, 4*time.Second)
	p.Nodes, p.Clocks, p.Subscribers, p.Rest = 3, nil, nil, nil
	p.Heal, p.Core = 2500*time.Millisecond, []raft.NodeID{1, 2, 3}
	p.Node = NodePlan{Election: 250 * time.Millisecond, Heartbeat: 50 * time.Millisecond, Segment: 12 << 10}
	p.Link = LinkPlan{Delay: 100 * time.Microsecond, Spread: 100 * time.Microsecond, FIFO: true}
	p.Disk = DiskPlan{WriteMin: 10 * time.Microsecond, WriteMax: 20 * time.Microsecond, SyncMin: 100 * time.Microsecond, SyncMax: 300 * time.Microsecond}
	p.Clients = []ClientPlan{{Every: 40 * time.Millisecond, Pipeline: 2, Read: 200, Text: 300, Patience: 2 * time.Second, Timeout: 300 * time.Millisecond}}
	p.Bulk, p.Scheduler = BulkPlan{}, SchedulerPlan{} // files have a second and a half for all their way
	p.Faults = []Fault{fault}
	return p
}
