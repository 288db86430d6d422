package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"parley/sim"
)

func soakCommand() *cobra.Command {
	var seeds string
	var limit, simulated time.Duration
	var all, untilFound, cover, blind bool
	var scheduler schedulerFlag
	c := &cobra.Command{
		Use:   "soak --seeds A..B",
		Short: "Run many seeds on all processors",
		Long: `Soak runs the seeds from A to B and prints the line of each that fails, with --all of
every one, and a summary. It goes on after a failure. The summary's hash is that of all
hashes: two soaks of one range agree in it or differ in some run.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			first, last, err := parseSeeds(seeds)
			if err != nil {
				return err
			}
			if err := scheduler.check(); err != nil {
				return err
			}
			out := c.OutOrStdout()
			begin := time.Now()
			total := sha256.New()
			var sum sim.Cover
			ran, failed, events := uint64(0), 0, uint64(0)
			said := begin
			each(first, last, limit, func(seed uint64) *sim.Result {
				return sim.Run(scheduler.plan(seed, simulated), sim.Options{Blind: blind})
			}, func(r *sim.Result) (more bool) {
				total.Write(r.Hash[:])
				sum.Add(&r.Cover)
				ran++
				events += r.Events
				if all || r.Violation != nil {
					fmt.Fprintln(out, r)
				}
				if r.Violation != nil {
					failed++
					explain(out, r, blindly(scheduler.repeat(r.Seed, simulated), blind))
				}
				if now := time.Now(); now.Sub(said) >= progressEvery {
					said = now
					fmt.Fprintf(c.ErrOrStderr(), "%s: %d of %d seeds, %d failed\n", now.Sub(begin).Round(time.Second), ran, last-first+1, failed)
				}
				return !untilFound || failed == 0
			})
			if cover {
				sum.Each(func(name string, count uint64) { fmt.Fprintf(out, "%12d  %s\n", count, name) })
			}
			took := time.Since(begin)
			fmt.Fprintf(out, "%d seeds, %d failed, %.1f s, %.0f events/s, hash=%x\n",
				ran, failed, took.Seconds(), float64(events)/took.Seconds(), total.Sum(nil))
			if failed > 0 {
				return errFailed
			}
			return nil
		},
	}
	c.Flags().StringVar(&seeds, "seeds", "1..1000", "the first and the last seed")
	c.Flags().DurationVar(&limit, "for", 0, "begin no more runs after this long; zero: run all")
	c.Flags().DurationVar(&simulated, "simulated", time.Minute, "how long each run is, in simulated time")
	c.Flags().BoolVar(&all, "all", false, "print the line of every seed")
	c.Flags().BoolVar(&untilFound, "until-found", false, "end after the first seed that fails")
	c.Flags().BoolVar(&blind, "blind", false, "leave out the judges that look into disks")
	scheduler.add(c)
	c.Flags().BoolVar(&cover, "cover", false, "print which rare situations were reached")
	return c
}

// progressEvery is how often a soak says how far it is.
const progressEvery = 10 * time.Second

// each runs the seeds on all processors and hands on the results in order, until
// done wants no more or the time is over.
func each(first, last uint64, limit time.Duration, run func(uint64) *sim.Result, done func(*sim.Result) bool) {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		next    = first
		wanted  = first
		ready   = map[uint64]*sim.Result{}
		over    = false
		begin   = time.Now()
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if over || next > last || limit > 0 && time.Since(begin) > limit {
			return 0, false
		}
		next++
		return next - 1, true
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := run(seed)
				mu.Lock()
				ready[seed] = r
				for ; !over && ready[wanted] != nil; wanted++ {
					over = !done(ready[wanted])
					delete(ready, wanted)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

// parseSeeds reads "A..B" or "N", which is 1..N.
func parseSeeds(s string) (first, last uint64, err error) {
	from, to, ok := strings.Cut(s, "..")
	if !ok {
		from, to = "1", s
	}
	first, err1 := strconv.ParseUint(from, 10, 64)
	last, err2 := strconv.ParseUint(to, 10, 64)
	if err1 != nil || err2 != nil || first > last {
		return 0, 0, fmt.Errorf("want seeds like 1..200, not %q", s)
	}
	return first, last, nil
}
