package hashiraft

import (
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"parley/cmd/bench/peers/kv"
)

// fsm is the map. The library applies in a goroutine of its own, and readers come from others.
type fsm struct {
	mu      sync.Mutex
	moved   *sync.Cond
	table   kv.Table
	applied uint64 // the last command's index
}

func newFSM() *fsm {
	f := &fsm{table: kv.Table{}}
	f.moved = sync.NewCond(&f.mu)
	return f
}

// ApplyBatch applies what one commit brought.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	f.mu.Lock()
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			f.table.Apply(l.Data)
		}
		f.applied = l.Index
	}
	f.mu.Unlock()
	f.moved.Broadcast()
	return make([]any, len(logs))
}

// Apply applies one.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// get waits until an index is applied, and reads.
func (f *fsm) get(key, index uint64) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.applied < index {
		f.moved.Wait()
	}
	return f.table.Get(key)
}

// Snapshot is a copy of all pairs.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return snapshot(f.table.Bytes()), nil
}

// Restore takes over a snapshot.
func (f *fsm) Restore(r io.ReadCloser) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.table.Restore(b)
}

type snapshot []byte

// Persist writes it.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(s); err != nil {
		_ = sink.Cancel() // err is the one that matters
		return err
	}
	return sink.Close()
}

// Release has nothing to let go of.
func (snapshot) Release() {}
