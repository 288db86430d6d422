package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
	"parley/sim"
)

// schedulerFlag is --scheduler: the one that every seed gets; empty if each draws its own.
type schedulerFlag struct{ name string }

func (f *schedulerFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "scheduler", "", "the scheduler of every seed instead of the one it draws: "+strings.Join(sim.SchedulerNames(), ", "))
}

// check refuses names that no scheduler has.
func (f *schedulerFlag) check() error {
	if _, ok := sim.SchedulerNamed(f.name); !ok && f.name != "" {
		return usage.Errorf("no scheduler is called %q: want one of %s", f.name, strings.Join(sim.SchedulerNames(), ", "))
	}
	return nil
}

// plan makes the plan of a seed.
func (f *schedulerFlag) plan(seed uint64, simulated time.Duration) *sim.Plan {
	if kind, ok := sim.SchedulerNamed(f.name); ok {
		return sim.GenerateFor(seed, simulated, kind)
	}
	return sim.Generate(seed, simulated)
}

// repeat is the command that runs a seed again.
func (f *schedulerFlag) repeat(seed uint64, simulated time.Duration) string {
	line := repeat(seed, simulated)
	if f.name != "" {
		line += " --scheduler " + f.name
	}
	return line
}
