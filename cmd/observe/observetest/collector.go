package observetest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Collector is an OpenTelemetry collector that keeps what it gets: OTLP over gRPC, on a socket of its own.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	Addr string

	mu    sync.Mutex
	spans []Span
}

// Span is one, with the process that sent it.
type Span struct {
	*otlp.Span
	Service, Instance string
}

// Collect listens until the test ends.
func Collect(t testing.TB) *Collector {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Collector{Addr: l.Addr().String()}
	g := grpc.NewServer()
	collector.RegisterTraceServiceServer(g, c)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return c
}

// Export takes spans.
func (c *Collector) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range r.GetResourceSpans() {
		of := map[string]string{}
		for _, a := range rs.GetResource().GetAttributes() {
			of[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.spans = append(c.spans, Span{s, of["service.name"], of["service.instance.id"]})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Spans returns what has come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}
