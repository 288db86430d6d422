package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutantTable is the table in docs/bugs.md that tells which seed finds which planted bug. It stands between
// two marks, of which the first names the catalogue:
//
//	<!-- planted: testdata/mutants -->
//	| id | what is planted | first seed that finds it | noticed by |
//	…
//	<!-- planted: end -->
//
// A hunt of a few bugs changes their rows and leaves the others. What a person wrote into the last
// column of a bug that no seed found stays.
type mutantTable struct {
	before, after string // of the page, marks included
	rows          []mutantRow
}

// mutantRow is one bug's line.
type mutantRow struct {
	id, title, first, by string
}

const (
	tableBegin = "<!-- planted: %s -->\n"
	tableEnd   = "<!-- planted: end -->"
	tableHead  = "| id | what is planted | first seed that finds it | noticed by |\n|---|---|---|---|\n"
	noneOf     = "none of "
)

// parseMutantTable takes a page apart around a catalogue's table.
func parseMutantTable(page, catalogue string) (*mutantTable, error) {
	begin := fmt.Sprintf(tableBegin, filepath.ToSlash(catalogue))
	before, rest, ok := strings.Cut(page, begin)
	if !ok {
		return nil, fmt.Errorf("no line %q", strings.TrimSpace(begin))
	}
	text, after, ok := strings.Cut(rest, tableEnd)
	if !ok {
		return nil, fmt.Errorf("no line %q behind %q", tableEnd, strings.TrimSpace(begin))
	}
	t := &mutantTable{before: before + begin, after: tableEnd + after}
	for _, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 4 || cells[0] == " id" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		t.rows = append(t.rows, mutantRow{cells[0], cells[1], cells[2], cells[3]})
	}
	return t, nil
}

// keep drops the rows of bugs that are planted no more.
func (t *mutantTable) keep(planted []*mutant) {
	t.rows = slices.DeleteFunc(t.rows, func(r mutantRow) bool {
		return !slices.ContainsFunc(planted, func(m *mutant) bool { return m.id == r.id })
	})
}

// put writes the row of a bug that was hunted.
func (t *mutantTable) put(m *mutant, r mutantResult) {
	row := mutantRow{m.id, m.title, noneOf + strconv.FormatUint(r.Seeds, 10), "nothing"}
	at := slices.IndexFunc(t.rows, func(r mutantRow) bool { return r.id == m.id })
	switch {
	case r.Found:
		row.first, row.by = strconv.FormatUint(r.FirstSeed, 10), r.Invariant
	case m.control():
		row.by = "nothing, as it must be"
	case at >= 0 && strings.HasPrefix(t.rows[at].first, noneOf):
		row.by = t.rows[at].by
	}
	if at >= 0 {
		t.rows[at] = row
		return
	}
	t.rows = append(t.rows, row)
	slices.SortFunc(t.rows, func(a, b mutantRow) int { return compareIDs(a.id, b.id) })
}

// String puts the page together again.
func (t *mutantTable) String() string {
	var b strings.Builder
	b.WriteString(t.before)
	b.WriteString("\n" + tableHead)
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.title, r.first, r.by)
	}
	b.WriteString("\n" + t.summary() + "\n\n")
	b.WriteString(t.after)
	return b.String()
}

// summary counts how many bugs are found how soon. Controls are none.
func (t *mutantTable) summary() string {
	planted, within, worst := 0, [3]int{}, uint64(0)
	bounds := [...]uint64{10, 100, 1000}
	for _, r := range t.rows {
		if isControl(r.id) {
			continue
		}
		planted++
		first, err := strconv.ParseUint(r.first, 10, 64)
		if err != nil {
			continue
		}
		worst = max(worst, first)
		for i, bound := range bounds {
			if first <= bound {
				within[i]++
			}
		}
	}
	if worst == 0 {
		return fmt.Sprintf("No seed has found one of these %d planted bugs yet.", planted)
	}
	return fmt.Sprintf("Of %d planted bugs the seeds up to 10 find %d, those up to 100 find %d, and those up to 1,000 find %d; the last one shows in seed %d.",
		planted, within[0], within[1], within[2], worst)
}

// compareIDs orders ids as people count: A9 before A10.
func compareIDs(a, b string) int {
	wordA, numberA := splitID(a)
	wordB, numberB := splitID(b)
	return cmp.Or(strings.Compare(wordA, wordB), cmp.Compare(numberA, numberB), strings.Compare(a, b))
}

// splitID takes an id apart: "A13" is "A" and 13.
func splitID(id string) (word string, number int) {
	at := strings.IndexAny(id, "0123456789")
	if at < 0 {
		return id, 0
	}
	digits := strings.TrimRight(id[at:], "abcdefghijklmnopqrstuvwxyz")
	number, _ = strconv.Atoi(digits)
	return id[:at], number
}

// tableWriter returns what writes a bug's row into a page as soon as it was hunted, so that a hunt
// that is broken off has told what it found.
func tableWriter(page, catalogue string, planted []*mutant) (func(*mutant, mutantResult) error, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	t, err := parseMutantTable(string(text), catalogue)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", page, err)
	}
	t.keep(planted)
	return func(m *mutant, r mutantResult) error {
		t.put(m, r)
		return os.WriteFile(page, []byte(t.String()), 0o644)
	}, nil
}
