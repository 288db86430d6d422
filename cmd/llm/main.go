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
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/llm/server"
)

func main() {
	stdlog.SetOutput(io.Discard) // libraries of services write to it, and might write what they were sent
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// usageError is an error in how the command was called.
type usageError struct{ error }

func run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command(env, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "llm: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

func command(env func(string) string, stdout, stderr io.Writer) *cobra.Command {
	var b backendOptions
	var o server.Options
	cmd := &cobra.Command{
		Use:   "llm --secret-file FILE [--backend " + strings.Join(backendNames(), "|") + "]",
		Short: "Makes texts for the nodes of a Parley cluster",
		Long: `Makes texts for the nodes of a Parley cluster: suggestions, summaries, completions, answers, corrections.
Runs until SIGINT or SIGTERM. Every flag has a variable of the environment, PARLEY_LLM_SECRET_FILE for --secret-file and so
on; what is given as a flag counts. The key of a service comes from GEMINI_API_KEY, OPENAI_API_KEY or a file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unexpected argument %q: see llm --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags(), env); err != nil {
				return usageError{err}
			}
			log := slog.New(slog.NewTextHandler(stderr, nil))
			p, err := b.open(cmd.Context(), env, log)
			if err != nil {
				return err
			}
			d := p.Describe()
			if o.Concurrent == 0 && d.Backend == "local" {
				o.Concurrent = 1
			}
			return server.Run(cmd.Context(), p, o, log, func(addr string) {
				log.Info("the LLM server is up", "addr", addr, "backend", d.Backend, "model", d.Model, "external", d.External)
				fmt.Fprintf(stdout, "ready %s\n", addr)
			})
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{fmt.Errorf("%w: see llm --help", err)} })
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:50055", "where to listen, HOST:PORT")
	f.StringVar(&o.SecretFile, "secret-file", "", "a file of mode 0600 with the secret that callers present")
	f.StringVar(&o.CertFile, "tls-cert", "", "a certificate, needed off loopback")
	f.StringVar(&o.KeyFile, "tls-key", "", "the certificate's key")
	f.IntVar(&o.Concurrent, "concurrent", 0, fmt.Sprintf("how many texts to make at a time (default %d; 1 for local)", server.ConcurrentDefault))
	f.IntVar(&o.Queue, "queue", 0, fmt.Sprintf("how many callers may wait (default %d)", server.QueueDefault))
	f.IntVar(&o.Rate, "rate", 0, fmt.Sprintf("how many texts to begin a minute (default %d)", server.RateDefault))
	b.flags(f)
	return cmd
}

// fromEnvironment sets the flags that were not given from PARLEY_LLM_*.
func fromEnvironment(f *pflag.FlagSet, env func(string) string) (err error) {
	f.VisitAll(func(flag *pflag.Flag) {
		name := "PARLEY_LLM_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if v := env(name); v != "" && !flag.Changed && flag.Name != "help" && err == nil {
			if e := f.Set(flag.Name, v); e != nil {
				err = fmt.Errorf("%s: %w", name, e)
			}
		}
	})
	return err
}
