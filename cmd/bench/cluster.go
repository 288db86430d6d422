package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"parley/cmd/bench/load"
	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/vfs/osfs"
	"parley/rpc/peer"
)

// benchCluster is all nodes of a cluster in this process.
type benchCluster struct {
	options   clusterOptions
	dir       string
	network   *host.Network // of transport memory
	seeds     []node.Seed
	nodes     []*member
	elections atomic.Int64           // how often a leader was elected
	tell      func(*raft.Note)       // is told every note, too, unless nil
	probe     func(i int) host.Probe // of node i+1, unless nil

	machine func() node.StateMachine // makes what a node's state is in; nil: a map
	clients []string                 // where each node takes clients; none: it takes none
}

// clusterOptions are the flags that every cluster in this process has.
type clusterOptions struct {
	nodes     int
	dir       string
	apart     string // where the last node has its directory; empty: beside the others
	transport string
	sync      string
	plain     bool
	rules     node.Rules
}

// member is one node, whether it runs or not.
type member struct {
	host atomic.Pointer[host.Host] // nil: it is stopped
	disk *syncTimes
	root *osfs.FS
	away *away // it runs, but in a process of its own
	told told
}

// start starts all nodes. Their transports come first, because every node is told
// everybody's address.
func (c *benchCluster) start() error {
	c.network = host.NewNetwork()
	var transports []host.Transport
	for i := range c.options.nodes {
		t, addr, err := c.listen("127.0.0.1:0")
		if err != nil {
			return err
		}
		transports = append(transports, t)
		seed := node.Seed{ID: raft.NodeID(i + 1), PeerAddr: addr}
		if len(c.clients) > 0 {
			seed.ClientAddr = c.clients[i]
		}
		c.seeds = append(c.seeds, seed)
		c.nodes = append(c.nodes, &member{})
	}
	for i, t := range transports {
		if err := c.run(i, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *benchCluster) listen(addr string) (t host.Transport, bound string, err error) {
	if c.options.transport == "memory" {
		return c.network.End(host.QueueLimits{}), "memory", nil
	}
	wire, err := peer.ParseWire(c.options.transport)
	if err != nil {
		return nil, "", err
	}
	p, err := peer.Listen(addr, peer.Options{Wire: wire, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, "", err
	}
	return p, p.Addr(), nil
}

// run starts node i+1 in its directory.
func (c *benchCluster) run(i int, t host.Transport) error {
	m := c.nodes[i]
	root, err := osfs.New(c.dirOf(i))
	if err != nil {
		return errors.Join(err, t.Close())
	}
	disk := &syncTimes{FS: root, skip: c.options.sync == "none"}
	machine := node.StateMachine(newTable(c.options.plain))
	if c.machine != nil {
		machine = c.machine()
	}
	var probe host.Probe
	if c.probe != nil {
		probe = c.probe(i)
	}
	h, err := host.Start(host.Config{
		ID: c.seeds[i].ID, Dir: ".", Probe: probe, FS: disk, Machine: machine, Transport: t,
		Settings: node.Settings{Seeds: c.seeds, Rules: c.options.rules},
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		OnNotes: func(notes []raft.Note) {
			for i := range notes {
				if rare(notes[i].Kind) { // the clock is for those alone, not for two notes of every entry
					c.hear(m, &notes[i], time.Now())
				}
			}
		},
	})
	if err != nil {
		_ = root.Close() // err is the one that matters
		return err
	}
	m.disk, m.root = disk, root
	m.host.Store(h)
	return nil
}

// dirOf returns the directory of node i+1.
func (c *benchCluster) dirOf(i int) string {
	if c.options.apart != "" && i == c.options.nodes-1 {
		return c.options.apart
	}
	return filepath.Join(c.dir, fmt.Sprint("node-", i+1))
}

// halt stops node i+1.
func (c *benchCluster) halt(ctx context.Context, i int) error {
	m := c.nodes[i]
	if a := m.away; a != nil {
		m.away = nil
		return a.stop(ctx)
	}
	h := m.host.Swap(nil)
	if h == nil {
		return nil
	}
	err := h.Stop(ctx)
	return errors.Join(err, m.root.Close())
}

// restart starts a node that was stopped, at its old address: in a process of its own, if there is a wire to it.
func (c *benchCluster) restart(i int) (err error) {
	if c.options.transport == "memory" {
		return c.restartHere(i)
	}
	m := c.nodes[i]
	m.away, err = startAway(awaySpec{i, c.dir, c.options.apart, c.options.transport, c.options.sync, c.seeds, c.options.rules},
		func(n *raft.Note, at time.Time) { c.hear(m, n, at) })
	return err
}

// progress tells how far node i+1 is, wherever it runs. The error is why it stopped.
func (c *benchCluster) progress(i int) (awayStatus, error) {
	m := c.nodes[i]
	if m.away != nil {
		return *m.away.status.Load(), m.away.ended()
	}
	h := m.host.Load()
	s := h.Status()
	return awayStatus{s.Applied, s.Agreed}, h.Err()
}

func (c *benchCluster) restartHere(i int) error {
	t, _, err := c.listen(c.seeds[i].PeerAddr)
	if err != nil {
		return err
	}
	return c.run(i, t)
}

// rare says whether a note is one of those that are heard: none is of every entry.
func rare(k raft.NoteKind) bool {
	switch k {
	case raft.NoteRole, raft.NoteInstall, node.NoteAgreed, node.NoteSnapshot, node.NoteFetch:
		return true
	}
	return false
}

// hear takes what a node noted at a time.
func (c *benchCluster) hear(m *member, n *raft.Note, at time.Time) {
	if n.Kind == raft.NoteRole && raft.Role(n.A) == raft.Leader {
		c.elections.Add(1)
	}
	m.told.take(n, at)
	if c.tell != nil {
		c.tell(n)
	}
}

// leader waits for one and returns its place.
func (c *benchCluster) leader(ctx context.Context) (int, error) {
	for range 600 {
		for i, m := range c.nodes {
			h := m.host.Load()
			if h == nil {
				continue
			}
			if s := h.Status(); s.Role == raft.Leader && s.Commit > 0 {
				return i, nil
			}
			if err := h.Err(); err != nil {
				return 0, err
			}
		}
		if err := load.Pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("no leader in 30 s")
}

// resetDisks forgets the syncs of all nodes in this process.
func (c *benchCluster) resetDisks() {
	for _, m := range c.nodes {
		m.disk.reset()
	}
}

// syncs is how many there were since.
func (c *benchCluster) syncs() (n int) {
	for _, m := range c.nodes {
		n += m.disk.count()
	}
	return n
}

func (c *benchCluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i := range c.nodes {
		if err := c.halt(ctx, i); err != nil {
			say("node %d: %v", i+1, err)
		}
	}
}

// told is what a node's notes said about snapshots.
type told struct {
	mu        sync.Mutex
	agreed    []moment // the last few indexes at which a majority had the same state; a snapshot's begins then
	snapshots []moment // every snapshot that became durable, made here or received
	fetched   []moment // every word about a download: how far it is
	installed []moment
}

// moment is a note and when it came.
type moment struct {
	at    time.Time
	index raft.Index
	bytes int64
	of    int64
}

// agreedMax is more than come by while a snapshot is made at any pace of writing that is looked at.
const agreedMax = 4096

func (t *told) take(n *raft.Note, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list *[]moment
	switch n.Kind {
	case node.NoteAgreed:
		list = &t.agreed
	case node.NoteSnapshot:
		list = &t.snapshots
	case node.NoteFetch:
		list = &t.fetched
	case raft.NoteInstall:
		list = &t.installed
	default:
		return
	}
	*list = append(*list, moment{at: at, index: n.Index, bytes: int64(n.A), of: int64(n.B)})
	if len(t.agreed) > 2*agreedMax {
		t.agreed = append(t.agreed[:0], t.agreed[agreedMax:]...)
	}
}

// newest returns the newest snapshot, and how many there were.
func (t *told) newest() (m moment, count int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if count = len(t.snapshots); count > 0 {
		m = t.snapshots[count-1]
	}
	return m, count
}

// began returns when a snapshot that is durable now began to be written.
func (t *told) began(index raft.Index) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.agreed {
		if m.index >= index {
			return m.at, true
		}
	}
	return time.Time{}, false
}

// received returns what came of downloads since a moment, and the snapshot that was installed.
func (t *told) received(since time.Time) (begin, end, install moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.fetched {
		if m.at.Before(since) {
			continue
		}
		if begin.at.IsZero() {
			begin = m
		}
		end = m
	}
	for _, m := range t.installed {
		if !m.at.Before(since) {
			install = m
		}
	}
	return begin, end, install
}
