// Package hashiraft is a replicated map on hashicorp/raft with raft-wal: batching wherever the library can, its TCP
// transport, and a cache of the log before the disk.
package hashiraft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"parley/cmd/bench/load"
)

const (
	size = 3
	// appendMax is the most that the library takes: with BatchApplyCh it is also how many commands become one
	// write.
	appendMax = 1024
	// cached is how many entries replication finds in memory: what followers lack is in the last few batches.
	cached       = 8 * appendMax
	applyTimeout = 10 * time.Second
)

// Cluster is three nodes in this process.
type Cluster struct {
	Nodes []*Node

	mu    sync.Mutex
	addrs map[raft.ServerID]raft.ServerAddress
}

// Node is one of them.
type Node struct {
	raft  *raft.Raft
	fsm   *fsm
	disk  *timedLog
	net   *heartbeats
	wins  atomic.Int64
	reads reader
}

// timedLog measures what the library has stored at once: one write and one sync.
type timedLog struct {
	*wal.WAL
	mu   sync.Mutex
	took load.Histogram
}

// StoreLogs stores entries.
func (l *timedLog) StoreLogs(logs []*raft.Log) error {
	start := time.Now()
	err := l.WAL.StoreLogs(logs)
	took := time.Since(start)
	l.mu.Lock()
	l.took.Add(took)
	l.mu.Unlock()
	return err
}

// StoreLog stores one.
func (l *timedLog) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// ServerAddr says where a node listens: after a restart it is elsewhere than the configuration in the log says.
func (c *Cluster) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.addrs[id]; ok {
		return a, nil
	}
	return "", fmt.Errorf("hashiraft: no node %s", id)
}

// Start starts the nodes with a folder each under dir.
func Start(dir string, reads Reads) (*Cluster, error) {
	c := &Cluster{addrs: map[raft.ServerID]raft.ServerAddress{}}
	quiet := hclog.NewNullLogger()
	var servers []raft.Server
	for i := range size {
		id := raft.ServerID(fmt.Sprint("node-", i+1))
		t, err := raft.NewTCPTransportWithConfig("127.0.0.1:0", nil, &raft.NetworkTransportConfig{
			ServerAddressProvider: c, Logger: quiet, MaxPool: 3, Timeout: applyTimeout,
		})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.mu.Lock()
		c.addrs[id] = t.LocalAddr()
		c.mu.Unlock()
		c.Nodes = append(c.Nodes, &Node{net: newHeartbeats(t), reads: reader{asVerified: reads == AsVerified}})
		servers = append(servers, raft.Server{ID: id, Address: t.LocalAddr()})
	}
	for i, n := range c.Nodes {
		if err := n.start(filepath.Join(dir, string(servers[i].ID)), servers[i].ID, servers, quiet); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func (n *Node) start(dir string, id raft.ServerID, servers []raft.Server, quiet hclog.Logger) error {
	logDir := filepath.Join(dir, "wal")
	if err := os.MkdirAll(logDir, 0o700); err != nil {
		return err
	}
	w, err := wal.Open(logDir, wal.WithLogger(quiet))
	if err != nil {
		return err
	}
	n.disk = &timedLog{WAL: w}
	cache, err := raft.NewLogCache(cached, n.disk)
	if err != nil {
		return err
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, quiet)
	if err != nil {
		return err
	}
	won := make(chan bool, 64)
	config := raft.DefaultConfig()
	config.LocalID, config.Logger, config.NotifyCh = id, quiet, won
	config.MaxAppendEntries, config.BatchApplyCh = appendMax, true
	config.NoLegacyTelemetry = true
	config.SnapshotThreshold, config.SnapshotInterval = 100_000, 5*time.Second
	config.HeartbeatTimeout, config.ElectionTimeout, config.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
	known, err := raft.HasExistingState(cache, w, snapshots)
	if err != nil {
		return err
	}
	if !known {
		if err := raft.BootstrapCluster(config, cache, w, snapshots, n.net, raft.Configuration{Servers: servers}); err != nil {
			return err
		}
	}
	n.fsm = newFSM()
	n.raft, err = raft.NewRaft(config, n.fsm, cache, w, snapshots, n.net)
	if err != nil {
		return err
	}
	n.reads.init(n)
	go func() {
		for leads := range won {
			if leads {
				n.wins.Add(1)
			}
		}
	}()
	return nil
}

// Leader waits for a node that leads, and has applied what was there before.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	for {
		for _, n := range c.Nodes {
			if n.raft.State() != raft.Leader {
				continue
			}
			if err := n.raft.Barrier(applyTimeout).Error(); err == nil {
				n.reads.floor.Store(n.raft.AppliedIndex())
				return n, nil
			}
		}
		if err := load.Pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Put replicates and applies a command.
func (n *Node) Put(_ context.Context, command []byte) error {
	return n.raft.Apply(command, applyTimeout).Error()
}

// Elections is how often a leader was elected.
func (c *Cluster) Elections() (count int) {
	for _, n := range c.Nodes {
		count += int(n.wins.Load())
	}
	return count
}

// ResetSyncs forgets the times of writes to disk.
func (c *Cluster) ResetSyncs() {
	for _, n := range c.Nodes {
		n.disk.mu.Lock()
		n.disk.took = load.Histogram{}
		n.disk.mu.Unlock()
	}
}

// Syncs tells how many writes with a sync all nodes did since, and the median of the leader's.
func (c *Cluster) Syncs() (count int, median time.Duration) {
	for _, n := range c.Nodes {
		n.disk.mu.Lock()
		count += n.disk.took.Count()
		if n.raft.State() == raft.Leader {
			median = n.disk.took.At(0.5)
		}
		n.disk.mu.Unlock()
	}
	return count, median
}

// Close stops all nodes.
func (c *Cluster) Close() (err error) {
	for _, n := range c.Nodes {
		if n.raft != nil {
			err = errors.Join(err, n.raft.Shutdown().Error())
			n.reads.close()
		}
		err = errors.Join(err, n.net.Close())
		if n.disk != nil {
			err = errors.Join(err, n.disk.Close())
		}
	}
	return err
}
