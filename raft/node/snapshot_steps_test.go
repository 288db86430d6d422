package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// Steps of "Snapshots" in docs/consensus.md that snapshots_test.go does not show.

// snapEvery returns a cluster that makes a snapshot every so many bytes of log.
func snapEvery(t *testing.T, every int64) *cluster {
	c := newCluster(t, 3)
	c.settings.Rules.SnapshotBytes = every
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	return c
}

// fill has the leader execute n commands of so many bytes, from seq on, and returns the next seq.
func (c *cluster) fill(s SessionID, seq uint64, n, bytes int) uint64 {
	for range n {
		require.Equal(c.t, Done, c.leader().do(command(s, seq, strings.Repeat("x", bytes))).Outcome)
		seq++
	}
	return seq
}

// Snapshots 2: the state is frozen when the snapshot is due, and the worker takes its time.
func TestCommandsGoOnWhileASnapshotIsWritten(t *testing.T) {
	c := snapEvery(t, 4<<10)
	l := c.leader()
	l.idle = true
	s := l.open(1)
	seq := c.fill(s, 1, 20, 500)
	require.Len(t, l.tasks, 1, "one at a time")
	require.Equal(t, TaskMake, l.tasks[0].Kind)
	at := l.tasks[0].Base.Entry.Index
	require.Less(t, at, l.node.applied)
	l.idle = false
	l.work(l.tasks)
	l.step()
	require.Equal(t, at, l.node.snapshots.made[0].Entry.Index)
	state, err := l.disk.Snapshots().decode(l.node.snapshots.made[0], nil)
	require.NoError(t, err)
	require.Equal(t, at, state.Applied(), "what was applied meanwhile is not in it")
	c.fill(s, seq, 1, 1)
}

// away returns a cluster in which node 3 lacks more than the log has, and the next seq of session s.
func away(t *testing.T, commands, bytes int) (c *cluster, s SessionID, seq uint64) {
	c = snapEvery(t, 4<<10)
	if c.leader().id == 3 {
		require.Equal(t, Done, c.leader().do(Event{Kind: EventTransfer, Peer: 1}).Outcome)
	}
	s = c.leader().open(1)
	c.member(3).crash(nil)
	seq = c.fill(s, 1, commands, bytes)
	require.NotZero(t, c.leader().node.raft.BaseEntry().Index)
	return c, s, seq
}

// Snapshots 5: a lost piece is asked for again; a source that never answers is given up, and the next offer
// goes on with what is there.
func TestALostPieceIsAskedForAgainAndASilentSourceIsGivenUp(t *testing.T) {
	c, _, _ := away(t, 40, 100<<10)
	three := c.member(3)
	chunks, asks := 0, 0
	c.cut = func(m *raft.Message) bool {
		if m.Kind == raft.MsgSnapshotAsk {
			asks++
		}
		if m.Kind == raft.MsgSnapshotChunk {
			chunks++
		}
		return chunks > 0 && (m.Kind == raft.MsgSnapshotChunk && chunks > 1 || m.Kind == raft.MsgSnapshotOffer)
	}
	require.NoError(t, three.start())
	c.until("a first piece", func() bool { return three.node.fetch.have > 0 })
	have := three.node.fetch.have
	c.until("the end of patience", func() bool { return three.node.fetch.from.IsZero() })
	require.GreaterOrEqual(t, asks, 1+fetchAsks)
	was := asks
	c.advance(2 * time.Second)
	require.Equal(t, was, asks, "it asks nobody any more")
	require.Equal(t, have, three.node.fetch.have, "and keeps what it has")
	var offsets []int64
	c.cut = func(m *raft.Message) bool {
		if m.Kind == raft.MsgSnapshotChunk {
			chunks++
			offsets = append(offsets, chunkOffset(m))
			return chunks%3 == 0
		}
		return false
	}
	c.until("the snapshot", func() bool { return three.node.applied == c.leader().node.applied })
	require.Equal(t, have, slices.Min(offsets), "what is there is not sent again")
	c.agree()
}

func chunkOffset(m *raft.Message) int64 {
	_, rest, _ := decodeID(m.Payload)
	at := int64(0)
	for i := range 8 {
		at |= int64(rest[i]) << (8 * i)
	}
	return at
}

// Snapshots 9: the log's base decides. A snapshot that the log does not go on behind is a download
// that is complete, and nothing more.
func TestASnapshotThatTheLogDidNotReachIsFetchedWithoutAByte(t *testing.T) {
	c, _, _ := away(t, 60, 500)
	three := c.member(3)
	require.NoError(t, three.start())
	three.idle = true
	c.until("an offer", func() bool { return len(three.tasks) > 0 })
	// The worker does everything, and the process dies before it says so.
	task, from, here := three.tasks[0], c.leader().disk.Snapshots(), three.disk.Snapshots()
	require.NoError(t, here.Do(&task, nil).Err)
	for d := (TaskDone{}); !d.Whole; {
		piece := from.Do(&Task{Kind: TaskRead, ID: task.ID, Offset: d.Have, Max: 1 << 20}, nil)
		require.NoError(t, piece.Err)
		d = here.Do(&Task{Kind: TaskPut, ID: task.ID, Offset: d.Have, Data: piece.Data}, nil)
		require.NoError(t, d.Err)
	}
	require.NoError(t, here.Do(&Task{Kind: TaskLoad, ID: task.ID}, nil).Err)
	before := three.node.raft.LastIndex()
	three.crash(nil)
	three.idle, three.tasks = false, nil
	require.NoError(t, three.start())
	require.Equal(t, before, three.node.raft.LastIndex())
	require.Zero(t, three.node.applied, "its log says otherwise")
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgSnapshotChunk }
	c.until("the snapshot", func() bool { return three.node.applied == c.leader().node.applied })
	c.agree()
}
