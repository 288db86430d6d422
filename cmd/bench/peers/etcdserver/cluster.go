// Package etcdserver is three members of etcd in this process, asked through its client.
package etcdserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"parley/cmd/bench/load"
)

const (
	size       = 3
	startWait  = 30 * time.Second
	quotaBytes = 8 << 30 // ten minutes of full load stay below
)

// Cluster is the members.
type Cluster struct {
	members []*embed.Etcd
	syncs   int // at the reset
}

// Start starts the members with a folder each under dir, with etcd's own settings but for the quota.
func Start(dir string) (*Cluster, error) {
	ports, err := freePorts(2 * size)
	if err != nil {
		return nil, err
	}
	var initial []string
	for i := range size {
		initial = append(initial, fmt.Sprintf("node-%d=http://%s", i+1, ports[2*i]))
	}
	c := &Cluster{}
	for i := range size {
		config := embed.NewConfig()
		config.Name = fmt.Sprint("node-", i+1)
		config.Dir = filepath.Join(dir, config.Name)
		peer, client := url.URL{Scheme: "http", Host: ports[2*i]}, url.URL{Scheme: "http", Host: ports[2*i+1]}
		config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		config.InitialCluster = strings.Join(initial, ",")
		config.QuotaBackendBytes = quotaBytes
		config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		m, err := embed.StartEtcd(config)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		select {
		case <-m.Server.ReadyNotify():
		case err := <-m.Err():
			return nil, errors.Join(err, c.Close())
		case <-time.After(startWait):
			return nil, errors.Join(errors.New("etcd: a member is not ready"), c.Close())
		}
	}
	return c, nil
}

// freePorts finds ports that nobody uses at the moment: etcd wants to know them before it listens.
func freePorts(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// Client is some connections to the leader.
type Client struct{ conns []*clientv3.Client }

// Dial opens connections to the member that leads: through another every request would take one hop more.
func (c *Cluster) Dial(ctx context.Context, connections int) (*Client, error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return nil, err
	}
	client := &Client{}
	for range connections {
		conn, err := clientv3.New(clientv3.Config{
			Endpoints: []string{leader.Clients[0].Addr().String()}, DialTimeout: startWait, Logger: zap.NewNop(),
		})
		if err != nil {
			return nil, errors.Join(err, client.Close())
		}
		client.conns = append(client.conns, conn)
	}
	return client, nil
}

func (c *Cluster) leader(ctx context.Context) (*embed.Etcd, error) {
	for {
		for _, m := range c.members {
			if m.Server.Leader() == m.Server.MemberID() {
				return m, nil
			}
		}
		if err := load.Pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Session is the n-th caller's.
func (c *Client) Session(n int) Session { return Session{c.conns[n%len(c.conns)]} }

// Session puts and gets.
type Session struct{ client *clientv3.Client }

// Put puts a value under a key of 8 bytes.
func (s Session) Put(ctx context.Context, command []byte) error {
	_, err := s.client.Put(ctx, string(command[:load.KeyLen]), string(command[load.KeyLen:]))
	return err
}

// Get reads a key, linearizably, as etcd does by itself.
func (s Session) Get(ctx context.Context, key uint64) ([]byte, error) {
	r, err := s.client.Get(ctx, string(binary.LittleEndian.AppendUint64(nil, key)))
	if err != nil || len(r.Kvs) == 0 {
		return nil, err
	}
	return r.Kvs[0].Value, nil
}

// Locker takes a lock and lets it go, again and again: two writes, and a read of who waits.
type Locker struct{ mutex *concurrency.Mutex }

// Locker makes the n-th caller's, for one of the locks, with a lease that is kept alive.
func (c *Client) Locker(n, lock int) (*Locker, error) {
	s, err := concurrency.NewSession(c.conns[n%len(c.conns)], concurrency.WithTTL(60))
	if err != nil {
		return nil, err
	}
	return &Locker{concurrency.NewMutex(s, fmt.Sprint("/locks/", lock))}, nil
}

// Do locks and unlocks.
func (l *Locker) Do(ctx context.Context) (bool, error) {
	if err := l.mutex.Lock(ctx); err != nil {
		return false, load.Pause(ctx, time.Millisecond)
	}
	if err := l.mutex.Unlock(ctx); err != nil {
		return false, load.Pause(ctx, time.Millisecond)
	}
	return true, nil
}

// Close closes all connections. What they say about it is of no use: the leases' keepers are cut off by it.
func (c *Client) Close() error {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	return nil
}

// Elections is how often members saw a leader begin: etcd counts for the process.
func (c *Cluster) Elections() int { return int(metric("etcd_server_leader_changes_seen_total")) / size }

// ResetSyncs forgets the syncs of the members' logs so far.
func (c *Cluster) ResetSyncs() { c.syncs = int(metric("etcd_disk_wal_fsync_duration_seconds")) }

// Syncs tells how many there were since. Of their times etcd keeps powers of two of a millisecond, which have no
// median below.
func (c *Cluster) Syncs() (int, time.Duration) {
	return int(metric("etcd_disk_wal_fsync_duration_seconds")) - c.syncs, 0
}

// metric reads a counter, or how often a histogram was told something.
func metric(name string) float64 {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		return 0
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			total += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return total
}

// Close stops all members.
func (c *Cluster) Close() error {
	for _, m := range c.members {
		m.Close()
	}
	return nil
}
