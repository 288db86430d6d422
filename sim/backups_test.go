package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// backedUpWorld is a run in which operators make backups, one of them by way of a node that crashes under the question.
func backedUpWorld(t *testing.T, seed uint64) *World {
	p := Generate(seed, 10*time.Second)
	p.Faults = append(p.Faults, Fault{Kind: BackUp, At: time.Second, Node: NodeFollower}, Fault{Kind: BackUp, At: 2 * time.Second, Node: NodeLeader},
		Fault{Kind: CrashMachine, At: 2*time.Second + time.Millisecond, Node: NodeLeader, For: 300 * time.Millisecond})
	again, err := Parse(p.Format())
	require.NoError(t, err)
	require.Equal(t, p.Format(), again.Format())
	w := newWorld(again, Options{})
	w.run()
	return w
}

// At stake: a backup that lacks what somebody was told is safe, and a judge who does not see it.
func TestTheJudgeOfBackupsSpeaksWhenItMust(t *testing.T) {
	made := 0
	for seed := uint64(1); seed <= 6; seed++ {
		w := backedUpWorld(t, seed)
		require.Nil(t, w.violation, "seed %d: %v", seed, w.violation)
		made += int(w.cover.Refounded)
		if len(w.backups) == 0 {
			continue
		}
		b := w.backups[0]
		speaks := func(name string, why func()) {
			w.violation = nil
			why()
			require.NotNil(t, w.violation, "%s, seed %d", name, seed)
			require.Equal(t, Backups, w.violation.Invariant)
		}
		speaks("something acknowledged is missing", func() {
			late := b
			late.floor = 1 << 50
			w.backups = []backedUp{late}
			w.judgeBackups()
		})
		speaks("the file rotted on its shelf", func() {
			rotten := b
			rotten.file = append([]byte(nil), b.file...)
			rotten.file[len(rotten.file)/2] ^= 4
			w.backups = []backedUp{rotten}
			w.judgeBackups()
		})
		last := raft.EntryID{Index: 1, Term: w.judges.logs.committed[0].term}
		base := raft.EntryID{Index: 1 << 45, Term: 1 << 30}
		speaks("another state", func() {
			w.judges.applied.hashes[1] = node.Hash{7}
			w.judgeRestored(&backedUp{}, &node.RestoreReport{Last: last, Base: base, Hash: node.Hash{8}})
		})
		speaks("what nobody committed", func() {
			w.judgeRestored(&backedUp{}, &node.RestoreReport{Last: raft.EntryID{Index: 1 << 40, Term: 1}, Base: base})
		})
		speaks("positions that were given out before", func() {
			w.judgeRestored(&backedUp{}, &node.RestoreReport{Last: last, Base: raft.EntryID{Index: 2, Term: 9}, Hash: node.Hash{7}})
		})
	}
	require.Greater(t, made, 3)
}
