package host_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
)

// witness is a probe that remembers.
type witness struct {
	mu      sync.Mutex
	steps   int
	batches []host.Batch
	tasks   []node.TaskKind
	answers map[node.Code]int
	frames  int
	ends    []node.Code
}

func (w *witness) probe() host.Probe {
	w.answers = map[node.Code]int{}
	lock := func(do func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		do()
	}
	return host.Probe{
		Step:   func(time.Duration, int) { lock(func() { w.steps++ }) },
		Batch:  func(b host.Batch) { lock(func() { w.batches = append(w.batches, b) }) },
		Task:   func(k node.TaskKind, _ time.Duration, _ error) { lock(func() { w.tasks = append(w.tasks, k) }) },
		Answer: func(_ node.Outcome, c node.Code) { lock(func() { w.answers[c]++ }) },
		Push:   func(frames, _ int) { lock(func() { w.frames += frames }) },
		End:    func(c node.Code) { lock(func() { w.ends = append(w.ends, c) }) },
	}
}

// What is at stake: numbers that an operator acts on, and that nothing else in the tree reads.
func TestAProbeIsToldOfStepsBatchesAnswersAndFrames(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		w := &witness{}
		c.probe = w.probe()
		c.startAll()
		c.put("before")
		stream, err := c.hosts[1].Subscribe(context.Background(), 0)
		require.NoError(t, err)
		for _, word := range []string{"one", "two", "three"} {
			c.put(word)
		}
		takeFrames(t, stream, 4)
		_, err = c.hosts[1].Do(context.Background(), node.Event{Kind: node.EventTransfer, Peer: 9})
		require.NoError(t, err)
		require.Zero(t, c.hosts[1].Calls(), "nobody waits for an answer")
		c.stop(1)

		w.mu.Lock()
		defer w.mu.Unlock()
		require.Positive(t, w.steps)
		entries, bytes := 0, 0
		for _, b := range w.batches {
			entries, bytes = entries+b.Entries, bytes+b.Bytes
		}
		require.GreaterOrEqual(t, entries, 4)
		require.GreaterOrEqual(t, bytes, entries*raft.EntryOverhead)
		require.GreaterOrEqual(t, w.answers[node.CodeNone], 5, "a session and four commands")
		require.Equal(t, 4, w.frames, "and no progress note")
		refused := 0
		for code, n := range w.answers {
			if code != node.CodeNone {
				refused += n
			}
		}
		require.GreaterOrEqual(t, refused, 1, "there is nobody to hand over to")
	})
}

type traceKey struct{}

// The number of a request's trace is in the notes of its entry, from the append to the apply.
func TestTheNotesOfAnEntryCarryTheNumberOfItsTrace(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.traceOf = func(ctx context.Context) uint64 {
			number, _ := ctx.Value(traceKey{}).(uint64)
			return number
		}
		var mu sync.Mutex
		seen := map[raft.NoteKind][]raft.NodeID{}
		c.onNotes = func(id raft.NodeID, notes []raft.Note) {
			mu.Lock()
			defer mu.Unlock()
			for i := range notes {
				if notes[i].Trace == 77 {
					seen[notes[i].Kind] = append(seen[notes[i].Kind], id)
				}
			}
		}
		c.startAll()
		c.put("untraced")
		leader := c.leader()
		a, err := c.hosts[leader].Do(context.WithValue(context.Background(), traceKey{}, uint64(77)), c.command(c.seq+1, "traced"))
		require.NoError(t, err)
		require.Equal(t, node.Done, a.Outcome)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, map[raft.NoteKind][]raft.NodeID{raft.NoteAppend: {leader}, raft.NoteApply: {leader}}, seen)
	})
}

func TestAStatusIsAskedForUntilTheContextEnds(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		h := c.hosts[1]
		s, err := h.StatusWithin(context.Background())
		require.NoError(t, err)
		require.Equal(t, h.Self(), s.Self)
		c.stop(1)
		s, err = h.StatusWithin(context.Background())
		require.NoError(t, err)
		require.Equal(t, h.Self(), s.Self, "the last one")
	})
}
