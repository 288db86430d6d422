package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/internal/usage"
	"parley/sim"
)

// searchGarbagePercent has garbage collected often: what a search keeps is nearly all that it has, and it has gigabytes.
const searchGarbagePercent = 40

func searchCommand() *cobra.Command {
	var bounds sim.SearchBounds
	var options sim.SearchOptions
	var atMost time.Duration
	var memory int
	var from string
	c := &cobra.Command{
		Use:     "explore",
		Aliases: []string{"search"},
		Short:   "Make every choice there is, within bounds",
		Long: `Explore has three nodes of the protocol, each with an abstract disk and a clock of its own, and
makes every choice within the bounds: the order of messages, whose timer fires, what is lost or doubled,
where a machine crashes and how many of its writes it keeps. It says whether it finished, or which
bound ended it, and what it saw until then. It ends with status 1 if a judge spoke.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := searchable(c); err != nil {
				return err
			}
			began, last, why := time.Now(), time.Now(), "states"
			options.Progress = func(r *sim.SearchResult) bool {
				if time.Since(last) > 10*time.Second {
					last = time.Now()
					fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", time.Since(began).Round(time.Second), r)
				}
				if atMost > 0 && time.Since(began) > atMost {
					why = "time"
					return false
				}
				var m runtime.MemStats
				if runtime.ReadMemStats(&m); memory > 0 && m.HeapAlloc > uint64(memory)<<20 {
					why = "memory"
					return false
				}
				return true
			}
			if from != "" {
				text, err := os.ReadFile(from)
				if err != nil {
					return err
				}
				options.From = moves(string(text))
			}
			defer debug.SetGCPercent(debug.SetGCPercent(searchGarbagePercent))
			r := sim.Search(bounds, options)
			if r.Astray > 0 {
				return fmt.Errorf("%s: move %d can't be made there: %q. A way holds for the bounds that it was found within, --inflight and --commit-alone among them",
					from, r.Astray, options.From[r.Astray-1])
			}
			fmt.Fprintln(c.OutOrStdout(), r)
			switch v := r.Violation; {
			case v != nil:
				fmt.Fprintf(c.OutOrStdout(), "  %s\n  %s: %s\n", v.Reason, v.Invariant, sim.Sentence(v.Invariant))
				for i, step := range r.Way {
					fmt.Fprintf(c.OutOrStdout(), "  %3d  %s\n", i+1, step)
				}
				return errFailed
			case r.Finished:
				fmt.Fprintf(c.OutOrStdout(), "  states are told apart by hashes: the odds that two shared one are below 1 in 2^%d\n", r.Odds())
			default:
				fmt.Fprintf(c.OutOrStdout(), "  ended by its bound of %s after %s: nothing is said about what it did not see\n", why, time.Since(began).Round(time.Second))
			}
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&bounds.Elections, "elections", 2, "election timers that fire, beyond the election that everything begins with")
	f.IntVar(&bounds.Beats, "beats", 0, "heartbeat timers that fire")
	f.IntVar(&bounds.Commands, "commands", 2, "commands that are proposed")
	f.IntVar(&bounds.Crashes, "crashes", 1, "crashes")
	f.IntVar(&bounds.Losses, "losses", 1, "losses of messages, of which the leader is told or not")
	f.IntVar(&bounds.Duplicates, "duplicates", 1, "messages that arrive twice")
	f.IntVar(&bounds.Overtakes, "overtakes", 0, "messages that arrive before what left earlier on their link; -1: links keep no order, and what is lost without a word is free")
	f.IntVar(&bounds.SlowWrites, "slow-writes", 0, "how often a disk takes its time; else a write is stored, or lost in a crash, before anything else happens at its node")
	f.IntVar(&bounds.StatesMax, "states-max", 0, "end after this many states; 0 is no bound")
	f.StringVar(&from, "from", "", "begin behind the moves of this file, one a line as a search prints them")
	f.DurationVar(&atMost, "for", 0, "end after this long; 0 is no bound")
	f.IntVar(&memory, "memory", 16384, "end at this many MiB of heap; 0 is no bound")
	f.BoolVar(&options.EveryOrder, "every-order", false, "leave out no order of moves, to compare")
	f.BoolVar(&options.Exact, "exact", false, "tell all states apart that differ in anything, to compare")
	f.IntVar(&bounds.Inflight, "inflight", 1, "Appends that may be under way to a follower; 0 is as many as a node allows")
	f.BoolVar(&bounds.CommitAlone, "commit-alone", false, "a leader tells what it has committed at once; else, as nodes do, with the next entry or heartbeat")
	return c
}

// searchable refuses bounds that are none.
func searchable(c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		n, parsed := strconv.Atoi(f.Value.String())
		least := 0
		if f.Name == "overtakes" {
			least = -1
		}
		if f.Value.Type() == "int" && parsed == nil && n < least {
			err = usage.Errorf("--%s %d: want a number from %d on", f.Name, n, least)
		}
		if n > sim.SearchBoundMax && !slices.Contains([]string{"states-max", "memory", "inflight"}, f.Name) {
			err = usage.Errorf("--%s %d: no search comes to the end of more than %d", f.Name, n, sim.SearchBoundMax)
		}
	})
	return err
}

// moves reads a way, one move a line, with or without the numbers that a search prints before them.
func moves(text string) (way []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if number, rest, _ := strings.Cut(line, " "); number != "" && strings.Trim(number, "0123456789") == "" {
			line = strings.TrimSpace(rest)
		}
		if line != "" {
			way = append(way, line)
		}
	}
	return way
}
