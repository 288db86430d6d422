package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"parley/cmd/internal/usage"
	"parley/llm"
	"parley/llm/offline"
	"parley/llm/scripted"
)

// Options are what a person says about the backend.
type Options struct {
	name     string
	Model    string
	BaseURL  string
	KeyFile  string
	cacheDir string
	LibDir   string
	Threads  int
	Context  int
}

// A Backend is one that a server may have.
type Backend struct {
	Name string
	Open func(ctx context.Context, o *Options, env func(string) string, log *slog.Logger) (llm.Provider, error)
}

func (b *Options) flags(f *pflag.FlagSet) {
	f.StringVar(&b.name, "backend", "offline", "what makes the texts: see docs/ai.md")
	f.StringVar(&b.Model, "model", "", "the model's name at the service, or the GGUF file")
	f.StringVar(&b.BaseURL, "base-url", "", "the service's address, for openai for example http://127.0.0.1:11434/v1")
	f.StringVar(&b.KeyFile, "key-file", "", "a file of mode 0600 with the service's key")
	f.StringVar(&b.cacheDir, "cache-dir", "", "where compiled code is kept (default: parley/llm in the user's cache folder)")
	f.StringVar(&b.LibDir, "lib-dir", "", "the folder with llama.cpp's libraries, for local")
	f.IntVar(&b.Threads, "threads", 1, "threads of a local model: they spin, so more than there are idle cores is ruinous")
	f.IntVar(&b.Context, "context", 0, "tokens of a local model's context (default 4096)")
}

// builtIn are the backends that any program has: nothing that they bring along is large, or does anything before it is
// asked.
var builtIn = []Backend{
	{"offline", openOffline},
	{"scripted", func(context.Context, *Options, func(string) string, *slog.Logger) (llm.Provider, error) {
		return scripted.New(), nil
	}},
}

// elsewhere are those that the program llm alone has: with them come libraries of some 40 MB, one of which loads another one as
// soon as it is linked.
var elsewhere = []string{"gemini", "openai", "local"}

// open opens the backend that was chosen.
func (b *Options) open(ctx context.Context, backends []Backend, env func(string) string, log *slog.Logger) (llm.Provider, error) {
	for _, known := range backends {
		if known.Name == b.name {
			return known.Open(ctx, b, env, log)
		}
	}
	if slices.Contains(elsewhere, b.name) {
		return nil, usage.Errorf("this program has no backend %q: the program llm has (go run ./cmd/llm)", b.name)
	}
	return nil, usage.Errorf("there is no backend %q; there are %v", b.name, names(backends))
}

func names(backends []Backend) (all []string) {
	for _, b := range backends {
		all = append(all, b.Name)
	}
	return all
}

func openOffline(_ context.Context, b *Options, _ func(string) string, _ *slog.Logger) (llm.Provider, error) {
	dir := b.cacheDir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("there is no cache folder, so name one by --cache-dir: %w", err)
		}
		dir = filepath.Join(cache, "parley", "llm")
	}
	return offline.New(dir), nil
}
