package main

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/cmd/bench/load"
	"parley/raft/node"
)

func snapshotOf(t require.TestingT, m node.StateMachine) []byte {
	var b bytes.Buffer
	require.NoError(t, m.WriteSnapshot(&b))
	return b.Bytes()
}

// What is measured must be right first: a clone that changes behind a snapshot's back would
// be fast, too.
func TestTheTableIsAMapWhoseClonesNeverChange(t *testing.T) {
	type frozen struct {
		clone node.StateMachine
		want  []byte
	}
	rapid.Check(t, func(t *rapid.T) {
		m, want := newTable(false), map[uint64][]byte{}
		var kept []frozen
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "clone") == 0 {
				c := m.Clone()
				kept = append(kept, frozen{c, snapshotOf(t, c)})
				if rapid.Bool().Draw(t, "swap") { // the clone goes on, and the original is kept
					m, kept[len(kept)-1].clone = c.(*table), m
				}
			}
			key := rapid.SampledFrom([]uint64{0, 1, 31, 32, 33, 16_383, 16_384, 100_000}).Draw(t, "key")
			value := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "value")
			m.Apply(node.Applied{}, append(load.AppendPut(nil, key, 0), value...))
			want[key] = value
		}
		require.EqualValues(t, len(want), m.keys)
		for key, value := range want {
			require.True(t, bytes.Equal(value, m.Query(load.AppendPut(nil, key, 0))))
		}
		for _, f := range kept {
			require.Equal(t, f.want, snapshotOf(t, f.clone))
		}
		back := newTable(false)
		require.NoError(t, back.Restore(bytes.NewReader(snapshotOf(t, m))))
		require.Equal(t, m.StateHash(), back.StateHash())
		require.Equal(t, snapshotOf(t, m), snapshotOf(t, back))
	})
}

func TestATableThatIsCutShortOrOutOfOrderIsRefusedAndChangesNothing(t *testing.T) {
	m := newTable(false)
	for key := range uint64(3) {
		m.put(key, []byte("value"))
	}
	good := snapshotOf(t, m)
	back := newTable(false)
	back.put(9, []byte("before"))
	was := back.StateHash()
	row := len(good) / 3
	for at := 1; at < len(good); at++ {
		if at%row != 0 {
			require.Error(t, back.Restore(bytes.NewReader(good[:at])), "cut at %d", at)
		}
	}
	require.ErrorIs(t, back.Restore(bytes.NewReader(append(good[row:], good[:row]...))), errTable)
	require.Equal(t, was, back.StateHash())
}

// A million keys of 120 bytes: what Freeze costs of it, and what the first writes behind it.
func BenchmarkTable(b *testing.B) {
	m := newTable(false)
	const keys = 1 << 20
	value := make([]byte, 120)
	for key := range uint64(keys) {
		m.put(key, value)
	}
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			m.Clone()
		}
	})
	put := func(cloned bool) func(*testing.B) {
		return func(b *testing.B) {
			chance := rand.New(rand.NewPCG(1, 2))
			for i := 0; b.Loop(); i++ {
				if cloned && i%keys == 0 {
					m.Clone()
				}
				m.put(chance.Uint64N(keys), value)
			}
		}
	}
	b.Run("put", put(false))
	b.Run("put after a clone", put(true))
}
