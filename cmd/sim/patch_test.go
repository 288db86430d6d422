package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const numbers = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"

// The tree moves on under the catalogue: a patch must still find its place, and must
// never land on another.
func TestAPatchFindsItsPlaceWhenLinesMoved(t *testing.T) {
	files, err := parsePatch("# X1 a bug\n--- a/n.txt\n+++ b/n.txt\n@@ -3,3 +3,4 @@\n three\n-four\n+FOUR\n+and a half\n five\n")
	require.NoError(t, err)
	require.Equal(t, "n.txt", files[0].path)
	for _, before := range []string{"", "zero\n", strings.Repeat("nothing\n", 40)} {
		got, err := files[0].apply(before + numbers)
		require.NoError(t, err)
		require.Equal(t, before+"one\ntwo\nthree\nFOUR\nand a half\nfive\nsix\nseven\n", got)
	}
	_, err = files[0].apply(strings.Replace(numbers, "four", "4", 1))
	require.ErrorContains(t, err, "fits nowhere")
}

func TestAPatchWithTwoHunksChangesBoth(t *testing.T) {
	files, err := parsePatch("--- a/n\n+++ b/n\n@@ -1,2 +1,3 @@\n+zero\n one\n two\n@@ -6,2 +7,1 @@\n-six\n seven\n")
	require.NoError(t, err)
	got, err := files[0].apply(numbers)
	require.NoError(t, err)
	require.Equal(t, "zero\none\ntwo\nthree\nfour\nfive\nseven\n", got)
}

func TestWhatIsNoPatchIsRefused(t *testing.T) {
	for _, text := range []string{"", "hello\n", "@@ -1 +1 @@\n-a\n+b\n", "+++ b/n\n@@ -1,5 +1,5 @@\n a\n"} {
		_, err := parsePatch(text)
		require.Error(t, err, "%q", text)
	}
}

// A planted bug whose patch fits nowhere tests nothing; it must be noticed in the change
// that moved the code.
func TestEveryPlantedBugStillApplies(t *testing.T) {
	root := filepath.Join("..", "..")
	patches, err := filepath.Glob(filepath.Join(root, "testdata", "mutants", "*.patch"))
	require.NoError(t, err)
	require.NotEmpty(t, patches)
	for _, file := range patches {
		m, err := readMutant(file)
		require.NoError(t, err, file)
		require.Equal(t, m.id+".patch", filepath.Base(file), "a patch is named after its id")
		require.NotEmpty(t, m.title, "%s: want a first line \"# <id> <one line>\"", file)
		for i := range m.files {
			f := &m.files[i]
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.path)))
			require.NoError(t, err, file)
			changed, err := f.apply(string(text))
			require.NoError(t, err, file)
			require.NotEqual(t, string(text), changed, file)
		}
	}
}

// The whole way once: patch, build, hunt. The bug is one that any seed finds.
func TestAHuntFindsAPlantedBug(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	list, err := loadMutants(root, filepath.Join("testdata", "mutants"), []string{"W1"}, nil)
	require.NoError(t, err)
	r, err := list[0].hunt(root, 5, true, false)
	require.NoError(t, err)
	require.True(t, r.Found)
	require.NotEmpty(t, r.Invariant)
}

// Hunts end in any order; whoever reads the list, or compares two, needs it in one.
func TestBugsAreHuntedSideBySideAndToldInOrder(t *testing.T) {
	var list []*mutant
	for i := range 20 {
		list = append(list, &mutant{id: strconv.Itoa(i)})
	}
	hunt := func(m *mutant) (mutantResult, error) {
		if m.id == "17" {
			return mutantResult{}, errors.New("does not build")
		}
		return mutantResult{ID: m.id}, nil
	}
	told := 0
	err := huntAll(list, hunt, func(m *mutant, r mutantResult) error {
		require.Equal(t, strconv.Itoa(told), r.ID)
		told++
		return nil
	})
	require.ErrorContains(t, err, "17: does not build")
	require.Equal(t, 17, told)
}

func TestSeedsAreARangeOrACount(t *testing.T) {
	for s, want := range map[string][2]uint64{"3..9": {3, 9}, "40": {1, 40}} {
		first, last, err := parseSeeds(s)
		require.NoError(t, err)
		require.Equal(t, want, [2]uint64{first, last})
	}
	for _, s := range []string{"", "a..b", "9..3", "1-5"} {
		_, _, err := parseSeeds(s)
		require.Error(t, err, s)
	}
}

// Who leaves out a bug that is no more, or is named otherwise now, must hear of it.
func TestBugsThatAreLeftOutMustBeThere(t *testing.T) {
	list, err := without([]*mutant{{id: "A1"}, {id: "N5"}, {id: "N59"}}, []string{"N59", "A1"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "N5", list[0].id)
	_, err = without(list, []string{"N59"})
	require.ErrorContains(t, err, "N59")
}

// The parts of a catalogue are all of it, and each has a control.
func TestThePartsOfACatalogueAreAllOfItAndHaveTheControlsByTurns(t *testing.T) {
	var list []*mutant
	for _, id := range []string{"A1", "A2", "A3", "CONTROL1", "CONTROL2", "D1", "D2", "E1"} {
		list = append(list, &mutant{id: id})
	}
	for _, n := range []int{1, 2, 3, 5} {
		count := map[string]int{}
		for k := 1; k <= n; k++ {
			mine, err := partFlag(fmt.Sprintf("%d/%d", k, n)).of(list)
			require.NoError(t, err)
			controls := 0
			for _, m := range mine {
				if count[m.id]++; m.control() {
					controls++
				}
			}
			require.Equal(t, max(1, 2/n), controls)
		}
		require.Len(t, count, len(list))
		for id, times := range count {
			require.True(t, times == 1 || isControl(id), id)
		}
	}
	for _, bad := range []partFlag{"0/3", "4/3", "x", "1"} {
		_, err := bad.of(list)
		require.ErrorContains(t, err, "k/n")
	}
	all, err := partFlag("").of(list)
	require.NoError(t, err)
	require.Len(t, all, len(list))
}
