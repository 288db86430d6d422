package docs

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
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

var update = flag.Bool("update", false, "write paper-map.md anew")

// A mark is one mention of a section in the tree.
type mark struct {
	section string // "§5.4.2", "T§6.4", "Figure 8"
	file    string // from the top of the tree
	name    string // of the declaration; empty for a whole file
	test    bool
	order   int // within the file
}

// The sections that a comment may name, with their titles. A section that is missing
// here is more likely mistyped than forgotten: look it up before adding it.
var titles = map[string]string{
	"§1":     "Introduction",
	"§2":     "Replicated state machines",
	"§5":     "The Raft consensus algorithm",
	"§5.1":   "Raft basics",
	"§5.2":   "Leader election",
	"§5.3":   "Log replication",
	"§5.4":   "Safety",
	"§5.4.1": "Election restriction",
	"§5.4.2": "Committing entries from previous terms",
	"§5.4.3": "Safety argument",
	"§5.5":   "Follower and candidate crashes",
	"§5.6":   "Timing and availability",
	"§6":     "Cluster membership changes",
	"§7":     "Log compaction",
	"§8":     "Client interaction",
	"§9":     "Implementation and evaluation",
	"§9.3":   "Performance",

	"T§3.3":    "Raft basics",
	"T§3.4":    "Leader election",
	"T§3.5":    "Log replication",
	"T§3.6":    "Safety",
	"T§3.6.1":  "Election restriction",
	"T§3.6.2":  "Committing entries from previous terms",
	"T§3.6.3":  "Safety argument",
	"T§3.7":    "Follower and candidate crashes",
	"T§3.8":    "Persisted state and server restarts",
	"T§3.9":    "Timing and availability",
	"T§3.10":   "Leadership transfer extension",
	"T§4.1":    "Safety of membership changes",
	"T§4.2.1":  "Catching up new servers",
	"T§4.2.2":  "Removing the current leader",
	"T§4.2.3":  "Disruptive servers",
	"T§4.3":    "Arbitrary configuration changes using joint consensus",
	"T§5":      "Log compaction",
	"T§6.1":    "Finding the cluster",
	"T§6.2":    "Routing requests to the leader",
	"T§6.3":    "Implementing linearizable semantics",
	"T§6.4":    "Processing read-only queries more efficiently",
	"T§6.4.1":  "Using clocks to reduce messaging for read-only queries",
	"T§9":      "Leader election evaluation",
	"T§9.6":    "Preventing disruptions when a server rejoins the cluster",
	"T§10.2":   "Performance considerations",
	"T§10.2.1": "Writing to the leader's disk in parallel",
	"T§10.2.2": "Batching and pipelining",

	"Figure 2": "A condensed summary of the algorithm",
	"Figure 3": "The five properties that hold at all times",
	"Figure 4": "Server states",
	"Figure 6": "Logs",
	"Figure 7": "Logs that a new leader may find",
	"Figure 8": "Why an entry of an older term is not committed by counting",
	"Figure 9": "Why the committing and the voting majority overlap",
}

var (
	bracketPattern = regexp.MustCompile(`\[(T?§|Figure )[^\[\]]*\]`)
	sectionPattern = regexp.MustCompile(`T?§[0-9]+(\.[0-9]+)*|Figure [0-9]+`)
)

// sectionsIn lists the sections named in brackets in a comment: "[§8, T§6.3]" names two,
// "[Figure 2, Followers]" one.
func sectionsIn(comment string) []string {
	// A mark may be broken over two lines of a comment.
	comment = strings.Join(strings.Fields(strings.ReplaceAll(comment, "\n//", "\n")), " ")
	var list []string
	for _, bracket := range bracketPattern.FindAllString(comment, -1) {
		list = append(list, sectionPattern.FindAllString(bracket, -1)...)
	}
	return list
}

// collectMarks reads every comment of the module's Go files and every text script
// under a testdata folder.
func collectMarks(t *testing.T) []mark {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	var list []mark
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "docs" || d.Name() == "parley-data") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir():
		case strings.HasSuffix(rel, ".go") && !strings.HasSuffix(rel, ".pb.go"):
			marks, err := goMarks(file, rel)
			if err != nil {
				return err
			}
			list = append(list, marks...)
		case strings.HasSuffix(rel, ".txt") && strings.Contains(rel, "testdata/"):
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for i, section := range sectionsIn(strings.ReplaceAll(string(text), "\n#", "\n")) {
				list = append(list, mark{section, rel, "", true, i})
			}
		}
		return nil
	})
	require.NoError(t, err)
	return list
}

// goMarks reads one Go file. Every mark is under the declaration it stands in or before.
func goMarks(file, rel string) ([]mark, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var list []mark
	for _, group := range f.Comments {
		var raw strings.Builder
		for _, c := range group.List {
			raw.WriteString(c.Text + "\n")
		}
		for _, section := range sectionsIn(raw.String()) {
			list = append(list, mark{
				section: section, file: rel, name: enclosing(fset, f, group),
				test: strings.HasSuffix(rel, "_test.go"), order: int(group.Pos()),
			})
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && strings.HasSuffix(rel, "_test.go") {
			for _, section := range sectionsOfTest(fn.Name.Name) {
				list = append(list, mark{section, rel, fn.Name.Name, true, int(fn.Pos())})
			}
		}
	}
	return list, nil
}

var ruleTestPattern = regexp.MustCompile(`^TestFigure2_([A-Za-z]+)([0-9]?)_`)

// sectionsOfTest lists the sections that a test of a rule of Figure 2 shows: the
// figure names them behind each rule.
func sectionsOfTest(name string) []string {
	m := ruleTestPattern.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	list := []string{"Figure 2"}
	for _, rule := range []string{m[1] + m[2], m[1]} {
		if sections, ok := figure2[rule]; ok {
			return append(list, sections...)
		}
	}
	return list
}

var figure2 = map[string][]string{
	"AppendEntries1": {"§5.1"},
	"AppendEntries":  {"§5.3"},
	"RequestVote1":   {"§5.1"},
	"RequestVote":    {"§5.2", "§5.4.1"},
	"AllServers1":    {"§5.3"},
	"AllServers2":    {"§5.1"},
	"Followers":      {"§5.2"},
	"Candidates":     {"§5.2"},
	"Leaders1":       {"§5.2"},
	"Leaders4":       {"§5.3", "§5.4.2"},
	"Leaders":        {"§5.3"},
}

// enclosing names the declaration that a comment belongs to; none is the file.
func enclosing(fset *token.FileSet, f *ast.File, c *ast.CommentGroup) string {
	line := func(p token.Pos) int { return fset.Position(p).Line }
	within := func(doc *ast.CommentGroup, n ast.Node) bool {
		from := n.Pos()
		if doc != nil {
			from = doc.Pos()
		}
		return line(from) <= line(c.Pos()) && line(c.Pos()) <= line(n.End())
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if within(d.Doc, d) {
				return funcName(d)
			}
		case *ast.GenDecl:
			if !within(d.Doc, d) {
				continue
			}
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if within(s.Doc, s) || len(d.Specs) == 1 {
						return s.Name.Name
					}
				case *ast.ValueSpec:
					if within(s.Doc, s) || len(d.Specs) == 1 {
						return s.Names[0].Name
					}
				}
			}
			if len(d.Specs) > 0 {
				if s, ok := d.Specs[0].(*ast.ValueSpec); ok {
					return s.Names[0].Name + " and others"
				}
			}
		}
	}
	return "" // the file as a whole
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	recv := d.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	if id, ok := recv.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// compareSections orders the paper's sections before the thesis's and figures
// last, each by number.
func compareSections(a, b string) int {
	rank := func(s string) int {
		return slices.Index([]string{"§", "T§", "Figure "}, strings.TrimRight(s, "0123456789."))
	}
	if n := cmp.Compare(rank(a), rank(b)); n != 0 {
		return n
	}
	numbers := func(s string) (list []int) {
		for _, part := range strings.Split(strings.TrimLeft(s, "T§Figure "), ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(a), numbers(b))
}

// renderMap draws the document.
func renderMap(marks []mark) string {
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(compareSections(a.section, b.section), cmp.Compare(a.file, b.file), cmp.Compare(a.order, b.order))
	})
	var out strings.Builder
	out.WriteString("# From the paper to the code\n\n" +
		"Generated by `make generate` from the marks in comments and the names of tests; do not edit. §5.4.2 is a section of the\n" +
		"Raft paper (Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*, extended\n" +
		"version), T§6.4 one of Ongaro's thesis (*Consensus: Bridging Theory and Practice*), and figures are the paper's.\n" +
		"Where Parley departs from them is told in [consensus.md](consensus.md).\n")
	for len(marks) > 0 {
		section := marks[0].section
		n := slices.IndexFunc(marks, func(m mark) bool { return m.section != section })
		if n < 0 {
			n = len(marks)
		}
		fmt.Fprintf(&out, "\n## %s %s\n\n", section, titles[section])
		renderPlaces(&out, "Code", marks[:n], false)
		renderPlaces(&out, "Test", marks[:n], true)
		marks = marks[n:]
	}
	return out.String()
}

func renderPlaces(out *strings.Builder, title string, marks []mark, test bool) {
	file, names := "", []string(nil)
	flush := func() {
		if file == "" {
			return
		}
		fmt.Fprintf(out, "- %s: [%s](../%s)", title, file, file)
		if len(names) > 0 {
			fmt.Fprintf(out, " %s", strings.Join(names, ", "))
		}
		out.WriteString("\n")
	}
	for _, m := range marks {
		if m.test != test {
			continue
		}
		if m.file != file {
			flush()
			file, names = m.file, nil
		}
		if name := "`" + m.name + "`"; m.name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	flush()
}

// The map leads a student from a section to the lines that implement it. A stale
// map leads him astray, and a mark of a section that does not exist nowhere.
func TestPaperMapIsFresh(t *testing.T) {
	marks := collectMarks(t)
	for _, m := range marks {
		require.NotEmpty(t, titles[m.section], "%s (%s) names %s, which neither the paper nor the thesis has", m.file, m.name, m.section)
	}
	want := renderMap(marks)
	if *update {
		require.NoError(t, os.WriteFile("paper-map.md", []byte(want), 0o644))
	}
	have, err := os.ReadFile("paper-map.md")
	require.NoError(t, err)
	if want != string(have) {
		t.Errorf("docs/paper-map.md is stale, first at %s\n\trun: make generate", firstDifference(want, string(have)))
	}
}

// firstDifference returns the first line that one text has and the other has not.
func firstDifference(want, have string) string {
	w, h := strings.Split(want, "\n"), strings.Split(have, "\n")
	for i := range w {
		if i >= len(h) || w[i] != h[i] {
			return fmt.Sprintf("line %d, which should be %q", i+1, w[i])
		}
	}
	return fmt.Sprintf("line %d, which should not be there", len(w)+1)
}

// Marks come alone, in lists, with a word beside them, broken over lines, and as
// names of tests.
func TestMarksAreReadAsTheyAreWritten(t *testing.T) {
	require.Equal(t, []string{"§5.4.2"}, sectionsIn("// the commit rule [§5.4.2]."))
	require.Equal(t, []string{"§8", "T§6.3"}, sectionsIn("// gets the first answer [§8, T§6.3]"))
	require.Equal(t, []string{"Figure 2"}, sectionsIn("// rule two [Figure 2, Followers]"))
	require.Equal(t, []string{"Figure 8"}, sectionsIn("// as drawn in [Figure\n// 8]."))
	require.Equal(t, []string{"Figure 2", "§5.1"}, sectionsOfTest("TestFigure2_AllServers2_AHigherTerm"))
	require.Equal(t, []string{"Figure 2", "§5.2"}, sectionsOfTest("TestFigure2_Candidates4_ATimeout"))
	require.Empty(t, sectionsOfTest("TestElection"))
	require.Empty(t, sectionsIn("// §5.2 without brackets, [Store.Then], [1, 2), [RFC 9113 §3.4] and x[5.2]"))

	list := []string{"Figure 8", "T§10.2.1", "§5.4.2", "T§9.6", "§5.4", "§10", "Figure 2"}
	slices.SortFunc(list, compareSections)
	require.Equal(t, []string{"§5.4", "§5.4.2", "§10", "T§9.6", "T§10.2.1", "Figure 2", "Figure 8"}, list)
}
