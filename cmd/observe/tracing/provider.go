package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/stats"
)

// Config says who traces, and who is told.
type Config struct {
	// Endpoint is the collector's OTLP/gRPC address: HOST:PORT without TLS, or a URL, http:// or https://. Empty is what the environment
	// says: OTEL_EXPORTER_OTLP_ENDPOINT and those beside it. The share that is traced is the environment's, too:
	// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG.
	Endpoint string
	Service  string // "parley-node"
	Instance string // which of them
	Version  string
	Logger   *slog.Logger
}

// Asked reports whether anybody wants traces: by a flag, or in the environment.
func Asked(endpoint string, getenv func(string) string) bool {
	return endpoint != "" || getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// CheckEndpoint returns what is wrong with an endpoint.
func CheckEndpoint(endpoint string) error {
	_, err := optionsOf(endpoint)
	return err
}

func optionsOf(endpoint string) ([]otlptracegrpc.Option, error) {
	switch {
	case endpoint == "":
		return nil, nil
	case !strings.Contains(endpoint, "://"):
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no collector: write HOST:PORT, http://HOST:PORT or https://HOST:PORT", endpoint)
	}
	return []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(endpoint)}, nil
}

// Provider makes spans and sends them to the collector.
type Provider struct {
	sdk *sdk.TracerProvider
}

// stopMax bounds what a process that ends spends on its last spans.
const stopMax = 2 * time.Second

// Open connects to nobody yet: spans are sent in batches, later, and dropped if there are too many.
func Open(ctx context.Context, c Config) (*Provider, error) {
	options, err := optionsOf(c.Endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	if c.Logger != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Logger.Warn("traces can't be sent", "error", err) }))
	}
	attributes := []attribute.KeyValue{attribute.String("service.name", c.Service), attribute.String("service.version", c.Version)}
	if c.Instance != "" {
		attributes = append(attributes, attribute.String("service.instance.id", c.Instance))
	}
	return &Provider{sdk: sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(resource.NewSchemaless(attributes...)))}, nil
}

// Server has the calls of a gRPC server traced (grpc.StatsHandler): those of clients that trace go on in the client's trace.
func (p *Provider) Server() stats.Handler { return otelgrpc.NewServerHandler(p.options()...) }

// Client has the calls of a gRPC client traced (grpc.WithStatsHandler).
func (p *Provider) Client() stats.Handler { return otelgrpc.NewClientHandler(p.options()...) }

func (p *Provider) options() []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(p.sdk),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(func(i *stats.RPCTagInfo) bool { return !strings.HasPrefix(i.FullMethodName, "/grpc.") }), // health, reflection
	}
}

// Start begins a span that has no other above it, or the one in ctx.
func (p *Provider) Start(ctx context.Context, name string) (_ context.Context, end func()) {
	ctx, span := p.sdk.Tracer(scope).Start(ctx, name)
	return ctx, func() { span.End() }
}

// scope names where Parley's own spans come from.
const scope = "parley"

// Close sends what is left, as far as that is possible in a moment.
func (p *Provider) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	_ = p.sdk.Shutdown(ctx) // a collector that is away has nothing more to hear
}
