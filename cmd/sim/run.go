package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/sim"
)

// runFlags are what run and replay share.
type runFlags struct {
	trace  string
	from   uint64
	to     uint64
	stopAt uint64
	panics bool
	cover  bool
	blind  bool
	search bool
}

func (f *runFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.trace, "trace", "", "write the trace to this file, one line an event; - is standard output")
	c.Flags().Uint64Var(&f.from, "from", 0, "trace from this event on")
	c.Flags().Uint64Var(&f.to, "to", 0, "trace up to this event")
	c.Flags().Uint64Var(&f.stopAt, "stop-at", 0, "end the run after this event")
	c.Flags().BoolVar(&f.panics, "panic", false, "let a panic of the code under test through, with its stack")
	c.Flags().BoolVar(&f.blind, "blind", false, "leave out the judges that look into disks")
	c.Flags().BoolVar(&f.search, "porcupine", false, "have Porcupine check what clients saw as well, window by window")
	c.Flags().BoolVar(&f.cover, "cover", false, "print which rare situations the run reached")
}

func runCommand() *cobra.Command {
	var flags runFlags
	var seed uint64
	var file string
	var simulated time.Duration
	var scheduler schedulerFlag
	c := &cobra.Command{
		Use:   "run --seed N",
		Short: "Run one seed",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file != "" {
				plan, err := readPlan(file)
				if err != nil {
					return err
				}
				again := "go run ./cmd/sim run --plan " + file
				if c.Flags().Changed("seed") {
					plan.Seed = seed
					again += fmt.Sprintf(" --seed %d", seed)
				}
				return runPlan(c.OutOrStdout(), plan, flags, again)
			}
			if err := scheduler.check(); err != nil {
				return err
			}
			return runPlan(c.OutOrStdout(), scheduler.plan(seed, simulated), flags, scheduler.repeat(seed, simulated))
		},
	}
	flags.add(c)
	c.Flags().Uint64Var(&seed, "seed", 1, "the seed")
	c.Flags().StringVar(&file, "plan", "", "run this plan instead of the seed's own")
	c.Flags().DurationVar(&simulated, "simulated", time.Minute, "how long, in simulated time")
	scheduler.add(c)
	return c
}

func replayCommand() *cobra.Command {
	var flags runFlags
	c := &cobra.Command{
		Use:   "replay PLAN",
		Short: "Run a plan from a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return runPlan(c.OutOrStdout(), plan, flags, "go run ./cmd/sim replay "+args[0])
		},
	}
	flags.add(c)
	return c
}

func planCommand() *cobra.Command {
	var seed uint64
	var simulated time.Duration
	var scheduler schedulerFlag
	c := &cobra.Command{
		Use:   "plan --seed N",
		Short: "Print the plan of a seed",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := scheduler.check(); err != nil {
				return err
			}
			_, err := io.WriteString(c.OutOrStdout(), scheduler.plan(seed, simulated).Format())
			return err
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 1, "the seed")
	c.Flags().DurationVar(&simulated, "simulated", time.Minute, "how long, in simulated time")
	scheduler.add(c)
	return c
}

func readPlan(file string) (*sim.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	plan, err := sim.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return plan, nil
}

// runPlan runs a plan and prints its line, and what broke.
func runPlan(out io.Writer, plan *sim.Plan, flags runFlags, again string) error {
	options := sim.Options{From: flags.from, To: flags.to, StopAt: flags.stopAt, LetPanic: flags.panics, Blind: flags.blind, History: flags.search}
	closeTrace := func() error { return nil }
	switch flags.trace {
	case "":
	case "-":
		buffered := bufio.NewWriter(out)
		options.Trace, closeTrace = buffered, buffered.Flush
	default:
		file, err := os.Create(flags.trace)
		if err != nil {
			return err
		}
		buffered := bufio.NewWriter(file)
		options.Trace = buffered
		closeTrace = func() error {
			if err := buffered.Flush(); err != nil {
				return err
			}
			return file.Close()
		}
	}
	result := sim.Run(plan, options)
	if err := closeTrace(); err != nil {
		return err
	}
	fmt.Fprintln(out, result)
	if flags.cover {
		result.Cover.Each(func(name string, count uint64) { fmt.Fprintf(out, "%8d  %s\n", count, name) })
	}
	accepted := true
	if flags.search {
		var line string
		line, accepted = crossCheck(result.History)
		fmt.Fprintln(out, line)
	}
	if result.Violation != nil {
		explain(out, result, blindly(again, flags.blind))
	}
	if result.Violation != nil || !accepted {
		return errFailed
	}
	return nil
}

// explain says what broke, in the paper's words, and how to see it again.
func explain(out io.Writer, r *sim.Result, again string) {
	v := r.Violation
	fmt.Fprintf(out, "  at %s, event %d: %s\n", v.At, v.Event, v.Reason)
	if sentence := sim.Sentence(v.Invariant); sentence != "" {
		fmt.Fprintf(out, "  %s: %s\n", v.Invariant, sentence)
	}
	if v.Report != "" {
		fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(strings.TrimRight(v.Report, "\n"), "\n", "\n  "))
	}
	fmt.Fprintf(out, "  repeat with: %s\n", again)
	fmt.Fprintf(out, "  its last events: %s --trace - --from %d\n", again, max(v.Event, 40)-39)
}

// blindly is a command as it was given: what judges that look into disks would say first is something else.
func blindly(command string, blind bool) string {
	if blind {
		return command + " --blind"
	}
	return command
}

// repeat is the command that runs a seed again.
func repeat(seed uint64, simulated time.Duration) string {
	line := fmt.Sprintf("go run ./cmd/sim run --seed %d", seed)
	if simulated != time.Minute {
		line += fmt.Sprintf(" --simulated %s", simulated)
	}
	return line
}
