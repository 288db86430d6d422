package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A search that finds nothing says something only if it finds what is there. Each bug has bounds in
// which it shows within a few thousand states, and Figure 8 shows by itself within those that the default ones contain; the unchanged
// tree shows nothing in them.
func TestASearchFindsPlantedBugs(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	figure8 := filepath.Join(root, "testdata", "ways", "figure8.way")
	const few = " --states-max 4000 --inflight 0 --commit-alone"
	for _, c := range []struct {
		id, verdict string
		args        string
	}{
		{"A1", "leader-completeness", "--elections 0 --commands 2 --crashes 0 --losses 0 --duplicates 1 --overtakes -1" + few},
		{"C1", "leader-completeness", "--elections 2 --commands 1 --crashes 0 --losses 0 --duplicates 0 --overtakes -1 --from " + figure8 + few},
		{"C1", "leader-completeness", "--elections 2 --commands 2 --crashes 0 --losses 0 --duplicates 0"},
		{"N3", "promises", "--elections 1 --commands 0 --crashes 0 --losses 0 --duplicates 0" + few},
	} {
		args := append([]string{"search"}, strings.Fields(c.args)...)
		list, err := loadMutants(root, filepath.Join("testdata", "mutants"), []string{c.id}, nil)
		require.NoError(t, err)
		program, err := list[0].build(root, t.TempDir())
		require.NoError(t, err, c.id)
		out, err := exec.Command(program, args...).CombinedOutput()
		require.Error(t, err, "%s is not found: %s", c.id, out)
		require.Contains(t, string(out), "verdict="+c.verdict, c.id)

		sound := command()
		var said strings.Builder
		sound.SetOut(&said)
		sound.SetArgs(args)
		require.NoError(t, sound.Execute(), c.id)
		require.Contains(t, said.String(), "verdict=ok", c.id)
	}
}

// A way is what a search printed, and whoever goes it within other bounds hears which move is missing, not that a node did wrong.
func TestAWayThatCanNotBeGoneIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some.way")
	explore := func(way string) error {
		require.NoError(t, os.WriteFile(file, []byte(way), 0o600))
		c := command()
		c.SetOut(io.Discard)
		c.SetArgs([]string{"explore", "--elections", "0", "--crashes", "0", "--losses", "0", "--duplicates", "0", "--commands", "1", "--from", file})
		return c.Execute()
	}
	require.NoError(t, explore("    1  node 1: a command is proposed\n\n"))
	require.NoError(t, explore("node 1: a command is proposed"))
	require.ErrorContains(t, explore("node 1: a command is proposed\nnode 1: a command is proposed\n"), "move 2 can't be made there")
	require.ErrorContains(t, explore("\x1b[2J\x00"), `"\x1b[2J\x00"`)
}
