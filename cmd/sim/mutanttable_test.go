package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/sim"
)

const pageOfBugs = "# Bugs\n\n<!-- planted: m -->\n\n" + tableHead +
	"| A2 | two | 5 | absence |\n| A10 | ten | none of 300 | `TestTen` |\n| X1 | gone | 1 | streams |\n\nOf 3 …\n\n<!-- planted: end -->\n\nMore.\n"

// The table says what was measured. A hunt of some bugs must not touch what was found about the others,
// nor what a person wrote about one that no seed finds.
func TestAHuntChangesTheRowsOfTheBugsItHunted(t *testing.T) {
	a2, a3, a10, control := &mutant{id: "A2", title: "two"}, &mutant{id: "A3", title: "three"}, &mutant{id: "A10", title: "ten, anew"}, &mutant{id: "CONTROL1", title: "none"}
	table, err := parseMutantTable(pageOfBugs, "m")
	require.NoError(t, err)
	table.keep([]*mutant{a2, a3, a10, control})
	table.put(a3, mutantResult{ID: "A3", Found: true, Seeds: 120, FirstSeed: 120, Invariant: "liveness"})
	table.put(a10, mutantResult{ID: "A10", Seeds: 1000})
	table.put(control, mutantResult{ID: "CONTROL1", Control: true, Seeds: 50})
	require.Equal(t, "# Bugs\n\n<!-- planted: m -->\n\n"+tableHead+
		"| A2 | two | 5 | absence |\n| A3 | three | 120 | liveness |\n| A10 | ten, anew | none of 1000 | `TestTen` |\n"+
		"| CONTROL1 | none | none of 50 | nothing, as it must be |\n\n"+
		"Of 3 planted bugs the seeds up to 10 find 1, those up to 100 find 1, and those up to 1,000 find 2; the last one shows in seed 120.\n\n"+
		"<!-- planted: end -->\n\nMore.\n", table.String())

	again, err := parseMutantTable(table.String(), "m")
	require.NoError(t, err)
	require.Equal(t, table.String(), again.String(), "what it writes it reads")
}

func TestAPageWithoutTheTableOfACatalogueIsRefused(t *testing.T) {
	_, err := parseMutantTable(pageOfBugs, "other")
	require.ErrorContains(t, err, "planted: other")
	_, err = parseMutantTable(strings.ReplaceAll(pageOfBugs, tableEnd, ""), "m")
	require.ErrorContains(t, err, "planted: end")
}

// A patch without a row was never measured, and a row without a patch tells of a bug that nobody can plant.
func TestTheTableOfPlantedBugsListsExactlyTheCatalogue(t *testing.T) {
	const catalogue = "testdata/mutants"
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "bugs.md"))
	require.NoError(t, err)
	table, err := parseMutantTable(string(page), catalogue)
	require.NoError(t, err)
	planted, err := loadMutants(root, filepath.FromSlash(catalogue), nil, nil)
	require.NoError(t, err)
	want, have := map[string]string{}, map[string]string{}
	for _, m := range planted {
		want[m.id] = m.title
	}
	for _, r := range table.rows {
		have[r.id] = r.title
	}
	require.Equal(t, want, have, "measure what is new: go run ./cmd/sim mutants --first --table docs/bugs.md --id …")
	require.Equal(t, string(page), table.String(), "the table is written by: go run ./cmd/sim mutants --table docs/bugs.md")
}

// A control that is found shows that the tree fails by itself, or that the hunt finds what is not there.
func TestAHuntIsWrongAboutABugThatItMissesAndAControlThatItFinds(t *testing.T) {
	for _, c := range []struct{ found, control, wrong bool }{{true, false, false}, {false, false, true}, {true, true, true}, {false, true, false}} {
		r := mutantResult{Found: c.found, Control: c.control}
		require.Equal(t, c.wrong, r.wrong())
	}
	r := mutantResult{ID: "A3", Found: true, FirstSeed: 7, Invariant: "secrecy"}
	r.compare(&sim.Result{})
	require.False(t, r.wrong())
	r.compare(&sim.Result{Violation: &sim.Violation{Invariant: "secrecy"}})
	require.True(t, r.wrong(), "the tree fails in that seed without the bug")
	var out bytes.Buffer
	require.NoError(t, printMutant(&out, &mutant{id: "A3", title: "matchIndex"}, r, false))
	require.Contains(t, out.String(), "NOT what seed 7 finds")
	require.True(t, (&mutant{id: "CONTROL2"}).control())
	require.False(t, (&mutant{id: "C2"}).control())
}
