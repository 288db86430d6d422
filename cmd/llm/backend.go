package main

import (
	"context"
	"log/slog"

	"parley/cmd/llm/command"
	"parley/llm"
	"parley/llm/gemini"
	"parley/llm/local"
	"parley/llm/openai"
	"parley/llm/server"
)

// backends are those that this program has besides what any has.
var backends = []command.Backend{{Name: "gemini", Open: openGemini}, {Name: "openai", Open: openOpenAI}, {Name: "local", Open: openLocal}}

// key returns the service's key, from a file or else from the environment.
func key(o *command.Options, env func(string) string, variable string) (string, error) {
	if o.KeyFile != "" {
		return server.ReadSecret(o.KeyFile)
	}
	return env(variable), nil
}

func openGemini(ctx context.Context, o *command.Options, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := key(o, env, "GEMINI_API_KEY")
	if err != nil {
		return nil, err
	}
	return asProvider(gemini.New(ctx, gemini.Config{Model: o.Model, Key: key, BaseURL: o.BaseURL}))
}

func openOpenAI(_ context.Context, o *command.Options, env func(string) string, _ *slog.Logger) (llm.Provider, error) {
	key, err := key(o, env, "OPENAI_API_KEY")
	if err != nil {
		return nil, err
	}
	return asProvider(openai.New(openai.Config{Model: o.Model, Key: key, BaseURL: o.BaseURL}))
}

func openLocal(_ context.Context, o *command.Options, _ func(string) string, log *slog.Logger) (llm.Provider, error) {
	next := float32(0)
	return asProvider(local.New(local.Config{
		LibDir: o.LibDir, File: o.Model, Threads: o.Threads, Context: o.Context,
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
