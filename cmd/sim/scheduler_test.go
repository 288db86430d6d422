package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/sim"
)

// Whoever compares schedulers must get the one he named, in the run and in the command that repeats it.
func TestASchedulerThatIsNamedIsTheOneOfEverySeed(t *testing.T) {
	for _, name := range sim.SchedulerNames() {
		f := schedulerFlag{name}
		require.NoError(t, f.check())
		kind, _ := sim.SchedulerNamed(name)
		for seed := range uint64(8) {
			p := f.plan(seed, 10*time.Second)
			require.Equal(t, kind, p.Scheduler.Kind)
			p.Scheduler = sim.Generate(seed, 10*time.Second).Scheduler
			require.Equal(t, sim.Generate(seed, 10*time.Second), p, "nothing else differs")
		}
		require.Equal(t, "go run ./cmd/sim run --seed 7 --scheduler "+name, f.repeat(7, time.Minute))
	}
	require.ErrorContains(t, (&schedulerFlag{"fair"}).check(), "want one of uniform, priority, delay-bounded")
	require.NoError(t, (&schedulerFlag{}).check())
	require.Equal(t, sim.Generate(3, time.Minute), (&schedulerFlag{}).plan(3, time.Minute))
}
