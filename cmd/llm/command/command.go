// Package command is the LLM server as a command: its flags, its environment, its exit codes. Two programs have it: llm,
// with all backends, and node, which starts one for a cluster on one machine.
package command

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/internal/usage"
	"parley/llm"
	"parley/llm/server"
)

// New returns the command. more are backends besides those that any program has. env reads the environment.
func New(use string, more []Backend, env func(string) string, stdout, stderr io.Writer) *cobra.Command {
	backends := append(slices.Clone(builtIn), more...)
	var b Options
	var o server.Options
	cmd := &cobra.Command{
		Use:   use + " --secret-file FILE [--backend " + strings.Join(names(backends), "|") + "]",
		Short: "Makes texts for the nodes of a Parley cluster",
		Long: `Makes texts for the nodes of a Parley cluster: suggestions, summaries, completions, answers, corrections.
Runs until SIGINT or SIGTERM. Every flag has a variable of the environment, PARLEY_LLM_SECRET_FILE for --secret-file and so
on; what is given as a flag counts. The key of a service comes from GEMINI_API_KEY, OPENAI_API_KEY or a file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage.Errorf("unexpected argument %q: see %s --help", args[0], use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags(), env); err != nil {
				return usage.Wrong(err)
			}
			log := slog.New(slog.NewTextHandler(stderr, nil))
			stdlog.SetOutput(io.Discard) // libraries of services write to it, and might write what they were sent
			p, err := b.open(cmd.Context(), backends, env, log)
			if err != nil {
				return err
			}
			d := p.Describe()
			var besides llm.Provider
			if d.Backend != "offline" {
				if besides, err = openOffline(cmd.Context(), &b, env, log); err != nil {
					return errors.Join(err, p.Close())
				}
			}
			if o.Concurrent == 0 && d.Backend == "local" {
				o.Concurrent = 1
			}
			return server.Run(cmd.Context(), p, besides, o, log, func(addr string) {
				log.Info("the LLM server is up", "addr", addr, "backend", d.Backend, "model", d.Model, "external", d.External)
				fmt.Fprintf(stdout, "ready %s\n", addr)
			})
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usage.Errorf("%w: see %s --help", usage.FlagMistake(err), use)
	})
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
		if v := env(name); v != "" && !flag.Changed && flag.Name != "help" && flag.Name != "version" && err == nil {
			if e := f.Set(flag.Name, v); e != nil {
				err = fmt.Errorf("%s: %w", name, e)
			}
		}
	})
	return err
}
