package main

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"

	"github.com/google/pprof/profile"

	"parley/cmd/bench/load"
)

// A stage is a part of what the simulator does: the functions whose names begin with one of these, and all that they call,
// but for what an earlier stage has of it.
type stage struct {
	name      string
	functions []string
}

const (
	simWorld  = "parley/sim.(*World)."
	simServer = "parley/sim.(*server)."
	raftNode  = "parley/raft/node.(*Node)."
)

// stages are asked in this order: a disk that is looked at to find out what a fault may do to it is a part of the fault,
// and no write or start.
var stages = []stage{
	{"judges at the end", []string{
		simWorld + "judgeSurvivor", simWorld + "judgeHistory", simWorld + "judgeLiveness", simWorld + "judgeBackups", simWorld + "result",
	}},
	{"faults: what they strike, and whether the cluster can bear it", []string{simWorld + "fault", simWorld + "reveal"}},
	{"judges while it runs, models, counts of situations", []string{
		simWorld + "judge", simServer + "judge", simWorld + "cover", simWorld + "claimed", simWorld + "team", "parley/sim.(*teamModel)", "parley/sim.(*lockModel)",
	}},
	{"starts of nodes", []string{simWorld + "start"}},
	{"stores of files", []string{simWorld + "blob", "parley/raft/blob.(*Store)"}},
	{"logs and snapshots on disk", []string{
		simWorld + "write", simWorld + "sync", simWorld + "seal", "parley/sim.(*disk)", "parley/raft/wal.", "parley/raft/vfs/memfs.",
	}},
	{"node.Step: commands, and the time that passes with each entry", []string{raftNode + "apply", raftNode + "advance"}},
	{"node.Step: raft", []string{"parley/raft.(*Raft)"}},
	{"node.Step: files", []string{raftNode + "stepBlobs"}},
	{"node.Step: all else (requests, reads, reports, streams)", []string{raftNode + "Step"}},
	{"frames of messages, links", []string{simWorld + "send", simWorld + "unpack", "parley/raft.AppendFramed", "parley/sim.(*network)"}},
	{"clients, teammates, uploaders, subscribers", []string{
		simWorld + "task", simWorld + "callerWakes", simWorld + "operation", simWorld + "uploader", simWorld + "toSubscriber", "parley/sim.(*client)", "parley/sim.(*subscriber)",
	}},
	{"the list of events to come, and who is put off", []string{
		"parley/sim.(*agenda)", simWorld + "putsOff", simWorld + "turn", simWorld + "rival", simWorld + "push",
	}},
	{"the hash of the trace", []string{"parley/sim.(*trace)"}},
	{"garbage collection, beside the runs", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
}

// elsewhere is the stage of what belongs to none.
const elsewhere = "the loop, and what has no other place"

// stageLine says what an event takes in one stage, by samples of the processor.
type stageLine struct {
	Bench      string  `json:"bench"`
	Stage      string  `json:"stage"`
	NsPerEvent float64 `json:"ns_per_event"`
	Part       float64 `json:"part"` // of all samples, 0 to 1
}

func (s stageLine) line() string {
	return fmt.Sprintf("  %-66s %6.0f ns/event %5.1f %%", s.Stage, s.NsPerEvent, 100*s.Part)
}

// sampled takes a profile of the processor while f runs, and returns where the samples fell: how many in each stage, with
// elsewhere as the last. Allocation is a part of all stages, and counted once more by itself.
func sampled(f func() error) (counts []int64, allocating int64, err error) {
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		return nil, 0, err
	}
	err = f()
	pprof.StopCPUProfile()
	if err != nil {
		return nil, 0, err
	}
	p, err := profile.Parse(&b)
	if err != nil {
		return nil, 0, fmt.Errorf("the profile that was just taken does not read: %w", err)
	}
	counts = make([]int64, len(stages)+1)
	for _, s := range p.Sample {
		names := functionsOf(s)
		counts[stageOf(names)] += s.Value[0]
		if begins(names, "runtime.mallocgc") {
			allocating += s.Value[0]
		}
	}
	return counts, allocating, nil
}

// functionsOf lists who was at work in a sample, the callee before its caller.
func functionsOf(s *profile.Sample) (names []string) {
	for _, at := range s.Location {
		for _, line := range at.Line {
			names = append(names, line.Function.Name)
		}
	}
	return names
}

// stageOf returns the index of the first stage that one of the functions belongs to.
func stageOf(names []string) int {
	for i, s := range stages {
		for _, prefix := range s.functions {
			if begins(names, prefix) {
				return i
			}
		}
	}
	return len(stages)
}

func begins(names []string, prefix string) bool {
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// stageLines divides what an event takes among the stages.
func stageLines(counts []int64, allocating int64, nsPerEvent float64) []stageLine {
	var all int64
	for _, n := range counts {
		all += n
	}
	if all == 0 {
		return nil
	}
	line := func(name string, n int64) stageLine {
		part := float64(n) / float64(all)
		return stageLine{"sim stage", name, load.Round(part*nsPerEvent, 0), load.Round(part, 4)}
	}
	var lines []stageLine
	for i, s := range stages {
		lines = append(lines, line(s.name, counts[i]))
	}
	return append(lines, line(elsewhere, counts[len(stages)]), line("allocation, which is part of all of these", allocating))
}
