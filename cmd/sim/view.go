package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/sim"
)

// pageBytesMax is how large a page may be: it is to be mailed and opened at once.
const pageBytesMax = 2 << 20

// pageEvents is how many events a page shows if nobody says which.
const pageEvents = 2000

func viewCommand() *cobra.Command {
	var v view
	var out, patch string
	c := &cobra.Command{
		Use:   "view --seed N -o FILE",
		Short: "Draw a run as a page for a browser",
		Long: `View writes one HTML file that needs nothing else: a lane for each node, messages as arrows, terms
as colours, what was cut off and who was down, every node's log, and each event's line of the trace, to
step through forwards and backwards. Behind a tab is Porcupine's picture of what clients wanted and saw.

Without --from and --to it shows the last 2,000 events before a judge spoke, or the first
2,000 of a run in which none did. With --patch it shows what a planted bug does.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v.seeded = c.Flags().Changed("seed")
			if patch != "" {
				return v.planted(c, patch, out)
			}
			text, result, err := v.page()
			if err != nil {
				return err
			}
			if err := os.WriteFile(out, text, 0o600); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), result)
			fmt.Fprintf(c.OutOrStdout(), "  %s: events %d to %d, %d kB\n", out, v.from, v.to, len(text)/1000)
			return nil
		},
	}
	c.Flags().Uint64Var(&v.seed, "seed", 1, "the seed")
	c.Flags().StringVar(&v.plan, "plan", "", "show this plan instead of the seed's own")
	c.Flags().DurationVar(&v.simulated, "simulated", time.Minute, "how long, in simulated time")
	c.Flags().Uint64Var(&v.from, "from", 0, "the first event to show")
	c.Flags().Uint64Var(&v.to, "to", 0, "the last one")
	c.Flags().BoolVar(&v.blind, "blind", false, "leave out the judges that look into disks")
	c.Flags().StringVarP(&out, "out", "o", "run.html", "the file to write")
	c.Flags().StringVar(&patch, "patch", "", "plant the bug of this file")
	c.Flags().StringVar(&v.again, "again", "", "the command that repeats the run, if it is another than this")
	_ = c.Flags().MarkHidden("again")
	return c
}

// view is what a page is to show.
type view struct {
	seed      uint64
	seeded    bool
	plan      string
	simulated time.Duration
	from, to  uint64
	blind     bool
	again     string
}

// page runs the plan, chooses the events, and runs it again to record them.
func (v *view) page() ([]byte, *sim.Result, error) {
	plan := sim.Generate(v.seed, v.simulated)
	if v.plan != "" {
		var err error
		if plan, err = readPlan(v.plan); err != nil {
			return nil, nil, err
		}
		if v.seeded {
			plan.Seed = v.seed
		}
	}
	result := sim.Run(plan, sim.Options{Blind: v.blind, History: true})
	chosen := v.from != 0 || v.to != 0
	if err := v.choose(result); err != nil {
		return nil, nil, err
	}
	for {
		var rec sim.Recording
		again := sim.Run(plan, sim.Options{Blind: v.blind, Record: &rec, From: v.from, To: v.to})
		if again.Hash != result.Hash {
			return nil, nil, errors.New("two runs of one plan differ: see docs/simulator.md, Determinism")
		}
		text, err := v.draw(result, &rec)
		switch {
		case err != nil:
			return nil, nil, err
		case len(text) <= pageBytesMax:
			return text, result, nil
		case chosen:
			return nil, nil, fmt.Errorf("%d events make a page of %d bytes, and %d is the most: show fewer with --from and --to", v.to-v.from+1, len(text), pageBytesMax)
		}
		v.halve(result)
	}
}

// choose settles the events to show.
func (v *view) choose(r *sim.Result) error {
	switch {
	case v.to != 0 && v.from == 0:
		v.from = max(v.to, pageEvents) - pageEvents + 1
	case v.from != 0 && v.to == 0:
		v.to = v.from + pageEvents - 1
	case v.from == 0 && r.Violation != nil:
		v.to = r.Events
		v.from = max(v.to, pageEvents) - pageEvents + 1
	case v.from == 0:
		v.from, v.to = 1, pageEvents
	}
	v.to = min(v.to, r.Events)
	if v.from > v.to {
		return fmt.Errorf("there is nothing to show from event %d to %d: the run has %d", v.from, v.to, r.Events)
	}
	return nil
}

// halve takes away the half that is farther from what matters.
func (v *view) halve(r *sim.Result) {
	if r.Violation != nil {
		v.from += (v.to - v.from + 1) / 2
	} else {
		v.to -= (v.to - v.from + 1) / 2
	}
}

// repeat is the command that a reader of the page is told.
func (v *view) repeat() string {
	line := repeat(v.seed, v.simulated)
	switch {
	case v.again != "":
		return v.again
	case v.plan != "" && v.seeded:
		line = fmt.Sprintf("go run ./cmd/sim run --plan %s --seed %d", v.plan, v.seed)
	case v.plan != "":
		line = "go run ./cmd/sim run --plan " + v.plan
	}
	return blindly(line, v.blind)
}

// planted builds the simulator with a planted bug and lets it draw the page.
func (v *view) planted(c *cobra.Command, patch, out string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	m, err := readMutant(patch)
	if err != nil {
		return fmt.Errorf("%s: %w", patch, err)
	}
	work, err := os.MkdirTemp("", "parley-mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program, err := m.build(root, work)
	if err != nil {
		return err
	}
	args := []string{"--simulated", v.simulated.String()}
	if v.plan != "" {
		args = append(args, "--plan", v.plan)
	}
	if v.plan == "" || v.seeded {
		args = append(args, "--seed", fmt.Sprint(v.seed))
	}
	if v.blind {
		args = append(args, "--blind")
	}
	again := fmt.Sprintf("go run ./cmd/sim view --patch %s %s", filepath.ToSlash(patch), strings.Join(args, " "))
	args = append([]string{"view", "--out", out, "--from", fmt.Sprint(v.from), "--to", fmt.Sprint(v.to), "--again", again}, args...)
	draw := exec.Command(program, args...)
	draw.Stdout, draw.Stderr = c.OutOrStdout(), c.ErrOrStderr()
	return draw.Run()
}
