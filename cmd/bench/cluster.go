package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/vfs/osfs"
	"parley/rpc/peer"
)

// benchCluster is all nodes of a cluster in this process.
type benchCluster struct {
	options   raftOptions
	dir       string
	hosts     []*host.Host
	disks     []*syncTimes
	roots     []*osfs.FS
	elections atomic.Int64 // how often a leader was elected
}

func (c *benchCluster) start() error {
	transports, seeds, err := c.listen()
	if err != nil {
		return err
	}
	for i, t := range transports {
		root, err := osfs.New(filepath.Join(c.dir, fmt.Sprint("node-", i+1)))
		if err != nil {
			return err
		}
		disk := &syncTimes{FS: root, skip: c.options.sync == "none"}
		h, err := host.Start(host.Config{
			ID: seeds[i].ID, Dir: ".", FS: disk, Machine: newTable(), Transport: t,
			Settings: node.Settings{Seeds: seeds},
			Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
			OnNotes:  c.countElections,
		})
		if err != nil {
			return err
		}
		c.hosts, c.disks, c.roots = append(c.hosts, h), append(c.disks, disk), append(c.roots, root)
	}
	return nil
}

// listen makes the transports first, because every node is told everybody's
// address.
func (c *benchCluster) listen() (transports []host.Transport, seeds []node.Seed, err error) {
	network := host.NewNetwork()
	for i := range c.options.nodes {
		seed := node.Seed{ID: raft.NodeID(i + 1), PeerAddr: "memory"}
		if c.options.transport == "memory" {
			transports = append(transports, network.End(host.QueueLimits{}))
		} else {
			t, err := peer.Listen("127.0.0.1:0", peer.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return nil, nil, err
			}
			transports, seed.PeerAddr = append(transports, t), t.Addr()
		}
		seeds = append(seeds, seed)
	}
	return transports, seeds, nil
}

func (c *benchCluster) countElections(notes []raft.Note) {
	for i := range notes {
		if n := &notes[i]; n.Kind == raft.NoteRole && raft.Role(n.A) == raft.Leader {
			c.elections.Add(1)
		}
	}
}

// leader waits for one and returns its place.
func (c *benchCluster) leader(ctx context.Context) (int, error) {
	for range 600 {
		for i, h := range c.hosts {
			if s := h.Status(); s.Role == raft.Leader && s.Commit > 0 {
				return i, nil
			}
			if err := h.Err(); err != nil {
				return 0, err
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("no leader in 30 s")
}

func (c *benchCluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i, h := range c.hosts {
		if err := h.Stop(ctx); err != nil {
			say("node %d: %v", i+1, err)
		}
		_ = c.roots[i].Close() // the directory is removed anyway
	}
}
