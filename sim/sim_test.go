package sim

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag     = flag.Int64("seed", -1, "run this seed alone")
	seedsFlag    = flag.String("seeds", "", "run the seeds A..B")
	durationFlag = flag.Duration("simulated", time.Minute, "how long each seed runs, in simulated time")
)

// With -seed or -seeds, the seeds are all that runs, unless -run says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if (*seedFlag >= 0 || *seedsFlag != "") && flag.Lookup("test.run").Value.String() == "" {
		if err := flag.Set("test.run", "^TestNoJudgeSpeaksInAnySeed$"); err != nil {
			panic(err)
		}
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // as in cmd/sim
	}
	os.Exit(m.Run())
}

// Whatever the seed, no judge speaks, and the same seed runs the same way twice.
// By default these are 200 seeds; -seed=N and -seeds=A..B run just those and print
// a line for each.
func TestNoJudgeSpeaksInAnySeed(t *testing.T) {
	first, last, print := uint64(1), uint64(200), false
	switch {
	case raceEnabled:
		last = 20
	case testing.Short():
		last = 40
	}
	if *seedFlag >= 0 {
		first, last, print = uint64(*seedFlag), uint64(*seedFlag), true
	}
	if *seedsFlag != "" {
		var err error
		first, last, err = parseRange(*seedsFlag)
		require.NoError(t, err)
		print = true
	}
	forEachSeed(first, last, func(seed uint64) *Result { return runTwice(t, seed) }, func(r *Result) {
		if print {
			fmt.Println(r)
		}
		if r.Violation != nil {
			if !print {
				fmt.Println(r)
			}
			t.Errorf("seed %d at %s, event %d: %s\n%s: %s\n%srepeat with: go test ./sim -seed=%d",
				r.Seed, r.Violation.At, r.Violation.Event, r.Violation.Reason,
				r.Violation.Invariant, Sentence(r.Violation.Invariant), r.Violation.Report, r.Seed)
		}
	})
}

// runTwice runs a seed, and runs it again to see that nothing but the seed
// decides.
func runTwice(t *testing.T, seed uint64) *Result {
	plan := Generate(seed, *durationFlag)
	first := Run(plan, Options{})
	if *durationFlag == time.Minute {
		reachedBySeed.Store(seed, first.Cover)
	}
	again := Run(Generate(seed, *durationFlag), Options{})
	if first.Hash != again.Hash {
		t.Errorf("seed %d: two runs differ\n%s", seed, Differ(plan, plan, Options{}, Options{}))
	}
	return first
}

// forEachSeed runs the seeds on all processors and hands on the results in
// order.
func forEachSeed(first, last uint64, run func(uint64) *Result, done func(*Result)) {
	var (
		next    atomic.Uint64
		workers sync.WaitGroup
		mu      sync.Mutex
		ready   = map[uint64]*Result{}
		wanted  = first
	)
	next.Store(first)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				r := run(seed)
				mu.Lock()
				ready[seed] = r
				for ; ready[wanted] != nil; wanted++ {
					done(ready[wanted])
					delete(ready, wanted)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
}

func parseRange(s string) (first, last uint64, err error) {
	a, b, ok := strings.Cut(s, "..")
	first, err1 := strconv.ParseUint(a, 10, 64)
	last, err2 := strconv.ParseUint(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || first > last {
		return 0, 0, errors.New("want a range of seeds like 1..200, not " + strconv.Quote(s))
	}
	return first, last, nil
}

// Every plan that once showed a bug stays, and shows it no more.
func TestPlansThatOnceShowedABugPass(t *testing.T) {
	t.Parallel() // one thread does it
	for _, dir := range []string{"seeds", "plans"} {
		files, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.plan"))
		require.NoError(t, err)
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				plan, err := Parse(string(text))
				require.NoError(t, err)
				r := Run(plan, Options{})
				if r.Violation != nil {
					t.Errorf("%s: %s\n%srepeat with: go run ./cmd/sim replay %s", r.Violation.Invariant, r.Violation.Reason, r.Violation.Report, file)
				}
			})
		}
	}
}

// A run whose course depends on anything but its plan must be caught, and the first
// event that differs named: otherwise no seed could be trusted.
func TestANondeterministicWorldIsCaught(t *testing.T) {
	plan := Generate(1, 10*time.Second)
	calls := 0
	noise := func() uint64 {
		calls++
		if calls == 3000 {
			return 1
		}
		return 0
	}
	quiet := func() uint64 { return 0 }
	first := Run(plan, Options{Disturb: noise})
	calls = 0
	second := Run(plan, Options{Disturb: quiet})
	require.NotEqual(t, first.Hash, second.Hash)
	require.Equal(t, 2, firstDifference(first.Checkpoints, second.Checkpoints), "the third checkpoint covers event 3,000")
	require.Contains(t, Differ(plan, plan, Options{Disturb: noise}, Options{Disturb: quiet}), "checkpoint 3 ")
}

// Worlds that take turns, event by event, must not feel each other: no hidden global state. Two of them run the same
// plan, so that whatever one left behind the other would find at once.
func TestWorldsDoNotShareState(t *testing.T) {
	quiet := func() uint64 { return 0 }
	plans := []*Plan{Generate(3, 5*time.Second), Generate(4, 5*time.Second), Generate(3, 5*time.Second)}
	mixed := make([]*Result, len(plans))
	var turns []func() (struct{}, bool)
	for i, p := range plans {
		next, stop := iter.Pull(func(yield func(struct{}) bool) {
			mixed[i] = Run(p, Options{Disturb: func() uint64 {
				yield(struct{}{})
				return 0
			}})
		})
		defer stop()
		turns = append(turns, next)
	}
	alternated := 0
	for going := len(plans); going > 0; {
		going = 0
		for _, next := range turns {
			if _, ok := next(); ok {
				going++
			}
		}
		if going == len(plans) {
			alternated++
		}
	}
	require.Greater(t, alternated, 1000)
	for i, p := range plans {
		require.Equal(t, Run(p, Options{Disturb: quiet}).Hash, mixed[i].Hash, "world %d", i)
	}
}

// The text of a trace is for people; asking for it must not change the run.
func TestTracingChangesNothing(t *testing.T) {
	plan := Generate(5, 5*time.Second)
	var text bytes.Buffer
	require.Equal(t, Run(plan, Options{}).Hash, Run(plan, Options{Trace: &text}).Hash)
	lines := strings.Count(text.String(), "\n")
	require.Equal(t, Run(plan, Options{}).Events, uint64(lines), "one line an event")
}

// reachedBySeed is what the seeds of a minute have reached that a test has run, so that no other runs them again.
var reachedBySeed sync.Map

// Faults that never bite find nothing: over some seeds every rare situation must
// come up.
func TestSeedsReachEveryRareSituation(t *testing.T) {
	last, share := uint64(31), 8 // of the situations that so many seeds may miss
	if testing.Short() || raceEnabled {
		last, share = 6, 2
	}
	var sum Cover
	forEachSeed(1, last, func(seed uint64) *Result {
		if c, ran := reachedBySeed.Load(seed); ran {
			return &Result{Seed: seed, Cover: c.(Cover)}
		}
		return Run(Generate(seed, time.Minute), Options{})
	}, func(r *Result) { sum.Add(&r.Cover) })
	names := map[string]bool{}
	missed := 0
	sum.Each(func(name string, count uint64) {
		require.False(t, names[name], "%s is there twice", name)
		names[name] = true
		if count == 0 {
			t.Logf("not reached: %s", name)
			missed++
		}
	})
	// The rarest need more seeds than a test has time for: sim cover --complete asks for all.
	require.GreaterOrEqual(t, len(names), 150)
	require.LessOrEqual(t, missed, len(names)/share)
}
