package etcdraft

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"parley/cmd/bench/load"
)

// Cluster is three nodes in this process.
type Cluster struct {
	Nodes []*Node
}

// size is how many nodes there are.
const size = 3

// Start starts the nodes with a folder each under dir.
func Start(dir string) (_ *Cluster, err error) {
	c := &Cluster{}
	addrs := map[uint64]string{}
	var nets []*network
	for id := range uint64(size) {
		t, err := listen()
		if err != nil {
			return nil, err
		}
		nets = append(nets, t)
		addrs[id+1] = t.addr()
	}
	for i, t := range nets {
		id := uint64(i + 1)
		n, err := start(id, filepath.Join(dir, fmt.Sprint("node-", id)), addrs, t)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}

// Leader waits for a node that leads, and has something committed in its term: it can read.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	for {
		for _, n := range c.Nodes {
			select {
			case err := <-n.Errors:
				return nil, err
			default:
			}
			if !n.Leads() {
				continue
			}
			if _, err := n.Session().Get(ctx, 0); err == nil {
				return n, nil
			}
		}
		if err := load.Pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Elections is how often a leader was elected.
func (c *Cluster) Elections() (n int) {
	for _, node := range c.Nodes {
		n += int(node.Wins.Load())
	}
	return n
}

// ResetSyncs forgets the times of writes to disk.
func (c *Cluster) ResetSyncs() {
	for _, n := range c.Nodes {
		n.disk.reset()
	}
}

// Syncs tells how many writes with a sync all nodes did since, and the median of the leader's.
func (c *Cluster) Syncs() (count int, median time.Duration) {
	for _, n := range c.Nodes {
		took := n.disk.times()
		count += took.Count()
		if n.Leads() {
			median = took.At(0.5)
		}
	}
	return count, median
}

// Close stops all nodes.
func (c *Cluster) Close() error {
	var err error
	for _, n := range c.Nodes {
		err = errors.Join(err, n.Close())
	}
	return err
}
