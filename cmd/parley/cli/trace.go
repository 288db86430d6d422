package cli

import (
	"log/slog"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"parley/cmd/observe/build"
	"parley/cmd/observe/tracing"
)

// beginTrace begins the trace of a command, if somebody wants to see where its time goes: the span has the command's name and none of its arguments.
func (a *app) beginTrace(cmd *cobra.Command, _ []string) error {
	if !tracing.Asked(a.traceEndpoint, a.Getenv) {
		return nil
	}
	if err := tracing.CheckEndpoint(a.traceEndpoint); err != nil {
		return usageOf(cmd, "--trace-endpoint: %v", err)
	}
	p, err := tracing.Open(cmd.Context(), tracing.Config{Endpoint: a.traceEndpoint, Service: "parley", Version: build.Read().Version,
		Logger: slog.New(slog.NewTextHandler(a.Err, nil))})
	if err != nil {
		return err
	}
	ctx, end := p.Start(cmd.Context(), cmd.CommandPath())
	cmd.SetContext(ctx)
	a.dialOptions = append(a.dialOptions, grpc.WithStatsHandler(p.Client()))
	a.endTrace = func() {
		end()
		p.Close()
	}
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print which build this is", Args: args(),
		RunE: func(*cobra.Command, []string) error {
			return a.print(build.Read(), "%s", build.Read())
		},
	}
}
