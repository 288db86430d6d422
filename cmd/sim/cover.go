package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"parley/sim"
)

func coverCommand() *cobra.Command {
	var seeds string
	var limit, simulated time.Duration
	var asJSON, complete bool
	c := &cobra.Command{
		Use:   "cover --seeds A..B",
		Short: "Count the rare situations that seeds reach",
		Long: `Cover runs the seeds from A to B and says of each rare situation how often it came about, in
how many runs, and in which seed first. A fault that never bites, or never at the moment that matters, finds
nothing, and shows here as a situation that no seed reaches. With --complete that is an error.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			first, last, err := parseSeeds(seeds)
			if err != nil {
				return err
			}
			var all []reached
			ran, failed := 0, 0
			each(first, last, limit, func(seed uint64) *sim.Result {
				return sim.Run(sim.Generate(seed, simulated), sim.Options{})
			}, func(r *sim.Result) bool {
				all = tally(all, r)
				ran++
				if r.Violation != nil {
					failed++
					fmt.Fprintln(c.ErrOrStderr(), r)
				}
				return true
			})
			never := 0
			for i := range all {
				if all[i].Runs == 0 {
					never++
				}
			}
			if err := showReached(c.OutOrStdout(), all, asJSON); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%d seeds, %d failed; %d situations, %d never reached\n", ran, failed, len(all), never)
			if failed > 0 || complete && never > 0 {
				return errFailed
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&seeds, "seeds", "1..1000", "the first and the last seed")
	f.DurationVar(&limit, "for", 0, "begin no more runs after this long; zero: run all")
	simulatedVar(c, &simulated, "how long each run is, in simulated time")
	f.BoolVar(&asJSON, "json", false, "print JSON, one object a situation")
	f.BoolVar(&complete, "complete", false, "fail if a situation is never reached")
	return c
}

// reached is what became of one situation.
type reached struct {
	Situation string `json:"situation"`
	Count     uint64 `json:"count"`
	Runs      int    `json:"runs"`                 // that it came about in
	First     uint64 `json:"first_seed,omitempty"` // of those; nothing if there is none
}

// tally adds a run.
func tally(all []reached, r *sim.Result) []reached {
	i := 0
	r.Cover.Each(func(name string, count uint64) {
		if i == len(all) {
			all = append(all, reached{Situation: name})
		}
		if a := &all[i]; count > 0 {
			if a.Runs == 0 {
				a.First = r.Seed
			}
			a.Count += count
			a.Runs++
		}
		i++
	})
	return all
}

func showReached(to io.Writer, all []reached, asJSON bool) error {
	lines := json.NewEncoder(to)
	for i := range all {
		a := &all[i]
		if asJSON {
			if err := lines.Encode(a); err != nil {
				return err
			}
			continue
		}
		first := "never"
		if a.Runs > 0 {
			first = fmt.Sprintf("%d runs, first seed %d", a.Runs, a.First)
		}
		if _, err := fmt.Fprintf(to, "%12d  %-80s  %s\n", a.Count, a.Situation, first); err != nil {
			return err
		}
	}
	return nil
}
