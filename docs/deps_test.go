package docs

import (
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// modulePath is the module's name in go.mod; packages in architecture.md are
// written without it.
const modulePath = "parley"

// A rule is one line of the block: what a package's non-test files may import.
type rule struct {
	pattern string // "raft/wal", or "rpc/..." for a folder and all below it
	below   bool   // below the line
	allow   []allowance
}

// An allowance is one word on the right of an arrow: an import path or pattern,
// and the names that may be used of it (none listed: all).
type allowance struct {
	pattern string
	names   []string
}

// A policy is the whole block. The first rule whose pattern matches a package is
// the one that holds.
type policy struct{ rules []rule }

// parsePolicy reads the text between ```deps and ```. See architecture.md for the grammar.
func parsePolicy(text string) (*policy, error) {
	words := map[string][]string{}
	p, below := &policy{}, true
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		left, right, isRule := strings.Cut(line, "->")
		word, meaning, isWord := strings.Cut(line, "=")
		switch {
		case line == "":
		case strings.HasPrefix(line, "---"):
			below = false
		case isRule:
			r := rule{pattern: strings.TrimSpace(left), below: below}
			for _, w := range splitWords(right) {
				expanded, ok := words[w]
				if !ok {
					expanded = []string{w}
				}
				for _, e := range expanded {
					r.allow = append(r.allow, parseAllowance(e))
				}
			}
			p.rules = append(p.rules, r)
		case isWord:
			word = strings.TrimSpace(word)
			words[word] = append(words[word], splitWords(meaning)...)
		default:
			return nil, fmt.Errorf("line %d of the deps block is neither a word, a rule nor the line: %q", n+1, line)
		}
	}
	if below {
		return nil, fmt.Errorf("the deps block has no line (---)")
	}
	return p, nil
}

// splitWords splits at blanks outside braces.
func splitWords(s string) []string {
	depth := 0
	return strings.FieldsFunc(s, func(r rune) bool {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		return depth == 0 && (r == ' ' || r == '\t')
	})
}

func parseAllowance(word string) allowance {
	pattern, names, found := strings.Cut(strings.TrimSuffix(word, "}"), "{")
	a := allowance{pattern: pattern}
	if found {
		a.names = strings.Fields(names)
	}
	return a
}

// ruleFor returns the rule for a package, named without the module path.
func (p *policy) ruleFor(pkg string) (rule, bool) {
	for _, r := range p.rules {
		if matches(r.pattern, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

// allows finds the allowance under which imported may be imported.
func (r rule) allows(imported string) (allowance, bool) {
	inTree, own := strings.CutPrefix(imported, modulePath+"/")
	for _, a := range r.allow {
		switch {
		case a.pattern == "STD":
			if isStandard(imported) {
				return a, true
			}
		case own && matches(a.pattern, inTree), !own && matches(a.pattern, imported):
			return a, true
		}
	}
	return allowance{}, false
}

// matches reports whether pattern covers name; "a/..." covers a and all below.
func matches(pattern, name string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == folder || strings.HasPrefix(name, folder+"/")
	}
	return pattern == name
}

// isStandard: the standard library's paths have no dot in their first element,
// and this module's begin with its name.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != modulePath
}

// readPolicy takes the block out of architecture.md.
func readPolicy(t *testing.T) *policy {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "```deps\n")
	require.True(t, found, "docs/architecture.md has no ```deps block")
	block, _, found = strings.Cut(block, "```")
	require.True(t, found, "the ```deps block of docs/architecture.md is not closed")
	p, err := parsePolicy(block)
	require.NoError(t, err)
	return p
}

// A treePackage is a package of this module as it stands on disk.
type treePackage struct {
	name string // without the module path: "raft/wal"
	*build.Package
}

// treePackages lists the module's packages that have non-test files. Everything is
// read through package os, so that go test knows when its cached result is stale.
func treePackages(t *testing.T) []treePackage {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	var list []treePackage
	err = filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := filepath.Base(dir)
		if dir != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || isModule(dir)) {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(dir, 0)
		if _, none := err.(*build.NoGoError); none {
			return nil
		}
		if err != nil {
			return err
		}
		if len(pkg.GoFiles) > 0 {
			rel, err := filepath.Rel(root, dir)
			if err != nil {
				return err
			}
			list = append(list, treePackage{filepath.ToSlash(rel), pkg})
		}
		return nil
	})
	require.NoError(t, err)
	return list
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// instead says, for an import below the line, what to do without it.
func instead(imported string) string {
	for _, hint := range []struct{ patterns, advice string }{
		{"sync/...", "one Step runs at a time, so nothing here needs a lock; goroutines and their locks belong in raft/host"},
		{"context", "a deadline is a raft.Mono in the arguments; giving up is an event"},
		{"os/... io/ioutil io/fs path/filepath syscall golang.org/x/sys/...", "reach files through raft/vfs; flags, environment and processes belong in cmd"},
		{"net/... google.golang.org/...", "answer with messages in the Output; raft/host and rpc send them"},
		{"math/rand/... crypto/rand hash/maphash", "draw from a seed in the arguments with raft.Mix(seed, purpose, counter)"},
		{"log/...", "put a Note in the Output; whoever drives the Step may log it"},
		{"maps", "its iterators go in random order; keep a sorted slice or an ordered map"},
		{"container/...", "its interfaces cost an allocation a call; write the few lines with types"},
		{"runtime/... reflect unsafe testing/...", "nothing here may depend on how it is run"},
		{modulePath + "/statemachine/... ", "the node knows the state machine only as node.StateMachine"},
		{modulePath + "/raft/host/... " + modulePath + "/rpc/... " + modulePath + "/cmd/...", "what is below the line is driven from above and never reaches up"},
	} {
		for _, p := range strings.Fields(hint.patterns) {
			if matches(p, imported) {
				return hint.advice
			}
		}
	}
	return "do without it, or widen the block in docs/architecture.md and record why in docs/decisions"
}

// The drawing in architecture.md is worth something only if no package
// strays from it: this reads the drawing and holds every package to it.
func TestEveryPackageImportsOnlyWhatTheArchitectureAllows(t *testing.T) {
	p := readPolicy(t)
	for _, pkg := range treePackages(t) {
		r, ok := p.ruleFor(pkg.name)
		if !ok {
			t.Errorf("package %s has no line in the deps block of docs/architecture.md\n\tinstead: decide on which side of the line it stands and add one", pkg.name)
			continue
		}
		for _, imported := range slices.Sorted(slices.Values(pkg.Imports)) {
			if _, ok := r.allows(imported); ok {
				continue
			}
			advice := "see docs/architecture.md for what may know what; widen it only with a record in docs/decisions"
			if r.below {
				advice = instead(imported)
			}
			for _, at := range pkg.ImportPos[imported] {
				t.Errorf("%s:%d: %s imports %q, which docs/architecture.md does not allow\n\tinstead: %s",
					path.Join(pkg.name, filepath.Base(at.Filename)), at.Line, pkg.name, imported, advice)
			}
		}
	}
}

// A block that is misread would forbid nothing, and nobody would notice.
func TestDepsBlockIsReadAsItIsWritten(t *testing.T) {
	p, err := parsePolicy(strings.Join([]string{
		"PURE = bytes unicode/...   # a word",
		"core -> PURE",
		"core/app -> PURE core{Index Term} example.org/btree",
		"--- the line",
		"core/... -> STD core",
	}, "\n"))
	require.NoError(t, err)

	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"core", "bytes", true},
		{"core", "unicode/utf8", true},
		{"core", "os", false},
		{"core", "example.org/btree", false},
		{"core", "parley/core/app", false},
		{"core/app", "parley/core", true},
		{"core/app", "example.org/btree", true},
		{"core/app", "example.org/btree/x", false},
		{"core/host", "os", true},
		{"core/host", "parley/core", true},
		{"core/host", "parley/core/app", false},
		{"core/host", "example.org/btree", false},
	} {
		r, ok := p.ruleFor(c.pkg)
		require.True(t, ok)
		_, got := r.allows(c.imported)
		require.Equal(t, c.want, got, "%s imports %s", c.pkg, c.imported)
	}

	app, _ := p.ruleFor("core/app")
	a, _ := app.allows("parley/core")
	require.Equal(t, []string{"Index", "Term"}, a.names)
	require.True(t, app.below)
	host, _ := p.ruleFor("core/host")
	require.False(t, host.below)
	_, ok := p.ruleFor("elsewhere")
	require.False(t, ok)

	_, err = parsePolicy("core -> bytes")
	require.ErrorContains(t, err, "no line")
	_, err = parsePolicy("core bytes\n---")
	require.ErrorContains(t, err, "neither")
}
