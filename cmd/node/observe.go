package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/cmd/node/internal/process"
	about "parley/cmd/observe/build"
)

// observeFlags are those of node start that say how the node is watched.
func observeFlags(f *pflag.FlagSet, o *process.Observe) {
	f.StringVar(&o.HTTPAddr, "http-addr", "", fmt.Sprintf("where /metrics, /healthz and /readyz are served; none for nowhere (default %s, or a free port of loopback if that is taken)", process.DefaultHTTPAddr))
	f.StringVar(&o.DebugAddr, "debug-addr", "", "where profiles and the log's level are served (default: with --http-addr if that is on loopback, else nowhere); none for nowhere")
	f.StringVar(&o.LogLevel, "log-level", "", "debug, info, warn or error (default info); PUT /log/level changes it while the node runs")
	f.StringVar(&o.LogFormat, "log-format", "", "text or json (default text)")
	f.StringVar(&o.TraceEndpoint, "trace-endpoint", "", "the OTLP/gRPC address of an OpenTelemetry collector, HOST:PORT or a URL; none for no traces (default OTEL_EXPORTER_OTLP_ENDPOINT, else none)")
}

func versionCommand(stdout io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := about.Read()
			if asJSON {
				return json.NewEncoder(stdout).Encode(b)
			}
			_, err := fmt.Fprintln(stdout, b)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
