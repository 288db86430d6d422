package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A finding is one thing below the line that must not be there.
type finding struct {
	at      token.Position
	what    string
	instead string
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s\n\tinstead: %s", f.at.Filename, f.at.Line, f.what, f.instead)
}

// A checker walks the type-checked files of one package.
type checker struct {
	fset  *token.FileSet
	info  *types.Info
	rule  rule
	found []finding
}

// check returns what stands in files against the line, in the order of the text,
// one finding a line of each sort.
func check(fset *token.FileSet, info *types.Info, files []*ast.File, r rule) []finding {
	c := &checker{fset: fset, info: info, rule: r}
	for _, f := range files {
		ast.Inspect(f, c.visit)
	}
	slices.SortStableFunc(c.found, func(a, b finding) int {
		if n := strings.Compare(a.at.Filename, b.at.Filename); n != 0 {
			return n
		}
		return a.at.Line - b.at.Line
	})
	return slices.CompactFunc(c.found, func(a, b finding) bool {
		return a.at.Filename == b.at.Filename && a.at.Line == b.at.Line && a.what == b.what
	})
}

func (c *checker) refuse(n ast.Node, instead, format string, args ...any) {
	c.found = append(c.found, finding{c.fset.Position(n.Pos()), fmt.Sprintf(format, args...), instead})
}

const (
	insteadOfGo     = "nothing below the line runs beside anything else: put what should happen in the Output, and let raft/host or the simulator do it"
	insteadOfFloat  = "count in integers (units last: timeoutMicros, lossPerMille); the same float expression differs between processors"
	insteadOfMap    = "keep a sorted slice or an ordered map and range over that; a map's order changes from run to run"
	insteadOfPrint  = "put a Note in the Output, or build the text with fmt.Sprintf and return it"
	insteadOfClock  = "take the reading as an argument (now raft.Mono) and name the next deadline in WakeAt; of package time use Duration and its units"
	insteadOfPull   = "range over the sequence; iter.Pull runs it on a goroutine of its own"
	insteadOfGlobal = "keep it in the value that Step is called on; two worlds in one process share nothing"
	insteadOfForked = "one text for every processor and every build; what must differ belongs above the line"
)

func (c *checker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.refuse(n, insteadOfGo, "a go statement")
	case *ast.SelectStmt:
		c.refuse(n, insteadOfGo, "a select statement")
	case *ast.RangeStmt:
		c.visitRange(n)
	case *ast.AssignStmt:
		for _, left := range n.Lhs {
			c.visitChange(left)
		}
	case *ast.IncDecStmt:
		c.visitChange(n.X)
	case *ast.Ident:
		c.visitUse(n)
	}
	if e, ok := n.(ast.Expr); ok {
		c.visitExpr(e)
	}
	return true
}

func (c *checker) visitRange(n *ast.RangeStmt) {
	if t := c.info.TypeOf(n.X); t != nil && isMap(t) {
		c.refuse(n, insteadOfMap, "range over a map (%s)", types.ExprString(n.X))
	}
}

// visitChange refuses to change what outlives the call and belongs to no argument: a
// second world in the same process would see it.
func (c *checker) visitChange(e ast.Expr) {
	id := c.root(e)
	if id == nil {
		return
	}
	if v, ok := c.info.Uses[id].(*types.Var); ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		c.refuse(e, insteadOfGlobal, "a change of the package's variable %s", v.Name())
	}
}

// root returns the variable that e is, or is a part of.
func (c *checker) root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if _, isPackage := c.info.Uses[id].(*types.PkgName); isPackage {
					return x.Sel
				}
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// visitExpr judges by type, so that a channel or a float is seen whatever
// package it comes from and whatever it is called.
func (c *checker) visitExpr(e ast.Expr) {
	t := c.info.TypeOf(e)
	if id, ok := e.(*ast.Ident); ok && t == nil {
		if obj := c.info.Defs[id]; obj != nil {
			t = obj.Type()
		}
	}
	if t == nil {
		return
	}
	if _, tuple := t.(*types.Tuple); tuple {
		return
	}
	if isChan(t) {
		c.refuse(e, insteadOfGo, "a channel (%s)", types.ExprString(e))
	}
	if isFloat(t) {
		c.refuse(e, insteadOfFloat, "a floating-point expression (%s)", types.ExprString(e))
	}
}

// visitUse judges the names that a package takes from others.
func (c *checker) visitUse(id *ast.Ident) {
	obj := c.info.Uses[id]
	if obj == nil {
		return
	}
	if b, ok := obj.(*types.Builtin); ok && (b.Name() == "print" || b.Name() == "println") {
		c.refuse(id, insteadOfPrint, "%s", b.Name())
	}
	pkg := obj.Pkg()
	if pkg == nil || obj.Parent() != pkg.Scope() {
		return // methods and fields follow their types
	}
	name := pkg.Path() + "." + obj.Name()
	switch pkg.Path() {
	case "time":
		if !slices.Contains([]string{"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"}, obj.Name()) {
			c.refuse(id, insteadOfClock, "%s", name)
		}
	case "fmt":
		if strings.HasPrefix(obj.Name(), "Print") || strings.HasPrefix(obj.Name(), "Scan") {
			c.refuse(id, insteadOfPrint, "%s", name)
		}
	case "iter":
		if strings.HasPrefix(obj.Name(), "Pull") {
			c.refuse(id, insteadOfPull, "%s", name)
		}
	case "maps":
		if _, isFunc := obj.(*types.Func); isFunc && slices.Contains([]string{"All", "Keys", "Values"}, obj.Name()) {
			c.refuse(id, insteadOfMap, "%s, which ranges over a map", name)
		}
	case "math/rand", "math/rand/v2", "crypto/rand", "hash/maphash":
		c.refuse(id, instead(pkg.Path()), "%s", name)
	}
	if a, ok := c.rule.allows(pkg.Path()); ok && a.names != nil && !slices.Contains(a.names, obj.Name()) {
		c.refuse(id, "this package knows of "+pkg.Name()+" only "+strings.Join(a.names, ", ")+" (docs/architecture.md)", "%s", name)
	}
}

// isMap reports whether t is a map underneath, or a type parameter that can be one.
func isMap(t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return slices.ContainsFunc(terms(p.Constraint()), isMap)
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// terms lists the types that a constraint names.
func terms(t types.Type) []types.Type {
	var list []types.Type
	switch u := t.(type) {
	case *types.Union:
		for term := range u.Terms() {
			list = append(list, terms(term.Type())...)
		}
	default:
		i, ok := t.Underlying().(*types.Interface)
		if !ok {
			return []types.Type{t}
		}
		for e := range i.EmbeddedTypes() {
			list = append(list, terms(e)...)
		}
	}
	return list
}

func isChan(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// isFloat leaves alone untyped constants, which the compiler computes exactly and
// everywhere the same (1e9 as a number of nanoseconds harms nobody), and type
// parameters: a float that goes in is found where it comes from.
func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 && b.Info()&types.IsUntyped == 0
}

// A loader type-checks packages of this tree from their text, and takes all
// others from the compiler's export data.
type loader struct {
	fset    *token.FileSet
	tree    map[string]treePackage // by import path
	export  map[string]string      // import path to file
	gc      types.Importer
	checked map[string]*loaded
}

type loaded struct {
	types *types.Package
	files []*ast.File
	info  *types.Info
	err   error
}

// newLoader asks the go command where the export data of the wanted packages and all
// that they import lies, building it where needed.
func newLoader(t *testing.T, tree []treePackage, wanted ...string) *loader {
	t.Helper()
	l := &loader{fset: token.NewFileSet(), tree: map[string]treePackage{}, export: map[string]string{}, checked: map[string]*loaded{}}
	for _, p := range tree {
		l.tree[modulePath+"/"+p.name] = p
	}
	cmd := exec.Command("go", append([]string{"list", "-e", "-deps", "-export", "-json=ImportPath,Export", "--"}, wanted...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list: %s", &stderr)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		l.export[p.ImportPath] = p.Export
	}
	l.gc = importer.ForCompiler(l.fset, "gc", func(path string) (io.ReadCloser, error) {
		if l.export[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(l.export[path])
	})
	return l
}

// Import makes the loader a types.Importer.
func (l *loader) Import(path string) (*types.Package, error) {
	if _, own := l.tree[path]; own {
		p := l.load(path)
		return p.types, p.err
	}
	return l.gc.Import(path)
}

func (l *loader) load(path string) *loaded {
	if p, ok := l.checked[path]; ok {
		return p
	}
	pkg, p := l.tree[path], &loaded{}
	l.checked[path] = p
	for _, name := range pkg.GoFiles {
		// Findings name files from the top of the tree.
		text, err := os.ReadFile(filepath.Join(pkg.Dir, name))
		if err != nil {
			p.err = err
			return p
		}
		f, err := parser.ParseFile(l.fset, pkg.name+"/"+name, text, parser.SkipObjectResolution)
		if err != nil {
			p.err = err
			return p
		}
		p.files = append(p.files, f)
	}
	p.types, p.info, p.err = l.check(path, p.files)
	return p
}

func (l *loader) check(path string, files []*ast.File) (*types.Package, *types.Info, error) {
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
	}
	conf := types.Config{Importer: l, Sizes: types.SizesFor("gc", runtime.GOARCH)}
	pkg, err := conf.Check(path, l.fset, files, info)
	return pkg, info, err
}

// Below the line everything is a function of its arguments: that is what lets a
// seed replay a failure, on any processor. One call of time.Now, one
// range over a map, and the same seed shows two stories.
func TestNothingBelowTheLineIsMoreThanAFunctionOfItsArguments(t *testing.T) {
	p, tree := readPolicy(t), treePackages(t)
	var below []treePackage
	var paths []string
	for _, pkg := range tree {
		if r, ok := p.ruleFor(pkg.name); ok && r.below {
			below = append(below, pkg)
			paths = append(paths, "./"+pkg.name)
		}
	}
	require.NotEmpty(t, below)
	l := newLoader(t, tree, paths...)
	for _, pkg := range below {
		for _, name := range pkg.IgnoredGoFiles {
			if !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s/%s: a file that only some builds see\n\tinstead: %s", pkg.name, name, insteadOfForked)
			}
		}
		loaded := l.load(modulePath + "/" + pkg.name)
		if loaded.err != nil {
			t.Errorf("%s does not type-check: %v", pkg.name, loaded.err)
			continue
		}
		r, _ := p.ruleFor(pkg.name)
		for _, f := range check(l.fset, loaded.info, loaded.files, r) {
			t.Error(f)
		}
	}
}
