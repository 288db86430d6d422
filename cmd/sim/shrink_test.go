package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/sim"
)

// The whole way, as a person goes it: a bug is planted, a seed finds it, its plan is shrunk, and what is left is a story
// that breaks the same invariant, and none in the code without the bug. Most stories have at most ten lines.
func TestThePlansThatFindPlantedBugsShrinkToAtMostTenLinesAtTheMedian(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	list, err := loadMutants(root, filepath.Join("testdata", "mutants"), []string{"C1", "E13", "N3"}, nil)
	require.NoError(t, err)
	var lines []int
	for _, m := range list {
		t.Run(m.id, func(t *testing.T) {
			r, err := m.hunt(root, 50, true, false)
			require.NoError(t, err)
			require.True(t, r.Found)
			file := filepath.Join(t.TempDir(), "shrunk.plan")
			var notes bytes.Buffer
			c := command()
			c.SetErr(&notes)
			c.SetArgs([]string{"shrink", "--mutant", m.id, "--seed", fmt.Sprint(r.FirstSeed), "-o", file})
			require.NoError(t, c.Execute(), notes.String())
			require.Contains(t, notes.String(), r.Invariant)

			text, err := os.ReadFile(file)
			require.NoError(t, err)
			t.Logf("%s%s", notes.String(), text)
			require.Contains(t, string(text), "# Breaks "+r.Invariant)
			require.Contains(t, string(text), "Without any one of its lines")
			plan, err := sim.Parse(string(text))
			require.NoError(t, err)
			lines = append(lines, strings.Count(plan.Format(), "\n"))
			require.Equal(t, "ok", sim.Run(plan, sim.Options{}).Verdict(), "it accuses the bug alone")

			program, err := m.build(root, t.TempDir())
			require.NoError(t, err)
			out, err := exec.Command(program, "replay", file).Output()
			require.ErrorContains(t, err, "exit status 1")
			require.Contains(t, string(out), "verdict="+r.Invariant)
		})
	}
	slices.Sort(lines)
	require.Len(t, lines, len(list))
	require.LessOrEqual(t, lines[len(lines)/2], 10)
}

// Two processors must not make another plan of a seed than one: whoever is first, the lowest place counts.
func TestPlansThatRunSideBySideAreAnsweredAsInOrder(t *testing.T) {
	var plans []*sim.Plan
	for seed := range uint64(12) {
		plans = append(plans, sim.Generate(seed, time.Duration(1+(12-seed)/4)*time.Second/2)) // the first are the slowest
	}
	never := func() bool { return false }
	for _, good := range [][]uint64{{}, {0}, {11}, {3, 4, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}} {
		wanted := func(r *sim.Result) bool { return slices.Contains(good, r.Seed) }
		first, r := sideBySide(never, false)(plans, 0, wanted)
		want, _ := sim.TryInOrder(plans, 0, wanted)
		require.Equal(t, want, first)
		if first >= 0 {
			require.Equal(t, plans[first].Seed, r.Seed)
		}
	}
	first, _ := sideBySide(func() bool { return true }, false)(plans, 0, func(*sim.Result) bool { return true })
	require.Equal(t, -1, first, "nothing is begun when the time is over")
}

func TestShrinkingASoundSeedSaysThatNothingBreaks(t *testing.T) {
	c := command()
	c.SetArgs([]string{"shrink", "--seed", "1", "--simulated", "2s"})
	require.ErrorIs(t, c.Execute(), sim.ErrNothingBreaks)
}
