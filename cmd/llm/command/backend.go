package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"parley/llm"
	"parley/llm/gemini"
	"parley/llm/offline"
	"parley/llm/openai"
	"parley/llm/scripted"
	"parley/llm/server"
)

// Options are what a person says about the backend.
type Options struct {
	name     string
	Model    string
	baseURL  string
	keyFile  string
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
	f.StringVar(&b.baseURL, "base-url", "", "the service's address, for openai for example http://127.0.0.1:11434/v1")
	f.StringVar(&b.keyFile, "key-file", "", "a file of mode 0600 with the service's key")
	f.StringVar(&b.cacheDir, "cache-dir", "", "where compiled code is kept (default: parley/llm in the user's cache folder)")
	f.StringVar(&b.LibDir, "lib-dir", "", "the folder with llama.cpp's libraries, for local")
	f.IntVar(&b.Threads, "threads", 1, "threads of a local model: they spin, so more than there are idle cores is ruinous")
	f.IntVar(&b.Context, "context", 0, "tokens of a local model's context (default 4096)")
}

// builtIn are the backends that any program may have: what they bring along does nothing before they are opened.
var builtIn = []Backend{
	{"offline", openOffline},
	{"gemini", openGemini},
	{"openai", openOpenAI},
	{"scripted", func(context.Context, *Options, func(string) string, *slog.Logger) (llm.Provider, error) {
		return scripted.New(), nil
	}},
}

// elsewhere are backends that a program may lack, with the program that has them.
var elsewhere = map[string]string{"local": "llm (go run ./cmd/llm): it loads llama.cpp's libraries"}

// open opens the backend that was chosen.
func (b *Options) open(ctx context.Context, backends []Backend, env func(string) string, log *slog.Logger) (llm.Provider, error) {
	for _, known := range backends {
		if known.Name == b.name {
			return known.Open(ctx, b, env, log)
		}
	}
	if where, ok := elsewhere[b.name]; ok {
		return nil, usageError{fmt.Errorf("this program has no backend %q; it is in %s", b.name, where)}
	}
	return nil, usageError{fmt.Errorf("there is no backend %q; there are %v", b.name, names(backends))}
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

// key returns the service's key, from a file or else from the environment.
func (b *Options) key(env func(string) string, variable string) (string, error) {
	if b.keyFile != "" {
		return server.ReadSecret(b.keyFile)
	}
	return env(variable), nil
}

func openGemini(ctx context.Context, b *Options, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := b.key(env, "GEMINI_API_KEY")
	if err != nil {
		return nil, err
	}
	return Provider(gemini.New(ctx, gemini.Config{Model: b.Model, Key: key, BaseURL: b.baseURL}))
}

func openOpenAI(_ context.Context, b *Options, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := b.key(env, "OPENAI_API_KEY")
	if err != nil {
		return nil, err
	}
	return Provider(openai.New(openai.Config{Model: b.Model, Key: key, BaseURL: b.baseURL}))
}

// Provider keeps a nil pointer from becoming a provider.
func Provider[P llm.Provider](p P, err error) (llm.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
