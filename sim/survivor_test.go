package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// At stake: the judge of the last resort. After real runs it is silent; where the survivor's disk had more than it keeps, or the
// state is another one, it must speak.
func TestTheJudgeOfSurvivorsSpeaksWhenItMust(t *testing.T) {
	ended := func(seed uint64) *World {
		w := newWorld(Generate(seed, 10*time.Second), Options{})
		w.run()
		require.Nil(t, w.violation)
		require.EqualValues(t, 1, w.cover.Survivors)
		return w
	}
	all := func(w *World, change func(m *mirror)) {
		for _, s := range w.servers {
			s.device = device{}
			change(&w.judges.logs.mirrors[s.id])
		}
		w.judgeSurvivor()
	}
	for name, change := range map[string]func(w *World){
		"an entry more was synced": func(w *World) {
			all(w, func(m *mirror) { m.durable = append(m.durable, 1<<20) })
		},
		"the last entry was another one": func(w *World) {
			all(w, func(m *mirror) {
				if n := len(m.durable); n > 0 {
					m.durable[n-1]++
				}
			})
		},
		"the old cluster came further than the new one begins": func(w *World) {
			w.judgeRecovered(w.node(1), &node.RecoveryReport{Last: raft.EntryID{Index: 9, Term: 1}, Base: raft.EntryID{Index: 9, Term: 2}, Term: 1})
		},
		"a snapshot of what nobody committed": func(w *World) {
			w.judgeRecovered(w.node(1), &node.RecoveryReport{
				Known: raft.EntryID{Index: 1 << 30, Term: 1}, Last: raft.EntryID{Index: 1 << 30, Term: 1}, Base: raft.EntryID{Index: 1 << 40, Term: 2}, Term: 1})
		},
		"another state": func(w *World) {
			hashes := w.judges.applied.hashes
			for at := len(hashes) - 1; at > 0; at-- {
				if hashes[at] != (node.Hash{}) {
					w.judgeRecovered(w.node(1), &node.RecoveryReport{
						Last: raft.EntryID{Index: raft.Index(at), Term: w.judges.logs.committed[at-1].term}, Base: raft.EntryID{Index: 1 << 40, Term: 1 << 30}})
					return
				}
			}
		},
	} {
		for seed := uint64(1); seed <= 3; seed++ {
			w := ended(seed)
			change(w)
			require.NotNil(t, w.violation, "%s, seed %d", name, seed)
			require.Equal(t, Survivor, w.violation.Invariant, name)
		}
	}
}
