package metrics

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/cmd/observe/build"
)

// Metrics are those of one node.
type Metrics struct {
	registry *prometheus.Registry
	families []Family
	notes    notes
	host     hosted
	calls    calls
	dropped  atomic.Pointer[func() uint64]
}

// Family is what all series of one name have in common.
type Family struct {
	Name, Kind, Help string
	Labels           []string
}

// New makes the metrics of a node. Read-offs begin with Watch.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	b := build.Read()
	m.gauges("parley_build_info", "1; the labels say which build this is.", "version", "revision", "go").
		WithLabelValues(b.Version, b.Revision, b.Go).Set(1)
	m.notes.init(m)
	m.host.init(m)
	m.calls.init(m)
	m.family("counter", "parley_trace_steps_dropped_total", droppedHelp, nil)
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "parley_trace_steps_dropped_total", Help: droppedHelp}, func() float64 {
		if dropped := m.dropped.Load(); dropped != nil {
			return float64((*dropped)())
		}
		return 0
	}))
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

const droppedHelp = "Steps of the node of which no spans were made because too many waited; 0 without traces."

// Traces says where the number of Steps is read of which no spans were made.
func (m *Metrics) Traces(dropped func() uint64) { m.dropped.Store(&dropped) }

// Handler serves them as Prometheus reads them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapesMax, ErrorHandling: promhttp.ContinueOnError,
	}))
}

// Gatherer is what they can be read from in this process.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Families lists all that are Parley's own, in the order in which they are made.
func (m *Metrics) Families() []Family { return m.families }

// scrapesMax bounds the readers at a time: each makes the text anew.
const scrapesMax = 4

// family takes one down.
func (m *Metrics) family(kind, name, help string, labels []string) {
	m.families = append(m.families, Family{Name: name, Kind: kind, Help: help, Labels: labels})
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return m.counters(name, help).WithLabelValues()
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	m.family("counter", name, help, labels)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	return m.gauges(name, help).WithLabelValues()
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	m.family("gauge", name, help, labels)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Observer {
	return m.histograms(name, help, buckets).WithLabelValues()
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	m.family("histogram", name, help, labels)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// short are the buckets of what takes microseconds when all is well, and seconds when it is not: a sync of a disk, a Step.
var short = prometheus.ExponentialBuckets(50e-6, 2, 16)

// human are the buckets of what people wait for.
var human = prometheus.ExponentialBuckets(500e-6, 2, 16)

// id names a node in a label.
func id(n uint64) string { return strconv.FormatUint(n, 10) }
