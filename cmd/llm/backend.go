package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"parley/llm"
	"parley/llm/gemini"
	"parley/llm/local"
	"parley/llm/offline"
	"parley/llm/openai"
	"parley/llm/scripted"
	"parley/llm/server"
)

// backendOptions are what a person says about the backend.
type backendOptions struct {
	name     string
	model    string
	baseURL  string
	keyFile  string
	cacheDir string
	libDir   string
	threads  int
	context  int
}

func (b *backendOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&b.name, "backend", "offline", "what makes the texts: see docs/ai.md")
	f.StringVar(&b.model, "model", "", "the model's name at the service, or the GGUF file")
	f.StringVar(&b.baseURL, "base-url", "", "the service's address, for openai for example http://127.0.0.1:11434/v1")
	f.StringVar(&b.keyFile, "key-file", "", "a file of mode 0600 with the service's key")
	f.StringVar(&b.cacheDir, "cache-dir", "", "where compiled code is kept (default: parley/llm in the user's cache folder)")
	f.StringVar(&b.libDir, "lib-dir", "", "the folder with llama.cpp's libraries, for local")
	f.IntVar(&b.threads, "threads", 1, "threads of a local model: they spin, so more than there are idle cores is ruinous")
	f.IntVar(&b.context, "context", 0, "tokens of a local model's context (default 4096)")
}

// backends are the backends by their names.
var backends = []struct {
	name string
	open func(ctx context.Context, b *backendOptions, env func(string) string, log *slog.Logger) (llm.Provider, error)
}{
	{"offline", openOffline},
	{"gemini", openGemini},
	{"openai", openOpenAI},
	{"local", openLocal},
	{"scripted", func(context.Context, *backendOptions, func(string) string, *slog.Logger) (llm.Provider, error) {
		return scripted.New(), nil
	}},
}

func backendNames() (names []string) {
	for _, b := range backends {
		names = append(names, b.name)
	}
	return names
}

func (b *backendOptions) open(ctx context.Context, env func(string) string, log *slog.Logger) (llm.Provider, error) {
	for _, known := range backends {
		if known.name == b.name {
			return known.open(ctx, b, env, log)
		}
	}
	return nil, usageError{fmt.Errorf("there is no backend %q; there are %v", b.name, backendNames())}
}

func openOffline(_ context.Context, b *backendOptions, _ func(string) string, _ *slog.Logger) (llm.Provider, error) {
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
func (b *backendOptions) key(env func(string) string, variable string) (string, error) {
	if b.keyFile != "" {
		return server.ReadSecret(b.keyFile)
	}
	return env(variable), nil
}

func openGemini(ctx context.Context, b *backendOptions, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := b.key(env, "GEMINI_API_KEY")
	if err != nil {
		return nil, err
	}
	return asProvider(gemini.New(ctx, gemini.Config{Model: b.model, Key: key, BaseURL: b.baseURL}))
}

func openOpenAI(_ context.Context, b *backendOptions, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := b.key(env, "OPENAI_API_KEY")
	if err != nil {
		return nil, err
	}
	return asProvider(openai.New(openai.Config{Model: b.model, Key: key, BaseURL: b.baseURL}))
}

func openLocal(_ context.Context, b *backendOptions, _ func(string) string, log *slog.Logger) (llm.Provider, error) {
	next := float32(0)
	return asProvider(local.New(local.Config{
		LibDir: b.libDir, File: b.model, Threads: b.threads, Context: b.context,
		Progress: func(f float32) {
			if f >= next { // a line a tenth
				log.Info("loading the model", "percent", int(f*100))
				next = f + 0.1
			}
		},
	}))
}

// asProvider keeps a nil pointer from becoming a provider.
func asProvider[P llm.Provider](p P, err error) (llm.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
