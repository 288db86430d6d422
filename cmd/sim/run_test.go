package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A run that failed names the command that shows it again. With a flag left out that would be another run, or the word of another judge.
func TestTheCommandThatAFailedRunNamesShowsTheSame(t *testing.T) {
	said := func(args ...string) string {
		var out strings.Builder
		c := command()
		c.SetOut(&out)
		c.SetArgs(args)
		require.ErrorIs(t, c.Execute(), errFailed)
		return out.String()
	}
	const plan = "../../testdata/plans/excluded/lying-disk.plan"
	for _, args := range [][]string{
		{"replay", plan}, {"replay", plan, "--blind"}, {"run", "--plan", plan, "--blind"}, {"run", "--plan", plan, "--seed", "16"},
	} {
		first := said(args...)
		again := regexp.MustCompile(`repeat with: go run ./cmd/sim (.*)`).FindStringSubmatch(first)
		require.Equal(t, first, said(strings.Fields(again[1])...))
	}
}
