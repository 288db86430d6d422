package host_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// cluster is some hosts in one test bubble: real goroutines, a network and disks in
// memory, and a clock that stands still while anybody can run. A goroutine that
// outlives its test fails it.
type cluster struct {
	t        *testing.T
	net      *host.Network
	disks    map[raft.NodeID]*memfs.FS
	hosts    map[raft.NodeID]*host.Host
	ids      []raft.NodeID
	settings node.Settings
	onNotes  func(id raft.NodeID, notes []raft.Note)
	probe    host.Probe
	traceOf  func(context.Context) uint64

	noted chan struct{} // something happened on some node

	session node.SessionID
	seq     uint64
}

func newCluster(t *testing.T, nodes int) *cluster {
	c := &cluster{
		t:     t,
		net:   host.NewNetwork(),
		disks: make(map[raft.NodeID]*memfs.FS),
		hosts: make(map[raft.NodeID]*host.Host),
		noted: make(chan struct{}, 1),
	}
	for id := raft.NodeID(1); id <= raft.NodeID(nodes); id++ {
		c.ids = append(c.ids, id)
		c.disks[id] = memfs.New(uint64(id))
		c.settings.Seeds = append(c.settings.Seeds, node.Seed{ID: id, PeerAddr: fmt.Sprintf("peer-%d", id)})
	}
	return c
}

func (c *cluster) startAll() {
	for _, id := range c.ids {
		c.start(id)
	}
}

func (c *cluster) start(id raft.NodeID) {
	h, err := c.tryStart(id)
	require.NoError(c.t, err)
	c.hosts[id] = h
}

func (c *cluster) tryStart(id raft.NodeID) (*host.Host, error) {
	return host.Start(host.Config{
		ID: id, Dir: "node", FS: &sharedFS{fs: c.disks[id]}, WAL: wal.Options{SegmentBytes: 64 << 10},
		Settings: c.settings, Machine: new(journal), Transport: c.net.End(host.QueueLimits{}),
		Logger: slog.New(slog.DiscardHandler), Probe: c.probe, TraceOf: c.traceOf,
		OnNotes: func(notes []raft.Note) {
			if c.onNotes != nil {
				c.onNotes(id, notes)
			}
			select {
			case c.noted <- struct{}{}:
			default: // told already
			}
		},
	})
}

func (c *cluster) stop(id raft.NodeID) {
	require.NoError(c.t, c.hosts[id].Stop(context.Background()))
	delete(c.hosts, id)
}

func (c *cluster) stopAll() {
	for _, id := range c.ids {
		if c.hosts[id] != nil {
			c.stop(id)
		}
	}
}

// await looks again whenever a node notes something, and every heartbeat, until done.
// An hour of the bubble's time is no time at all.
func (c *cluster) await(done func() bool) {
	c.t.Helper()
	beat := time.NewTicker(raft.DefaultHeartbeat)
	defer beat.Stop()
	for end := time.Now().Add(time.Hour); !done(); {
		require.True(c.t, time.Now().Before(end), "what was awaited did not come in an hour")
		select {
		case <-c.noted:
		case <-beat.C:
		}
	}
}

// leader waits for one that the majority knows of.
func (c *cluster) leader() (leader raft.NodeID) {
	c.t.Helper()
	c.await(func() bool {
		followers := make(map[raft.NodeID]int)
		for _, h := range c.hosts {
			followers[h.Status().Leader]++
		}
		for id, n := range followers {
			if h := c.hosts[id]; h != nil && n > len(c.ids)/2 && h.Status().Role == raft.Leader {
				leader = id
				return true
			}
		}
		return false
	})
	return leader
}

// do asks the leader until the event is done, as a client would.
func (c *cluster) do(e node.Event) (answer node.Answer) {
	c.t.Helper()
	c.await(func() bool {
		var err error
		answer, err = c.hosts[c.leader()].Do(context.Background(), e)
		require.NoError(c.t, err)
		return answer.Outcome == node.Done
	})
	return answer
}

// put appends a word to everybody's journal, exactly once.
func (c *cluster) put(word string) node.Answer {
	c.t.Helper()
	if c.session == 0 {
		c.session = c.do(node.Event{Kind: node.EventOpenSession, Command: node.Command{Principal: "tester", Nonce: 7}}).Session
	}
	c.seq++
	return c.do(c.command(c.seq, word))
}

func (c *cluster) command(seq uint64, word string) node.Event {
	return node.Event{Kind: node.EventCommand, Command: node.Command{
		Session: c.session, Seq: seq, AckedBelow: seq, Body: []byte(word),
	}}
}

// words reads the journal, linearizably.
func (c *cluster) words() string {
	c.t.Helper()
	return string(c.do(node.Event{Kind: node.EventQuery}).Reply)
}

// stale reads the journal of one node as it is.
func (c *cluster) stale(id raft.NodeID) string {
	c.t.Helper()
	a, err := c.hosts[id].Do(context.Background(), node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: node.Stale}})
	require.NoError(c.t, err)
	return string(a.Reply)
}

// journal is a state machine that remembers words. The mutex is for tests that look
// inside.
type journal struct {
	mu    sync.Mutex
	words []string
	at    []raft.Position
}

func (j *journal) Apply(at node.Applied, command []byte) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.words, j.at = append(j.words, string(command)), append(j.at, at.Position)
	return binary.LittleEndian.AppendUint64(nil, uint64(len(j.words)))
}

func (j *journal) Query([]byte) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return []byte(strings.Join(j.words, " "))
}

func (j *journal) EventsAfter(from raft.Position, most int) (frames []node.EventFrame, compacted bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i, _ := slices.BinarySearch(j.at, from+1)
	for ; i < len(j.at) && len(frames) < most; i++ {
		frames = append(frames, node.EventFrame{Position: j.at[i], Body: []byte(j.words[i])})
	}
	return frames, false
}

func (j *journal) StateHash() node.Hash { return node.Hash{uint64(len(j.words))} }

func (j *journal) Clone() node.StateMachine {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &journal{words: slices.Clone(j.words), at: slices.Clone(j.at)}
}

// WriteSnapshot writes, per word, its position, its length and itself.
func (j *journal) WriteSnapshot(w io.Writer) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var p []byte
	for i, word := range j.words {
		p = binary.LittleEndian.AppendUint64(p, uint64(j.at[i]))
		p = binary.LittleEndian.AppendUint64(p, uint64(len(word)))
		p = append(p, word...)
	}
	_, err := w.Write(p)
	return err
}

func (j *journal) Restore(r io.Reader) error {
	p, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var words []string
	var at []raft.Position
	for len(p) > 0 {
		if len(p) < 16 || binary.LittleEndian.Uint64(p[8:]) > uint64(len(p)-16) {
			return io.ErrUnexpectedEOF
		}
		end := 16 + binary.LittleEndian.Uint64(p[8:])
		at = append(at, raft.Position(binary.LittleEndian.Uint64(p)))
		words = append(words, string(p[16:end]))
		p = p[end:]
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.words, j.at = words, at
	return nil
}
