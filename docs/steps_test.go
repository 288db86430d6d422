package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A protocol is a section of consensus.md with numbered steps. Under them stands a table with
// the header below, and in it one row for each step that does not name its tests itself.
type protocol struct {
	name  string
	steps []string // their text
	rows  map[int]string
}

// shownBy returns what names the tests of step n, and whether it is a row.
func (p *protocol) shownBy(n int) (text string, row bool) {
	if row, ok := p.rows[n]; ok {
		return row, true
	}
	return p.steps[n-1], false
}

const stepsHeader = "| step | shown by |"

var (
	stepPattern   = regexp.MustCompile(`^([0-9]+)\. `)
	rowPattern    = regexp.MustCompile(`^\| ([0-9]+) \| (.*) \|$`)
	scriptPattern = regexp.MustCompile("\\[`TestScripts/([a-z0-9_]+)`\\]\\(\\.\\./(raft/testdata/scripts/([a-z0-9_]+)\\.txt)\\)")
)

// protocolsIn reads the protocols of a document. What is out of order is said with its line.
func protocolsIn(text string) (list []protocol, wrong []string) {
	say := func(i int, what string) { wrong = append(wrong, "line "+strconv.Itoa(i+1)+": "+what) }
	p, inStep, inTable := protocol{rows: map[int]string{}}, false, false
	end := func() {
		if len(p.steps) > 0 || len(p.rows) > 0 {
			list = append(list, p)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if title := strings.TrimLeft(line, "#"); title != line {
			end()
			p, inStep, inTable = protocol{name: strings.TrimSpace(title), rows: map[int]string{}}, false, false
			continue
		}
		if m := stepPattern.FindStringSubmatch(line); m != nil {
			inStep = true
			if p.steps = append(p.steps, ""); m[1] != strconv.Itoa(len(p.steps)) {
				say(i, "step "+m[1]+" of "+p.name+" should be "+strconv.Itoa(len(p.steps)))
			}
		}
		if inStep = inStep && line != ""; inStep {
			p.steps[len(p.steps)-1] += line + "\n"
		}
		inTable = line == stepsHeader || inTable && strings.HasPrefix(line, "|")
		if m := rowPattern.FindStringSubmatch(line); m != nil && inTable {
			n, _ := strconv.Atoi(m[1])
			if _, twice := p.rows[n]; twice {
				say(i, "a second row for step "+m[1]+" of "+p.name)
			}
			p.rows[n] = m[2]
		}
	}
	end()
	return list, wrong
}

// namesIn lists the tests that a row names, a script as "TestScripts/name".
func namesIn(row string) (names []string) {
	for _, m := range testNamePattern.FindAllStringSubmatch(row, -1) {
		names = append(names, m[1])
	}
	for _, m := range scriptPattern.FindAllStringSubmatch(row, -1) {
		if m[1] == m[3] {
			names = append(names, "TestScripts/"+m[1])
		}
	}
	return names
}

// A step that no test shows is a claim. That a test shows its very step a reader must judge; that there is one,
// and that it exists, is checked here.
func TestEveryStepOfConsensusNamesTheTestsThatShowIt(t *testing.T) {
	text, err := os.ReadFile("consensus.md")
	require.NoError(t, err)
	list, wrong := protocolsIn(string(text))
	require.Empty(t, wrong)
	require.Greater(t, len(list), 10, "consensus.md has more protocols than that")
	have := testNames(t)
	for _, p := range list {
		for n := range p.rows {
			if n > len(p.steps) {
				t.Errorf("%s has no step %d, but a row for it", p.name, n)
			}
		}
		for n := 1; n <= len(p.steps); n++ {
			text, row := p.shownBy(n)
			names := namesIn(text)
			if len(names) == 0 {
				t.Errorf("%s, step %d: neither it nor a row in a table %q below the steps names the tests that show it", p.name, n, stepsHeader)
			}
			if row && len(names) != strings.Count(text, "`")/2 {
				t.Errorf("%s, step %d: %q should be names of tests and links to scripts, and nothing else", p.name, n, text)
			}
			for _, name := range names {
				if script, ok := strings.CutPrefix(name, "TestScripts/"); ok {
					_, err := os.Stat(filepath.Join("../raft/testdata/scripts", script+".txt"))
					require.NoError(t, err, "%s, step %d", p.name, n)
				} else if !slices.Contains(have, name) {
					t.Errorf("%s, step %d names %s, which does not exist", p.name, n, name)
				}
			}
		}
	}
}

var stepCommentPattern = regexp.MustCompile(`(?m)^// ([A-Z][a-z ]+) ([0-9]+)[:,](?:.*\n//)*.*\nfunc (Test[A-Za-z0-9_]+)\(`)

// A test that says which step it shows must be named there: numbers move when a
// step is added.
func TestTestsThatNameTheirStepStandInItsRow(t *testing.T) {
	text, err := os.ReadFile("consensus.md")
	require.NoError(t, err)
	list, _ := protocolsIn(string(text))
	found := 0
	goFiles(t, func(file, text string) {
		if !strings.HasSuffix(file, "steps_test.go") {
			return
		}
		for _, m := range stepCommentPattern.FindAllStringSubmatch(text, -1) {
			found++
			n, _ := strconv.Atoi(m[2])
			i := slices.IndexFunc(list, func(p protocol) bool { return p.name == m[1] })
			if i < 0 || n < 1 || n > len(list[i].steps) {
				t.Errorf("%s: %s says that it shows step %d of %q, which docs/consensus.md does not have", file, m[3], n, m[1])
			} else if text, _ := list[i].shownBy(n); !slices.Contains(namesIn(text), m[3]) {
				t.Errorf("%s: %s says that it shows step %d of %q, where docs/consensus.md does not name it", file, m[3], n, m[1])
			}
		}
	})
	require.Greater(t, found, 10)
}

// The parser sees a missing row, a doubled one and a wrong number, and what a step itself names.
func TestProtocolsAreReadAsTheyAreWritten(t *testing.T) {
	table := "\n" + stepsHeader + "\n|---|---|\n"
	list, wrong := protocolsIn("# A\n\n## B\n\n1. x\n   1. no step\n2. y\n   `TestZ`\n\n`TestW`\n" + table + "| 1 | `TestX`, [`TestScripts/a`](../raft/testdata/scripts/a.txt) |\n\n" +
		"## C\n\n| a | b |\n|---|---|\n| 1 | `TestY` |\n\n### D\n\n1. z\n" + table + "| 1 | text |\n")
	require.Empty(t, wrong)
	require.Len(t, list, 2)
	require.Equal(t, []string{"1. x\n   1. no step\n", "2. y\n   `TestZ`\n"}, list[0].steps)
	require.Equal(t, []string{"TestX", "TestScripts/a"}, namesIn(list[0].rows[1]))
	text, row := list[0].shownBy(2)
	require.False(t, row)
	require.Equal(t, []string{"TestZ"}, namesIn(text))
	require.Equal(t, "D", list[1].name)
	require.Empty(t, namesIn(list[1].rows[1]))
	require.Empty(t, namesIn("[`TestScripts/a`](../raft/testdata/scripts/b.txt)"), "a script under another's name")

	_, wrong = protocolsIn("## B\n\n1. x\n3. y\n" + table + "| 1 | `TestX` |\n| 1 | `TestX` |\n")
	require.Equal(t, []string{"line 4: step 3 of B should be 2", "line 9: a second row for step 1 of B"}, wrong)
	require.Equal(t, [][]string{{"Repair", "4", "TestA"}, {"The five exits", "1", "TestB"}}, dropFirst(stepCommentPattern.FindAllStringSubmatch(
		"// Repair 4: one\n// two 3: three.\nfunc TestA(t\n\n// The five exits 1: one\nfunc TestB(t\n\n// Other: text\nfunc TestC(t\n", -1)))
}

func dropFirst(list [][]string) (out [][]string) {
	for _, m := range list {
		out = append(out, m[1:])
	}
	return out
}
