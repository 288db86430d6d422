package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"parley/sim"
)

// shrinkFlags are what shrinking asks for beside a plan.
type shrinkFlags struct {
	output string
	runs   int
	limit  time.Duration
	blind  bool
}

func shrinkCommand() *cobra.Command {
	var flags shrinkFlags
	var seed uint64
	var simulated time.Duration
	var planted, patch string
	c := &cobra.Command{
		Use:   "shrink --seed N | shrink PLAN",
		Short: "Find the smallest plan that breaks the same invariant",
		Long: `Shrink runs a plan in which a judge speaks, and then ever smaller ones: it ends the run
behind the violation, takes out nodes, clients and faults, turns off what is rare, makes
delays constant and times round, as long as the same invariant breaks. It writes the plan
that is left, with what it breaks and what was cut as a comment; sim replay runs it.
Without any one of its lines that plan breaks this no more, unless --runs, --for or
Ctrl-C ended the search before; then it is the smallest so far.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if planted != "" || patch != "" {
				return shrinkPlanted(c, planted, patch)
			}
			plan := sim.Generate(seed, simulated)
			if len(args) > 0 {
				var err error
				if plan, err = readPlan(args[0]); err != nil {
					return err
				}
				if c.Flags().Changed("seed") {
					plan.Seed = seed
				}
			}
			return shrinkPlan(c, plan, flags)
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 1, "the seed whose plan is shrunk")
	simulatedVar(c, &simulated, "how long the seed's run is, in simulated time")
	c.Flags().StringVarP(&flags.output, "output", "o", "", "write the plan to this file instead of standard output")
	c.Flags().IntVar(&flags.runs, "runs", 20_000, "make at most so many runs; zero: as many as it takes")
	c.Flags().DurationVar(&flags.limit, "for", 10*time.Minute, "end after this long; zero: never")
	c.Flags().BoolVar(&flags.blind, "blind", false, "leave out the judges that look into disks")
	c.Flags().StringVar(&planted, "mutant", "", "plant the bug with this id first")
	c.Flags().StringVar(&patch, "patch", "", "plant the bug of this file first")
	return c
}

// shrinkPlan shrinks until it is done, a bound is reached or somebody interrupts.
func shrinkPlan(c *cobra.Command, plan *sim.Plan, flags shrinkFlags) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if flags.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.limit)
		defer cancel()
	}
	over := func() bool { return ctx.Err() != nil }
	notes := c.ErrOrStderr()
	begin, told := time.Now(), time.Time{}
	shrunk, err := sim.Shrink(plan, sim.ShrinkOptions{
		Try: sideBySide(over, flags.blind), Runs: flags.runs, Over: over,
		Progress: func(s *sim.Shrunk) {
			if time.Since(told) >= time.Second {
				told = time.Now()
				report(notes, s, begin)
			}
		},
	})
	if err != nil {
		return err
	}
	report(notes, shrunk, begin)
	v := shrunk.After.Violation
	fmt.Fprintf(notes, "%s at %s, event %d: %s\n", v.Invariant, v.At, v.Event, v.Reason)
	if !shrunk.Minimal {
		fmt.Fprintln(notes, "ended before it was done: with more --runs or --for it may get smaller")
	}
	if flags.output == "" {
		_, err = io.WriteString(c.OutOrStdout(), shrunk.Format())
		return err
	}
	return os.WriteFile(flags.output, []byte(shrunk.Format()), 0o644)
}

// report prints how small the plan is by now.
func report(out io.Writer, s *sim.Shrunk, begin time.Time) {
	before, after := s.Lines()
	fmt.Fprintf(out, "%6.1f s %6d runs: %d of %d lines, %d of %d deliveries, %s of %s\n", time.Since(begin).Seconds(),
		s.Runs, after, before, s.After.Deliveries, s.Before.Deliveries, s.Plan.Duration, s.Was.Duration)
}

// sideBySide is a trial that uses all processors. A run of a later plan is thrown away when an earlier
// one will do, so that its answer is that of sim.TryInOrder.
func sideBySide(over func() bool, blind bool) sim.Trial {
	return func(plans []*sim.Plan, stopAt uint64, wanted func(*sim.Result) bool) (int, *sim.Result) {
		var (
			workers sync.WaitGroup
			mu      sync.Mutex
			next    int
			best    = len(plans)
			found   *sim.Result
		)
		take := func() (int, bool) {
			mu.Lock()
			defer mu.Unlock()
			next++
			return next - 1, next-1 < best && !over()
		}
		for range min(runtime.GOMAXPROCS(0), len(plans)) {
			workers.Go(func() {
				for i, ok := take(); ok; i, ok = take() {
					r := sim.Run(plans[i], sim.Options{StopAt: stopAt, Blind: blind})
					if !wanted(r) {
						continue
					}
					mu.Lock()
					if i < best {
						best, found = i, r
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		if found == nil {
			return -1, nil
		}
		return best, found
	}
}

// shrinkPlanted does the same in a simulator that is built with a planted bug: in a program of its own, which gets
// the same arguments without those that name the bug.
func shrinkPlanted(c *cobra.Command, id, patch string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	var ids, patches []string
	if id != "" {
		ids = []string{id}
	}
	if patch != "" {
		patches = []string{patch}
	}
	list, err := loadMutants(root, filepath.Join("testdata", "mutants"), ids, patches)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "parley-mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program, err := list[0].build(root, work)
	if err != nil {
		return fmt.Errorf("%s: %w", list[0].id, err)
	}
	args := append([]string{"shrink"}, c.Flags().Args()...)
	for _, name := range []string{"seed", "simulated", "output", "runs", "for", "blind"} {
		if f := c.Flags().Lookup(name); f.Changed {
			args = append(args, "--"+name+"="+f.Value.String())
		}
	}
	shrink := exec.Command(program, args...)
	shrink.Stdout, shrink.Stderr = c.OutOrStdout(), c.ErrOrStderr()
	err = shrink.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return errFailed // it said why
	}
	return err
}
