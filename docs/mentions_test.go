package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goFiles calls f with the path from the top of the tree and the text of every Go file.
func goFiles(t *testing.T, f func(file, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "parley-data" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(file, ".go") {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			f(strings.TrimPrefix(filepath.ToSlash(file), "../"), string(text))
		}
		return nil
	})
	require.NoError(t, err)
}

var documentPattern = regexp.MustCompile(`docs/[a-z0-9/-]+\.md`)

// A comment that sends the reader to a document must not send him nowhere.
func TestDocumentsThatCommentsNameExist(t *testing.T) {
	goFiles(t, func(file, text string) {
		for _, document := range documentPattern.FindAllString(text, -1) {
			if _, err := os.Stat(filepath.Join("..", document)); err != nil {
				t.Errorf("%s names %s, which does not exist", file, document)
			}
		}
	})
}

// goFile finds the names of Go files of the package itself: no folder stands before them.
var goFile = regexp.MustCompile(`(?:^|[^\w/])(\w+\.go)\b`)

// goFilesIn lists the Go files of a folder that are no tests, but for doc.go.
func goFilesIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, p := range paths {
		if name := filepath.Base(p); !strings.HasSuffix(name, "_test.go") && name != "doc.go" {
			files[name] = true
		}
	}
	return files
}

// filesNamed lists the files that a package's reading order names.
func filesNamed(text string) map[string]bool {
	named := map[string]bool{}
	for _, m := range goFile.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
	}
	return named
}

// A package tells its reader where to begin. A file that is gone is no beginning.
func TestFilesThatAPackageNamesAreThere(t *testing.T) {
	goFiles(t, func(file, text string) {
		if filepath.Base(file) != "doc.go" {
			return
		}
		for name := range filesNamed(text) {
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(file), name)); err != nil {
				t.Errorf("%s names %s, which is not beside it", file, name)
			}
		}
	})
}

// The packages that are read next to the paper leave no file out.
func TestTheReadingOrdersOfRaftAndNodeNameEveryFile(t *testing.T) {
	for _, folder := range []string{"../raft", "../raft/node"} {
		text, err := os.ReadFile(filepath.Join(folder, "doc.go"))
		require.NoError(t, err)
		require.Equal(t, goFilesIn(t, folder), filesNamed(string(text)), folder)
	}
}

var (
	testPattern      = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	testNamePattern  = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	featureIDPattern = regexp.MustCompile(`^TestR[0-9]+_`)
)

// testNames lists the tests and fuzz tests of the tree.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	goFiles(t, func(file, text string) {
		if strings.HasSuffix(file, "_test.go") {
			for _, m := range testPattern.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
		}
	})
	return names
}

// A row of a document that names a test stands on it: a test that was renamed or
// removed leaves a claim that nothing shows.
func TestTestsThatDocumentsNameExist(t *testing.T) {
	have := testNames(t)
	var named []string
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		if filepath.Base(document) == "paper-map.md" {
			continue // generated from the tests themselves
		}
		for _, m := range testNamePattern.FindAllStringSubmatch(string(text), -1) {
			if named = append(named, m[1]); !slices.Contains(have, m[1]) {
				t.Errorf("docs/%s names %s, which does not exist", document, m[1])
			}
		}
	}
	for _, test := range have {
		if featureIDPattern.MatchString(test) && !slices.Contains(named, test) {
			t.Errorf("%s is named after a feature and stands in no row of docs/features.md", test)
		}
	}
}

// featureRow is a row of features.md.
var featureRow = regexp.MustCompile(`(?m)^\| R([0-9]+) \|.*$`)

// Every row of features.md names the tests that show it, but for those that say that nothing is there.
func TestEveryFeatureHasATest(t *testing.T) {
	text, err := os.ReadFile("features.md")
	require.NoError(t, err)
	shown, none, ok := strings.Cut(string(text), "\n## Not yet\n")
	require.True(t, ok)
	for _, row := range featureRow.FindAllString(shown, -1) {
		require.Regexp(t, testNamePattern, row)
	}
	for _, row := range featureRow.FindAllString(none, -1) {
		require.NotRegexp(t, testNamePattern, row, "what has a test is there in part")
	}
}

// A row that stands nowhere is forgotten, and of one that stands twice somebody reads the wrong one.
func TestEveryFeatureIsListedOnce(t *testing.T) {
	text, err := os.ReadFile("features.md")
	require.NoError(t, err)
	times := map[int]int{}
	for _, row := range featureRow.FindAllStringSubmatch(string(text), -1) {
		id, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		times[id]++
	}
	for id := 1; id <= 100; id++ {
		require.Equal(t, 1, times[id], "R%d", id)
	}
	require.Len(t, times, 100, "there are no others")
}

// A test whose name says which rows it shows stands in each of them.
func TestTestsStandInTheRowsThatTheirNamesSay(t *testing.T) {
	text, err := os.ReadFile("features.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for _, row := range featureRow.FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[0]
	}
	for _, test := range testNames(t) {
		for rest := strings.TrimPrefix(test, "Test"); featureIDPattern.MatchString("Test" + rest); {
			id, after, _ := strings.Cut(rest, "_")
			require.Contains(t, rows[strings.TrimPrefix(id, "R")], "`"+test+"`", "%s", id)
			rest = after
		}
	}
}

// documents lists the documents, from this folder.
func documents(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("*.md")
	require.NoError(t, err)
	decisions, err := filepath.Glob("decisions/*.md")
	require.NoError(t, err)
	return append(append(list, decisions...), "../README.md")
}

// A link that leads nowhere ends the reader's way.
func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, rest := range strings.Split(string(text), "](")[1:] {
			target, _, found := strings.Cut(rest, ")")
			target, _, _ = strings.Cut(target, "#")
			if !found || target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("docs/%s links to %q, which does not exist", file, target)
			}
		}
	}
}
