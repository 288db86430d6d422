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
	"parley/raft/vfs/memfs"
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
}

func startCluster(t *testing.T, limits statemachine.Limits) *testCluster {
	t.Helper()
	network := host.NewNetwork()
	c := &testCluster{t: t, network: network}
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
			Dir:       "node",
			FS:        memfs.New(uint64(i)),
			Settings:  node.Settings{Seeds: seeds},
			Machine:   statemachine.NewLimited(limits),
			Transport: network.End(host.QueueLimits{}),
			Logger:    slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		s := server.New(server.Config{Host: h, Limits: limits, Version: "test", Logger: slog.New(slog.DiscardHandler)})
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

func (c *testCluster) client(cfg Config) *Client {
	c.t.Helper()
	if cfg.Addrs == nil {
		cfg.Addrs = c.addrs
	}
	cl, err := New(cfg)
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}
