package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/cmd/bench/load"
	"parley/cmd/bench/peers/etcdraft"
	"parley/cmd/bench/peers/etcdserver"
	"parley/cmd/bench/peers/front"
	"parley/cmd/bench/peers/hashiraft"
	"parley/cmd/bench/peers/kv"
)

// system is a peer that runs and is ready to be asked.
type system struct {
	cluster   cluster // nil: there is none
	session   func(caller int) kv.Session
	lock      func(caller int) (load.Caller, error) // nil: it has no locks
	close     []func() error                        // in reverse
	transport string
	sync      string
}

// cluster is what the three clusters have in common.
type cluster interface {
	// Elections is how often a leader was elected since the start.
	Elections() int
	// ResetSyncs forgets all syncs so far; Syncs counts those of all nodes since, and tells the median of the
	// leader's, if it is known.
	ResetSyncs()
	Syncs() (count int, median time.Duration)
	Close() error
}

func (s *system) end() (err error) {
	for i := len(s.close) - 1; i >= 0; i-- {
		err = errors.Join(err, s.close[i]())
	}
	return err
}

// peer is a kind of system.
type peer struct {
	name  string
	about string
	start func(ctx context.Context, o options, dir string) (*system, error) // nil: it is measured in its own way
}

// takes says whether a peer can be measured with so many callers: one that has streams needs none.
func (p peer) takes(callers int) error {
	if callers < 0 || callers == 0 && p.start != nil {
		return fmt.Errorf("--callers must be at least 1 for %s, not %d", p.name, callers)
	}
	return nil
}

// fanoutPeer is the peer that has streams instead of callers.
const fanoutPeer = "grpc-fanout"

var peers = []peer{
	{"etcd-raft", "etcd-io/raft with etcd's WAL, over framed TCP, callers in process", startEtcdRaft},
	{"etcd-raft-grpc", "the same behind a bare gRPC front: one unary call a request", startEtcdRaftFront},
	{"hashicorp", "hashicorp/raft with raft-wal, over its TCP transport, callers in process", startHashicorp(hashiraft.Linearizable)},
	{"hashicorp-verify", "the same, with reads that believe VerifyLeader: not quite linearizable", startHashicorp(hashiraft.AsVerified)},
	{"etcd", "three members of the etcd server, through its client", startEtcd},
	{"grpc-echo", "a gRPC call that does nothing: the ceiling of everything behind gRPC", startEcho},
	{fanoutPeer, "messages to many gRPC streams: the ceiling of everything that pushes", nil},
}

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

func peerTable() string {
	var b strings.Builder
	for _, p := range peers {
		fmt.Fprintf(&b, "  %-16s  %s\n", p.name, p.about)
	}
	return b.String()
}

func peerOf(name string) (peer, error) {
	for _, p := range peers {
		if p.name == name {
			return p, nil
		}
	}
	return peer{}, fmt.Errorf("--peer is %q; it can be %s or all", name, strings.Join(peerNames(), ", "))
}

func startEtcdRaft(ctx context.Context, _ options, dir string) (*system, error) {
	c, err := etcdraft.Start(dir)
	if err != nil {
		return nil, err
	}
	s := &system{cluster: c, close: []func() error{c.Close}, transport: "tcp", sync: "fdatasync"}
	leader, err := c.Leader(ctx)
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	s.session = func(int) kv.Session { return leader.Session() }
	return s, nil
}

func startEtcdRaftFront(ctx context.Context, o options, dir string) (*system, error) {
	s, err := startEtcdRaft(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	return behindFront(s, o)
}

// behindFront puts gRPC between the callers and a system.
func behindFront(s *system, o options) (*system, error) {
	direct := s.session
	server, err := front.Serve(func() kv.Session { return direct(0) }, front.NewFanout())
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	s.close = append(s.close, func() error { server.Close(); return nil })
	client, err := front.Dial(server.Addr(), o.connectionsOf())
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	s.close = append(s.close, client.Close)
	s.session = client.Session
	return s, nil
}

// callersPerConnection: fewer connections write more calls with one system call, and one connection alone is a
// lock that all wait for.
const callersPerConnection = 64

func (o *options) connectionsOf() int {
	if o.connections > 0 {
		return o.connections
	}
	return max(1, o.callers/callersPerConnection)
}

func startHashicorp(reads hashiraft.Reads) func(context.Context, options, string) (*system, error) {
	return func(ctx context.Context, _ options, dir string) (*system, error) {
		c, err := hashiraft.Start(dir, reads)
		if err != nil {
			return nil, err
		}
		s := &system{cluster: c, close: []func() error{c.Close}, transport: "tcp", sync: "fsync"}
		leader, err := c.Leader(ctx)
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		s.session = func(int) kv.Session { return leader.Session() }
		return s, nil
	}
}

func startEtcd(ctx context.Context, o options, dir string) (*system, error) {
	c, err := etcdserver.Start(dir)
	if err != nil {
		return nil, err
	}
	s := &system{cluster: c, close: []func() error{c.Close}, transport: "grpc", sync: "fdatasync"}
	client, err := c.Dial(ctx, o.connectionsOf())
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	s.close = append(s.close, client.Close)
	s.session = func(n int) kv.Session { return client.Session(n) }
	s.lock = func(n int) (load.Caller, error) {
		if o.one {
			return client.Locker(n, 0)
		}
		return client.Locker(n, n)
	}
	return s, nil
}

func startEcho(_ context.Context, o options, _ string) (*system, error) {
	return behindFront(&system{
		session: func(int) kv.Session { return front.Echo{} }, transport: "grpc", sync: "none",
	}, o)
}
