// Command llm is the LLM server of a Parley cluster: it makes texts for the nodes, from prompts that they send.
//
//	llm --secret-file F                               without a model
//	llm --secret-file F --backend gemini --model M    by a service; the key is in GEMINI_API_KEY or --key-file
//	llm --secret-file F --backend openai --model M --base-url U
//	llm --secret-file F --backend local --model FILE --lib-dir DIR
//
// It prints "ready <address>" on stdout when it takes calls, and logs to stderr who asked for what kind of text and
// what it cost: no text, no key. docs/ai.md says which backend is for whom. Exit codes: 0 ok, 1 error, 2 usage.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"parley/cmd/llm/command"
	"parley/llm"
	"parley/llm/local"
)

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

func run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command.New("llm", []command.Backend{{Name: "local", Open: openLocal}}, env, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "llm: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if command.Usage(err) {
		return 2
	}
	return 1
}

func openLocal(_ context.Context, o *command.Options, _ func(string) string, log *slog.Logger) (llm.Provider, error) {
	next := float32(0)
	return command.Provider(local.New(local.Config{
		LibDir: o.LibDir, File: o.Model, Threads: o.Threads, Context: o.Context,
		Progress: func(f float32) {
			if f >= next { // a line a tenth
				log.Info("loading the model", "percent", int(f*100))
				next = f + 0.1
			}
		},
	}))
}
