package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/cmd/internal/heap"
	"parley/sim"
)

// simOptions are the flags of bench sim.
type simOptions struct {
	runs      int
	nodes     int
	ops       float64
	simulated time.Duration
	rounds    int
	profile   string
	stages    bool
}

// simulation is one line of bench sim.
type simulation struct {
	Bench        string  `json:"bench"`
	Round        int     `json:"round"`
	Nodes        int     `json:"nodes"`
	Runs         int     `json:"runs"`
	SimulatedS   float64 `json:"simulated_s"` // of all runs
	Events       uint64  `json:"events"`
	Ops          int     `json:"ops"`
	CPUS         float64 `json:"cpu_s"`
	EventsPerS   float64 `json:"events_per_cpu_s"`
	NsPerEvent   float64 `json:"ns_per_event"`
	EventsPerSim float64 `json:"events_per_simulated_s"`
	OpsPerSim    float64 `json:"ops_per_simulated_s"`
	HoursPerMin  float64 `json:"simulated_h_per_cpu_min"`
	AllocsPer    float64 `json:"allocs_per_event"`
	Failed       int     `json:"failed"`
}

func (s simulation) line() string {
	return fmt.Sprintf("sim %d  %d nodes  %d runs  %.0f events/s of one core  %.0f ns/event  %.0f events and %.1f ops a simulated second  %.2f simulated hours a minute  %.1f allocs/event  failed %d",
		s.Round, s.Nodes, s.Runs, s.EventsPerS, s.NsPerEvent, s.EventsPerSim, s.OpsPerSim, s.HoursPerMin, s.AllocsPer, s.Failed)
}

func simCommand(show reporter) *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "How fast the simulator is",
		Long: `Runs the first seeds whose plans have that many founding nodes, one after another on one core, with every fault that
their plans have and all judges. Time is the processor's, of this process: with the garbage collector's, which is set as
cmd/sim sets it, and without what others use.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if o.runs < 1 || o.rounds < 1 || o.simulated <= 0 {
				return errors.New("--runs, --rounds and --simulated must be positive")
			}
			plans, err := plansOf(&o)
			if err != nil {
				return err
			}
			runtime.GOMAXPROCS(1)
			heap.Reserve(1)
			runtime.MemProfileRate = 0 // cmd/sim is linked without profiles of memory, which take a hundredth of the time
			if o.stages {
				return measureStages(plans, o.rounds, show)
			}
			end, err := beginProfile(o.profile)
			if err != nil {
				return err
			}
			defer end()
			_, err = measureRounds(plans, o.rounds, show)
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.runs, "runs", 20, "runs of a round")
	f.IntVar(&o.nodes, "nodes", 5, "founding nodes: 3 or 5")
	f.Float64Var(&o.ops, "ops", 0, "operations a second that clients, teammates and uploaders want, all together; 0 is what the seed says")
	f.DurationVar(&o.simulated, "simulated", time.Minute, "how long each run is, in simulated time")
	f.IntVar(&o.rounds, "rounds", 5, "how often all runs are made")
	f.StringVar(&o.profile, "cpuprofile", "", "write a processor profile to this file")
	f.BoolVar(&o.stages, "stages", false, "say what an event takes in each stage, by samples of the processor: a hundred a second, so take ten rounds")
	cmd.MarkFlagsMutuallyExclusive("cpuprofile", "stages")
	return cmd
}

// plansOf returns the plans of the first seeds with that many nodes.
func plansOf(o *simOptions) ([]*sim.Plan, error) {
	var plans []*sim.Plan
	for seed := uint64(1); len(plans) < o.runs; seed++ {
		if p := sim.Generate(seed, o.simulated); p.Nodes == o.nodes {
			pace(p, o.ops)
			plans = append(plans, p)
		}
		if seed > 100 && len(plans) == 0 {
			return nil, fmt.Errorf("no plan has %d founding nodes", o.nodes)
		}
	}
	return plans, nil
}

// pace has a plan's clients, teammates and uploaders want so much in a second, all together and on average; zero leaves
// them as they are. The servers of a team's nodes, which have timers, keep the pace of the seed.
func pace(p *sim.Plan, perSecond float64) {
	if perSecond <= 0 {
		return
	}
	each := time.Duration(float64(time.Second) * float64(len(p.Clients)+len(p.Teammates)+len(p.Uploaders)) / perSecond)
	for i := range p.Clients {
		p.Clients[i].Every = each
	}
	for i := range p.Teammates {
		p.Teammates[i].Every = each
	}
	for i := range p.Uploaders {
		p.Uploaders[i].Every = each
	}
}

// measureRounds makes all runs so often, and returns how many nanoseconds an event took over all rounds.
func measureRounds(plans []*sim.Plan, rounds int, show reporter) (nsPerEvent float64, err error) {
	var events, ns float64
	for round := range rounds {
		s := measureSim(plans, round+1)
		if err := show(s); err != nil {
			return 0, err
		}
		events, ns = events+float64(s.Events), ns+s.CPUS*1e9
	}
	return ns / events, nil
}

// measureStages is measureRounds, and says where the time went.
func measureStages(plans []*sim.Plan, rounds int, show reporter) error {
	var nsPerEvent float64
	counts, allocating, err := sampled(func() (err error) {
		nsPerEvent, err = measureRounds(plans, rounds, show)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range stageLines(counts, allocating, nsPerEvent) {
		if err := show(l); err != nil {
			return err
		}
	}
	return nil
}

func measureSim(plans []*sim.Plan, round int) simulation {
	s := simulation{Bench: "sim", Round: round, Nodes: plans[0].Nodes, Runs: len(plans)}
	before := load.TakeUsage()
	var simulated time.Duration
	for _, p := range plans {
		r := sim.Run(p, sim.Options{})
		s.Events += r.Events
		s.Ops += r.Ops
		simulated += r.Simulated
		if r.Violation != nil {
			say("%s", r)
			s.Failed++
		}
	}
	after := load.TakeUsage()
	cpu, long, events := (after.CPU - before.CPU).Seconds(), simulated.Seconds(), float64(s.Events)
	s.SimulatedS, s.CPUS = load.Round(long, 1), load.Round(cpu, 2)
	s.EventsPerS, s.NsPerEvent = load.Round(events/cpu, 0), load.Round(cpu*1e9/events, 0)
	s.EventsPerSim, s.OpsPerSim = load.Round(events/long, 1), load.Round(float64(s.Ops)/long, 2)
	s.HoursPerMin = load.Round(long/3600/(cpu/60), 3)
	s.AllocsPer = load.Round(float64(after.Mallocs-before.Mallocs)/events, 2)
	return s
}
