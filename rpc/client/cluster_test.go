package client

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/rpc/server"
	"parley/statemachine"
)

// testCluster is three nodes in this process, with real gRPC between them and
// their clients.
type testCluster struct {
	t       *testing.T
	addrs   []string
	hosts   []*host.Host
	servers []*server.Server
	network *host.Network
	who     map[string]Credentials // of each user that was logged in
}

func startCluster(t *testing.T, limits statemachine.Limits) *testCluster {
	t.Helper()
	return startClusterOf(t, limits, func(*server.Config) {})
}

// startClusterOf is startCluster with servers that are set up in another way.
func startClusterOf(t *testing.T, limits statemachine.Limits, change func(*server.Config)) *testCluster {
	t.Helper()
	network := host.NewNetwork()
	c := &testCluster{t: t, network: network, who: make(map[string]Credentials)}
	var listeners []net.Listener
	var seeds []node.Seed
	for id := raft.NodeID(1); id <= 3; id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners = append(listeners, l)
		c.addrs = append(c.addrs, l.Addr().String())
		seeds = append(seeds, node.Seed{ID: id, PeerAddr: "in memory", ClientAddr: l.Addr().String()})
	}
	for i, l := range listeners {
		h, err := host.Start(host.Config{
			ID:        raft.NodeID(i + 1),
			Dir:       t.TempDir(), // a real one: the log and the files are written at the same time
			Settings:  node.Settings{Seeds: seeds},
			Machine:   statemachine.NewLimited(limits),
			Transport: network.End(host.QueueLimits{}),
			Logger:    slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		cfg := server.Config{
			Host: h, Limits: limits, Version: "test", Logger: slog.New(slog.DiscardHandler), Loopback: true, DemoUsers: true, BcryptCost: 4,
		}
		change(&cfg)
		s, err := server.New(cfg)
		require.NoError(t, err)
		c.hosts, c.servers = append(c.hosts, h), append(c.servers, s)
		go func() { _ = s.Serve(l) }()
	}
	t.Cleanup(func() {
		for i := range c.hosts {
			c.stop(i)
		}
	})
	return c
}

// stop ends a node; a second time does nothing.
func (c *testCluster) stop(i int) {
	done := make(chan struct{})
	go func() {
		c.servers[i].Stop()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(c.t, c.hosts[i].Stop(ctx))
	<-done
}

// cut parts a node from the others, not from its clients; heal ends that.
func (c *testCluster) cut(i int) {
	for j := range c.hosts {
		if j != i {
			c.network.Cut(raft.NodeID(i+1), raft.NodeID(j+1))
		}
	}
}

func (c *testCluster) heal(i int) {
	for j := range c.hosts {
		if j != i {
			c.network.Heal(raft.NodeID(i+1), raft.NodeID(j+1))
		}
	}
}

// leader waits for a leader that all know, and returns its index.
func (c *testCluster) leader() int {
	c.t.Helper()
	var leader raft.NodeID
	require.Eventually(c.t, func() bool {
		leader = c.hosts[0].Status().Leader
		for _, h := range c.hosts {
			if s := h.Status(); s.Leader == 0 || s.Leader != leader {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
	return int(leader) - 1
}

// client is a client of alice's, who is a cluster admin.
func (c *testCluster) client(cfg Config) *Client { return c.as("alice", cfg) }

// as is a client of one of the demo users. All of one user's have one login.
func (c *testCluster) as(name string, cfg Config) *Client {
	c.t.Helper()
	if cfg.Addrs == nil {
		cfg.Addrs = c.addrs
	}
	cfg.Credentials = c.credentials(name)
	return c.open(cfg)
}

// open is a client of whoever cfg says.
func (c *testCluster) open(cfg Config) *Client {
	c.t.Helper()
	if cfg.Addrs == nil {
		cfg.Addrs = c.addrs
	}
	cl, err := New(cfg)
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}

// credentials logs a demo user in, at first when they are made.
func (c *testCluster) credentials(name string) Credentials {
	c.t.Helper()
	if _, ok := c.who[name]; !ok {
		cl := c.open(Config{})
		require.Eventually(c.t, func() bool {
			who, err := cl.LogIn(c.t.Context(), name, name+"123")
			c.who[name] = who
			return err == nil
		}, 20*time.Second, 20*time.Millisecond)
	}
	return c.who[name]
}

// knows waits until a node has applied a client's log-in.
func (c *testCluster) knows(i int, cl *Client) {
	c.t.Helper()
	conn, err := cl.conns.get(c.addrs[i])
	require.NoError(c.t, err)
	require.Eventually(c.t, func() bool {
		_, err := pb.NewAccountServiceClient(conn).WhoAmI(withToken(c.t.Context(), cl.Credentials().Token),
			&pb.WhoAmIRequest{Consistency: pb.Consistency_CONSISTENCY_STALE})
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
}
