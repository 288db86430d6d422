// Package observetest runs a cluster in a test's process as node start would, with all that watches nodes: metrics, logs,
// and traces if a collector is given. Peers, clients and collectors speak over real sockets.
package observetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"parley/cmd/observe/logging"
	"parley/cmd/observe/metrics"
	"parley/cmd/observe/tracing"
	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/client"
	"parley/rpc/peer"
	pb "parley/rpc/proto/parley/v1"
	"parley/rpc/server"
	"parley/statemachine"
)

// Node is one of a cluster.
type Node struct {
	Host    *host.Host
	Metrics *metrics.Metrics
	Log     *Lines
	Level   *slog.LevelVar
	Dir     string
	Addr    string // for clients

	server   *server.Server
	traces   *tracing.Provider
	recorder *tracing.Recorder
}

// Cluster is nodes 1, 2, 3, ….
type Cluster struct {
	t     testing.TB
	Nodes []*Node
}

// Options say how the nodes are watched.
type Options struct {
	Collector string           // where spans go; empty: nobody traces
	Level     slog.Level       // of the logs
	Token     server.TokenFile // where the first admin's token is left
	DemoUsers bool
}

// patient keeps a busy machine from changing leaders under a test.
const patient = time.Second

// Start runs n nodes, and waits until a user can log in.
func Start(t testing.TB, n int, o Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var peers []*peer.Transport
	var seeds []node.Seed
	var clients []net.Listener
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		clients = append(clients, l)
		one := &Node{Metrics: metrics.New(), Log: new(Lines), Addr: l.Addr().String(), Dir: filepath.Join(t.TempDir(), "node")}
		c.Nodes = append(c.Nodes, one)
		log := one.open(t, i+1, o)
		options := peer.Options{Logger: log}
		if one.traces != nil {
			options.Aside = func(from raft.NodeID, text []byte) { one.recorder.Heard(from, text) }
		}
		p, err := peer.Listen("127.0.0.1:0", options)
		require.NoError(t, err)
		peers = append(peers, p)
		seeds = append(seeds, node.Seed{ID: raft.NodeID(i + 1), PeerAddr: p.Addr(), ClientAddr: one.Addr})
	}
	for i, one := range c.Nodes {
		one.run(t, i+1, seeds, peers[i], clients[i], o)
	}
	t.Cleanup(c.stop)
	c.awaitLogIns(o)
	return c
}

// open makes what watches a node.
func (n *Node) open(t testing.TB, id int, o Options) (log *slog.Logger) {
	log, n.Level = logging.New(n.Log, logging.Text, o.Level)
	if o.Collector != "" {
		var err error
		n.traces, err = tracing.Open(t.Context(), tracing.Config{Endpoint: o.Collector, Service: "parley-node", Instance: fmt.Sprint(id), Logger: log})
		require.NoError(t, err)
	}
	return log
}

func (n *Node) run(t testing.TB, id int, seeds []node.Seed, p *peer.Transport, l net.Listener, o Options) {
	log := slog.New(slog.NewTextHandler(n.Log, &slog.HandlerOptions{Level: n.Level}))
	cfg := host.Config{
		ID: raft.NodeID(id), Dir: n.Dir, Settings: node.Settings{Seeds: seeds, ElectionTimeout: patient}, Machine: statemachine.New(),
		Transport: p, Logger: log, Probe: n.Metrics.Probe(), OnNotes: n.Metrics.Notes,
	}
	serving := server.Config{Version: "test", Logger: log, Loopback: true, BcryptCost: 4, DemoUsers: o.DemoUsers, Token: o.Token,
		GRPC: []grpc.ServerOption{grpc.StatsHandler(n.Metrics.Calls())}}
	if n.traces != nil {
		n.recorder = n.traces.Record(cfg.ID, p.Aside)
		cfg.TraceOf = n.recorder.TraceOf
		cfg.OnNotes = func(notes []raft.Note) {
			n.Metrics.Notes(notes)
			n.recorder.Notes(notes)
		}
		serving.GRPC = append(serving.GRPC, grpc.StatsHandler(n.traces.Server()))
	}
	var err error
	n.Host, err = host.Start(cfg)
	require.NoError(t, err)
	n.Metrics.Watch(n.Host, n.Dir)
	serving.Host = n.Host
	n.server, err = server.New(serving)
	require.NoError(t, err)
	go func() { _ = n.server.Serve(l) }()
}

// Addrs are where the nodes listen for clients.
func (c *Cluster) Addrs() (addrs []string) {
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return addrs
}

// Leader returns who leads.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	for end := time.Now().Add(awaitMax); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, n := range c.Nodes {
			if n.Host.Status().Role == raft.Leader {
				return n
			}
		}
	}
	require.FailNow(c.t, "nobody leads")
	return nil
}

// awaitMax bounds every wait for something that must happen.
const awaitMax = 30 * time.Second

// awaitLogIns waits until the cluster has made its first decisions, and those that dev mode makes.
func (c *Cluster) awaitLogIns(o Options) {
	c.t.Helper()
	cl := c.Client(client.Config{})
	for end := time.Now().Add(awaitMax); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if o.DemoUsers {
			_, err = cl.LogIn(c.t.Context(), "alice", "alice123")
		} else {
			_, err = cl.SignUp(c.t.Context(), &pb.SignUpRequest{Username: "somebody", Email: "somebody@example.org", Password: "a long enough secret"})
		}
		if err == nil {
			return
		}
	}
	require.FailNow(c.t, "nobody can log in")
}

// Client is one of the cluster; it ends with the test.
func (c *Cluster) Client(cfg client.Config) *client.Client {
	c.t.Helper()
	cfg.Addrs = c.Addrs()
	cl, err := client.New(cfg)
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}

// Scrape returns a node's metrics as Prometheus reads them.
func (n *Node) Scrape() string {
	w := httptest.NewRecorder()
	n.Metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func (c *Cluster) stop() {
	var stopped sync.WaitGroup
	for _, n := range c.Nodes {
		stopped.Go(n.server.Stop)
		stopped.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), awaitMax)
			defer cancel()
			_ = n.Host.Stop(ctx) // the test is over
			if n.traces != nil {
				n.recorder.Close()
				n.traces.Close()
			}
		})
	}
	stopped.Wait()
}

// Lines is a log that a test reads.
type Lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines so far.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
