package docs

import (
	"go/ast"
	"go/parser"
	gopath "path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// canaryImports are the packages that the sources below draw on.
var canaryImports = []string{
	"cmp", "crypto/rand", "fmt", "hash/maphash", "io", "iter", "maps", "math", "math/bits",
	"math/rand", "math/rand/v2", "slices", "strings", "time",
}

// canaryRule lets everything in, so that each canary is caught by what it does
// and not by what it imports; of math/bits it may use two names.
var canaryRule = rule{pattern: "canary", below: true, allow: []allowance{
	{pattern: "math/bits", names: []string{"Len64", "UintSize"}}, {pattern: "STD"},
}}

// A check that catches nothing passes every day. Each canary holds one forbidden
// thing, most of them dressed up a little, and must be caught.
func TestEachForbiddenThingIsCaught(t *testing.T) {
	l := newLoader(t, nil, canaryImports...)
	for _, c := range []struct{ name, source, want string }{
		{"go", `func f() { go f() }`, "a go statement"},
		{"go of a closure", `func f() { go func() {}() }`, "a go statement"},
		{"select", `func f() { select {} }`, "a select statement"},
		{"channel type", `type t struct{ c chan int }`, "a channel (c)"},
		{"channel parameter", `func f(done <-chan struct{}) {}`, "a channel (done)"},
		{"make of a channel", `func f() { _ = make(chan int, 1) }`, "a channel (make(chan int, 1))"},
		{"send", `func f(c chan<- int) { c <- 1 }`, "a channel (c)"},
		{"receive from a call", `func f() { <-time.After(1) }`, "a channel (time.After(1))"},
		{"channel under a name", `type done chan int; func f(d done) { close(d) }`, "a channel (d)"},
		{"channel as a constraint", `func f[T chan int](c T) {}`, "a channel (chan int)"},
		{"range over a channel", `func f(c chan int) { for range c {} }`, "a channel (c)"},

		{"time.Now", `func f() { _ = time.Now() }`, "time.Now"},
		{"time.Now as a value", `var clock = time.Now`, "time.Now"},
		{"time.Now behind another name", `import clock "time"; func f() { _ = clock.Since(clock.Time{}) }`, "time.Since"},
		{"time.Time", `type t struct{ at time.Time }`, "time.Time"},
		{"time.Sleep", `func f() { time.Sleep(time.Second) }`, "time.Sleep"},
		{"time.NewTimer", `func f() { _ = time.NewTimer(1) }`, "time.NewTimer"},
		{"time.ParseDuration", `func f() { _, _ = time.ParseDuration("1s") }`, "time.ParseDuration"},

		{"math/rand", `import "math/rand"; func f() int { return rand.Int() }`, "math/rand.Int"},
		{"math/rand/v2", `import "math/rand/v2"; func f() int { return rand.IntN(3) }`, "math/rand/v2.IntN"},
		{"math/rand with a seed", `import "math/rand/v2"; func f() { _ = rand.New(rand.NewPCG(1, 2)) }`, "math/rand/v2.New"},
		{"crypto/rand", `import "crypto/rand"; func f(b []byte) { _, _ = rand.Read(b) }`, "crypto/rand.Read"},
		{"hash/maphash", `func f() { _ = maphash.MakeSeed() }`, "hash/maphash.MakeSeed"},

		{"fmt.Println", `func f() { fmt.Println() }`, "fmt.Println"},
		{"fmt.Printf", `func f() { fmt.Printf("x") }`, "fmt.Printf"},
		{"fmt.Print as a value", `var say = fmt.Print`, "fmt.Print"},
		{"fmt.Scanln", `func f() { _, _ = fmt.Scanln() }`, "fmt.Scanln"},
		{"println", `func f() { println("x") }`, "println"},
		{"iter.Pull", `func f(s iter.Seq[int]) { _, stop := iter.Pull(s); stop() }`, "iter.Pull"},
		{"iter.Pull2", `func f(s iter.Seq2[int, int]) { _, stop := iter.Pull2(s); stop() }`, "iter.Pull2"},

		{"float variable", `var x float64`, "a floating-point expression (x)"},
		{"float32 field", `type t struct{ ratio float32 }`, "a floating-point expression (ratio)"},
		{"float multiplication", `func f(n int) int { return int(float64(n) * 1.5) }`, "a floating-point expression (float64(n) * 1.5)"},
		{"float constant", `const half = float64(1) / 2`, "a floating-point expression (half)"},
		{"float default", `func f() { x := 0.5; _ = x }`, "a floating-point expression (x)"},
		{"float under a name", `type share float64; func f(s share) bool { return s > 0 }`, "a floating-point expression (s)"},
		{"float from a call", `func f(n int) bool { return math.Sqrt(2) > 1 }`, "a floating-point expression (math.Sqrt(2))"},
		{"float from a duration", `func f(d time.Duration) bool { return d.Seconds() > 1 }`, "a floating-point expression (d.Seconds())"},
		{"float as a type argument", `func g[T any]() {}; func f() { g[float64]() }`, "a floating-point expression (float64)"},
		{"complex", `var z complex128`, "a floating-point expression (z)"},

		{"range over a map", `func f(m map[int]int) { for range m {} }`, "range over a map (m)"},
		{"range over a map's keys", `func f(m map[int]int) { for k := range m { _ = k } }`, "range over a map (m)"},
		{"range over a map under a name", `type set map[int]bool; func f(s set) { for k := range s { _ = k } }`, "range over a map (s)"},
		{"range over a map behind an alias", `type set = map[int]bool; func f(s set) { for k := range s { _ = k } }`, "range over a map (s)"},
		{"range over a map from a call", `func g() map[int]int; func f() { for range g() {} }`, "range over a map (g())"},
		{"range over a map as a type argument", `func f[M ~map[int]int](m M) { for range m {} }`, "range over a map (m)"},
		{"maps.Keys", `func f(m map[int]int) { for k := range maps.Keys(m) { _ = k } }`, "maps.Keys, which ranges over a map"},
		{"maps.Values collected", `func f(m map[int]int) []int { return slices.Collect(maps.Values(m)) }`, "maps.Values, which ranges over a map"},
		{"maps.All", `func f(m map[int]int) { for range maps.All(m) {} }`, "maps.All, which ranges over a map"},

		{"assignment to a package variable", `var n int; func f() { n = 1 }`, "a change of the package's variable n"},
		{"count in a package variable", `var n struct{ hits [2]int }; func f(i int) { n.hits[i]++ }`, "a change of the package's variable n"},
		{"entry in a package's map", `var m = map[int]int{}; func f() { m[1] += 2 }`, "a change of the package's variable m"},
		{"behind a package's pointer", `var p = new(int); func f() { *p = 1 }`, "a change of the package's variable p"},
		{"assignment to another package's variable", `func f(r io.Reader) { io.EOF = nil }`, "a change of the package's variable EOF"},

		{"a name that the block does not list", `func f(x uint64) int { return bits.OnesCount64(x) }`, "math/bits.OnesCount64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := canary(t, l, c.source)
			require.True(t, slices.ContainsFunc(found, func(f finding) bool { return f.what == c.want }),
				"want %q among %v", c.want, found)
			for _, f := range found {
				require.NotEmpty(t, f.instead)
				require.Equal(t, "canary.go", f.at.Filename)
				require.Positive(t, f.at.Line)
			}
		})
	}
}

// A check that cries at honest code is soon switched off.
func TestWhatMerelyLooksForbiddenIsAllowed(t *testing.T) {
	l := newLoader(t, nil, canaryImports...)
	for _, c := range []struct{ name, source string }{
		{"words", `const s = "go func() { select {} }" // chan int, time.Now()`},
		{"durations", `func f(d time.Duration) int64 { return (d + 3*time.Millisecond).Milliseconds() }`},
		{"constant durations", `const d = 15 * time.Second / 10; const never = time.Duration(1<<63 - 1)`},
		{"an exact constant", `const second = 1e9; var d time.Duration = 1e6; var n int64 = second`},
		{"lookup in a map", `func f(m map[int]int) int { delete(m, 1); clear(m); return m[0] + len(m) }`},
		{"range over a slice, an array, a string, a number", `func f(s []int, a [2]int) { for range s {}; for range a {}; for range "s" {}; for range 3 {} }`},
		{"range over a function", `func f(s iter.Seq[int]) { for x := range s { _ = x } }`},
		{"range over a slice of maps", `func f(s []map[int]int) { for range s {} }`},
		{"a slice of anything ordered", `func f[S ~[]E, E cmp.Ordered](s S) (m E) { for _, e := range s { m = max(m, e) }; return m }`},
		{"own functions with such names", `type t struct{}; func (t) Now() int { return 1 }; func Println() {}; func f(x t) { x.Now(); Println() }`},
		{"printing into a string or a writer", `func f(w io.Writer) string { fmt.Fprintf(w, "x"); return fmt.Sprint(1) }`},
		{"scanning a string", `func f(s string) (n int) { fmt.Sscan(s, &n); return n }`},
		{"integer square", `func f(n int) int { return n * n / 3 >> 1 }`},
		{"largest integer", `func f() uint64 { return math.MaxUint64 }`},
		{"left arrow", `func f(a, b int) bool { return a < -b }`},
		{"change of a local or a parameter", `type t struct{ n []int }; func f(x *t, m map[int]int) { y := 1; y++; x.n[0] = y; m[1] = 2; *x = t{} }`},
		{"a local that hides a package's variable", `var n int; func f() int { n := n; n++; return n }`},
		{"a table of the package", `var primes = [...]int{2, 3, 5}; func f(i int) int { return primes[i] }`},
		{"names that the block lists", `func f(x uint64) int { return bits.Len64(x) + bits.UintSize }`},
		{"methods of what it uses", `func f(b *strings.Builder) { b.WriteByte(1) }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Empty(t, canary(t, l, c.source))
		})
	}
}

// canary checks a source that may leave out its imports.
func canary(t *testing.T, l *loader, source string) []finding {
	t.Helper()
	header := "package canary; "
	f, err := parser.ParseFile(l.fset, "canary.go", header+source, parser.SkipObjectResolution)
	require.NoError(t, err)
	if len(f.Imports) == 0 {
		for _, path := range usedImports(f) {
			header += `import "` + path + `"; `
		}
		f, err = parser.ParseFile(l.fset, "canary.go", header+source, parser.SkipObjectResolution)
		require.NoError(t, err)
	}
	_, info, err := l.check("canary", []*ast.File{f})
	require.NoError(t, err)
	return check(l.fset, info, []*ast.File{f}, canaryRule)
}

// usedImports lists, of the packages with one meaning, those that f speaks of.
func usedImports(f *ast.File) []string {
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				for _, path := range []string{"cmp", "fmt", "hash/maphash", "io", "iter", "maps", "math", "math/bits", "slices", "strings", "time"} {
					if gopath.Base(path) == id.Name && !slices.Contains(list, path) {
						list = append(list, path)
					}
				}
			}
		}
		return true
	})
	return list
}
