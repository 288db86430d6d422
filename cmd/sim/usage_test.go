package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/internal/usage"
	"parley/sim"
)

// said runs the command and returns what it printed.
func said(args ...string) (string, error) {
	var out strings.Builder
	c := command()
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SetArgs(args)
	err := usage.Executed(c, c.Execute())
	return out.String(), err
}

// What can never be run is a wrong call, by its exit code too, and never a verdict about the nodes.
func TestWhatCanNotBeRunIsAWrongCall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some.plan")
	require.NoError(t, os.WriteFile(file, []byte(sim.Generate(1, 2*time.Second).Format()), 0o600))
	for _, args := range []string{
		"run --scheduler fair", "run --simulated 0s", "run --simulated -5s", "run --simulated 9999h", "run --seed -1",
		"run --seed 1 --simulated 1s --from 9 --to 3", "run --plan " + file + " --simulated 5s", "run --plan " + file + " --scheduler priority",
		"plan --simulated 0s", "view --simulated 0s", "shrink --simulated 0s", "cover --seeds 9..1", "cover --simulated 0s",
		"soak --seeds 9..1", "soak --seeds x", "soak --seeds 0..18446744073709551615", "soak --simulated 0s",
		"mutants --seeds 0", "mutants --part 3/2", "mutants --id C1 --except C1",
		"explore --elections -1", "explore --losses 201", "explore --overtakes -2", "explore --inflight -1",
	} {
		out, err := said(strings.Fields(args)...)
		require.Error(t, err, args)
		require.Equal(t, 2, usage.Code(err), "%s: %v", args, err)
		require.Empty(t, out, args)
	}
}

// The last seed that there is has no next one.
func TestTheLastSeedOfAllEndsASoak(t *testing.T) {
	out, err := said("soak", "--seeds", "18446744073709551614..18446744073709551615", "--simulated", "10ms", "--all")
	require.NotContains(t, out, "\nseed=0 ")
	require.Contains(t, out, "2 seeds, ")
	require.True(t, err == nil || usage.Code(err) == 1)
}

// Whoever repeats a failing run by the command that it names must see the same one: of the same seed, and by the same judges.
func TestTheCommandThatRepeatsAFailingRunDoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "some.plan")
	text := sim.Generate(4, 15*time.Second).Format() + "expect lost\n" // and nothing will be
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for _, args := range [][]string{
		{"run", "--plan", file, "--seed", "5"}, {"run", "--plan", file, "--seed", "5", "--blind"}, {"run", "--plan", file}, {"replay", file, "--blind"},
	} {
		first, err := said(args...)
		require.ErrorIs(t, err, errFailed)
		_, rest, ok := strings.Cut(first, "repeat with: go run ./cmd/sim ")
		require.True(t, ok, first)
		line, _, _ := strings.Cut(rest, "\n")
		again, err := said(strings.Fields(line)...)
		require.ErrorIs(t, err, errFailed)
		require.Equal(t, first, again)
	}
}
