package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// commandLine is the chapter of docs/api.md about it.
func commandLine(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/api.md")
	require.NoError(t, err)
	_, chapter, ok := strings.Cut(string(b), "\n## The command line\n")
	require.True(t, ok)
	return chapter
}

// leaves calls f with the words of every command that does something.
func leaves(cmd *cobra.Command, words []string, f func(path string, cmd *cobra.Command)) {
	if len(words) > 0 && (!cmd.HasSubCommands() || cmd.Use != words[len(words)-1]) {
		f(strings.Join(words, " "), cmd)
	}
	for _, below := range cmd.Commands() {
		leaves(below, append(words, below.Name()), f)
	}
}

// What is at stake: a script's author who finds a command nowhere, or in a table that lies. Each command is named there, or in
// the document about what it is for, and each that is named there exists.
func TestTheTableOfCommandsIsThatOfTheProgram(t *testing.T) {
	chapter, named := commandLine(t), map[string]bool{}
	documents := chapter
	for _, name := range []string{"operations", "ai", "locks"} {
		b, err := os.ReadFile("../../../docs/" + name + ".md")
		require.NoError(t, err)
		documents += string(b)
	}
	for _, code := range regexp.MustCompile("(?:`|\\bparley )([a-z-]+)(?: ([a-z-]+))?").FindAllStringSubmatch(documents, -1) {
		named[code[1]], named[code[1]+" "+code[2]] = true, true
	}
	root := (&app{}).root()
	leaves(root, nil, func(path string, _ *cobra.Command) {
		require.True(t, named[path], "no document names parley %s", path)
	})
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?)\\|").FindAllStringSubmatch(chapter, -1) {
		for _, code := range regexp.MustCompile("`([a-z][a-z-]*(?: [a-z-]+)?)").FindAllStringSubmatch(row[1], -1) {
			words := strings.Fields(code[1])
			cmd, rest, err := root.Find(words)
			require.NoError(t, err, code[1])
			require.True(t, len(rest) == 0 || cmd.Use != cmd.Name(), "%s", code[1])
		}
	}
}

// Every type of event that a stream prints stands there, too.
func TestTheTypesOfEventsAreThoseOfTheDocument(t *testing.T) {
	chapter := commandLine(t)
	source, err := os.ReadFile("event.go")
	require.NoError(t, err)
	types := regexp.MustCompile(`Type: "([a-z_]+)"|eventOfMessage\("([a-z_]+)"|of(?:Channel|User)\("([a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(types), 15)
	for _, m := range types {
		require.Contains(t, chapter, "`"+m[1]+m[2]+m[3]+"`")
	}
	for _, word := range docWords {
		require.Contains(t, chapter, "`"+word+"`")
	}
	for _, word := range lockWords {
		require.Contains(t, chapter, "`"+word+"`")
	}
}
