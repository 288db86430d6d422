package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"parley/cmd/bench/load"
	"parley/raft/node"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
	"parley/rpc/server"
	"parley/statemachine"
)

// team is a cluster in this process whose nodes serve clients, as those of cmd/node do: with the defaults of everything
// but what keeps a generator of load from passing for many.
type team struct {
	*benchCluster
	cost          int
	servers       []*server.Server
	conns         []*grpc.ClientConn
	callerClients []*client.Client
	leading       int // the place of the leader
	people        []person
}

// person is somebody with a login.
type person struct{ name, token string }

// password is everybody's.
const password = "a password for benches"

// newTeamMachine makes what a node's state is in.
func newTeamMachine() node.StateMachine { return statemachine.New() }

// startTeam starts the nodes, and returns when one leads and people can log in.
func startTeam(ctx context.Context, o *serviceOptions, dir string) (t *team, err error) {
	t = &team{cost: o.cost, benchCluster: &benchCluster{options: o.clusterOptions, dir: dir, machine: newTeamMachine}}
	defer func() {
		if err != nil {
			t.stop()
		}
	}()
	var listeners []net.Listener
	for range o.nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return t, err
		}
		listeners = append(listeners, l)
		t.clients = append(t.clients, l.Addr().String())
	}
	t.servers = make([]*server.Server, o.nodes)
	if err := t.start(); err != nil {
		return t, err
	}
	for i, l := range listeners {
		if err := t.serve(i, l); err != nil {
			return t, err
		}
	}
	if t.leading, err = t.leader(ctx); err != nil {
		return t, err
	}
	_, err = t.person(ctx)
	return t, err
}

// serve has node i+1 serve clients. What comes before a login is not counted against the one address that all callers
// have, nor the channels that one of them makes; a login's own rates are the defaults.
func (t *team) serve(i int, l net.Listener) (err error) {
	t.servers[i], err = server.New(server.Config{
		Host: t.nodes[i].host.Load(), Version: "bench", Loopback: true, BcryptCost: t.cost,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Rates:  server.Rates{Strangers: 1 << 20, Makes: 1 << 20},
	})
	if err != nil {
		return err
	}
	go func() {
		if err := t.servers[i].Serve(l); err != nil {
			say("node %d: %v", i+1, err)
		}
	}()
	return nil
}

// stop ends all servers, and the nodes beside them: a host answers the calls that its server waits for.
func (t *team) stop() {
	var servers sync.WaitGroup
	for _, c := range t.callerClients {
		c.Close()
	}
	for _, conn := range t.conns {
		_ = conn.Close() // nobody waits for what it carries
	}
	t.conns = nil
	for _, s := range t.servers {
		if s != nil {
			servers.Go(s.Stop)
		}
	}
	t.benchCluster.stop()
	servers.Wait()
}

// dial opens connections to a node, with the options that those of rpc/client have.
func (t *team) dial(i, count int, options ...grpc.DialOption) (conns []*grpc.ClientConn, err error) {
	options = append(append(client.Transport(), options...), grpc.WithTransportCredentials(insecure.NewCredentials()))
	for range count {
		conn, err := grpc.NewClient("passthrough:///"+t.clients[i], options...)
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
	}
	t.conns = append(t.conns, conns...)
	return conns, nil
}

// client makes a client of rpc/client for somebody, who asks the leader first.
func (t *team) client(who person) (*client.Client, error) {
	addrs := slices.Concat(t.clients[t.leading:], t.clients[:t.leading])
	c, err := client.New(client.Config{Addrs: addrs, Name: "bench", Credentials: client.Credentials{User: who.name, Token: who.token}})
	if err == nil {
		t.callerClients = append(t.callerClients, c)
	}
	return c, err
}

// setUpMax is how long it may take until somebody is there.
const setUpMax = 20 * time.Second

// person returns somebody new, who has signed up and logged in.
func (t *team) person(ctx context.Context) (person, error) {
	ctx, cancel := context.WithTimeout(ctx, setUpMax)
	defer cancel()
	c, err := client.New(client.Config{Addrs: []string{t.clients[t.leading]}, Name: "bench"})
	if err != nil {
		return person{}, err
	}
	defer c.Close()
	p := person{name: fmt.Sprint("caller_", len(t.people)+1)}
	// Again until it is done: a new cluster takes nobody before its leader has decided who may sign up, and has a key.
	for _, step := range []func() error{
		func() error {
			_, err := c.SignUp(ctx, &pb.SignUpRequest{Username: p.name, Email: p.name + "@example.org", Password: password})
			return err
		},
		func() error {
			who, err := c.LogIn(ctx, p.name, password)
			p.token = who.Token
			return err
		},
		func() error {
			_, err := c.JoinChannel(ctx, busyPlace)
			return err
		},
	} {
		for err := step(); err != nil; err = step() {
			if late := load.Pause(ctx, 20*time.Millisecond); late != nil {
				return p, errors.Join(fmt.Errorf("%s: %w", p.name, err), late)
			}
		}
	}
	t.people = append(t.people, p)
	return p, nil
}

// peopleMax is how many different people call. Of more callers several are one person, with one login and sessions of
// their own.
const peopleMax = 256

// crowd makes at least so many people, or peopleMax.
func (t *team) crowd(ctx context.Context, count int) error {
	for len(t.people) < min(count, peopleMax) {
		if _, err := t.person(ctx); err != nil {
			return err
		}
	}
	return nil
}
