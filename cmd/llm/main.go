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
	"os"
	"os/signal"
	"strings"
	"syscall"

	"parley/cmd/internal/usage"
	"parley/cmd/llm/command"
)

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

func run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command.New("llm", backends, env, usage.NewOutput(stdout), stderr)
	root.SetArgs(args)
	usage.Version(root)
	err := usage.Executed(root, root.ExecuteContext(ctx))
	if err != nil {
		fmt.Fprintf(stderr, "llm: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return usage.Code(err)
}
