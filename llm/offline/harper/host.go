package harper

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// A linter is an instance of the module with its dictionary loaded. One goroutine may use it at a time.
type linter struct {
	module api.Module
	self   uint64
	broken bool // it was left in the middle of something
}

// lintsKey is where a call's context has the addresses of the lints that it makes.
type lintsKey struct{}

// standIn gives the module the functions that it imports. Of results it hands over references to objects of its host; the
// only ones that checking makes are lints, whose addresses in the module's memory are all that is needed.
func standIn(ctx context.Context, r wazero.Runtime, m wazero.CompiledModule) error {
	imports := m.ImportedFunctions()
	if len(imports) == 0 {
		return fmt.Errorf("harper: the module imports nothing, so it is not the one that was expected")
	}
	folder, _, _ := imports[0].Import()
	host := r.NewHostModuleBuilder(folder)
	for _, f := range imports {
		from, name, _ := f.Import()
		if from != folder {
			return fmt.Errorf("harper: the module imports from %q", from)
		}
		host.NewFunctionBuilder().WithGoModuleFunction(stand(name), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if _, err := host.Instantiate(ctx); err != nil {
		return fmt.Errorf("harper: its host's functions: %w", err)
	}
	return nil
}

// stand returns the function for a name. Names end in a hash, but for those that wasm-bindgen itself makes.
func stand(name string) api.GoModuleFunc {
	is := func(part string) bool { return strings.HasPrefix(name, "__wbg_"+part+"_") }
	switch {
	case name == "__wbg_lint_new":
		return func(ctx context.Context, _ api.Module, stack []uint64) {
			lints := ctx.Value(lintsKey{}).(*[]uint64)
			*lints = append(*lints, uint64(uint32(stack[0])))
			stack[0] = 0
		}
	case name == "__wbindgen_init_externref_table", is("log"), is("mark"), is("measure"):
		return func(context.Context, api.Module, []uint64) {}
	case is("getRandomValues"):
		return func(_ context.Context, m api.Module, stack []uint64) {
			b, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
			if !ok {
				panic("random numbers outside of the memory")
			}
			_, _ = rand.Read(b) // never fails
		}
	case is("new_0"), is("getTime"): // a date, and its milliseconds: statistics that nobody reads
		return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = 0 }
	}
	return func(context.Context, api.Module, []uint64) { panic("it calls " + name + ", which has no stand-in") }
}

// newLinter makes an instance and loads the dictionary, which takes a second or two.
func newLinter(ctx context.Context, r wazero.Runtime, m wazero.CompiledModule) (*linter, error) {
	module, err := r.InstantiateModule(ctx, m, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("harper: an instance: %w", err)
	}
	h := &linter{module: module}
	for _, start := range []string{"__wbindgen_start", "setup"} {
		if _, err := h.call(ctx, start); err != nil {
			h.close()
			return nil, err
		}
	}
	const american = 0
	self, err := h.call(ctx, "linter_new", american)
	if err != nil {
		h.close()
		return nil, err
	}
	h.self = self[0]
	return h, nil
}

func (h *linter) close() { _ = h.module.Close(context.Background()) } // frees memory

// call calls a function of the module.
func (h *linter) call(ctx context.Context, name string, args ...uint64) ([]uint64, error) {
	f := h.module.ExportedFunction(name)
	if f == nil {
		h.broken = true
		return nil, fmt.Errorf("harper: the module has no function %s", name)
	}
	results, err := f.Call(ctx, args...)
	if err != nil {
		h.broken = true
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// The rest of the error is a trace of the module's stack, which says nothing about the text and little else.
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("harper: %s: %s", name, first)
	}
	return results, nil
}

// lint checks a text and frees what that took.
func (h *linter) lint(ctx context.Context, text string, l Language) ([]Lint, error) {
	var found []uint64
	ctx = context.WithValue(ctx, lintsKey{}, &found)
	n := uint64(len(text))
	at, err := h.call(ctx, "__wbindgen_malloc", n, 1) // the module frees it
	if err != nil {
		return nil, err
	}
	if !h.module.Memory().WriteString(uint32(at[0]), text) {
		h.broken = true
		return nil, fmt.Errorf("harper: no room for a text of %d bytes", n)
	}
	const headings, noMask, dedup, isolate = 0, 0, 0, 0 // of overlapping lints the caller chooses
	refs, err := h.call(ctx, "linter_lint", h.self, at[0], n, uint64(l), headings, noMask, 0, dedup, isolate)
	if err != nil {
		return nil, err
	}
	var lints []Lint
	for _, lint := range found {
		parsed, err := h.read(ctx, lint)
		if err != nil {
			return nil, err
		}
		lints = append(lints, parsed)
	}
	if _, err := h.call(ctx, "__externref_drop_slice", refs[0], refs[1]); err != nil {
		return nil, err
	}
	_, err = h.call(ctx, "__wbindgen_free", refs[0], refs[1]*4, 4)
	return lints, err
}

// read reads one lint and frees it.
func (h *linter) read(ctx context.Context, lint uint64) (Lint, error) {
	at, err := h.call(ctx, "lint_to_json", lint)
	if err != nil {
		return Lint{}, err
	}
	b, ok := h.module.Memory().Read(uint32(at[0]), uint32(at[1]))
	if !ok {
		h.broken = true
		return Lint{}, fmt.Errorf("harper: a lint outside of the memory")
	}
	parsed, err := parseLint(b)
	if err != nil {
		h.broken = true
		return Lint{}, err
	}
	if _, err := h.call(ctx, "__wbindgen_free", at[0], at[1], 1); err != nil {
		return Lint{}, err
	}
	_, err = h.call(ctx, "__wbg_lint_free", lint, 0)
	return parsed, err
}
