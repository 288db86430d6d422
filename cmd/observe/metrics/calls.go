package metrics

import (
	"context"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// calls are the numbers of a gRPC server.
type calls struct {
	connections    prometheus.Gauge
	calls, streams prometheus.Gauge
	handled        *prometheus.CounterVec
	seconds        *prometheus.HistogramVec
	methods        map[string]*method // by the name that gRPC has: /parley.v1.ChatService/Send
	other          *method            // what nobody serves: its name is its caller's choice
	logins         prometheus.Counter
	refused        *prometheus.CounterVec
}

// method is one of a service. Its series are made when it is called for the first time: most nodes serve a few methods only.
type method struct {
	name   string
	stream bool

	once    sync.Once
	seconds prometheus.Observer // nil of streams: they last as long as somebody listens
	ok      prometheus.Counter
}

// grpcServices are those beside Parley's own, with their methods.
var grpcServices = map[string][]string{
	"grpc.health.v1.Health":                    {"Check", "List", "Watch*"},
	"grpc.reflection.v1.ServerReflection":      {"ServerReflectionInfo*"},
	"grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo*"},
}

func (c *calls) init(m *Metrics) {
	c.connections = m.gauge("parley_rpc_connections", "Connections of clients.")
	in := m.gauges("parley_rpc_in_flight", "Calls of clients that are under way.", "kind")
	c.calls, c.streams = in.WithLabelValues("unary"), in.WithLabelValues("stream")
	c.handled = m.counters("parley_rpc_handled_total", "Calls of clients that have ended, by method and gRPC code. What nobody serves is the method other.", "method", "code")
	c.seconds = m.histograms("parley_rpc_seconds", "How long calls took that are no streams.", human, "method")
	c.logins = m.counter("parley_logins_total", "Log-ins that succeeded.")
	c.refused = m.counters("parley_logins_refused_total", "Log-ins that were refused, by the reason that the caller was given.", "reason")
	for _, reason := range []string{"CREDENTIALS_WRONG", "TOO_MANY_ATTEMPTS"} {
		c.refused.WithLabelValues(reason) // the alert needs them from the beginning
	}
	c.methods = map[string]*method{}
	add := func(service, name string, stream bool) {
		label := service[strings.LastIndexByte(service, '.')+1:] + "/" + name
		c.methods["/"+service+"/"+name] = &method{name: label, stream: stream}
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("parley.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			if string(s.FullName()) == pb.ModelService_ServiceDesc.ServiceName {
				continue // it is the model server's
			}
			for j := range s.Methods().Len() {
				d := s.Methods().Get(j)
				add(string(s.FullName()), string(d.Name()), d.IsStreamingClient() || d.IsStreamingServer())
			}
		}
		return true
	})
	for service, names := range grpcServices {
		for _, name := range names {
			name, stream := strings.CutSuffix(name, "*")
			add(service, name, stream)
		}
	}
	c.other = &method{name: "other", stream: true}
}

// Calls counts what a gRPC server does (grpc.StatsHandler).
func (m *Metrics) Calls() stats.Handler { return &m.calls }

type callKey struct{}

// TagRPC implements stats.Handler.
func (c *calls) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	d := c.methods[info.FullMethodName]
	if d == nil {
		d = c.other
	}
	return context.WithValue(ctx, callKey{}, d)
}

// HandleRPC implements stats.Handler.
func (c *calls) HandleRPC(ctx context.Context, s stats.RPCStats) {
	d, _ := ctx.Value(callKey{}).(*method)
	if d == nil {
		return
	}
	in := c.calls
	if d.stream {
		in = c.streams
	}
	switch s := s.(type) {
	case *stats.Begin:
		in.Inc()
	case *stats.End:
		in.Dec()
		c.end(d, s)
	}
}

// end counts a call that has ended.
func (c *calls) end(d *method, s *stats.End) {
	d.once.Do(func() {
		d.ok = c.handled.WithLabelValues(d.name, grpccodes.OK.String())
		if !d.stream {
			d.seconds = c.seconds.WithLabelValues(d.name)
		}
	})
	code := status.Code(s.Error)
	if code == grpccodes.OK {
		d.ok.Inc()
	} else {
		c.handled.WithLabelValues(d.name, code.String()).Inc()
	}
	if d.seconds != nil {
		d.seconds.Observe(s.EndTime.Sub(s.BeginTime).Seconds())
	}
	if d == c.methods[pb.AccountService_LogIn_FullMethodName] {
		if code == grpccodes.OK {
			c.logins.Inc()
		} else if reason := convert.ParseError(s.Error).Reason; reason != "" {
			c.refused.WithLabelValues(reason).Inc()
		}
	}
}

// TagConn implements stats.Handler.
func (c *calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (c *calls) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		c.connections.Inc()
	case *stats.ConnEnd:
		c.connections.Dec()
	}
}
