package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell"
	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/client"
	"parley/rpc/server"
	"parley/statemachine"
)

// testCluster is three nodes in this process, on real disks, with real gRPC between them and their clients.
type testCluster struct {
	t       *testing.T
	addrs   []string
	hosts   []*host.Host
	servers []*server.Server
}

func startCluster(t *testing.T, limits statemachine.Limits) *testCluster {
	t.Helper()
	network := host.NewNetwork()
	c := &testCluster{t: t}
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
			ID: raft.NodeID(i + 1), Dir: t.TempDir(), Settings: node.Settings{Seeds: seeds},
			Machine: statemachine.NewLimited(limits), Transport: network.End(host.QueueLimits{}), Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		s, err := server.New(server.Config{
			Host: h, Limits: limits, Version: "test", Logger: slog.New(slog.DiscardHandler), Loopback: true, DemoUsers: true, BcryptCost: 4,
		})
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

// visitor is a shell's view of the cluster, with what it was told to remember.
type visitor struct {
	*Backend
	t *testing.T

	mu   sync.Mutex
	kept client.Credentials
}

// visit is the view of somebody who is not logged in.
func (c *testCluster) visit() *visitor { return c.visitAs(client.Credentials{}) }

// visitAs is the view of somebody who has logged in before.
func (c *testCluster) visitAs(who client.Credentials) *visitor {
	c.t.Helper()
	cl, err := client.New(client.Config{Addrs: c.addrs, Credentials: who})
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	v := &visitor{t: c.t, kept: who}
	v.Backend = New(cl, func(before, now client.Credentials) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if now.LoggedIn() || v.kept.Login == before.Login {
			v.kept = now
		}
		return nil
	})
	return v
}

func (v *visitor) remembered() client.Credentials {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kept
}

// loggedIn is the view of one of the demo users, who are made a moment after the cluster.
func (c *testCluster) loggedIn(name string) *visitor {
	c.t.Helper()
	v := c.visit()
	require.Eventually(c.t, func() bool {
		_, err := v.LogIn(c.t.Context(), name, name+"123")
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)
	return v
}

// says sends a message under a key of its own.
func (v *visitor) says(place shell.PlaceID, text string) shell.Sent {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 30*time.Second)
	defer cancel()
	sent, err := v.Send(ctx, shell.Draft{Key: text, Place: place, Text: text})
	require.NoError(v.t, err)
	return sent
}

// ear is what a visitor hears.
type ear struct {
	t      *testing.T
	events <-chan shell.Event
}

func (v *visitor) listens() *ear { return &ear{v.t, v.Events(v.t.Context())} }

// until takes events up to the first one that is meant, and returns them all.
func (e *ear) until(what string, meant func(shell.Event) bool) (all []shell.Event) {
	e.t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		select {
		case event, ok := <-e.events:
			require.True(e.t, ok, "the stream has ended before %s: %v", what, all)
			all = append(all, event)
			if meant(event) {
				return all
			}
		case <-timer.C:
			require.Fail(e.t, "not heard", "%s; but %v", what, all)
		}
	}
}

func (e *ear) hears(kind shell.Kind) shell.Event {
	e.t.Helper()
	all := e.until(fmt.Sprint("an event of kind ", kind), func(event shell.Event) bool { return event.Kind == kind })
	return all[len(all)-1]
}

// kind is what kind of an error it is.
func kind(t *testing.T, err error) shell.ErrorKind {
	t.Helper()
	e, ok := errors.AsType[*shell.Error](err)
	require.True(t, ok, "%v", err)
	return e.Kind
}
