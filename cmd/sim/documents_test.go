package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/sim"
)

// readDocuments returns the text of the README and of all documents.
func readDocuments(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	texts := map[string]string{}
	for _, path := range append(paths, "../../README.md") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

// commandLine finds what a document has its reader type: up to a comment, a pipe or the end of the code.
var commandLine = regexp.MustCompile("(?:go run \\./cmd/sim|bin/sim) ([^\n`|#(]+)")

// placeholders are what a reader puts something else for.
var placeholders = strings.NewReplacer(" N ", " 7 ", " A..B", " 1..7", " ID ", " C1 ")

// A reader who types what a document says must not be told that there is no such flag, or no such file.
func TestTheCommandsThatDocumentsNameCanBeTyped(t *testing.T) {
	named := 0
	for path, text := range readDocuments(t) {
		for _, m := range commandLine.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(placeholders.Replace(m[1]))
			found, rest, err := command().Find(words)
			require.NoError(t, err, "%s: %s", path, m[0])
			require.NotEqual(t, "sim", found.Name(), "%s: %s", path, m[0])
			require.NoError(t, found.ParseFlags(rest), "%s: %s", path, m[0])
			for _, word := range words {
				if strings.HasPrefix(word, "testdata/") {
					_, err := os.Stat(filepath.Join("../..", word))
					require.NoError(t, err, "%s: %s", path, m[0])
				}
			}
			named++
		}
	}
	require.Greater(t, named, 30, "they are found at all")
}

// A verdict that a run ends with is one that its reader can look up.
func TestEveryVerdictIsExplained(t *testing.T) {
	_, judges, found := strings.Cut(readDocuments(t)["../../docs/simulator.md"], "\n## Judges\n")
	require.True(t, found)
	judges, _, _ = strings.Cut(judges, "\n## ")
	for _, name := range sim.Invariants() {
		var row bool
		for line := range strings.Lines(judges) {
			verdicts, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
			row = row || strings.HasPrefix(line, "| ") && strings.Contains(verdicts, "`"+name+"`")
		}
		require.True(t, row, "docs/simulator.md, Judges, has no row for %s", name)
	}
}

// The course begins with a plan that its reader types. It must be one, and show what the course says of it: the leader
// falls at two seconds, and another is elected.
func TestThePlanOfTheCourseShowsAnElection(t *testing.T) {
	text := readDocuments(t)["../../docs/course.md"]
	_, block, found := strings.Cut(text, "```\nparley plan 1\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	plan, err := sim.Parse("parley plan 1\n" + block)
	require.NoError(t, err)
	var trace strings.Builder
	result := sim.Run(plan, sim.Options{Trace: &trace})
	require.Nil(t, result.Violation)
	_, after, found := strings.Cut(trace.String(), "fault at=2s crash-machine node=leader")
	require.True(t, found)
	require.Contains(t, after, "now pre-candidate")
	require.Contains(t, after, "now leader")
}
