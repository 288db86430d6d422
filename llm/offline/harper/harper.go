package harper

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
)

//go:embed harper.wasm.gz
var compressed []byte

//go:embed VERSION
var version string

// Version returns the package and version that the checker is from.
func Version() string {
	line, _, _ := strings.Cut(version, "\n")
	return line
}

// Languages of a text.
type Language uint8

// The languages that Parley has: a message, and a document.
const (
	Plain    Language = 0
	Markdown Language = 1
)

// A Lint is something that Harper finds wrong.
type Lint struct {
	Start, End  int // characters from the beginning of the text
	Kind        string
	Message     string
	Problem     string // what stands there
	Priority    int    // the lower, the surer
	Suggestions []Suggestion
}

// A Suggestion is what to do about it.
type Suggestion struct {
	Do   Action
	Text string
}

// Action is what a suggestion does with the place.
type Action uint8

// The actions.
const (
	Replace Action = iota
	InsertAfter
	Remove
)

// ErrClosed is the error of a checker that was closed.
var ErrClosed = errors.New("harper: closed")

// A Checker checks texts, one at a time. It may be used by many goroutines.
type Checker struct {
	dir string

	turn chan struct{} // holds a token while somebody checks

	mu      sync.Mutex
	made    chan struct{} // closed when making is over; nil before the first text
	runtime wazero.Runtime
	module  wazero.CompiledModule
	failed  error
	closed  bool
	linter  *linter // used in turn
}

// New returns a checker that keeps machine code in dir, a folder that only its owner may write to: what stands there is
// executed. With dir "" it is compiled anew by every process.
func New(dir string) *Checker {
	return &Checker{dir: dir, turn: make(chan struct{}, 1)}
}

// Ready reports whether a text would be checked without compiling first.
func (c *Checker) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.module != nil && !c.closed
}

// Warm makes the checker ready, and returns when it is or the context ends. What was begun goes on for the next caller.
func (c *Checker) Warm(ctx context.Context) error {
	return c.inTurn(ctx, func(*linter) error { return nil })
}

// Lint checks a text. What was begun is not interrupted, so a caller who may want to go gives a little at a time.
func (c *Checker) Lint(ctx context.Context, text string, l Language) (lints []Lint, err error) {
	err = c.inTurn(ctx, func(h *linter) error {
		lints, err = h.lint(ctx, text, l)
		return err
	})
	return lints, err
}

// Close frees the memory. Who waits gets ErrClosed.
func (c *Checker) Close() error {
	c.mu.Lock()
	c.closed = true
	made := c.made
	c.mu.Unlock()
	if made == nil {
		return nil
	}
	go func() { // compiling cannot be interrupted, and nobody has to wait for it
		<-made
		c.turn <- struct{}{}
		defer func() { <-c.turn }()
		if r := c.runtime; r != nil {
			c.runtime, c.linter = nil, nil
			_ = r.Close(context.Background()) // frees memory, and there is nobody to tell
		}
	}()
	return nil
}

// inTurn calls work with a linter when nobody else has it.
func (c *Checker) inTurn(ctx context.Context, work func(*linter) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	if c.made == nil {
		c.made = make(chan struct{})
		go c.make()
	}
	made := c.made
	c.mu.Unlock()
	select {
	case <-made:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	closed, failed := c.closed, c.failed
	c.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if failed != nil {
		return failed
	}
	if c.linter == nil { // the first text, or the last one broke it
		l, err := newLinter(context.Background(), c.runtime, c.module)
		if err != nil {
			return err
		}
		c.linter = l
	}
	err := work(c.linter)
	if c.linter.broken {
		c.linter.close()
		c.linter = nil
	}
	return err
}

// make unpacks and compiles the module.
func (c *Checker) make() {
	runtime, module, err := compile(c.dir)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runtime, c.module, c.failed = runtime, module, err
	close(c.made)
}

func compile(dir string) (wazero.Runtime, wazero.CompiledModule, error) {
	code, err := unpack()
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPagesMax)
	if dir != "" {
		if err := private(dir); err != nil {
			return nil, nil, err
		}
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, nil, fmt.Errorf("harper: the folder for machine code: %w", err)
		}
		config = config.WithCompilationCache(cache)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("harper: compiling: %w", err), runtime.Close(ctx))
	}
	if err := standIn(ctx, runtime, module); err != nil {
		return nil, nil, errors.Join(err, runtime.Close(ctx))
	}
	return runtime, module, nil
}

// memoryPagesMax bounds an instance: 512 MiB in pages of 64 KiB. It begins with 160 MB.
const memoryPagesMax = 512 << 20 >> 16

// unpack returns the module, if it is the one that VERSION names.
func unpack() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("harper: unpacking: %w", err)
	}
	code, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("harper: unpacking: %w", err)
	}
	sum := sha256.Sum256(code)
	if _, want, _ := strings.Cut(version, "sha256 "); strings.TrimSpace(want) != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("harper: harper.wasm.gz is not what VERSION names; make harper fetches it anew")
	}
	return code, nil
}

// private makes the folder, and refuses one that others may write to.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("harper: the folder for machine code: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("harper: the folder for machine code: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("harper: others may write to %s, and what stands there is executed: chmod go-w it", dir)
	}
	return nil
}

// parseLint reads what lint_to_json returns.
func parseLint(b []byte) (Lint, error) {
	var j struct {
		Span struct{ Start, End int }
		Kind string `json:"lint_kind"`

		Inner struct {
			Kind        string `json:"lint_kind"`
			Message     string
			Priority    int
			Suggestions []json.RawMessage
		}
		Problem string `json:"problem_text"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return Lint{}, fmt.Errorf("harper: reading a lint: %w", err)
	}
	l := Lint{Start: j.Span.Start, End: j.Span.End, Kind: j.Inner.Kind, Message: j.Inner.Message, Problem: j.Problem, Priority: j.Inner.Priority}
	for _, raw := range j.Inner.Suggestions {
		var s struct{ ReplaceWith, InsertAfter *[]string }
		switch {
		case string(raw) == `"Remove"`:
			l.Suggestions = append(l.Suggestions, Suggestion{Do: Remove})
		case json.Unmarshal(raw, &s) != nil:
			return Lint{}, fmt.Errorf("harper: a suggestion of an unknown form")
		case s.ReplaceWith != nil:
			l.Suggestions = append(l.Suggestions, Suggestion{Replace, strings.Join(*s.ReplaceWith, "")})
		case s.InsertAfter != nil:
			l.Suggestions = append(l.Suggestions, Suggestion{InsertAfter, strings.Join(*s.InsertAfter, "")})
		}
	}
	return l, nil
}
